//! The rules of registration one by one: OpenID Connect Dynamic Client Registration 1.0, RFC 7591, RFC 7592 and the metadata of the logout
//! specifications. What takes more than one request to show is in `register.rs`.

use std::{collections::BTreeSet, sync::Arc};

use realmkeeper::realm::registration::{MEMBERS, Shape};
use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::{
    directory::demo,
    register::{Office, documents, key, realm, rsa_key},
    serve::{Serve, http},
    suite::{registrant::register, relying_party::Answer},
};

const CB: &str = "https://app.example/cb";

/// A registration that is good, with these members in place of its own.
fn good(change: &Value) -> Value {
    let mut metadata = json!({"redirect_uris": [CB]});
    metadata.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    metadata
}

fn is_refused(answer: &Answer, code: &str, member: &str) {
    assert_eq!((answer.status.as_u16(), &answer.body["error"]), (400, &json!(code)), "{member}: {}", answer.body);
    let description = answer.body["error_description"].as_str().unwrap();
    assert!(description.starts_with(&format!("{member}:")), "{member}: {description}");
}

#[tokio::test]
async fn registration_2_a_member_of_another_type_is_refused_and_named_and_null_is_as_good_as_nothing() {
    let office = Office::open().await;
    for member in MEMBERS {
        let code = if member.name == "redirect_uris" { "invalid_redirect_uri" } else { "invalid_client_metadata" };
        let wrong = [
            json!(7),
            json!(true),
            json!("text"),
            json!(["text"]),
            json!({"a": 1}),
            json!([7]),
            json!([{}]),
            json!(1.5),
        ];
        let fits = |value: &Value| match member.shape {
            Shape::Text => value.is_string(),
            Shape::Texts => value[0].is_string(),
            Shape::Flag => value.is_boolean(),
            Shape::Seconds => value.is_u64(),
            Shape::Object => value.is_object(),
        };
        for value in wrong.iter().filter(|value| !fits(value)) {
            is_refused(&office.register(good(&json!({member.name: value}))).await, code, member.name);
        }
        if member.is_localized {
            let name = format!("{}#fr-CA", member.name);
            is_refused(&office.register(good(&json!({name.clone(): 7}))).await, code, &name);
        }
    }
    let mut nothing: Value = MEMBERS.iter().map(|member| (member.name.to_owned(), Value::Null)).collect();
    nothing["redirect_uris"] = json!([CB]);
    let plain = office.register(good(&json!({}))).await.body;
    let answer = office.register(nothing).await.body;
    for member in MEMBERS {
        assert_eq!(answer.get(member.name), plain.get(member.name), "{}", member.name);
    }
}

#[tokio::test]
async fn registration_2_each_response_type_needs_its_grant_types_and_gets_them_where_none_are_named() {
    let office = Office::open().await;
    let table = [
        ("code", &["authorization_code"][..]),
        ("id_token", &["implicit"]),
        ("id_token token", &["implicit"]),
        ("code id_token", &["authorization_code", "implicit"]),
        ("code token", &["authorization_code", "implicit"]),
        ("code id_token token", &["authorization_code", "implicit"]),
    ];
    for (response, needed) in table {
        let answer = office.register(good(&json!({"response_types": [response]}))).await;
        assert_eq!(answer.body["grant_types"], json!(needed), "{response}: {}", answer.body);
        for grants in [&["authorization_code"][..], &["implicit"], &["authorization_code", "implicit"]] {
            let asked = good(&json!({"response_types": [response], "grant_types": grants}));
            let answer = office.register(asked).await;
            if needed.iter().all(|grant| grants.contains(grant)) {
                assert_eq!(answer.status, 201, "{response} {grants:?}: {}", answer.body);
            } else {
                is_refused(&answer, "invalid_client_metadata", "response_types");
            }
        }
    }
    // The words of a response type have no order (OAuth 2.0 Multiple Response Types section 5).
    let answer = office.register(good(&json!({"response_types": ["token id_token code"]}))).await;
    assert_eq!(answer.body["response_types"], json!(["code id_token token"]), "{}", answer.body);
    let answer =
        office.register(good(&json!({"response_types": ["id_token", "token code", "code", "code token"]}))).await;
    assert_eq!(answer.body["response_types"], json!(["id_token", "code token", "code"]), "{}", answer.body);
}

