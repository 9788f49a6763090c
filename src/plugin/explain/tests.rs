use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::Url;

use super::{Gathered, Outcome, Report, Subject, client, gather, request, token};
use crate::{
    jose::{Algorithm, PrivateKey, Signer},
    plugin::output::Palette,
    secret::Secret,
};

const NOW: i64 = 1_800_000_000;

fn object(kind: &str, namespace: &str, name: &str, mut spec: Value) -> Value {
    if kind != "Realm" {
        spec["realmRef"] = json!({"name": "staff", "namespace": "identity"});
    }
    json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": kind, "metadata": {"namespace": namespace, "name": name}, "spec": spec})
}

/// A realm whose owner lets the namespace `apps` attach, and what stands in it.
fn manifests() -> Vec<Value> {
    let redirect = json!(["https://app.example/callback", "http://127.0.0.1/callback"]);
    let client = |name: &str, mut spec: Value| {
        spec.as_object_mut().unwrap().entry("redirectUris").or_insert(redirect.clone());
        object("OidcClient", "identity", name, spec)
    };
    vec![
        object(
            "Realm",
            "identity",
            "staff",
            json!({
                "scopes": [{"name": "reports"}],
                "allowed": {"oidcClients": {"namespaces": {"from": "Same"},
                    "grantTypes": ["authorization_code", "refresh_token", "client_credentials", "implicit"],
                    "responseTypes": ["code", "code id_token", "none"],
                    "scopes": ["openid", "email", "profile", "groups", "offline_access"]}},
            }),
        ),
        client("web", json!({"audiences": ["https://api.example"]})),
        client("closed", json!({"access": {"groups": ["board"]}})),
        client("asks", json!({"consent": "Ask"})),
        client("greedy", json!({"scopes": ["openid", "reports"]})),
        client("legacy", json!({"grantTypes": ["authorization_code", "implicit"], "responseTypes": ["code id_token"]})),
        client("remote", json!({"requestUris": ["https://app.example/r"]})),
        client("strict", json!({"requireSignedRequestObject": true})),
        client("robot", json!({"grantTypes": ["client_credentials"], "redirectUris": []})),
        object("OidcClient", "apps", "outside", json!({"redirectUris": redirect})),
        object("User", "identity", "ada", json!({"passwordSecretRef": {"name": "ada-login"}})),
        object("User", "identity", "eve", json!({"enabled": false})),
        object("User", "apps", "mallory", json!({})),
        object("User", "identity", "bob", json!({})),
        object("SigningKey", "identity", "old", json!({"algorithm": "ES256"})),
        object("Group", "identity", "board", json!({"members": {"users": []}})),
    ]
}

