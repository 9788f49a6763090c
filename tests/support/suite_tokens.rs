use std::{collections::BTreeSet, time::Duration};

use reqwest::{StatusCode, header};
use serde_json::{Value, json};

use super::{
    relying_party::{Answer, RelyingParty},
    served::{PASSWORD, Served},
};
use crate::control_plane::wait::eventually;

/// OpenID Connect Discovery section 3 and RFC 8414: the same document at both places, and it follows the realm.
pub async fn discovery_says_what_the_realm_allows_and_no_more(served: &Served) {
    served.apply([served.realm(json!({}))]).await;
    let issuer = served.issuer().await;
    until_both_keys(served, &issuer).await;
    let fetch = async |url: &str| {
        let response = served.http.get(url).header(header::ORIGIN, "https://app.example").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{url}");
        assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        (response.headers()[header::ETAG].clone(), response.json::<Value>().await.unwrap())
    };
    let openid = format!("{issuer}/.well-known/openid-configuration");
    let (etag, metadata) = fetch(&openid).await;
    assert_eq!(metadata["issuer"], *issuer);
    for (member, value) in metadata.as_object().unwrap() {
        if member.ends_with("_endpoint") || member == "jwks_uri" {
            assert!(value.as_str().unwrap().starts_with(&format!("{issuer}/")), "{member}: {value}");
        }
    }
    let set = |member: &str| -> BTreeSet<String> { serde_json::from_value(metadata[member].clone()).unwrap() };
    assert_eq!(set("grant_types_supported"), names("authorization_code refresh_token client_credentials"));
    assert_eq!(set("response_types_supported"), names("code"));
    assert_eq!(set("code_challenge_methods_supported"), names("S256"));
    assert_eq!(set("subject_types_supported"), names("public"));
    // Beside the keys of the Realm, what a client may have registered: its secret, and in the code flow no signature.
    assert_eq!(set("id_token_signing_alg_values_supported"), names("ES256 RS256 HS256 HS384 HS512 none"));
    let scopes = set("scopes_supported");
    assert!(scopes.is_superset(&names("openid profile email address phone offline_access groups")), "{scopes:?}");
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);

    let unchanged = served.http.get(&openid).header(header::IF_NONE_MATCH, &etag).send().await.unwrap();
    assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
    let oauth = issuer.replacen("/realms/", "/.well-known/oauth-authorization-server/realms/", 1);
    assert_eq!(fetch(&oauth).await.1["token_endpoint"], metadata["token_endpoint"]);

    let narrow = json!({"allowed": {"oidcClients": {"grantTypes": ["client_credentials"], "responseTypes": []}}});
    served.apply([served.realm(narrow)]).await;
    eventually("discovery follows the realm", Duration::from_secs(5), || async {
        let (_, metadata) = fetch(&openid).await;
        (metadata["grant_types_supported"] == json!(["client_credentials"])).then_some(()).ok_or(metadata)
    })
    .await;
}

/// The JWK Set once both default rings of the Realm have their key: the Realm is Ready with the first of them.
async fn until_both_keys(served: &Served, issuer: &str) -> Value {
    let anybody = RelyingParty::discover(served.http.clone(), issuer, "nobody", None).await;
    eventually("a key of each default ring", Duration::from_secs(20), || async {
        let jwks = anybody.jwks().await;
        if jwks["keys"].as_array().is_some_and(|keys| keys.len() >= 2) { Ok(jwks) } else { Err(jwks) }
    })
    .await
}

/// RFC 7517: public parts only, with a use and a kid.
pub async fn keys_of_both_algorithms_are_published(served: &Served) {
    served.apply([served.realm(json!({}))]).await;
    let issuer = served.issuer().await;
    let jwks = until_both_keys(served, &issuer).await;
    let keys = jwks["keys"].as_array().unwrap();
    let algorithms: BTreeSet<_> = keys.iter().map(|key| key["alg"].as_str().unwrap().to_owned()).collect();
    assert_eq!(algorithms, names("ES256 RS256"));
    for key in keys {
        let members: BTreeSet<_> = key.as_object().unwrap().keys().cloned().collect();
        assert!(members.is_disjoint(&names("d p q dp dq qi k oth")), "{members:?}");
        assert_eq!(key["use"], "sig");
        assert!(key["kid"].is_string());
    }
}

