use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::json;
use url::Url;

use super::{Ending, authorization_steps, claimed_issuer, rehearse_authorization, rehearse_token, token_steps};
use crate::{
    jose::{
        HmacAlgorithm, JwkSet, authenticate_jwt,
        foreign::ForeignKeys,
        jwe::{ContentEncryption, DirectKey},
    },
    provider::{
        Inactive, Params, Passage, Step,
        testing::{TestProvider, authorization, client, encode, realm, signer, signer_jwks, user},
    },
    realm::{ClientKeys, ResponseType},
};

const GOOD: [(&str, &str); 6] = [
    ("client_id", "app"),
    ("redirect_uri", "https://app.example/callback"),
    ("response_type", "code"),
    ("scope", "openid email"),
    ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
    ("code_challenge_method", "S256"),
];

fn staff() -> TestProvider {
    realm()
        .client(client("app").audiences(&["https://api.example.com"]))
        .client(client("closed").access_groups(&["board"]))
        .client(client("asks").consent())
        .client(client("robot").with(|client| client.response_types.clear()))
        .user(user("ada"))
        .user(user("eve").disabled())
        .serve()
}

/// The good request, changed; an empty value leaves a parameter out.
fn request(change: &[(&str, &str)]) -> String {
    let uri = crate::provider::testing::REDIRECT_URI;
    let mut all: BTreeMap<&str, &str> = GOOD.into_iter().chain([("redirect_uri", uri)]).collect();
    all.extend(change.iter().copied());
    let all: Vec<_> = all.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    encode(&all)
}

async fn rehearse(staff: &TestProvider, query: &str, username: Option<&str>) -> (Vec<Step>, Ending) {
    let realm = staff.realm();
    let params = Params::parse_repeating(query.as_bytes(), |_| true).unwrap();
    let user = username.map(|name| realm.user_by_name(name).unwrap().clone());
    let rehearsal = rehearse_authorization(&realm, params, user.as_deref(), staff.now()).await.unwrap();
    (rehearsal.steps, rehearsal.ending)
}

