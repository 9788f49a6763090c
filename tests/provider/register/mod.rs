//! Dynamic registration by section: RFC 7591, RFC 7592, OpenID Connect Registration 1.0.

mod answers;
mod management;
mod metadata;
mod policy;
mod uris;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    directory::demo,
    serve::{Serve, http},
    suite::{
        registrant::{Registrant, register},
        relying_party::Answer,
    },
};

/// A directory in which everybody may register everything.
pub struct Office {
    pub serve: Arc<Serve>,
    pub http: reqwest::Client,
    pub issuer: String,
}

pub fn realm(registration: &Value) -> String {
    let all = json!({
        "grantTypes": ["authorization_code", "implicit", "refresh_token", "client_credentials"],
        "responseTypes": ["code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"],
    });
    let spec = json!({
        "allowed": {"oidcClients": all},
        "outbound": {"allowedNetworks": ["127.0.0.0/8"]},
        "registration": registration,
    });
    let realm = json!({
        "apiVersion": "realmkeeper.dev/v1alpha1", "kind": "Realm", "metadata": {"name": "demo"}, "spec": spec,
    });
    realm.to_string()
}

impl Office {
    pub async fn open() -> Self {
        Self::with(json!({})).await
    }

    pub async fn with(more: Value) -> Self {
        let mut registration = json!({"mode": "Open"});
        registration.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let serve = Arc::new(Serve::start(&[("realm.yaml", &realm(&registration))], &[]).await);
        let issuer = demo(&serve).issuer().await;
        Self { serve, http: http(), issuer }
    }

    pub async fn register(&self, metadata: Value) -> Answer {
        register(&self.http, &self.issuer, None, &metadata).await
    }

    pub async fn registrant(&self, metadata: Value) -> Registrant {
        Registrant::new(&self.http, &self.issuer, &metadata).await
    }

    /// Each change to a registration that is good is refused with the code, and the member is named.
    pub async fn refuses(&self, cases: &[(&str, &str, Value)]) {
        for (code, member, change) in cases {
            let mut metadata = json!({"redirect_uris": ["https://app.example/cb"]});
            metadata.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let answer = self.register(metadata).await;
            assert_eq!(answer.body["error"], *code, "{change}: {}", answer.body);
            assert_eq!(answer.status, 400, "{change}");
            let description = answer.body["error_description"].as_str().unwrap();
            assert!(description.starts_with(&format!("{member}:")), "{change}: {description}");
        }
    }
}

/// A public key of RFC 7517 appendix A.1.
pub fn key() -> Value {
    json!({"kty": "EC", "crv": "P-256", "kid": "1", "use": "enc",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"})
}

/// Another.
pub fn rsa_key() -> Value {
    json!({"kty": "RSA", "use": "enc", "e": "AQAB", "kid": "2",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhM\
              stn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5ha\
              jrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"})
}

/// Serves JSON documents by their paths on a loopback address; returns the URL below which they stand.
pub async fn documents(documents: Vec<(&'static str, Value)>) -> String {
    let mut router = axum::Router::new();
    for (path, document) in documents {
        let body = document.to_string();
        router = router.route(path, axum::routing::get(move || async move { body }));
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

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