#[tokio::test]
async fn registration_2_web_clients_with_the_implicit_grant_use_https_and_never_localhost() {
    let office = Office::open().await;
    for (uri, implicit, code) in [
        (CB, true, true),
        ("https://app.example:8443/cb?tenant=a", true, true),
        ("http://127.0.0.1/cb", false, true),
        ("http://localhost:3000/cb", false, true),
        ("https://localhost/cb", false, true),
        ("https://LOCALHOST:8443/cb", false, true),
        ("http://app.example/cb", false, false),
        ("com.example.app:/cb", false, false),
    ] {
        for (response, want) in [("id_token", implicit), ("code id_token", implicit), ("code", code)] {
            let answer = office.register(json!({"redirect_uris": [uri], "response_types": [response]})).await;
            assert_eq!(answer.status == 201, want, "{uri} {response}: {}", answer.body);
            if !want {
                is_refused(&answer, "invalid_redirect_uri", "redirect_uris");
            }
        }
        // One that is wrong spoils the rest.
        if !code {
            let answer = office.register(json!({"redirect_uris": [CB, uri]})).await;
            is_refused(&answer, "invalid_redirect_uri", "redirect_uris");
        }
    }
}

#[tokio::test]
async fn registration_2_native_clients_use_their_own_scheme_or_loopback_and_nothing_else() {
    let office = Office::open().await;
    for (uri, want) in [
        ("com.example.app:/cb", true),
        ("com.example.app://cb", true),
        ("http://localhost/cb", true),
        ("http://127.0.0.1:7777/cb", true),
        ("http://[::1]/cb", true),
        (CB, false),
        ("http://app.example/cb", false),
        ("http://127.0.0.1.evil.example/cb", false),
        ("http://localhost.evil.example/cb", false),
        ("http://[2001:db8::1]/cb", false),
        ("javascript:alert(1)", false),
        ("data:text/html,x", false),
        ("app:/cb", false),
    ] {
        let answer = office.register(json!({"application_type": "native", "redirect_uris": [uri]})).await;
        assert_eq!(answer.status == 201, want, "{uri}: {}", answer.body);
        if !want {
            is_refused(&answer, "invalid_redirect_uri", "redirect_uris");
        }
    }
}

#[tokio::test]
async fn registration_2_and_rfc6749_3_1_2_a_redirect_uri_is_absolute_has_no_fragment_and_comes_back_as_it_was_sent() {
    let office = Office::open().await;
    for uri in [
        "https://app.example/cb#",
        "https://app.example/cb#f",
        "/cb",
        "//app.example/cb",
        "app.example/cb",
        "https://",
        "https:///cb",
        "https://u:p@app.example/cb",
        "https://*.app.example/cb",
        "https://app.example/a b",
        " https://app.example/cb",
        "https://app.example/cb\n",
        "",
    ] {
        is_refused(&office.register(json!({"redirect_uris": [uri]})).await, "invalid_redirect_uri", "redirect_uris");
    }
    let uris = json!([
        "https://APP.example/CB?x=%C3%A9&y=a+b",
        "https://app.example",
        "https://app.example:443/",
        "https://app.example/a/../b",
        "https://xn--bcher-kva.example/cb",
    ]);
    let one = office.registrant(json!({"redirect_uris": uris})).await;
    assert_eq!(one.document["redirect_uris"], uris, "not one is replaced (section 3.2)");
    let many: Vec<_> = (0..65).map(|n| format!("https://app.example/{n}")).collect();
    is_refused(&office.register(json!({"redirect_uris": many})).await, "invalid_redirect_uri", "redirect_uris");
    let long = format!("https://app.example/{}", "x".repeat(2100));
    is_refused(&office.register(json!({"redirect_uris": [long]})).await, "invalid_redirect_uri", "redirect_uris");
}