/// RFC 6749 section 4.4 with the token of RFC 9068, by the credentials of the Secret, in the header or the form.
pub async fn client_credentials_give_a_token_that_verifies(served: &Served) {
    let api = "https://api.example.com";
    let robot = json!({"grantTypes": ["client_credentials"], "audiences": [api]});
    let spec = json!({"scopes": [{"name": "things:read"}]});
    let mut scoped = robot.clone();
    scoped["scopes"] = json!(["things:read"]);
    scoped["tokenEndpointAuthMethod"] = json!("client_secret_post");
    served
        .apply([
            served.realm(spec),
            served.child("OidcClient", "robot", robot),
            served.child("OidcClient", "scoped", scoped),
        ])
        .await;
    let robot = served.relying_party("robot").await;
    let answer = robot.token(&[("grant_type", "client_credentials"), ("resource", api)]).await;
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!((&answer.body["token_type"], &answer.body["expires_in"]), (&json!("Bearer"), &json!(600)));
    assert_eq!((&answer.body["refresh_token"], &answer.body["id_token"]), (&Value::Null, &Value::Null));
    let (header, claims) = robot.verify(&robot.jwks().await, &answer.text("access_token"));
    assert_eq!((header.typ.as_deref(), header.alg), (Some("at+jwt"), jsonwebtoken::Algorithm::ES256));
    assert_eq!((&claims["client_id"], &claims["sub"]), (&json!("robot"), &json!("robot")));
    assert!(claims["aud"] == api || claims["aud"] == json!([api]), "{claims}");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    assert!(claims["jti"].is_string());

    robot
        .token(&[("grant_type", "client_credentials"), ("resource", "https://other.example")])
        .await
        .assert_error(400, "invalid_target");
    robot
        .token(&[("grant_type", "client_credentials"), ("scope", "things:read")])
        .await
        .assert_error(400, "invalid_scope");
    robot.token(&[("grant_type", "authorization_code"), ("code", "x")]).await.assert_error(400, "unauthorized_client");
    robot.token(&[("grant_type", "password")]).await.assert_error(400, "unsupported_grant_type");
    robot.token(&[]).await.assert_error(400, "invalid_request");

    let scoped = served.relying_party("scoped").await;
    let secret = scoped.secret.clone().unwrap();
    let form = [("grant_type", "client_credentials"), ("scope", "things:read"), ("client_secret", &secret)];
    let posted = RelyingParty { secret: None, ..scoped.clone() };
    assert_eq!(posted.token(&form).await.text("scope"), "things:read");
    // The registered method is the only one (RFC 7591 section 2).
    scoped.token(&form[..2]).await.assert_error(401, "invalid_client");
}

