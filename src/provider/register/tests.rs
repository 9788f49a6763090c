//! Software statements, and what a fake keeper of clients shows; the rest is tested over HTTP.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    provider::testing::{Reply, TestProvider, open_registration, realm, signer, signer_jwks},
    realm::{
        ClientId, ClientKeys, ObjectName,
        registration::{
            ClientRegistrar, NewClient, Registered, RegistrarError, RegistrationPolicy, StatementIssuer,
            StatementPolicy, Update,
        },
    },
};

/// Keeps one client, which nobody serves.
#[derive(Debug, Default)]
struct Drawer(Mutex<Option<Registered>>);

#[async_trait]
impl ClientRegistrar for Drawer {
    async fn create(&self, new: NewClient) -> Result<Registered, RegistrarError> {
        let registered = Registered {
            name: ObjectName::new("identity", "registered-1"),
            realm: new.realm,
            client_id: ClientId::new("registered-1"),
            metadata: new.metadata,
            registration: new.registration,
            secret: None,
            version: "1".into(),
        };
        *self.0.lock().unwrap() = Some(registered.clone());
        Ok(registered)
    }

    async fn read(&self, _: &ObjectName) -> Result<Option<Registered>, RegistrarError> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn update(&self, _: &Registered, _: Update) -> Result<Registered, RegistrarError> {
        Err(RegistrarError::Conflict)
    }

    async fn delete(&self, _: &Registered) -> Result<(), RegistrarError> {
        *self.0.lock().unwrap() = None;
        Ok(())
    }

    async fn note_use(&self, _: &ObjectName, _: Timestamp) -> Result<(), RegistrarError> {
        Ok(())
    }

    fn spread(&self) -> Duration {
        Duration::ZERO
    }
}

fn office(change: impl FnOnce(&mut RegistrationPolicy)) -> (TestProvider, std::sync::Arc<Drawer>) {
    let mut policy = RegistrationPolicy::clone(&open_registration());
    change(&mut policy);
    let mut staff = realm().settings(|settings| settings.registration = Some(policy.into())).serve();
    let drawer = std::sync::Arc::<Drawer>::default();
    std::sync::Arc::get_mut(&mut staff.provider).unwrap().registrar = Some(drawer.clone());
    (staff, drawer)
}

async fn post(staff: &TestProvider, document: &Value) -> Reply {
    staff.send(Method::POST, "/register", &[("content-type", "application/json")], document.to_string()).await
}

fn trusting(required: bool) -> impl FnOnce(&mut RegistrationPolicy) {
    let keys = crate::jose::foreign::ForeignKeys::parse(signer_jwks(0).to_string().as_bytes()).unwrap();
    let issuer = StatementIssuer { issuer: "https://directory.example".into(), keys: ClientKeys::Inline(keys.into()) };
    move |policy| policy.statements = StatementPolicy { required, issuers: vec![issuer] }
}

fn statement(by: usize, claims: Value) -> String {
    signer(by).sign_jwt("JWT", &claims).unwrap()
}

#[tokio::test]
async fn rfc7591_2_3_a_trusted_statement_takes_precedence_and_an_untrusted_one_is_refused() {
    let iss = "https://directory.example";
    let good = statement(
        0,
        json!({"iss": iss, "client_name": "Checked", "software_id": "7", "redirect_uris": ["https://a.example/cb"]}),
    );
    for (required, statement, want) in [
        (false, json!(null), ""),
        (true, json!(null), "unapproved_software_statement"),
        (true, json!(good), ""),
        (false, json!(statement(1, json!({"iss": iss}))), "invalid_software_statement"),
        (false, json!(statement(0, json!({"iss": "https://else.example"}))), "unapproved_software_statement"),
        (false, json!(statement(0, json!({"software_id": "7"}))), "invalid_software_statement"),
        (false, json!(statement(0, json!({"iss": iss, "exp": 1_000}))), "invalid_software_statement"),
        (false, json!(statement(0, json!({"iss": iss, "nbf": 9_000_000_000_i64}))), "invalid_software_statement"),
        (false, json!(statement(0, json!({"iss": iss, "exp": "soon"}))), "invalid_software_statement"),
        (false, json!(format!("{good}x")), "invalid_software_statement"),
        (false, json!("e30.e30."), "invalid_software_statement"),
        (false, json!(7), "invalid_software_statement"),
        (
            false,
            json!(statement(0, json!({"iss": iss, "redirect_uris": ["http://a.example/"]}))),
            "invalid_redirect_uri",
        ),
    ] {
        let (staff, drawer) = office(trusting(required));
        let document =
            json!({"redirect_uris": ["https://b.example/cb"], "client_name": "Mine", "software_statement": statement});
        // Nobody serves what the drawer keeps, and it takes a while to find that out.
        let reply = tokio::time::timeout(Duration::from_millis(200), post(&staff, &document)).await;
        match want {
            "" => {
                assert!(reply.is_err(), "it is being registered: {statement}");
                let kept = drawer.0.lock().unwrap().clone().unwrap();
                let is_stated = !statement.is_null();
                assert_eq!(kept.metadata.text("client_name"), Some(if is_stated { "Checked" } else { "Mine" }));
                let uri = if is_stated { "https://a.example/cb" } else { "https://b.example/cb" };
                assert_eq!(kept.metadata.texts("redirect_uris"), [uri]);
                assert_eq!(kept.registration.statement.as_deref(), statement.as_str(), "it goes back as it came");
            }
            want => assert_eq!(reply.unwrap().error(), (400, want.to_owned()), "{statement}"),
        }
    }
}