#[tokio::test]
async fn registration_2_content_encryption_needs_key_encryption_beside_it_and_has_its_default() {
    let office = Office::open().await;
    // What is encrypted for the provider needs a key of the realm, which has none here; a client's secret is always there.
    for (kind, by, good_alg) in [
        ("id_token", "encrypted_response", "ECDH-ES"),
        ("userinfo", "encrypted_response", "ECDH-ES"),
        ("request_object", "encryption", "dir"),
    ] {
        let (alg, enc) = (format!("{kind}_{by}_alg"), format!("{kind}_{by}_enc"));
        let alone = office.register(good(&json!({enc.clone(): "A128CBC-HS256"}))).await;
        is_refused(&alone, "invalid_client_metadata", &enc);
        let with = || good(&json!({alg.clone(): good_alg, "jwks": {"keys": [key()]}}));
        let answer = office.register(with()).await;
        assert_eq!(answer.body[&enc], "A128CBC-HS256", "{}", answer.body);
        for (member, value) in [(&alg, "RSA1_5"), (&alg, "none"), (&enc, "A192GCM")] {
            let mut metadata = with();
            metadata[member] = json!(value);
            is_refused(&office.register(metadata).await, "invalid_client_metadata", member);
        }
    }
}

#[tokio::test]
async fn registration_2_keys_are_public_stand_in_one_place_and_fit_what_is_encrypted_for_them() {
    let office = Office::open().await;
    let with = |keys: Value| json!({"jwks": {"keys": keys}});
    let mut private = key();
    private["d"] = json!("AAAA");
    for (member, change) in [
        ("jwks", json!({"jwks": {"keys": [key()]}, "jwks_uri": "https://app.example/jwks"})),
        ("jwks", with(json!([private]))),
        ("jwks", with(json!([key(), {"kty": "oct", "k": "AAAA"}]))),
        ("jwks", with(json!([{"kty": "RSA", "n": "AQAB", "e": "AQAB", "p": "AQAB"}]))),
        ("jwks", with(json!([]))),
        ("jwks_uri", json!({"jwks_uri": "http://app.example/jwks"})),
        ("jwks_uri", json!({"jwks_uri": "jwks"})),
        (
            "id_token_encrypted_response_alg",
            json!({"id_token_encrypted_response_alg": "RSA-OAEP", "jwks": {"keys": [key()]}}),
        ),
        (
            "userinfo_encrypted_response_alg",
            json!({"userinfo_encrypted_response_alg": "ECDH-ES", "jwks": {"keys": [rsa_key()]}}),
        ),
        ("token_endpoint_auth_method", json!({"token_endpoint_auth_method": "private_key_jwt"})),
        (
            "token_endpoint_auth_signing_alg",
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key()]}, "token_endpoint_auth_signing_alg": "HS256"}),
        ),
        (
            "token_endpoint_auth_signing_alg",
            json!({"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "RS256"}),
        ),
        (
            "token_endpoint_auth_signing_alg",
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key()]}, "token_endpoint_auth_signing_alg": "none"}),
        ),
    ] {
        is_refused(&office.register(good(&change)).await, "invalid_client_metadata", member);
    }
}

