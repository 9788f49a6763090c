use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;

use crate::{
    provider::{
        Provider,
        testing::{START, TestProvider, basic, client, encode, peer, realm, secret_of, verified},
    },
    realm::{Registry, claims::ClaimRules},
    store::{Artifact, Change, Counter, IdHash, Kind, Owned, Store, StoreError},
};

async fn scope(staff: &TestProvider, scope: &str) -> String {
    let form = [("grant_type", "client_credentials"), ("scope", scope)];
    let reply = staff.post_as("app", "/token", &form).await.json();
    reply["error"].as_str().or(reply["scope"].as_str()).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_token_speaks_for_the_client_itself() {
    let staff = realm().client(client("app")).serve();
    let form = [("grant_type", "client_credentials"), ("scope", "reports")];
    let reply = staff.post_as("app", "/token", &form).await.json();
    assert_eq!((&reply["expires_in"], &reply["scope"]), (&json!(600), &json!("reports")));
    assert!(reply.get("id_token").is_none() && reply.get("refresh_token").is_none());
    let (typ, claims) = verified(reply["access_token"].as_str().unwrap());
    let jti = claims["jti"].as_str().unwrap();
    assert!(typ == "at+jwt" && jti.len() == 31 && !jti.contains('.'));
    assert_eq!(
        claims,
        json!({
            "iss": "https://id.example.com/realms/staff", "sub": "app", "aud": "app", "client_id": "app",
            "exp": START + 600, "iat": START, "jti": jti, "scope": "reports",
        })
    );
}

#[tokio::test]
async fn scopes_are_the_clients_and_none_is_about_signing_in() {
    let staff = realm().client(client("app")).serve();
    assert_eq!(scope(&staff, "").await, "department reports");
    assert_eq!(scope(&staff, "reports").await, "reports");
    assert_eq!(scope(&staff, "reports  reports").await, "reports");
    for refused in ["openid", "offline_access", "reports openid", "admin", "re\"ports", "é"] {
        assert_eq!(scope(&staff, refused).await, "invalid_scope", "{refused}");
    }
}

#[tokio::test]
async fn a_rule_that_needs_no_person_adds_its_claim_and_one_that_does_adds_none() {
    let rules = [("department", "user.attributes.department[0]"), ("team", "client.namespace + '/' + client.id")];
    let staff = realm()
        .settings(|settings| {
            settings.claims = ClaimRules::compile(rules).unwrap();
            let claims = ["department", "team", "aud"].map(Arc::from).into();
            settings.scopes.iter_mut().filter(|scope| &*scope.name == "department").for_each(|scope| {
                scope.claims = Arc::clone(&claims);
            });
        })
        .client(client("app"))
        .serve();
    let token = async |scope: &str| {
        let reply = staff.post_as("app", "/token", &[("grant_type", "client_credentials"), ("scope", scope)]).await;
        verified(reply.json()["access_token"].as_str().unwrap()).1
    };
    let claims = token("department").await;
    assert_eq!((&claims["team"], claims.get("department"), &claims["aud"]), (&json!("apps/app"), None, &json!("app")));
    assert!(token("reports").await.get("team").is_none());
}

#[tokio::test]
async fn resources_are_bounded_by_the_clients_audiences() {
    let staff = realm().client(client("app").audiences(&["https://a.example/", "urn:b", "https://c.example/"])).serve();
    let aud = async |form: &[(&str, &str)]| {
        let form = [&[("grant_type", "client_credentials")], form].concat();
        let reply = staff.post_as("app", "/token", &form).await.json();
        reply["access_token"].as_str().map_or(reply["error"].clone(), |token| verified(token).1["aud"].clone())
    };
    assert_eq!(aud(&[]).await, json!(["https://a.example/", "urn:b", "https://c.example/"]));
    assert_eq!(aud(&[("resource", "https://a.example/")]).await, json!("https://a.example/"));
    assert_eq!(
        aud(&[("resource", "urn:b"), ("audience", "https://a.example/")]).await,
        json!(["urn:b", "https://a.example/"])
    );
    for refused in ["https://a.example", "https://d.example/", "a", "https://a.example/#x"] {
        assert_eq!(aud(&[("resource", refused)]).await, json!("invalid_target"), "{refused}");
    }
    assert_eq!(aud(&[("audience", "app")]).await, json!("invalid_target"));
}

#[tokio::test]
async fn a_public_client_has_no_credentials() {
    let public = client("spa").public().with(|client| client.grant_types = crate::realm::GrantType::ALL.to_vec());
    let staff = realm().client(public).serve();
    let reply = staff.token("spa", &[("grant_type", "client_credentials")]).await;
    assert_eq!(reply.error(), (400, "unauthorized_client".into()));
}

#[tokio::test]
async fn an_opaque_token_says_nothing_and_is_known_to_introspection() {
    let staff = realm().client(client("app").opaque().audiences(&["https://a.example/"])).serve();
    let form = [("grant_type", "client_credentials"), ("scope", "reports")];
    let reply = staff.post_as("app", "/token", &form).await.json();
    let token = reply["access_token"].as_str().unwrap();
    assert!(token.len() == 43 && !token.contains('.'));
    let said = staff.introspect("app", token).await;
    assert_eq!(
        said,
        json!({
            "active": true, "iss": "https://id.example.com/realms/staff", "sub": "app", "client_id": "app", "scope": "reports",
            "token_type": "Bearer", "aud": "https://a.example/", "exp": START + 600, "iat": START,
        })
    );
}

/// A store that must not be asked.
#[derive(Debug)]
struct Untouched;

#[async_trait]
impl Store for Untouched {
    async fn commit(&self, _: Vec<Change>, _: Timestamp) -> Result<(), StoreError> {
        unreachable!()
    }
    async fn find(&self, _: Kind, _: &IdHash, _: Timestamp) -> Result<Option<Artifact>, StoreError> {
        unreachable!()
    }
    async fn owned(&self, _: Owned, _: Timestamp) -> Result<Vec<Artifact>, StoreError> {
        unreachable!()
    }
    async fn due(&self, _: Kind, _: Timestamp, _: usize) -> Result<Vec<Artifact>, StoreError> {
        unreachable!()
    }
    async fn count(&self, _: &str, _: &IdHash, _: std::time::Duration, _: Timestamp) -> Result<Counter, StoreError> {
        unreachable!()
    }
    async fn counter(&self, _: &IdHash, _: Timestamp) -> Result<Option<Counter>, StoreError> {
        unreachable!()
    }
    async fn reset(&self, _: &IdHash) -> Result<(), StoreError> {
        unreachable!()
    }
    async fn sweep(&self, _: Timestamp, _: usize) -> Result<usize, StoreError> {
        unreachable!()
    }
}

#[tokio::test]
async fn a_jwt_for_client_credentials_touches_no_store() {
    let registry = Arc::new(Registry::default());
    let realm = Arc::new(realm().client(client("app")).build());
    registry.update(|snapshot| snapshot.insert(realm));
    let now = Timestamp::from_second(START).unwrap();
    let clock = Arc::new(move || now);
    let provider = Arc::new(Provider::new(registry, Arc::new(Untouched), Arc::default(), Arc::default(), clock));
    let request = axum::http::Request::post("/realms/staff/token")
        .header("host", "id.example.com")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", basic("app", &secret_of("app")))
        .body(encode(&[("grant_type", "client_credentials")]).into())
        .unwrap();
    assert_eq!(provider.handle(peer(), request).await.status().as_u16(), 200);
}