/// Nothing tells a wrong secret from a client that is not there.
pub async fn a_wrong_secret_and_an_unknown_client_look_the_same(served: &Served) {
    let spec = json!({"grantTypes": ["client_credentials"]});
    served.apply([served.realm(json!({})), served.child("OidcClient", "robot", spec)]).await;
    let robot = served.relying_party("robot").await;
    let form = [("grant_type", "client_credentials")];
    let wrong = RelyingParty { secret: Some("guessed".into()), ..robot.clone() }.token(&form).await;
    let unknown = RelyingParty { client_id: "nobody".into(), ..robot.clone() }.token(&form).await;
    let nameless = RelyingParty { secret: None, ..robot.clone() }.token(&form).await;
    for answer in [&wrong, &unknown, &nameless] {
        answer.assert_error(401, "invalid_client");
        assert!(answer.headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Basic "));
    }
    assert_eq!(wrong.body, unknown.body);
}

/// RFC 9700 section 4.14.2.
pub async fn refresh_tokens_of_a_public_client_rotate_and_reuse_ends_the_family(served: &Served) {
    served.apply_realm_with_ada().await;
    let app = served.with_client("app", json!({"tokenEndpointAuthMethod": "none"})).await;
    assert_eq!(app.secret, None);
    let (_, tokens) = app.sign_in(&served.browser(), "ada", PASSWORD, "openid email offline_access").await;
    let first = tokens.text("refresh_token");
    let narrowed = app.token(&[("grant_type", "refresh_token"), ("refresh_token", &first), ("scope", "openid")]).await;
    let second = narrowed.text("refresh_token");
    assert_ne!(first, second);
    assert_eq!(narrowed.body["scope"], "openid");
    let widened = [("grant_type", "refresh_token"), ("refresh_token", &*second), ("scope", "openid profile")];
    app.token(&widened).await.assert_error(400, "invalid_scope");
    let third = app.refresh(&second).await;
    assert_eq!(
        app.userinfo(&third.text("access_token")).await.body["email"],
        "ada@example.com",
        "narrowing was for once"
    );

    app.refresh(&first).await.assert_error(400, "invalid_grant");
    app.refresh(&third.text("refresh_token")).await.assert_error(400, "invalid_grant");
    assert_eq!(app.userinfo(&third.text("access_token")).await.status, StatusCode::UNAUTHORIZED);
}

/// A confidential client proves who it is, so its token is kept; another client has no use of it.
pub async fn refresh_tokens_of_a_confidential_client_stay(served: &Served) {
    served.apply_realm_with_ada().await;
    let web = served.with_client("web", json!({})).await;
    let other = served.with_client("other", json!({})).await;
    let (_, tokens) = web.sign_in(&served.browser(), "ada", PASSWORD, "openid offline_access").await;
    let refresh = tokens.text("refresh_token");
    for _ in 0..2 {
        let again = web.refresh(&refresh).await;
        assert_ne!(again.text("access_token"), tokens.text("access_token"));
        assert!(again.body["refresh_token"].is_null() || again.body["refresh_token"] == *refresh, "{}", again.body);
        assert!(again.body["id_token"].is_string());
    }
    other.refresh(&refresh).await.assert_error(400, "invalid_grant");
    web.refresh(&refresh).await.text("access_token");
    web.refresh("made up").await.assert_error(400, "invalid_grant");
}

/// OpenID Connect Core section 11: only with `offline_access` does a refresh token outlive the session.
pub async fn only_offline_access_outlives_the_session(served: &Served) {
    served.apply_realm_with_ada().await;
    let web = served.with_client("web", json!({"postLogoutRedirectUris": ["https://app.example/bye"]})).await;
    let browser = served.browser();
    let (_, online) = web.sign_in(&browser, "ada", PASSWORD, "openid").await;
    let attempt = web.attempt("openid offline_access", &[]);
    let code = web.code(&attempt, &browser.open(&attempt.url).await.away());
    let offline = web.redeem(&attempt, &code).await;
    let [online_token, offline_token] = [&online, &offline].map(|answer| answer.text("refresh_token"));
    for token in [&online_token, &offline_token] {
        web.refresh(token).await.text("access_token");
    }
    let mut logout = url::Url::parse(web.endpoint("end_session_endpoint")).unwrap();
    let bye = [("id_token_hint", &*online.text("id_token")), ("post_logout_redirect_uri", "https://app.example/bye")];
    logout.query_pairs_mut().extend_pairs(bye);
    browser.open(logout.as_str()).await.away();
    web.refresh(&online_token).await.assert_error(400, "invalid_grant");
    web.refresh(&offline_token).await.text("access_token");
}

/// A client whose response got lost repeats its request.
pub async fn a_lost_response_may_be_asked_for_again_within_the_reuse_interval(served: &Served) {
    served.apply([served.realm(json!({"tokens": {"refreshToken": {"reuseInterval": "3s"}}}))]).await;
    served.apply_ada().await;
    let app = served.with_client("app", json!({"tokenEndpointAuthMethod": "none"})).await;
    let (_, tokens) = app.sign_in(&served.browser(), "ada", PASSWORD, "openid offline_access").await;
    let first = tokens.text("refresh_token");
    let lost = app.refresh(&first).await.text("refresh_token");
    let again = app.refresh(&first).await.text("refresh_token");
    // One of a family is valid at a time: the answer that got lost is void once the other is used.
    let next = app.refresh(&again).await.text("refresh_token");
    if lost != again {
        app.refresh(&lost).await.assert_error(400, "invalid_grant");
    }
    let (_, tokens) = app.sign_in(&served.browser(), "ada", PASSWORD, "openid offline_access").await;
    let first = tokens.text("refresh_token");
    let second = app.refresh(&first).await.text("refresh_token");
    tokio::time::sleep(Duration::from_millis(3200)).await;
    app.refresh(&first).await.assert_error(400, "invalid_grant");
    app.refresh(&second).await.assert_error(400, "invalid_grant");
    drop(next);
}

/// OpenID Connect Core sections 5.3 and 5.4.
pub async fn userinfo_follows_the_scopes(served: &Served) {
    served.apply_realm_with_ada().await;
    let web = served.with_client("web", json!({})).await;
    let (_, tokens) = web.sign_in(&served.browser(), "ada", PASSWORD, "openid").await;
    let bare = web.userinfo(&tokens.text("access_token")).await.body;
    let subject = super::relying_party::peek(&tokens.text("id_token"))["sub"].clone();
    assert_eq!(bare, json!({"sub": subject}), "openid alone gives the subject alone");

    let (_, tokens) = web.sign_in(&served.browser(), "ada", PASSWORD, "openid profile email").await;
    let access = tokens.text("access_token");
    let user = web.userinfo(&access).await.body;
    for (claim, expected) in [
        ("sub", subject),
        ("name", json!("Ada Lovelace")),
        ("given_name", json!("Ada")),
        ("preferred_username", json!("ada")),
        ("email", json!("ada@example.com")),
        ("email_verified", json!(true)),
        ("groups", Value::Null),
    ] {
        assert_eq!(user[claim], expected, "{claim}");
    }
    let post = web.http.post(web.endpoint("userinfo_endpoint"));
    let form = post.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    assert_eq!(Answer::read(form.body(format!("access_token={access}"))).await.body, user, "RFC 6750 section 2.2");

    let refused = web.userinfo("made-up").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let challenge = refused.headers[header::WWW_AUTHENTICATE].to_str().unwrap().to_owned();
    assert!(challenge.starts_with("Bearer ") && challenge.contains("error=\"invalid_token\""), "{challenge}");
    let nameless = Answer::read(web.http.get(web.endpoint("userinfo_endpoint"))).await;
    assert_eq!(nameless.status, StatusCode::UNAUTHORIZED);
    // An ID token is no access token.
    assert_eq!(web.userinfo(&tokens.text("id_token")).await.status, StatusCode::UNAUTHORIZED);

    served
        .apply([served.child("User", "ada", json!({"enabled": false, "passwordSecretRef": {"name": "ada-login"}}))])
        .await;
    eventually("a disabled person's token is refused", Duration::from_secs(5), || async {
        let answer = web.userinfo(&access).await;
        (answer.status == StatusCode::UNAUTHORIZED).then_some(()).ok_or(answer)
    })
    .await;
}

/// RFC 7662.
pub async fn introspection_knows_what_is_active(served: &Served) {
    served.apply_realm_with_ada().await;
    let web = served.with_client("web", json!({})).await;
    let (_, tokens) = web.sign_in(&served.browser(), "ada", PASSWORD, "openid email offline_access").await;
    let known = web.introspect(&tokens.text("access_token")).await;
    let id_token = super::relying_party::peek(&tokens.text("id_token"));
    for (member, expected) in [
        ("active", json!(true)),
        ("client_id", json!("web")),
        ("sub", id_token["sub"].clone()),
        ("iss", web.metadata["issuer"].clone()),
        ("token_type", json!("Bearer")),
    ] {
        assert_eq!(known.body[member], expected, "{member}: {}", known.body);
    }
    let scopes = known.text("scope").split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(scopes, names("openid email offline_access"));
    assert!(known.body["exp"].as_i64().unwrap() > known.body["iat"].as_i64().unwrap());
    assert_eq!(web.introspect(&tokens.text("refresh_token")).await.body["active"], true);

    let access = tokens.text("access_token");
    let (signed, signature) = access.rsplit_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    for made_up in ["made up", &format!("{signed}.{flipped}"), &tokens.text("id_token"), &format!("{signed}.")] {
        assert_eq!(web.introspect(made_up).await.body, json!({"active": false}), "{made_up}");
    }
    let stranger = RelyingParty { secret: Some("guessed".into()), ..web.clone() };
    stranger.introspect(&access).await.assert_error(401, "invalid_client");
    web.post("introspection_endpoint", &[]).await.assert_error(400, "invalid_request");
}

/// RFC 7009.
pub async fn revocation_ends_what_it_names(served: &Served) {
    served.apply_realm_with_ada().await;
    let web = served.with_client("web", json!({})).await;
    let other = served.with_client("other", json!({})).await;
    let (_, tokens) = web.sign_in(&served.browser(), "ada", PASSWORD, "openid offline_access").await;
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    assert_eq!(web.revoke("made up").await.status, StatusCode::OK, "section 2.2");

    // Another client's token is none of its business (section 2.1).
    other.revoke(&refresh).await;
    let second = web.refresh(&refresh).await.text("access_token");
    assert_eq!(web.revoke(&access).await.status, StatusCode::OK);
    assert_eq!(web.introspect(&access).await.body, json!({"active": false}));
    assert_eq!(web.userinfo(&access).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(web.introspect(&second).await.body["active"], true, "the other token of the family is as it was");
    assert_eq!(web.revoke(&refresh).await.status, StatusCode::OK);
    web.refresh(&refresh).await.assert_error(400, "invalid_grant");
    assert_eq!(web.introspect(&second).await.body, json!({"active": false}), "with the refresh token goes the grant");
    assert_eq!(web.userinfo(&second).await.status, StatusCode::UNAUTHORIZED);
}

/// `accessTokenFormat: opaque`.
pub async fn opaque_access_tokens_work_like_the_others(served: &Served) {
    served.apply_realm_with_ada().await;
    let web = served.with_client("web", json!({"tokens": {"accessTokenFormat": "opaque"}})).await;
    let (_, tokens) = web.sign_in(&served.browser(), "ada", PASSWORD, "openid email").await;
    let access = tokens.text("access_token");
    assert!(!access.contains('.'), "{access}");
    assert_eq!(web.userinfo(&access).await.body["email"], "ada@example.com");
    assert_eq!(web.introspect(&access).await.body["client_id"], "web");
    web.revoke(&access).await;
    assert_eq!(web.introspect(&access).await.body, json!({"active": false}));
    assert_eq!(web.userinfo(&access).await.status, StatusCode::UNAUTHORIZED);
}

/// Words as a set.
pub fn names(words: &str) -> BTreeSet<String> {
    words.split(' ').map(str::to_owned).collect()
}
