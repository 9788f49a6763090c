//! OpenID Connect Core 1.0 and RFC 6749, rule by rule, as somebody examines a provider who has nothing but the standards: a file a part of
//! the flow, a test a rule, named after its section. `docs/conformance.md` lists them, with those that stand beside the code.

mod assertions;
mod authorization_request;
mod authorization_response;
mod id_token;
mod interaction;
mod keys;
mod refresh;
mod token_endpoint;

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::testing::{
    TestProvider,
    browser::{Browser, authorize, code, travelled},
    client, realm, user,
};

const ISSUER: &str = "https://id.example.com/realms/staff";

/// A realm that allows every flow, with clients that may use them; `asks` asks for consent, `spa` is public.
fn provider() -> TestProvider {
    realm()
        .every_flow()
        .client(client("app").every_flow())
        .client(client("asks").every_flow().consent())
        .client(client("spa").every_flow().public())
        .client(client("other"))
        .user(user("ada").password("hunter2"))
        .user(user("bob").password("hunter3"))
        .serve()
}

/// A browser in which ada has signed in ten seconds ago.
async fn signed_in(at: &TestProvider) -> Browser {
    let mut browser = Browser::new(at);
    code(&browser.sign_in("ada", "hunter2", &[]).await);
    at.advance(Duration::from_secs(10));
    browser
}

/// The answer to a request with these parameters, as the client reads it.
async fn ask(browser: &mut Browser, parameters: &[(&str, &str)]) -> BTreeMap<String, String> {
    travelled(&browser.load(&authorize(parameters)).await).1
}

/// The tokens for the code of a request with these parameters.
async fn code_flow(browser: &mut Browser, parameters: &[(&str, &str)]) -> Value {
    let code = code(&browser.load(&authorize(parameters)).await);
    let client = parameters.iter().find(|(name, _)| *name == "client_id").map_or("app", |(_, id)| id);
    let reply = browser.at.redeem(client, &code).await;
    assert_eq!(reply.status.as_u16(), 200, "{}", reply.text());
    reply.json()
}

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name}: {tokens}"))
}