fn gathered() -> (tempfile::TempDir, Gathered) {
    let folder = tempfile::tempdir().unwrap();
    for (number, manifest) in manifests().iter().enumerate() {
        std::fs::write(folder.path().join(format!("{number}.yaml")), manifest.to_string()).unwrap();
    }
    let gathered = gather::directory(folder.path(), Some("identity"), Some(&url(&[])), now()).unwrap();
    assert_eq!(gathered.notes, Vec::<String>::new());
    (folder, gathered)
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

/// A good request, changed; an empty value leaves a parameter out.
fn url(change: &[(&str, &str)]) -> String {
    let mut all = std::collections::BTreeMap::from([
        ("client_id", "web"),
        ("redirect_uri", "https://app.example/callback"),
        ("response_type", "code"),
        ("scope", "openid"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ]);
    all.extend(change.iter().copied());
    let mut url = Url::parse("https://id.example/realms/staff/authorize").unwrap();
    url.query_pairs_mut().extend_pairs(all.iter().filter(|(_, value)| !value.is_empty()));
    url.to_string()
}

async fn ask(gathered: &Gathered, url: &str, user: Option<&str>) -> Report {
    let report = request::explain(gathered, &Url::parse(url).unwrap(), user, now()).await.unwrap();
    let text = report.draw(Palette::PLAIN);
    assert!(!text.contains('\x1b') && text.lines().count() > 1, "{text}");
    report
}

#[tokio::test]
async fn every_refusal_of_a_request_names_its_step_its_error_and_what_to_change() {
    let (_folder, gathered) = gathered();
    for (change, step, code, advice) in [
        (&[("client_id", "wed")][..], "client_id", "invalid_request", "did it mean web?"),
        (&[("client_id", "")], "client_id", "invalid_request", "must send its client_id"),
        (&[("client_id", "apps.outside")], "client_id", "invalid_request", "NamespaceNotAllowed"),
        (&[("client_id", "greedy")], "client_id", "invalid_request", "ScopeNotAllowed"),
        (&[("redirect_uri", "https://app.example/callback/")], "redirect_uri", "invalid_request", "only the slash"),
        (&[("redirect_uri", "http://app.example/callback")], "redirect_uri", "invalid_request", "only the scheme"),
        (&[("redirect_uri", "")], "redirect_uri", "invalid_request", "must send redirect_uri"),
        (&[("response_mode", "smoke")], "response_mode", "invalid_request", "another request"),
        (&[("request", "e30")], "request_object", "invalid_request_object", "another request object"),
        (
            &[("response_type", "token")],
            "response_type",
            "unsupported_response_type",
            "response types of the realm: code",
        ),
        (
            &[("response_type", "token id_token")],
            "response_type",
            "unsupported_response_type",
            "id_token token in spec.allowed.oidcClients.responseTypes, implicit in .grantTypes",
        ),
        (
            &[("response_type", "id_token code")],
            "response_type",
            "unauthorized_client",
            "add code id_token to spec.responseTypes of the OidcClient identity/web (it has code)",
        ),
        (&[("client_id", "robot"), ("redirect_uri", "")], "redirect_uri", "invalid_request", "must send redirect_uri"),
        (&[("client_id", "legacy"), ("response_type", "code id_token")], "nonce", "invalid_request", "another request"),
        (
            &[("client_id", "legacy"), ("response_type", "code id_token"), ("response_mode", "query")],
            "response_mode",
            "invalid_request",
            "another request",
        ),
        (&[("registration", "{}")], "registration", "registration_not_supported", "another request"),
        (
            &[("response_type", "id_token")],
            "response_type",
            "unsupported_response_type",
            "add implicit to spec.grantTypes of the OidcClient identity/web",
        ),
        (&[("scope", "openid reports")], "scope", "invalid_scope", "add reports to spec.scopes"),
        (&[("scope", "nothing")], "scope", "invalid_scope", "does not know nothing"),
        (&[("scope", "")], "scope", "invalid_scope", "must send a scope"),
        (&[("resource", "https://other.example")], "resource", "invalid_target", "it has https://api.example"),
        (
            &[("code_challenge", ""), ("code_challenge_method", "")],
            "code_challenge",
            "invalid_request",
            "PublicClients",
        ),
        (&[("prompt", "none login")], "prompt", "invalid_request", "another request"),
        (&[("max_age", "x")], "max_age", "invalid_request", "another request"),
        (&[("id_token_hint", "x")], "id_token_hint", "invalid_request", "another request"),
        (&[("prompt", "none")], "sign_in", "login_required", "prompt=none"),
    ] {
        let report = ask(&gathered, &url(change), None).await;
        assert_eq!(report.outcome, Outcome::Refused, "{change:?}");
        let refused = report.steps.iter().find(|line| line.passage == Some("refused")).unwrap();
        let error = report.error.as_ref().unwrap();
        assert_eq!((refused.name.as_str(), error.code.as_str()), (step, code), "{change:?}");
        assert!(report.advice.iter().any(|line| line.contains(advice)), "{change:?}: {:?}", report.advice);
        let on_a_page = matches!(step, "client_id" | "redirect_uri");
        assert_eq!(error.answered.contains("on a page"), on_a_page, "{change:?}: {}", error.answered);
    }
}

#[tokio::test]
async fn a_request_object_by_reference_is_the_provider_s_to_fetch() {
    let (_folder, gathered) = gathered();
    let report =
        ask(&gathered, &url(&[("client_id", "remote"), ("request_uri", "https://app.example/r#x")]), None).await;
    assert_eq!(report.outcome, Outcome::Unknown);
    assert!(report.notes.iter().any(|note| note.contains("fetched by the provider only")), "{:?}", report.notes);
    let report = ask(&gathered, &url(&[("client_id", "remote"), ("request_uri", "https://app.example/s")]), None).await;
    assert!(report.advice.iter().any(|line| line.contains("has https://app.example/r")), "{:?}", report.advice);
    let report = ask(&gathered, &url(&[("client_id", "strict")]), None).await;
    assert!(report.advice.iter().any(|line| line.contains("requireSignedRequestObject")), "{:?}", report.advice);
    // {"alg":"none"} and {"scope":"openid email"}.
    let object = "eyJhbGciOiJub25lIn0.eyJzY29wZSI6Im9wZW5pZCBlbWFpbCJ9.";
    let report = ask(&gathered, &url(&[("request", object)]), Some("ada")).await;
    let scopes = report.facts.iter().find(|fact| fact.name == "scopes granted").unwrap();
    assert_eq!((report.outcome, scopes.values.join(" ")), (Outcome::Accepted, "openid email".to_owned()));
    // {"scope":"openid reports"}: what counts is what is advised on.
    let object = "eyJhbGciOiJub25lIn0.eyJzY29wZSI6Im9wZW5pZCByZXBvcnRzIn0.";
    let report = ask(&gathered, &url(&[("request", object)]), None).await;
    assert!(report.advice.iter().any(|line| line.contains("add reports to spec.scopes")), "{:?}", report.advice);
}

#[tokio::test]
async fn a_person_decides_about_the_rest() {
    let (_folder, gathered) = gathered();
    for (change, user, outcome, said) in [
        (&[][..], None, Outcome::Asked, "asked to sign in"),
        (&[], Some("ada"), Outcome::Accepted, "answered with a code"),
        (&[], Some("ADA"), Outcome::Accepted, "answered with a code"),
        (
            &[("client_id", "legacy"), ("response_type", "id_token code"), ("nonce", "n")],
            Some("ada"),
            Outcome::Accepted,
            "answered with a code and an ID token",
        ),
        (&[], Some("bob"), Outcome::Accepted, "has no password to sign in with"),
        (&[("client_id", "asks")], Some("ada"), Outcome::Asked, "asked for consent"),
        (&[("client_id", "asks"), ("prompt", "none")], Some("ada"), Outcome::Refused, "spec.consent: Skip"),
        (
            &[("client_id", "closed")],
            Some("ada"),
            Outcome::Refused,
            "make the User identity/ada a member of board (it is in none)",
        ),
        (&[], Some("eve"), Outcome::Refused, "spec.enabled: true in the User identity/eve"),
        (&[], Some("mallory"), Outcome::Refused, "NamespaceNotAllowed"),
        (&[], Some("nobody"), Outcome::Refused, "apply a User"),
    ] {
        let report = ask(&gathered, &url(change), user).await;
        assert_eq!(report.outcome, outcome, "{change:?} {user:?}");
        let text = report.draw(Palette::PLAIN);
        assert!(text.contains(said), "{change:?} {user:?}:\n{text}");
    }
}

#[tokio::test]
async fn an_address_where_nobody_answers_is_told_from_one_that_is_not_the_endpoint() {
    let (_folder, gathered) = gathered();
    for (url, said) in [
        (
            "https://id.example/realms/stuff/authorize?client_id=hunter2",
            "Realm identity/staff has the issuer https://id.example/realms/staff",
        ),
        ("https://other.example/realms/staff/authorize", "404"),
        ("https://id.example/realms/staff/token?client_id=hunter2", "is not its authorization endpoint"),
        ("https://id.example/realms/staff/authorize?a=%ff", "not valid percent-encoded"),
    ] {
        let report = ask(&gathered, url, None).await;
        let text = report.draw(Palette::PLAIN);
        assert!(
            report.outcome == Outcome::Refused && text.contains(said) && !text.contains("hunter2"),
            "{url}:\n{text}"
        );
    }
}

#[test]
fn a_client_is_explained_by_what_is_wrong_with_it_and_by_what_it_may_do() {
    let (_folder, gathered) = gathered();
    let explain = |name: &str, user| client::explain(&gathered, name, user).unwrap();
    let web = explain("web", None);
    assert_eq!((web.outcome, web.problems.len()), (Outcome::Accepted, 0), "{web:?}");
    let fact = |name: &str| web.facts.iter().find(|fact| fact.name == name).unwrap().values.join(" ");
    assert_eq!(fact("client_id"), "web");
    assert_eq!(fact("scopes"), "openid profile email offline_access");
    assert_eq!(fact("redirect URIs"), "https://app.example/callback http://127.0.0.1/callback");
    assert_eq!(fact("audiences"), "https://api.example");
    let greedy = explain("greedy", None);
    assert_eq!(greedy.outcome, Outcome::Refused);
    assert!(greedy.problems[0].starts_with("ScopeNotAllowed: spec.scopes"), "{:?}", greedy.problems);
    assert_eq!(explain("closed", Some("ada")).outcome, Outcome::Refused);
    assert_eq!(explain("web", Some("ada")).outcome, Outcome::Accepted);
    assert_eq!(explain("web", Some("eve")).outcome, Outcome::Refused);
    assert!(client::explain(&gathered, "nobody", None).err().unwrap().to_string().contains("no OidcClient nobody"));
}

#[tokio::test]
async fn a_token_is_explained_without_being_shown() {
    // Its issuer is nowhere: nobody is asked for its keys.
    let issuer = "http://127.0.0.1:9/realms/staff";
    let pem = PrivateKey::generate_pem(Algorithm::Es256).unwrap();
    let signer = Signer::new(PrivateKey::from_pem(Algorithm::Es256, &pem).unwrap());
    let (folder, _) = gathered();
    let statuses = folder.path().join(".realmkeeper/status/SigningKey/identity");
    std::fs::create_dir_all(&statuses).unwrap();
    let key = json!({"kid": signer.jwk().kid, "state": "Revoked", "secretName": "old-1"});
    let mut old = object("SigningKey", "identity", "old", json!({}));
    old["status"] = json!({"keys": [key]});
    std::fs::write(statuses.join("old.yaml"), old.to_string()).unwrap();
    let gathered = gather::directory(folder.path(), Some("identity"), Some(issuer), now()).unwrap();
    let ada =
        gathered.survey.registry().load().realms().next().unwrap().user_by_name("ada").unwrap().subject.to_string();
    let mint = |typ: &str, change: Value| {
        let end = (now() + SignedDuration::from_secs(60)).as_second();
        let mut claims =
            json!({"iss": issuer, "sub": ada, "aud": "web", "exp": end, "iat": NOW, "jti": "g.1", "client_id": "web"});
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        Secret::new(signer.sign_jwt(typ, &claims).unwrap())
    };
    for (token, outcome, said) in [
        (mint("at+jwt", json!({})), Outcome::Unknown, "the signature was not checked"),
        (mint("at+jwt", json!({})), Outcome::Unknown, "of SigningKey/identity/old, which is Revoked"),
        (mint("JWT", json!({})), Outcome::Refused, "an ID token is for the client"),
        (mint("at+jwt", json!({"exp": NOW - 1})), Outcome::Refused, "it has expired"),
        (mint("at+jwt", json!({"client_id": "gone"})), Outcome::Refused, "not served by this realm"),
        (mint("at+jwt", json!({"client_id": "closed"})), Outcome::Refused, "spec.access.groups"),
        (mint("at+jwt", json!({"sub": "nobody"})), Outcome::Refused, "gone or not enabled"),
        (mint("at+jwt", json!({"jti": "1~other"})), Outcome::Refused, "deleted and made anew"),
        (mint("at+jwt", json!({"iss": "https://evil.example"})), Outcome::Refused, "of no Realm"),
        (Secret::new("opaque-token"), Outcome::Unknown, "introspection endpoint"),
        (Secret::new("a.b.c"), Outcome::Refused, "no JWS"),
    ] {
        let report = token::explain(&gathered, &token, None, now()).await.unwrap();
        let text = report.draw(Palette::PLAIN);
        assert_eq!(report.outcome, outcome, "{text}");
        assert!(text.contains(said), "{said}:\n{text}");
        let json = serde_json::to_string(&report).unwrap();
        let shown = token
            .expose_str()
            .unwrap()
            .split('.')
            .any(|part| part.len() > 20 && (text.contains(part) || json.contains(part)));
        assert!(!shown && !text.contains("opaque-token"), "{text}");
    }
}

#[test]
fn what_is_typed_is_a_url_or_a_client() {
    assert_eq!("oidcc/web".parse(), Ok(Subject::Client("web".into())));
    assert!(matches!("https://a/authorize?x".parse(), Ok(Subject::Request(_))));
    for (text, said) in [("user/ada", "status"), ("web", "KIND/NAME"), ("app://x", "https://"), ("https://", "no URL")]
    {
        let error = text.parse::<Subject>().unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
}
