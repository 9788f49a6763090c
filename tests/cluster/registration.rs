//! Clients that register themselves, in a cluster: what kubectl sees of them, and which replica may be asked.

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::{
    conformance::by,
    control_plane::{Namespace, wait::eventually},
    harness::{Operator, SOON, http, shared_cluster, shared_operator, two_replicas},
    suite::registrant::Registrant,
};

async fn realm(namespace: &Namespace, name: &str, registration: Value) {
    let spec = json!({"registration": registration});
    let realm = json!({
        "apiVersion": "realmkeeper.dev/v1alpha1", "kind": "Realm", "metadata": {"name": name}, "spec": spec,
    });
    namespace.apply(&realm.to_string());
    namespace.wait_for("Ready", &[&format!("realm/{name}")], SOON);
}

/// A request to one replica, whatever the public URL says.
async fn ask(
    replica: &Operator,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> (u16, Value) {
    let mut request = http()
        .request(method, format!("{}/realms/staff{path}", replica.address))
        .header(header::HOST, replica.url.trim_start_matches("http://"));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn client_credentials(replica: &Operator, client: &Value) -> u16 {
    let request = http()
        .post(format!("{}/realms/staff/token", replica.address))
        .header(header::HOST, replica.url.trim_start_matches("http://"))
        .basic_auth(client["client_id"].as_str().unwrap(), client["client_secret"].as_str())
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials");
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_replica_without_the_lease_registers_and_every_replica_knows_what_any_has_done() {
    let (cluster, mut first, second) = two_replicas().await;
    let namespace = Namespace::create(&cluster.plane, "registration", json!({})).await;
    realm(&namespace, "staff", json!({"mode": "Open"})).await;
    let metadata = json!({"grant_types": ["client_credentials"], "client_name": "Robot"});
    eventually("the second serves the realm", SOON, || async {
        let (status, _) = ask(&second, Method::GET, "/.well-known/openid-configuration", None, None).await;
        if status == 200 { Ok(()) } else { Err(status) }
    })
    .await;
    let (status, client) = ask(&second, Method::POST, "/register", None, Some(&metadata)).await;
    assert_eq!(status, 201, "{client}");
    for replica in [&second, &first] {
        assert_eq!(client_credentials(replica, &client).await, 200, "at once, and everywhere");
    }
    let path = format!("/register?client_id={}", client["client_id"].as_str().unwrap());
    let token = |client: &Value| client["registration_access_token"].as_str().unwrap().to_owned();
    let change =
        json!({"client_id": client["client_id"], "grant_types": ["client_credentials"], "client_name": "Droid"});
    let (status, changed) = ask(&second, Method::PUT, &path, Some(&token(&client)), Some(&change)).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!(ask(&first, Method::GET, &path, Some(&token(&client)), None).await.0, 401, "the token of before");
    let (status, read) = ask(&first, Method::GET, &path, Some(&token(&changed)), None).await;
    assert_eq!((status, &read["client_name"]), (200, &json!("Droid")));
    assert_eq!(read["client_secret"], client["client_secret"]);

    // Without a leader, too.
    first.process.kill();
    let (status, late) = ask(&second, Method::POST, "/register", None, Some(&metadata)).await;
    assert_eq!(status, 201, "{late}");
    assert_eq!(client_credentials(&second, &late).await, 200);
    assert_eq!(ask(&second, Method::DELETE, &path, Some(&token(&changed)), None).await.0, 204);
    assert_eq!(client_credentials(&second, &client).await, 401);
}

#[tokio::test]
async fn kubectl_sees_a_registered_client_and_has_the_last_word() {
    let namespace = Namespace::create(&shared_cluster().plane, "registered", json!({})).await;
    let served = by(shared_operator(), &namespace);
    realm(&namespace, &served.realm, json!({"mode": "Open"})).await;
    let issuer = served.issuer().await;
    let metadata = json!({"redirect_uris": ["https://app.example/cb"], "client_name": "App"});
    let mut one = Registrant::new(&served.http, &issuer, &metadata).await;
    let name = one.text("client_id").to_owned();
    let listed = namespace.kubectl(&["get", "oidcc", "-l", "realmkeeper.dev/registered=true", "-o", "name"]);
    assert_eq!(listed.trim(), format!("oidcclient.realmkeeper.dev/{name}"));
    namespace.wait_for("Ready", &[&format!("oidcclient/{name}")], SOON);
    let object = namespace.get("OidcClient", &name).await.unwrap();
    for (annotation, value) in [
        ("argocd.argoproj.io/compare-options", "IgnoreExtraneous"),
        ("argocd.argoproj.io/sync-options", "Prune=false"),
        ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
    ] {
        assert_eq!(object["metadata"]["annotations"][annotation], value);
    }
    assert!(!object.to_string().contains(one.text("registration_access_token")), "hashed at rest");
    let secret = namespace.kubectl(&["get", "secret", &format!("{name}-oidc"), "-o", "json"]);
    let secret: Value = serde_json::from_str(&secret).unwrap();
    let owner = &secret["metadata"]["ownerReferences"][0];
    assert_eq!((&owner["kind"], &owner["name"]), (&json!("OidcClient"), &json!(name)));
    assert_eq!(owner["uid"], object["metadata"]["uid"]);
    assert_eq!(object["metadata"]["generation"], 1, "nothing was written after it was made");

    // What a person adds stays over an update of the client's own.
    let change = r#"{"spec": {"access": {"groups": ["engineers"]}}}"#;
    namespace.kubectl(&["patch", "oidcclient", &name, "--type=merge", "-p", change]);
    one.update(&json!({"client_name": "Other"})).await;
    let object = namespace.get("OidcClient", &name).await.unwrap();
    assert_eq!(object["spec"]["access"]["groups"], json!(["engineers"]));
    assert_eq!(object["spec"]["clientName"], "Other");

    // A public client has no Secret, and one that becomes confidential again another.
    let before = one.text("client_secret").to_owned();
    one.update(&json!({"token_endpoint_auth_method": "none", "client_secret": null})).await;
    assert_eq!(one.document.get("client_secret"), None);
    one.update(&json!({"token_endpoint_auth_method": "client_secret_post"})).await;
    assert_ne!(one.text("client_secret"), before);
    let secret = one.text("client_secret").to_owned();
    eventually("the Secret holds what was said", SOON, || async {
        let held = served.until_secret(&format!("{name}-oidc")).await;
        if held["client-secret"] == secret { Ok(()) } else { Err("another") }
    })
    .await;

    namespace.kubectl(&["delete", "oidcclient", &name]);
    one.ask(Method::GET, None).await.assert_error(401, "invalid_token");
}
