//! Request objects by section of OpenID Connect Core, and RFC 9101 where it is meant.

mod encrypted;
mod merging;
mod reference;
mod required;
mod signatures;
mod standing;

use serde_json::{Value, json};

use crate::{
    jose::unsecured_jwt,
    provider::testing::{
        ClientBuilder, REDIRECT_URI, RealmBuilder, Reply, TestProvider,
        browser::{Browser, authorize},
        client, realm, signer, signer_jwks, user,
    },
    realm::RequestObjectPolicy,
};

const ISSUER: &str = "https://id.example.com/realms/staff";

/// A client with the key `signer(0)`, and what it has registered.
fn app(change: impl FnOnce(&mut RequestObjectPolicy)) -> ClientBuilder {
    client("app").jwks(&signer_jwks(0)).with(|client| change(&mut client.request_object))
}

fn of(app: ClientBuilder) -> RealmBuilder {
    realm().client(app).user(user("ada").password("hunter2"))
}

fn staff() -> TestProvider {
    of(app(|_| ())).serve()
}

/// What a client says in its request object, changed; null takes a member out.
fn members(change: Value) -> Value {
    let mut members = json!({
        "iss": "app", "aud": ISSUER, "client_id": "app", "response_type": "code", "redirect_uri": REDIRECT_URI,
        "scope": "openid", "state": "of the object",
    });
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(members.as_object_mut().unwrap().remove(name)),
            value => members[name] = value.clone(),
        }
    }
    members
}

fn signed(change: Value) -> String {
    signer(0).sign_jwt("JWT", &members(change)).unwrap()
}

fn unsigned(change: Value) -> String {
    unsecured_jwt("JWT", &members(change)).unwrap()
}

/// How the plain request ends with these parameters in place of its own.
async fn ask(at: &TestProvider, parameters: &[(&str, &str)]) -> String {
    ending(&Browser::new(at).load(&authorize(parameters)).await)
}

/// `sign-in`, `page`, or the error that the client is told.
fn ending(reply: &Reply) -> String {
    match reply.status.as_u16() {
        303 if reply.header("location").starts_with(&format!("{ISSUER}/login?")) => "sign-in".to_owned(),
        303 => crate::provider::testing::browser::error(reply),
        400 => "page".to_owned(),
        status => panic!("{status} {}", reply.text()),
    }
}

/// The description of the error that the client is told.
async fn told(at: &TestProvider, object: &str) -> String {
    let reply = Browser::new(at).load(&authorize(&[("request", object)])).await;
    let mut answer = crate::provider::testing::browser::answer(&reply);
    assert_eq!(answer["error"], "invalid_request_object", "{answer:?}");
    answer.remove("error_description").unwrap()
}
