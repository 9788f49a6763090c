//! Redirect URIs and sectors (OpenID Connect Registration 1.0 sections 2 and 5, Core section 8.1).

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};

use super::{CB, Office, documents, is_refused, realm};
use crate::{
    control_plane::wait::eventually,
    directory::demo,
    serve::{Serve, http},
    suite::{registrant::register, served::SOON},
};

#[tokio::test]
async fn registration_2_native_applications_have_schemes_of_their_own_or_loopback() {
    let office = Office::open().await;
    for uri in ["com.example.app:/cb", "http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost:8000/cb"] {
        let native = office.registrant(json!({"application_type": "native", "redirect_uris": [uri]})).await;
        assert_eq!(native.document["redirect_uris"], json!([uri]));
    }
}

#[tokio::test]
async fn registration_5_a_sector_names_every_redirect_uri() {
    let office = Office::open().await;
    let (one, two) = ("https://app.example/cb", "https://other.example/cb");
    let url = documents(vec![
        ("/both", json!([one, two, "https://third.example/cb"])),
        ("/one", json!([one])),
        ("/none", json!({"redirect_uris": [one, two]})),
    ])
    .await;
    let with = |path: &str| json!({"redirect_uris": [one, two], "sector_identifier_uri": format!("{url}{path}")});
    for path in ["/one", "/none", "/missing"] {
        let answer = office.register(with(path)).await;
        answer.assert_error(400, "invalid_client_metadata");
        let description = answer.body["error_description"].as_str().unwrap();
        assert!(description.starts_with("sector_identifier_uri:"), "{path}: {description}");
    }
    let mut client = office.registrant(with("/both")).await;
    assert_eq!(client.document["sector_identifier_uri"], format!("{url}/both"));
    let grown = json!({"redirect_uris": [one, two, "https://fourth.example/cb"]});
    let answer = client.ask(Method::PUT, Some(&client.changed(&grown))).await;
    answer.assert_error(400, "invalid_client_metadata");
    client.update(&json!({"redirect_uris": [two]})).await;
}

#[tokio::test]
async fn core_8_1_pairwise_subjects_of_several_hosts_need_a_sector() {
    let office = Office::open().await;
    let pairwise = |uris: Value| json!({"subject_type": "pairwise", "redirect_uris": uris});
    let refused = office.register(pairwise(json!(["https://app.example/cb"]))).await;
    refused.assert_error(400, "invalid_client_metadata");
    let salt = json!({
        "apiVersion": "v1", "kind": "Secret", "stringData": {"salt": "0123456789abcdef0123456789abcdef"},
        "metadata": {"name": "salt", "labels": {"realmkeeper.dev/readable": "true"}},
    });
    office.serve.write("salt.yaml", &salt.to_string());
    let spec = json!({"pairwiseSaltSecretRef": {"name": "salt"}, "registration": {"mode": "Open"}});
    let realm = json!({
        "apiVersion": "realmkeeper.dev/v1alpha1", "kind": "Realm", "metadata": {"name": "demo"}, "spec": spec,
    });
    office.serve.write("realm.yaml", &realm.to_string());
    let registered = eventually("the realm has pairwise subjects", SOON, || async {
        let answer = office.register(pairwise(json!(["https://app.example/cb", "https://app.example/cb2"]))).await;
        if answer.status == 201 { Ok(answer.body) } else { Err(answer.body) }
    })
    .await;
    assert_eq!(registered["subject_type"], "pairwise");
    let several = office.register(pairwise(json!(["https://app.example/cb", "https://other.example/cb"]))).await;
    several.assert_error(400, "invalid_client_metadata");
    assert!(several.body["error_description"].as_str().unwrap().starts_with("sector_identifier_uri:"));
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
