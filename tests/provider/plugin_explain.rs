//! `kubectl realmkeeper explain` over the directory that a process serves: what it says is what that process answers.

use std::{
    collections::BTreeMap,
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
};

use serde_json::{Value, json};

use crate::{
    directory::demo,
    serve::Serve,
    suite::{
        agent::Landing,
        served::{PASSWORD, Served},
    },
};

/// Runs it, with this on standard input; the report and whether the exit code says refused.
fn explain(serve: &Serve, arguments: &[&str], input: &str) -> (Value, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_realmkeeper"));
    command
        .args(["kubectl", "explain", "-o", "json", "--exit-code", "--directory"])
        .arg(serve.manifests())
        .args(arguments);
    command.env_clear().env("HOME", "/nonexistent");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(input.trim().is_empty() || (!out.contains(input.trim()) && !err.contains(input.trim())), "{out}{err}");
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 3)), "{code:?} {out}{err}");
    (serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}")), code == Some(3))
}

async fn begin() -> (Arc<Serve>, Served) {
    let serve = Arc::new(Serve::start(&[], &[]).await);
    let served = demo(&serve);
    served.apply_realm_with_ada().await;
    (serve, served)
}

#[tokio::test]
async fn a_request_is_explained_as_the_provider_answers_it() {
    let (serve, served) = begin().await;
    let web = served.with_client("web", json!({"scopes": ["openid"]})).await;
    let board = served.child("Group", "board", json!({"members": {"users": []}}));
    served.apply([board]).await;
    let closed = served.with_client("closed", json!({"access": {"groups": ["board"]}})).await;
    for change in [
        &[][..],
        &[("client_id", "wed")],
        &[("redirect_uri", "https://evil.example/")],
        &[("scope", "openid email")],
        &[("response_type", "token")],
        &[("code_challenge", ""), ("code_challenge_method", "")],
        &[("prompt", "none")],
        &[("max_age", "soon")],
    ] {
        let attempt = web.attempt("openid", change);
        let (report, is_refused) = explain(&serve, &[&attempt.url], "");
        match served.browser().open(&attempt.url).await {
            Landing::Page(page) if page.is_login() => {
                assert_eq!((&report["outcome"], is_refused), (&json!("Asked"), false))
            }
            Landing::Page(page) => {
                assert!(is_refused && report["error"]["answered"].as_str().unwrap().contains("on a page"), "{report}");
                assert!(page.text().contains(report["error"]["description"].as_str().unwrap()), "{}", page.text());
            }
            Landing::Away(back) => {
                let answer = back.query().or(back.fragment()).unwrap();
                let query: BTreeMap<_, _> = form_urlencoded::parse(answer.as_bytes()).into_owned().collect();
                let told = (query["error"].as_str(), query["error_description"].as_str());
                assert_eq!(
                    (report["error"]["code"].as_str(), report["error"]["description"].as_str()),
                    (Some(told.0), Some(told.1))
                );
                assert!(is_refused, "{report}");
            }
        }
    }

    let (report, _) = explain(&serve, &[&web.attempt("openid", &[]).url, "--user", "ada"], "");
    assert_eq!(report["outcome"], "Accepted", "{report}");
    let attempt = closed.attempt("openid", &[]);
    let (report, _) = explain(&serve, &[&attempt.url, "--user", "ada"], "");
    assert_eq!(
        (&report["outcome"], &report["error"]["code"]),
        (&json!("Refused"), &json!("access_denied")),
        "{report}"
    );
    let login = served.browser();
    let page = login.open(&attempt.url).await.page();
    let back = login.submit(&page, &[("username", "ada"), ("password", PASSWORD)]).await.away();
    assert!(back.query().unwrap().contains("error=access_denied"), "{back}");
}

#[tokio::test]
async fn a_token_is_explained_as_introspection_tells() {
    let (serve, served) = begin().await;
    let web = served.with_client("web", json!({})).await;
    let robot = served.child("OidcClient", "robot", json!({"grantTypes": ["client_credentials"]}));
    served.apply([robot.clone()]).await;
    let robots = served.relying_party("robot").await;
    let (_, tokens) = web.sign_in(&served.browser(), "ada", PASSWORD, "openid").await;
    let (ada, own) =
        (tokens.text("access_token"), robots.token(&[("grant_type", "client_credentials")]).await.text("access_token"));
    for token in [&ada, &own] {
        let (report, _) = explain(&serve, &["--token", "-"], &format!("{token}\n"));
        assert_eq!(report["outcome"], "Accepted", "{report}");
        let steps = report["steps"].as_array().unwrap();
        assert!(steps.iter().any(|step| step["name"] == "signature" && step["passage"] == "ok"), "{report}");
    }
    assert_eq!(web.introspect(&ada).await.body["active"], true);
    let why = |token: &str| {
        let (report, is_refused) = explain(&serve, &["--token", "-"], token);
        assert!(is_refused, "{report}");
        report["summary"].as_str().unwrap().to_owned()
    };
    assert!(why(&tokens.text("id_token")).contains("no access token"));
    let (signed, signature) = ada.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { 'B' } else { 'A' };
    assert!(why(&format!("{signed}.{flipped}{}", &signature[1..])).contains("signature"));

    let gone = json!({"enabled": false, "passwordSecretRef": {"name": "ada-login"}});
    served.apply([served.child("User", "ada", gone)]).await;
    crate::control_plane::wait::eventually("the user is out", std::time::Duration::from_secs(10), || async {
        let answer = web.introspect(&ada).await.body;
        (answer["active"] == false).then_some(()).ok_or(answer)
    })
    .await;
    assert!(why(&ada).contains("not enabled"));

    // Deleted, and made anew under its old name.
    served.resources.delete("OidcClient", "robot").await;
    crate::control_plane::wait::eventually("the client is gone", std::time::Duration::from_secs(10), || async {
        let found = served.resources.status("OidcClient", "robot").await;
        found.map_or(Ok(()), Err)
    })
    .await;
    assert!(why(&own).contains("client is not served"));
    served.apply([robot]).await;
    served.until_ready("OidcClient", "robot").await;
    assert!(why(&own).contains("earlier client"));
}

#[tokio::test]
async fn a_client_is_explained_by_what_the_realm_lets_it_do() {
    let (serve, served) = begin().await;
    served.with_client("web", json!({"audiences": ["https://api.example"]})).await;
    let bad = served.client("bad", json!({"scopes": ["openid", "nothing"]}));
    served.apply([bad]).await;
    served.until_condition("OidcClient", "bad", "Ready", "False/ScopeNotFound").await;
    let (report, is_refused) = explain(&serve, &["oidcclient/web", "-n", "default"], "");
    assert!(!is_refused && report["problems"].is_null(), "{report}");
    let facts = report["facts"].as_array().unwrap();
    assert!(facts.contains(&json!({"name": "audiences", "values": ["https://api.example"]})), "{report}");
    let (report, is_refused) = explain(&serve, &["oidcclient/bad"], "");
    assert!(
        is_refused && report["problems"][0].as_str().unwrap().starts_with("ScopeNotFound: spec.scopes"),
        "{report}"
    );
}