#[tokio::test]
async fn registration_2_1_text_in_several_languages_comes_back_as_it_was_sent_and_what_is_no_language_is_ignored() {
    let office = Office::open().await;
    let sent = json!({
        "client_name": "Punch cards", "client_name#ja-Jpan-JP": "\u{30af}\u{30e9}\u{30a4}\u{30a2}\u{30f3}\u{30c8}\u{540d}", "client_name#de": "Lochkarten",
        "client_uri#de": "https://app.example/de", "logo_uri#de": "https://app.example/de.png",
        "policy_uri#fr-CA": "https://app.example/fr/policy", "tos_uri#zh-Hant": "https://app.example/zh/tos",
    });
    let one = office.registrant(good(&sent)).await;
    for (member, value) in sent.as_object().unwrap() {
        assert_eq!(one.document[member], *value, "{member}");
    }
    assert_eq!(one.ask(Method::GET, None).await.body, one.document);
    let ignored = [
        "client_name#",
        "client_name#not a language",
        "client_name#d\u{e9}",
        "redirect_uris#de",
        "contacts#de",
        "x#de",
    ];
    let strange: serde_json::Map<_, _> = ignored.iter().map(|name| ((*name).to_owned(), json!("x"))).collect();
    let one = office.registrant(good(&Value::Object(strange))).await;
    for name in ignored {
        assert_eq!(one.document.get(name), None, "{name}");
    }
}

#[tokio::test]
async fn registration_3_1_and_6_a_member_is_known_by_its_code_points_however_json_writes_them() {
    let office = Office::open().await;
    let send = async |body: &str| {
        let request =
            office.http.post(format!("{}/register", office.issuer)).header(header::CONTENT_TYPE, "application/json");
        Answer::read(request.body(body.to_owned())).await
    };
    let escaped =
        send(r#"{"redirect\u005furis": ["https:\/\/app.example\/cb"], "client_n\u0061me": "B\u00fccher"}"#).await;
    assert_eq!(escaped.status, 201, "{}", escaped.body);
    assert_eq!((&escaped.body["redirect_uris"], &escaped.body["client_name"]), (&json!([CB]), &json!("B\u{fc}cher")));
    // Neither case nor normalisation is looked through.
    let other =
        send(r#"{"redirect_uris": ["https://app.example/cb"], "Client_Name": "x", "client_name": "Bu\u0308cher"}"#)
            .await;
    assert_eq!((other.body.get("Client_Name"), &other.body["client_name"]), (None, &json!("Bu\u{308}cher")));
    let url = documents(vec![("/nfc", json!(["https://app.example/\u{e9}"]))]).await;
    let with = |uri: &str| json!({"redirect_uris": [uri], "sector_identifier_uri": format!("{url}/nfc")});
    assert_eq!(office.register(with("https://app.example/\u{e9}")).await.status, 201);
    is_refused(
        &office.register(with("https://app.example/e\u{301}")).await,
        "invalid_client_metadata",
        "sector_identifier_uri",
    );
    is_refused(
        &office.register(with("https://APP.example/\u{e9}")).await,
        "invalid_client_metadata",
        "sector_identifier_uri",
    );
}

#[tokio::test]
async fn registration_3_2_no_two_clients_share_an_identifier_a_secret_or_a_token() {
    let office = Office::open().await;
    let mut seen = BTreeSet::new();
    for _ in 0..5 {
        let one = office.registrant(good(&json!({}))).await;
        for member in ["client_id", "client_secret", "registration_access_token", "registration_client_uri"] {
            assert!(seen.insert(one.text(member).to_owned()), "{member} twice");
        }
        assert!(one.text("client_id").bytes().all(|byte| (0x20..=0x7e).contains(&byte)), "RFC 6749 appendix A.1");
    }
}

#[tokio::test]
async fn registration_3_2_a_secret_is_there_where_it_is_needed_and_says_when_it_ends() {
    let office = Office::open().await;
    let jwks = json!({"keys": [key()]});
    for (change, has_secret) in [
        (json!({}), true),
        (json!({"token_endpoint_auth_method": "client_secret_post"}), true),
        (json!({"token_endpoint_auth_method": "client_secret_jwt"}), true),
        (json!({"token_endpoint_auth_method": "none"}), false),
        (json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks}), false),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks, "id_token_encrypted_response_alg": "dir"}),
            true,
        ),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks, "userinfo_signed_response_alg": "HS256"}),
            true,
        ),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks, "request_object_signing_alg": "HS256"}),
            true,
        ),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks, "request_object_encryption_alg": "dir"}),
            true,
        ),
    ] {
        let answer = office.register(good(&change)).await;
        assert_eq!(answer.status, 201, "{change}: {}", answer.body);
        assert_eq!(answer.body["client_secret"].is_string(), has_secret, "{change}");
        assert_eq!(answer.body.get("client_secret_expires_at"), has_secret.then_some(&json!(0)), "{change}");
        for member in ["client_id", "registration_client_uri", "registration_access_token"] {
            assert!(answer.body[member].is_string(), "{change}: both of the last or neither");
        }
        assert!(answer.body["client_id_issued_at"].is_u64());
    }
}

