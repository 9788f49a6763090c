//! OpenID Connect Core section 12, RFC 6749 section 6: what a refresh token is good for.

use std::time::Duration;

use serde_json::Value;

use super::text;
use crate::{
    provider::testing::{Reply, TestProvider, authorization, basic, client, realm, secret_of, user, verified},
    realm::AuthMethod,
};

fn provider() -> TestProvider {
    realm()
        .client(client("app"))
        .client(client("other"))
        .client(client("post").method(AuthMethod::ClientSecretPost))
        .client(client("spa").public())
        .client(client("spa2").public())
        .user(user("ada"))
        .serve()
}

async fn refresh(at: &TestProvider, name: &str, token: &str) -> Reply {
    at.token(name, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

/// The tokens of a code flow, and those of a refresh a minute later.
async fn twice() -> (TestProvider, Value, Value) {
    let provider = provider();
    provider.advance(Duration::from_secs(5));
    let first = provider.tokens(authorization("app", "ada", "openid email offline_access")).await;
    provider.advance(Duration::from_secs(60));
    let reply = refresh(&provider, "app", text(&first, "refresh_token")).await;
    assert_eq!(reply.status.as_u16(), 200, "{}", reply.text());
    (provider, first, reply.json())
}

fn id_token(tokens: &Value) -> Value {
    verified(text(tokens, "id_token")).1
}

#[tokio::test]
async fn core_12_1_to_refresh_a_client_authenticates() {
    let provider = provider();
    let tokens = provider.tokens(authorization("app", "ada", "openid")).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", text(&tokens, "refresh_token"))];
    let secret = secret_of("app");
    for (header, more) in [
        ("", vec![]),
        ("", vec![("client_id", "app")]),
        ("", vec![("client_id", "app"), ("client_secret", secret.as_str())]),
        (&basic("app", "wrong"), vec![]),
    ] {
        let headers: Vec<_> = Some(("authorization", header)).filter(|_| !header.is_empty()).into_iter().collect();
        let reply = provider.post_form("/token", &headers, &[&form[..], &more].concat()).await;
        assert_eq!(reply.error(), (401, "invalid_client".into()), "{more:?}");
    }
    assert_eq!(provider.token("app", &form).await.status.as_u16(), 200, "none of these has used it up");
}

#[tokio::test]
async fn core_12_1_a_refresh_token_is_good_for_its_own_client_only() {
    let provider = provider();
    for owner in ["app", "spa"] {
        let tokens = provider.tokens(authorization(owner, "ada", "openid")).await;
        for thief in ["other", "spa2"] {
            let reply = refresh(&provider, thief, text(&tokens, "refresh_token")).await;
            assert_eq!(reply.error(), (400, "invalid_grant".into()), "{thief}");
        }
        assert_eq!(refresh(&provider, owner, text(&tokens, "refresh_token")).await.status.as_u16(), 200, "{owner}");
    }
}

#[tokio::test]
async fn core_12_2_iss_sub_and_aud_are_those_of_the_first_id_token() {
    let (_, first, second) = twice().await;
    for name in ["iss", "sub", "aud"] {
        assert!(id_token(&first)[name].is_string(), "{name}");
        assert_eq!(id_token(&first)[name], id_token(&second)[name], "{name}");
    }
}

#[tokio::test]
async fn core_12_2_iat_is_that_of_the_new_id_token() {
    let (provider, first, second) = twice().await;
    assert_eq!(id_token(&second)["iat"], provider.now().as_second());
    assert!(id_token(&second)["exp"].as_i64() > id_token(&first)["exp"].as_i64());
}

#[tokio::test]
async fn core_12_2_auth_time_is_that_of_the_first_sign_in() {
    let (_, first, second) = twice().await;
    assert!(id_token(&first)["auth_time"].as_i64() < id_token(&first)["iat"].as_i64());
    assert_eq!(id_token(&first)["auth_time"], id_token(&second)["auth_time"]);
}

#[tokio::test]
async fn core_12_2_a_refreshed_id_token_has_no_nonce() {
    let (_, first, second) = twice().await;
    assert!(id_token(&first)["nonce"].is_string());
    assert_eq!(id_token(&second).get("nonce"), None);
}

#[tokio::test]
async fn core_12_2_a_refreshed_id_token_has_no_azp() {
    let (_, first, second) = twice().await;
    assert_eq!((id_token(&first).get("azp"), id_token(&second).get("azp")), (None, None));
}

#[tokio::test]
async fn core_12_2_a_refreshed_id_token_has_an_at_hash_of_its_own_access_token() {
    let (_, first, second) = twice().await;
    assert_ne!(first["access_token"], second["access_token"]);
    for tokens in [first, second] {
        let hash =
            crate::provider::tokens::half_hash(crate::jose::Algorithm::Es256.into(), text(&tokens, "access_token"));
        assert_eq!(id_token(&tokens)["at_hash"], hash);
    }
}

#[tokio::test]
async fn core_12_2_without_openid_among_the_narrowed_scopes_there_is_no_id_token() {
    let (provider, first, _) = twice().await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", text(&first, "refresh_token")), ("scope", "email")];
    let tokens = provider.token("app", &form).await.json();
    assert!(tokens.get("id_token").is_none() && tokens["scope"] == "email", "{tokens}");
}

#[tokio::test]
async fn core_12_3_a_refresh_that_fails_is_answered_as_rfc_6749_has_it() {
    let provider = provider();
    let tokens = provider.tokens(authorization("app", "ada", "openid email")).await;
    let token = text(&tokens, "refresh_token");
    let access = text(&tokens, "access_token");
    for (token, scope, want) in [
        ("", "", "invalid_request"),
        ("unknown", "", "invalid_grant"),
        (access, "", "invalid_grant"),
        (text(&tokens, "id_token"), "", "invalid_grant"),
        (token, "openid groups", "invalid_scope"),
        (token, "openid unknown", "invalid_scope"),
        (token, "\u{e9}", "invalid_scope"),
    ] {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
        let reply = provider.token("app", &form).await;
        assert_eq!(reply.error(), (400, want.to_owned()), "{scope}");
        assert_eq!((reply.header("content-type"), reply.header("cache-control")), ("application/json", "no-store"));
    }
    assert_eq!(refresh(&provider, "app", token).await.status.as_u16(), 200, "none of these has used it up");
}
