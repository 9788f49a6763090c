//! Claims asked for one by one, in languages, and of others, over real HTTP: OpenID Connect Core sections 5.2, 5.5 and 5.6.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    directory::demo,
    serve::Serve,
    suite::{
        relying_party::{Answer, RelyingParty, sign_in_at},
        served::{PASSWORD, Served, secret},
    },
};

/// `{"level": 3}` of somebody whose signature nobody here verifies.
const JWT: &str = "eyJhbGciOiJFUzI1NiJ9.eyJsZXZlbCI6M30.c2ln";

async fn begin() -> (Served, RelyingParty) {
    let served = demo(&Arc::new(Serve::start(&[], &[]).await));
    let realm = json!({
        "scopes": [{"name": "standing", "description": "Your standing", "claims": ["level", "iban"]}],
        "claimSources": [
            {"name": "people", "claims": ["level"], "aggregated": {"jwtExpression": "user.attributes.level[0]"}},
            {"name": "bank", "claims": ["iban"], "distributed": {
                "endpoint": "https://bank.example/claims", "accessTokenSecretRef": {"name": "bank-token"},
            }},
        ],
    });
    served.apply([served.realm(realm), secret("bank-token", &[("token", "t0k3n")])]).await;
    served.apply_ada().await;
    let ada = json!({
        "profile": {"name": "Ada Lovelace", "birthdate": "1815-12-10", "updatedAt": "2026-01-01T00:00:00Z",
            "localized": [{"locale": "de", "name": "Ada Gr\u{e4}fin von Lovelace"}]},
        "email": {"address": "ada@example.com", "verified": true},
        "attributes": {"level": [JWT]}, "passwordSecretRef": {"name": "ada-login"},
    });
    served.apply([served.child("User", "ada", ada)]).await;
    served.until_ready("User", "ada").await;
    let scopes = json!(["openid", "profile", "email", "standing", "offline_access"]);
    let web = json!({"scopes": scopes, "tokens": {"accessTokenFormat": "opaque"}, "consent": "Ask"});
    let web = served.with_client("web", web).await;
    (served, web)
}

async fn userinfo(web: &RelyingParty, tokens: &Answer) -> Value {
    web.userinfo(&tokens.text("access_token")).await.body
}

async fn id_token(web: &RelyingParty, tokens: &Answer) -> Value {
    web.verify(&web.jwks().await, &tokens.text("id_token")).1
}

#[tokio::test]
async fn core_5_5_claims_asked_for_one_by_one_reach_the_client_and_stay_with_the_grant() {
    let (served, web) = begin().await;
    assert_eq!(web.metadata["claims_parameter_supported"], true);
    assert_eq!(web.metadata["claim_types_supported"], json!(["normal", "aggregated", "distributed"]));
    let claims = json!({
        "userinfo": {"birthdate": null, "updated_at": null, "name#de": null, "level": null, "phone_number": null},
        "id_token": {"email": {"essential": true}, "iban": null, "acr": {"essential": true, "values": ["1"]}},
    });
    let browser = served.browser();
    let attempt = web.attempt("openid offline_access", &[("claims", &claims.to_string()), ("claims_locales", "de")]);
    let back = sign_in_at(&browser, &attempt.url, "ada", PASSWORD).await;
    let first = web.redeem(&attempt, &web.code(&attempt, &back)).await;
    let said = id_token(&web, &first).await;
    assert_eq!((&said["email"], &said["acr"]), (&json!("ada@example.com"), &json!("1")));
    assert_eq!(said["_claim_names"], json!({"iban": "bank"}));
    let source = json!({"endpoint": "https://bank.example/claims", "access_token": "t0k3n"});
    assert_eq!(said["_claim_sources"], json!({"bank": source}));
    let refresh = first.text("refresh_token");
    let again = web.refresh(&refresh).await;
    for tokens in [&first, &again] {
        assert_eq!(
            userinfo(&web, tokens).await,
            json!({
                "sub": said["sub"], "birthdate": "1815-12-10", "updated_at": 1_767_225_600,
                "name#de": "Ada Gr\u{e4}fin von Lovelace",
                "_claim_names": {"level": "people"}, "_claim_sources": {"people": {"JWT": JWT}},
            })
        );
    }
    // Without its Secret the Realm says what is missing, and goes on without that source.
    served.resources.delete("Secret", "bank-token").await;
    served.until_condition("Realm", &served.realm, "ResolvedRefs", "False/SecretNotFound").await;
    assert!(id_token(&web, &web.refresh(&refresh).await).await.get("_claim_names").is_none());
}