#[tokio::test]
async fn registration_3_3_an_error_is_json_with_its_code_and_is_kept_by_nobody() {
    let office = Office::open().await;
    for (metadata, code) in [
        (json!({}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["x"]}), "invalid_redirect_uri"),
        (good(&json!({"subject_type": "x"})), "invalid_client_metadata"),
    ] {
        let answer = office.register(metadata).await;
        assert_eq!((answer.status.as_u16(), &answer.body["error"]), (400, &json!(code)));
        assert!(answer.body["error_description"].is_string());
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(answer.body.as_object().unwrap().len(), 2, "nothing of a client is in it");
    }
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

#[tokio::test]
async fn core_8_1_pairwise_subjects_need_a_sector_that_the_redirect_uris_or_a_uri_tell() {
    let salt = json!({
        "apiVersion": "v1", "kind": "Secret", "stringData": {"salt": "0123456789abcdef0123456789abcdef"},
        "metadata": {"name": "salt", "labels": {"realmkeeper.dev/readable": "true"}},
    });
    let mut with_salt: Value = serde_json::from_str(&realm(&json!({"mode": "Open"}))).unwrap();
    with_salt["spec"]["pairwiseSaltSecretRef"] = json!({"name": "salt"});
    let files = [("salt.yaml", &*salt.to_string()), ("realm.yaml", &*with_salt.to_string())];
    let serve = Arc::new(Serve::start(&files, &[]).await);
    let (http, issuer) = (http(), demo(&serve).issuer().await);
    let url = documents(vec![("/sector", json!(["com.example.app:/cb", CB, "https://b.example/cb"]))]).await;
    for (kind, uris, has_uri, want) in [
        ("web", json!([CB, "https://app.example/cb2"]), false, true),
        ("web", json!([CB, "https://b.example/cb"]), false, false),
        ("web", json!([CB, "https://b.example/cb"]), true, true),
        ("native", json!(["com.example.app:/cb"]), false, false),
        ("native", json!(["com.example.app:/cb"]), true, true),
        ("native", json!(["com.example.app:/cb", "http://127.0.0.1/cb"]), false, false),
        ("native", json!(["http://127.0.0.1/cb"]), false, true),
    ] {
        let mut metadata = json!({"subject_type": "pairwise", "application_type": kind, "redirect_uris": uris});
        if has_uri {
            metadata["sector_identifier_uri"] = json!(format!("{url}/sector"));
        }
        let answer = register(&http, &issuer, None, &metadata).await;
        match want {
            true => {
                assert_eq!((answer.status.as_u16(), &answer.body["subject_type"]), (201, &json!("pairwise")), "{uris}")
            }
            false => is_refused(&answer, "invalid_client_metadata", "sector_identifier_uri"),
        }
    }
}