#[tokio::test]
async fn a_client_that_nobody_can_serve_is_not_kept() {
    let (staff, drawer) = office(|_| ());
    let reply = post(&staff, &json!({"redirect_uris": ["https://b.example/cb"]})).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(drawer.0.lock().unwrap().is_none());
}

#[tokio::test]
async fn a_registration_of_another_realm_is_not_looked_after_here() {
    let (staff, drawer) = office(|_| ());
    let document = json!({"redirect_uris": ["https://b.example/cb"]});
    let _ = tokio::time::timeout(Duration::from_millis(50), post(&staff, &document)).await;
    let token = crate::secret::unguessable().unwrap();
    let bearer = format!("Bearer {token}");
    let read = async || staff.get("/register?client_id=registered-1", &[("authorization", &bearer)]).await;
    if let Some(kept) = drawer.0.lock().unwrap().as_mut() {
        kept.registration.access_token = crate::realm::registration::TokenHash::of(token.as_bytes());
    }
    assert_eq!(read().await.status, StatusCode::OK, "what this replica has not seen yet is looked up");
    if let Some(kept) = drawer.0.lock().unwrap().as_mut() {
        kept.realm = ObjectName::new("identity", "guests");
    }
    assert_eq!(read().await.error(), (401, "invalid_token".to_owned()));
}

/// Takes nobody.
#[derive(Debug)]
struct Shut;

#[async_trait]
impl ClientRegistrar for Shut {
    async fn create(&self, _: NewClient) -> Result<Registered, RegistrarError> {
        Err(RegistrarError::Unavailable("the key to the drawer is s3cret".into()))
    }

    async fn read(&self, _: &ObjectName) -> Result<Option<Registered>, RegistrarError> {
        Ok(None)
    }

    async fn update(&self, _: &Registered, _: Update) -> Result<Registered, RegistrarError> {
        Err(RegistrarError::Conflict)
    }

    async fn delete(&self, _: &Registered) -> Result<(), RegistrarError> {
        Err(RegistrarError::Conflict)
    }

    async fn note_use(&self, _: &ObjectName, _: Timestamp) -> Result<(), RegistrarError> {
        Err(RegistrarError::Conflict)
    }

    fn spread(&self) -> Duration {
        Duration::ZERO
    }
}

#[tokio::test]
async fn whatever_a_member_holds_the_answer_is_an_error_of_the_standard_or_a_registration() {
    let (mut staff, drawer) = office(|_| ());
    drop(drawer);
    std::sync::Arc::get_mut(&mut staff.provider).unwrap().registrar = Some(std::sync::Arc::new(Shut));
    let long = "x".repeat(3000);
    let strange = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(""),
        json!(" "),
        json!("\u{0}"),
        json!("\u{1f980}#?%"),
        json!(long),
        json!("https://"),
        json!("https://[::1"),
        json!("HTTPS://A.EXAMPLE:99999/"),
        json!("none"),
        json!("dir"),
        json!([]),
        json!([[]]),
        json!(["", null]),
        json!(["https://a.example/\u{202e}"]),
        json!({}),
        json!({"keys": [[], {}, 1]}),
        json!({"keys": [{"kty": "RSA", "n": "AQAB", "e": "!"}]}),
    ];
    for member in crate::realm::registration::MEMBERS {
        for value in &strange {
            let mut document = json!({"redirect_uris": ["https://b.example/cb"]});
            document[member.name] = value.clone();
            let reply = post(&staff, &document).await;
            let (status, code) = reply.error();
            let is_of_the_standard = ["invalid_redirect_uri", "invalid_client_metadata"].contains(&&*code);
            assert!((status == 400 && is_of_the_standard) || status == 503, "{document}: {status} {code}");
            assert!(!reply.text().contains("s3cret"), "what is inside stays there");
            let description = reply.json()["error_description"].as_str().unwrap().to_owned();
            assert!(description.len() < 600 && description.is_ascii(), "{description}");
        }
    }
}