#[tokio::test]
async fn a_rehearsal_ends_where_the_provider_ends() {
    let staff = staff();
    for (step, change) in [
        ("client_id", &[("client_id", "nobody")][..]),
        ("client_id", &[("client_id", "")]),
        ("redirect_uri", &[("redirect_uri", "https://evil.example/")]),
        ("response_mode", &[("response_mode", "smoke")]),
        ("request_object", &[("request_uri", "https://a")]),
        ("registration", &[("registration", "{}")]),
        ("response_type", &[("response_type", "device")]),
        ("response_type", &[("client_id", "robot")]),
        ("scope", &[("scope", "unknown")]),
        ("claims", &[("claims", "{")]),
        ("acr", &[("claims", r#"{"id_token": {"acr": {"essential": true, "value": "gold"}}}"#)]),
        ("resource", &[("resource", "https://other.example")]),
        ("nonce", &[("nonce", &"n".repeat(2000))]),
        ("code_challenge", &[("code_challenge", ""), ("code_challenge_method", "")]),
        ("prompt", &[("prompt", "maybe")]),
        ("max_age", &[("max_age", "-1")]),
        ("id_token_hint", &[("id_token_hint", "x")]),
        ("length", &[("state", &"s".repeat(17_000))]),
        ("sign_in", &[("prompt", "none")]),
        ("sign_in", &[]),
    ] {
        let query = request(change);
        let reply = staff.get(&format!("/authorize?{query}"), &[]).await;
        let (steps, ending) = rehearse(&staff, &query, None).await;
        let last = steps.last().unwrap();
        assert_eq!(last.name, step, "{change:?}: {steps:?}");
        assert!(steps.iter().rev().skip(1).all(|step| step.passage == Passage::Passed), "{steps:?}");
        let location = reply.headers.get("location").map(|value| Url::parse(value.to_str().unwrap()).unwrap());
        match ending {
            Ending::Page(error) => {
                assert_eq!((reply.status.as_u16(), location), (400, None), "{change:?}");
                assert!(reply.text().contains(error.code.as_str()), "{change:?}");
            }
            Ending::Reply { error, .. } => {
                let query: BTreeMap<_, _> = location.unwrap().query_pairs().into_owned().collect();
                assert_eq!(
                    (query["error"].as_str(), query["error_description"].as_str()),
                    (error.code.as_str(), &*error.description)
                );
            }
            Ending::SignIn(_) => assert!(location.unwrap().path().ends_with("/login")),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_good_request_takes_every_step_in_the_order_of_the_table() {
    let (steps, ending) = rehearse(&staff(), &request(&[]), Some("ada")).await;
    assert!(matches!(ending, Ending::Issue(_)), "{ending:?}");
    assert!(steps.iter().map(|step| step.name).eq(authorization_steps()), "{steps:?}");
}

#[tokio::test]
async fn a_request_object_is_gone_through_as_far_as_it_can_be_seen() {
    let far =
        client("far").with(|client| client.authentication.keys = ClientKeys::Uri("https://app.example/jwks".into()));
    let app = client("app").jwks(&signer_jwks(0)).with(|client| {
        client.request_object.uris = vec!["https://app.example/r".into()];
    });
    let staff = realm().every_key().client(app).client(far).client(client("coded")).user(user("ada")).serve();
    let members = json!({"scope": "openid"});
    let signed = |number: usize| signer(number).sign_jwt("JWT", &members).unwrap();
    let (good, forged) = (signed(0), signed(1));
    let code = authenticate_jwt(HmacAlgorithm::Hs256, &[7; 32], "JWT", &members).unwrap();
    let encrypted = DirectKey::of_secret(b"secret").encrypt(ContentEncryption::A128Gcm, None, b"{}").unwrap();
    for (change, want, is_assumed) in [
        ([("client_id", "app"), ("request", &*good)], "issue", false),
        ([("client_id", "app"), ("request", &forged)], "invalid_request_object", false),
        ([("client_id", "far"), ("request", &forged)], "issue", true),
        ([("client_id", "coded"), ("request", &code)], "issue", true),
        ([("client_id", "app"), ("request", &encrypted)], "unseen", false),
        ([("client_id", "app"), ("request_uri", "https://app.example/r#1")], "unseen", false),
        ([("client_id", "app"), ("request_uri", "https://app.example/other")], "invalid_request_uri", false),
    ] {
        let params = Params::parse(request(&change).as_bytes()).unwrap();
        let ada = staff.realm().user_by_name("ada").unwrap().clone();
        let rehearsal = rehearse_authorization(&staff.realm(), params, Some(&ada), staff.now()).await.unwrap();
        let ending = match rehearsal.ending {
            Ending::Issue(_) => "issue",
            Ending::Unseen { .. } => "unseen",
            Ending::Reply { error, .. } => error.code.as_str(),
            other => panic!("{change:?}: {other:?}"),
        };
        assert_eq!((ending, rehearsal.assumed.is_some()), (want, is_assumed), "{change:?}");
        let last = rehearsal.steps.last().unwrap().name;
        assert_eq!(last, if want == "issue" { "consent" } else { "request_object" }, "{change:?}");
    }
}

#[tokio::test]
async fn a_person_brings_the_rest_to_light() {
    let staff = staff();
    let (_, ending) = rehearse(&staff, &request(&[("client_id", "closed")]), Some("ada")).await;
    assert!(matches!(ending, Ending::Reply { error, .. } if error.code.as_str() == "access_denied"));
    let (steps, ending) = rehearse(&staff, &request(&[("client_id", "asks")]), Some("ada")).await;
    assert!(matches!(ending, Ending::Consent(_)), "{ending:?}");
    assert_eq!(steps.last().unwrap(), &Step { name: "consent", passage: Passage::Asked });
    let silent = [("client_id", "asks"), ("prompt", "none")];
    let (_, ending) = rehearse(&staff, &request(&silent), Some("ada")).await;
    assert!(matches!(ending, Ending::Reply { error, .. } if error.code.as_str() == "consent_required"));
    let (steps, ending) = rehearse(&staff, &request(&[]), Some("eve")).await;
    assert!(matches!(ending, Ending::Reply { error, .. } if error.code.as_str() == "login_required"));
    assert_eq!(steps.last().unwrap(), &Step { name: "user", passage: Passage::Refused });
    let (_, ending) = rehearse(&staff, &request(&[("prompt", "login")]), Some("ada")).await;
    assert!(matches!(ending, Ending::Issue(_)), "who signs in for it has done what it asks: {ending:?}");
}

#[tokio::test]
async fn a_rehearsal_tells_what_would_be_issued_and_how_it_would_travel() {
    let legacy = realm().every_flow().client(client("app").every_flow()).user(user("ada")).serve();
    for (response_type, response_mode, want) in [
        ("code", "", (ResponseType::Code, "query")),
        ("token id_token", "", (ResponseType::IdTokenToken, "fragment")),
        ("code token", "form_post", (ResponseType::CodeToken, "form_post")),
        ("none", "fragment", (ResponseType::None, "fragment")),
    ] {
        let change = [("response_type", response_type), ("response_mode", response_mode), ("nonce", "n")];
        let (steps, ending) = rehearse(&legacy, &request(&change), Some("ada")).await;
        assert!(steps.iter().map(|step| step.name).eq(authorization_steps()), "{steps:?}");
        let Ending::Issue(granted) = ending else { panic!("{ending:?}") };
        assert_eq!((granted.response_type, granted.response_mode), want);
    }
}

fn keys(staff: &TestProvider) -> ForeignKeys {
    let keys = staff.realm().keyring.published(staff.now()).cloned().collect();
    ForeignKeys::parse(&serde_json::to_vec(&JwkSet { keys }).unwrap()).unwrap()
}

async fn why(staff: &TestProvider, token: &str) -> (Vec<Step>, Option<Inactive>) {
    let rehearsal = rehearse_token(&staff.realm(), token, Some(&keys(staff)), staff.now()).await.unwrap();
    (rehearsal.steps, rehearsal.inactive)
}

#[tokio::test]
async fn a_token_is_judged_as_introspection_judges_it() {
    let staff = staff();
    let tokens = staff.tokens(authorization("app", "ada", "openid")).await;
    let token = tokens["access_token"].as_str().unwrap();
    let own = staff.token("app", &[("grant_type", "client_credentials")]).await.json();
    let own = own["access_token"].as_str().unwrap();
    assert_eq!(claimed_issuer(token).as_deref(), Some("https://id.example.com/realms/staff"));
    let (steps, inactive) = why(&staff, token).await;
    assert_eq!(inactive, None);
    assert!(steps.iter().map(|step| step.name).eq(token_steps()), "{steps:?}");
    assert_eq!(why(&staff, own).await.1, None);
    let unseen = rehearse_token(&staff.realm(), token, None, staff.now()).await.unwrap();
    assert!(unseen.inactive.is_none() && unseen.assumes_authorization);
    assert!(unseen.steps.iter().all(|step| !matches!(step.name, "key" | "signature")), "{unseen:?}");

    assert_eq!(why(&staff, tokens["id_token"].as_str().unwrap()).await.1, Some(Inactive::Type));
    assert_eq!(why(&staff, "opaque").await.1, Some(Inactive::Malformed));
    let (signed, _) = token.rsplit_once('.').unwrap();
    assert_eq!(why(&staff, &format!("{signed}.AAAA")).await.1, Some(Inactive::Signature));
    let none = ForeignKeys::parse(json!({"keys": []}).to_string().as_bytes()).unwrap();
    let retired = rehearse_token(&staff.realm(), token, Some(&none), staff.now()).await.unwrap();
    assert_eq!(retired.inactive, Some(Inactive::Key));

    let before = staff.realm();
    for (change, person, machine) in [
        (("client"), Inactive::Client, Inactive::Client),
        (("user"), Inactive::User, Inactive::Client),
        (("access"), Inactive::Access, Inactive::Client),
        (("issuer"), Inactive::Issuer, Inactive::Issuer),
    ] {
        staff.change(|realm| match change {
            "client" => drop(realm.clients.remove_mut("app")),
            "user" => drop(realm.users.remove_mut("sub-ada")),
            "access" => {
                let closed = client("app").access_groups(&["board"]).0;
                realm.clients.insert_mut(closed.id.clone(), Arc::new(closed));
            }
            _ => realm.issuer = crate::realm::Issuer::parse("https://id.example.com/realms/other").unwrap(),
        });
        assert_eq!(why(&staff, token).await.1, Some(person), "{change}");
        if matches!(change, "client" | "issuer") {
            assert_eq!(why(&staff, own).await.1, Some(machine), "{change}");
        }
        staff.publish(crate::realm::Realm::clone(&before));
    }
    staff.change(|realm| {
        let anew = client("app").anew().0;
        realm.clients.insert_mut(anew.id.clone(), Arc::new(anew));
    });
    assert_eq!(why(&staff, own).await.1, Some(Inactive::Incarnation));
    staff.publish(crate::realm::Realm::clone(&before));
    staff.advance(Duration::from_secs(700));
    assert_eq!(why(&staff, token).await.1, Some(Inactive::Expired));
}