#[tokio::test]
async fn the_uris_of_the_logout_specifications_are_absolute_have_no_fragment_and_keep_their_query() {
    let office = Office::open().await;
    for member in ["frontchannel_logout_uri", "backchannel_logout_uri"] {
        for uri in [
            "/out",
            "https://app.example/out#",
            "https://app.example/out#f",
            "http://app.example/out",
            "ftp://app.example/",
            "x",
        ] {
            is_refused(&office.register(good(&json!({member: uri}))).await, "invalid_client_metadata", member);
        }
        let uri = "https://app.example/out?tenant=a&b=%22";
        assert_eq!(office.registrant(good(&json!({member: uri}))).await.document[member], uri);
    }
    // Front-Channel Logout section 2: scheme, host and port of a redirect URI.
    for uri in ["https://app.example:8443/out", "https://www.app.example/out", "https://app.example.evil/out"] {
        let answer = office.register(good(&json!({"frontchannel_logout_uri": uri}))).await;
        is_refused(&answer, "invalid_client_metadata", "frontchannel_logout_uri");
        assert_eq!(office.register(good(&json!({"backchannel_logout_uri": uri}))).await.status, 201, "any host");
    }
    for uri in
        ["/bye", "https://app.example/bye#f", "http://app.example/bye", "https://app.example/*", "javascript:alert(1)"]
    {
        let answer = office.register(good(&json!({"post_logout_redirect_uris": [CB, uri]}))).await;
        is_refused(&answer, "invalid_client_metadata", "post_logout_redirect_uris");
    }
    let one = office.registrant(good(&json!({}))).await.document;
    for member in ["frontchannel_logout_session_required", "backchannel_logout_session_required"] {
        assert_eq!(one[member], false, "the default");
    }
}

#[tokio::test]
async fn discovery_3_everything_that_is_listed_can_be_registered() {
    let least = json!({"grantTypes": ["authorization_code"], "responseTypes": ["code"], "scopes": ["openid"]});
    let least = json!({
        "apiVersion": "realmkeeper.dev/v1alpha1", "kind": "Realm", "metadata": {"name": "demo"},
        "spec": {"allowed": {"oidcClients": least}, "registration": {"mode": "Open"}},
    });
    for realm in [realm(&json!({"mode": "Open"})), least.to_string()] {
        let serve = Arc::new(Serve::start(&[("realm.yaml", &*realm)], &[]).await);
        let (http, issuer) = (http(), demo(&serve).issuer().await);
        let url = format!("{issuer}/.well-known/openid-configuration");
        let metadata: Value = http.get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(metadata["registration_endpoint"], format!("{issuer}/register"));
        let list = |name: &str| metadata[name].as_array().cloned().unwrap_or_default();
        let accepted = async |member: &str, value: &Value, more: Value| {
            let mut registration = json!({"redirect_uris": [CB], "jwks": {"keys": [key(), rsa_key()]}});
            registration.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            registration[member] = value.clone();
            let answer = register(&http, &issuer, None, &registration).await;
            assert_eq!((answer.status.as_u16(), &answer.body[member]), (201, value), "{member}: {}", answer.body);
        };
        for (listed, member) in [
            ("id_token_signing_alg_values_supported", "id_token_signed_response_alg"),
            ("id_token_encryption_alg_values_supported", "id_token_encrypted_response_alg"),
            ("userinfo_signing_alg_values_supported", "userinfo_signed_response_alg"),
            ("userinfo_encryption_alg_values_supported", "userinfo_encrypted_response_alg"),
            ("request_object_signing_alg_values_supported", "request_object_signing_alg"),
            ("request_object_encryption_alg_values_supported", "request_object_encryption_alg"),
            ("token_endpoint_auth_methods_supported", "token_endpoint_auth_method"),
            ("subject_types_supported", "subject_type"),
            ("scopes_supported", "scope"),
        ] {
            for value in list(listed) {
                let more = match value.as_str() {
                    Some("offline_access") => json!({"grant_types": ["authorization_code", "refresh_token"]}),
                    _ => json!({}),
                };
                accepted(member, &value, more).await;
            }
        }
        for (kind, by) in
            [("id_token", "encrypted_response"), ("userinfo", "encrypted_response"), ("request_object", "encryption")]
        {
            let (alg, enc) = (format!("{kind}_{by}_alg"), format!("{kind}_{by}_enc"));
            let keys = list(&format!("{kind}_encryption_alg_values_supported"));
            for key in keys.iter().filter(|key| **key == "ECDH-ES" || **key == "dir") {
                for value in list(&format!("{kind}_encryption_enc_values_supported")) {
                    accepted(&enc, &value, json!({alg.clone(): key})).await;
                }
            }
        }
        for value in list("token_endpoint_auth_signing_alg_values_supported") {
            let by_secret = value.as_str().unwrap().starts_with("HS");
            let method = if by_secret { "client_secret_jwt" } else { "private_key_jwt" };
            accepted("token_endpoint_auth_signing_alg", &value, json!({"token_endpoint_auth_method": method})).await;
        }
        for value in list("response_types_supported") {
            accepted("response_types", &json!([value]), json!({})).await;
        }
        for value in list("grant_types_supported") {
            let grants = if value == "refresh_token" { json!(["authorization_code", value]) } else { json!([value]) };
            accepted("grant_types", &grants, json!({})).await;
        }
        accepted("default_acr_values", &json!(list("acr_values_supported")), json!({})).await;
        // And what is not listed can not.
        for (listed, member, values) in [
            (
                "grant_types_supported",
                "grant_types",
                json!(["implicit", "client_credentials", "refresh_token", "password"]),
            ),
            ("response_types_supported", "response_types", json!(["id_token", "code id_token", "none", "token"])),
        ] {
            for value in values.as_array().unwrap().iter().filter(|value| !list(listed).contains(value)) {
                let answer = register(&http, &issuer, None, &good(&json!({member: [value]}))).await;
                answer.assert_error(400, "invalid_client_metadata");
            }
        }
    }
}

