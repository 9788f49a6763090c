//! Looking after a registration (RFC 7592, OpenID Connect Registration 1.0 section 4).

use realmkeeper::realm::registration::MEMBERS;
use reqwest::{Method, header};
use serde_json::json;

use super::{CB, Office, good, is_refused, key};
use crate::{directory::demo, suite::relying_party::Answer};

#[tokio::test]
async fn rfc7592_2_1_without_the_right_token_nothing_is_told() {
    let office = Office::open().await;
    let one = office.registrant(json!({"redirect_uris": ["https://app.example/cb"]})).await;
    let uri = one.text("registration_client_uri").to_owned();
    let bare = office.http.get(&uri).send().await.unwrap();
    assert_eq!(bare.status(), 401);
    assert_eq!(bare.headers()[header::WWW_AUTHENTICATE], format!("Bearer realm=\"{}\"", office.issuer));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = one.ask_with(method.clone(), "wrong", Some(&json!({}))).await;
        answer.assert_error(401, "invalid_token");
        let challenge = answer.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{method} {challenge}");
    }
    let token = one.text("registration_access_token");
    let elsewhere = ["registered-000000000000000000000000", "web", "../../etc/passwd", ""];
    for client_id in elsewhere {
        let request = office.http.get(format!("{}/register?client_id={client_id}", office.issuer));
        Answer::read(request.bearer_auth(token)).await.assert_error(401, "invalid_token");
    }
    assert_eq!(one.ask(Method::GET, None).await.body, one.document, "nothing has changed");
}