#[tokio::test]
async fn registration_7_text_that_nobody_means_is_refused_by_name_or_kept_as_it_is_and_never_a_failure() {
    let office = Office::open().await;
    let long = "x".repeat(3000);
    let strange = [
        " ",
        "\u{0}",
        "a\nb",
        "\u{1f980}\u{202e}#?%",
        &long,
        "https://",
        "https://[::1",
        "HTTPS://A.EXAMPLE:99999/",
        "https://a.example/\u{e9} ",
        "none",
        "<script>",
    ];
    for member in MEMBERS.iter().filter(|member| matches!(member.shape, Shape::Text | Shape::Texts)) {
        for text in strange {
            let value = if member.shape == Shape::Text { json!(text) } else { json!([text]) };
            let answer = office.register(good(&json!({member.name: value}))).await;
            if answer.status == 201 {
                // It says nothing of a client that signs no assertions, and is left out.
                let is_left_out =
                    member.name == "token_endpoint_auth_signing_alg" && answer.body[member.name].is_null();
                assert!(is_left_out || answer.body[member.name] == value, "{}: {}", member.name, answer.body);
                continue;
            }
            let code = answer.body["error"].as_str().unwrap_or_default();
            let is_of_the_standard = ["invalid_redirect_uri", "invalid_client_metadata"].contains(&code);
            assert!(answer.status == 400 && is_of_the_standard, "{} {text:.20}: {}", member.name, answer.body);
        }
    }
    for (member, value) in [
        ("default_max_age", json!(u64::MAX)),
        ("default_max_age", json!(315_360_001)),
        ("contacts", json!((0..17).map(|n| format!("{n}@app.example")).collect::<Vec<_>>())),
        ("post_logout_redirect_uris", json!((0..65).map(|n| format!("https://app.example/{n}")).collect::<Vec<_>>())),
        ("jwks", json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]})),
        ("jwks", json!({"keys": [7]})),
        ("jwks", json!({"keys": "all"})),
    ] {
        is_refused(&office.register(good(&json!({member: value}))).await, "invalid_client_metadata", member);
    }
}