#[tokio::test]
async fn rfc7592_2_2_an_update_replaces_all_and_may_not_say_what_is_not_the_clients() {
    let office = Office::open().await;
    let mut one = office
        .registrant(json!({
            "redirect_uris": ["https://app.example/cb"], "client_name": "Old", "client_name#de": "Alt",
            "contacts": ["ada@app.example"], "jwks": {"keys": [key()]},
        }))
        .await;
    let good = one.changed(&json!({}));
    for (member, value) in [
        ("registration_access_token", json!(one.text("registration_access_token"))),
        ("registration_client_uri", json!(one.text("registration_client_uri"))),
        ("client_secret_expires_at", json!(0)),
        ("client_id_issued_at", json!(0)),
        ("client_id", json!("another")),
        ("client_secret", json!("my-own-choice")),
    ] {
        let mut body = good.clone();
        body[member] = value;
        let answer = one.ask(Method::PUT, Some(&body)).await;
        answer.assert_error(400, "invalid_client_metadata");
        assert!(answer.body["error_description"].as_str().unwrap().starts_with(member), "{}", answer.body);
    }
    let mut without_id = good.clone();
    without_id.as_object_mut().unwrap().remove("client_id");
    one.ask(Method::PUT, Some(&without_id)).await.assert_error(400, "invalid_client_metadata");
    let bad = one.changed(&json!({"redirect_uris": ["http://app.example/"]}));
    one.ask(Method::PUT, Some(&bad)).await.assert_error(400, "invalid_redirect_uri");
    let read = one.ask(Method::GET, None).await;
    assert_eq!(read.body, one.document, "what was refused has changed nothing, not even the token");

    let client_id = one.text("client_id").to_owned();
    let body = json!({"client_id": client_id, "redirect_uris": ["https://app.example/new"]});
    let answer = one.ask(Method::PUT, Some(&body)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    for gone in ["client_name", "client_name#de", "contacts", "jwks"] {
        assert_eq!(answer.body.get(gone), None, "{gone} was left out");
    }
    assert_eq!(answer.body["client_id"], *client_id);
    assert_eq!(answer.body["client_secret"], one.document["client_secret"]);
    assert_eq!(answer.body["client_id_issued_at"], one.document["client_id_issued_at"]);
    one.document = answer.body;
    one.update(&json!({"token_endpoint_auth_method": "none", "client_secret": null})).await;
    assert_eq!(one.document.get("client_secret"), None, "a public client has none");
    one.update(&json!({"token_endpoint_auth_method": "client_secret_basic"})).await;
    assert!(one.text("client_secret").len() >= 43, "and gets another");
    let object = office.serve.written(&format!("resources/OidcClient/default/{client_id}.yaml")).unwrap();
    assert_eq!(object["spec"]["redirectUris"], json!(["https://app.example/new"]));
}

#[tokio::test]
async fn rfc7592_3_tokens_are_replaced_as_the_realm_says() {
    for (rotation, on_read, on_update) in [("Never", false, false), ("OnUpdate", false, true), ("Always", true, true)] {
        let office = Office::with(json!({"rotateAccessTokens": rotation})).await;
        let mut one = office.registrant(json!({"redirect_uris": ["https://app.example/cb"]})).await;
        let first = one.text("registration_access_token").to_owned();
        let read = one.ask(Method::GET, None).await;
        let second = read.text("registration_access_token");
        assert_eq!(second != first, on_read, "{rotation}");
        one.document = read.body;
        one.update(&json!({})).await;
        assert_eq!(one.text("registration_access_token") != second, on_update, "{rotation}");
        if on_update {
            one.ask_with(Method::GET, &second, None).await.assert_error(401, "invalid_token");
        }
    }
}

#[tokio::test]
async fn two_updates_at_once_leave_one_of_them_whole() {
    let office = Office::with(json!({"rotateAccessTokens": "Never"})).await;
    let one = office.registrant(json!({"redirect_uris": ["https://app.example/cb"]})).await;
    let update = async |name: &str| {
        let body = one.changed(&json!({"client_name": name, "contacts": [name]}));
        one.ask(Method::PUT, Some(&body)).await.status.as_u16()
    };
    let (a, b, c) = tokio::join!(update("a"), update("b"), update("c"));
    assert_eq!((a, b, c), (200, 200, 200));
    let left = one.ask(Method::GET, None).await.body;
    assert_eq!(left["contacts"], json!([left["client_name"]]));
}

#[tokio::test]
async fn what_a_person_wrote_is_no_registration() {
    let office = Office::open().await;
    let one = office.registrant(json!({"grant_types": ["client_credentials"]})).await;
    let name = one.text("client_id");
    let mut copy = office.serve.written(&format!("resources/OidcClient/default/{name}.yaml")).unwrap();
    copy["metadata"]["name"] = json!("mine");
    copy["spec"]["clientId"] = json!("mine");
    office.serve.write("mine.yaml", &copy.to_string());
    demo(&office.serve).until_ready("OidcClient", "mine").await;
    let uri = format!("{}/register?client_id=mine", office.issuer);
    for method in [Method::GET, Method::DELETE] {
        let request = office.http.request(method, &uri).bearer_auth(one.text("registration_access_token"));
        Answer::read(request).await.assert_error(401, "invalid_token");
    }
    assert!(office.serve.manifests().join("mine.yaml").is_file());
}

#[tokio::test]
async fn registration_4_and_rfc7592_3_every_answer_holds_all_of_it_and_is_kept_by_nobody() {
    let office = Office::with(json!({"rotateAccessTokens": "Never"})).await;
    let mut one = office.registrant(good(&json!({"client_name": "One"}))).await;
    let reads = [one.ask(Method::GET, None).await, one.ask(Method::GET, None).await];
    assert_eq!(reads[0].body, one.document, "section 4.3: all of it");
    assert_eq!(reads[0].body, reads[1].body, "section 4.2: a read changes nothing");
    let update = one.ask(Method::PUT, Some(&one.changed(&json!({"client_name": "Two"})))).await;
    for answer in reads.iter().chain([&update]) {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
        for member in ["client_id", "client_secret", "registration_access_token", "registration_client_uri"] {
            assert!(answer.body[member].is_string(), "{member}");
        }
    }
    one.document = update.body;
    let gone = one.ask(Method::DELETE, None).await;
    assert_eq!(
        (gone.status.as_u16(), &gone.headers[header::CACHE_CONTROL]),
        (204, &header::HeaderValue::from_static("no-store"))
    );
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = one.ask(method, Some(&json!({}))).await;
        answer.assert_error(401, "invalid_token");
        assert!(answer.headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer "));
    }
}

#[tokio::test]
async fn rfc7592_2_2_what_an_update_leaves_out_or_sets_to_null_goes_back_to_its_default() {
    let office = Office::open().await;
    let mut one = office
        .registrant(good(&json!({
            "client_name": "One", "client_name#de": "Eins", "scope": "openid email", "subject_type": "public", "default_max_age": 9,
            "grant_types": ["authorization_code", "refresh_token"], "id_token_signed_response_alg": "ES256",
            "token_endpoint_auth_method": "client_secret_post", "require_auth_time": true, "contacts": ["ada@app.example"],
            "post_logout_redirect_uris": ["https://app.example/bye"], "backchannel_logout_uri": "https://app.example/out",
        })))
        .await;
    let plain = office.registrant(good(&json!({}))).await.document;
    let id = one.text("client_id").to_owned();
    let nulls =
        json!({"client_id": id, "redirect_uris": [CB], "client_name": null, "scope": null, "client_secret": null});
    let answer = one.ask(Method::PUT, Some(&nulls)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    for member in MEMBERS {
        assert_eq!(answer.body.get(member.name), plain.get(member.name), "{}", member.name);
    }
    assert_eq!(answer.body.get("client_name#de"), None);
    one.document = answer.body;
    let without = json!({"client_id": id});
    is_refused(&one.ask(Method::PUT, Some(&without)).await, "invalid_redirect_uri", "redirect_uris");
}

#[tokio::test]
async fn rfc7592_2_a_token_is_good_for_its_own_client_in_the_header_and_nowhere_else() {
    let office = Office::open().await;
    let one = office.registrant(good(&json!({}))).await;
    let two = office.registrant(good(&json!({}))).await;
    let (uri, token) = (one.text("registration_client_uri"), one.text("registration_access_token"));
    let ask = async |method: Method, uri: &str, header: Option<String>| {
        let mut request = office.http.request(method, uri);
        if let Some(header) = header {
            request = request.header(header::AUTHORIZATION, header);
        }
        Answer::read(request).await.status.as_u16()
    };
    assert_eq!(ask(Method::GET, uri, Some(format!("Bearer {token}"))).await, 200);
    assert_eq!(ask(Method::GET, uri, Some(format!("bearer {token}"))).await, 200, "RFC 9110 section 11.1");
    assert_eq!(ask(Method::HEAD, uri, None).await, 401);
    for (uri, header) in [
        (uri.to_owned(), None),
        (format!("{uri}&access_token={token}"), None),
        (uri.to_owned(), Some(format!("Basic {token}"))),
        (uri.to_owned(), Some(format!("Bearer {}", two.text("registration_access_token")))),
        (uri.to_owned(), Some(format!("Bearer {}", one.text("client_secret")))),
        (two.text("registration_client_uri").to_owned(), Some(format!("Bearer {token}"))),
        (format!("{}/register", office.issuer), Some(format!("Bearer {token}"))),
    ] {
        let status = ask(Method::GET, &uri, header.clone()).await;
        assert!([400, 401].contains(&status), "{uri} {header:?}: {status}");
    }
    assert_eq!(ask(Method::PATCH, uri, Some(format!("Bearer {token}"))).await, 405);
}
