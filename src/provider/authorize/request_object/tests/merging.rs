use serde_json::{Value, json};

use super::{app, ask, ending, of, signed, staff, told, unsigned};
use crate::{
    provider::testing::{
        CHALLENGE, REDIRECT_URI, TestProvider,
        browser::{Browser, answer, authorize, code, travelled},
        encode, signer, verified,
    },
    realm::RedirectUri,
};

/// Signs in with this object beside the plain request, and redeems the code.
async fn id_token(staff: &TestProvider, object: &str, parameters: &[(&str, &str)]) -> Value {
    let parameters = [parameters, &[("request", object)]].concat();
    let reply = Browser::new(staff).sign_in("ada", "hunter2", &parameters).await;
    let tokens = staff.redeem("app", &code(&reply)).await.json();
    verified(tokens["id_token"].as_str().unwrap()).1
}

#[tokio::test]
async fn core_6_1_members_of_the_object_supersede_parameters_and_the_others_count_too() {
    let staff = staff();
    let object = signed(json!({"nonce": "inside", "state": null, "scope": "openid email"}));
    let claims = id_token(&staff, &object, &[("nonce", "outside"), ("scope", "openid phone")]).await;
    assert_eq!((claims["nonce"].as_str(), claims["email"].as_str()), (Some("inside"), Some("ada@example.com")));
    assert!(claims.get("phone_number").is_none(), "{claims}");
    // What varies comes beside an object that was signed in advance.
    let claims = id_token(&staff, &object.clone(), &[]).await;
    assert_eq!(claims["nonce"], "inside");
    let fixed = signed(json!({"state": null}));
    assert_eq!(id_token(&staff, &fixed, &[("nonce", "outside")]).await["nonce"], "outside");
    let reply = Browser::new(&staff).sign_in("ada", "hunter2", &[("request", &fixed)]).await;
    assert_eq!(answer(&reply)["state"], "a state");
}

#[tokio::test]
async fn core_6_1_state_and_response_mode_of_the_object_count_also_for_errors() {
    let staff = staff();
    let object = signed(json!({"response_mode": "form_post"}));
    let reply = Browser::new(&staff).sign_in("ada", "hunter2", &[("request", &object)]).await;
    let (mode, answer) = travelled(&reply);
    assert_eq!((mode, answer["state"].as_str()), ("form_post", "of the object"));
    let object = signed(json!({"response_mode": "fragment", "prompt": "none"}));
    let (mode, answer) = travelled(&Browser::new(&staff).load(&authorize(&[("request", &object)])).await);
    assert_eq!(
        (mode, answer["state"].as_str(), answer["error"].as_str()),
        ("fragment", "of the object", "login_required")
    );
    // Verified, and wrong all the same: its own words say where the error goes.
    let object = signed(json!({"response_mode": "fragment", "exp": 1}));
    let (mode, answer) = travelled(&Browser::new(&staff).load(&authorize(&[("request", &object)])).await);
    assert_eq!((mode, answer["state"].as_str()), ("fragment", "of the object"));
    // Not verified: nothing of it is believed.
    let object = signer(1).sign_jwt("JWT", &super::members(json!({"response_mode": "fragment"}))).unwrap();
    let (mode, answer) = travelled(&Browser::new(&staff).load(&authorize(&[("request", &object)])).await);
    assert_eq!((mode, answer["state"].as_str()), ("query", "a state"));
}

#[tokio::test]
async fn core_6_1_response_type_must_stand_beside_the_object_and_match() {
    let staff = of(app(|_| ()).every_flow()).every_flow().serve();
    assert_eq!(ask(&staff, &[("request", &signed(json!({}))), ("response_type", "")]).await, "invalid_request");
    assert_eq!(ask(&staff, &[("request", &signed(json!({"response_type": null})))]).await, "sign-in");
    let hybrid = signed(json!({"response_type": "code id_token", "nonce": "n"}));
    assert_eq!(ask(&staff, &[("request", &hybrid)]).await, "invalid_request_object");
    assert_eq!(ask(&staff, &[("request", &hybrid), ("response_type", "id_token code")]).await, "sign-in");
    assert_eq!(ask(&staff, &[("request", &hybrid), ("response_type", "smoke")]).await, "invalid_request_object");
}

#[tokio::test]
async fn core_6_1_client_id_must_stand_beside_the_object() {
    assert_eq!(ask(&staff(), &[("request", &signed(json!({}))), ("client_id", "")]).await, "page");
}

#[tokio::test]
async fn core_6_1_scope_with_openid_must_stand_beside_the_object() {
    let staff = staff();
    let object = signed(json!({"scope": "openid email"}));
    for (scope, want) in
        [("openid", "sign-in"), ("email openid", "sign-in"), ("", "invalid_request"), ("email", "invalid_request")]
    {
        assert_eq!(ask(&staff, &[("request", &object), ("scope", scope)]).await, want, "{scope}");
    }
    // Plain OAuth knows no such rule.
    assert_eq!(ask(&staff, &[("request", &signed(json!({"scope": "email"}))), ("scope", "")]).await, "sign-in");
}

#[tokio::test]
async fn rfc9101_5_an_object_of_that_type_needs_nothing_but_client_id_beside_it() {
    let staff = staff();
    let members = super::members(json!({"code_challenge": CHALLENGE, "code_challenge_method": "S256"}));
    let typed = signer(0).sign_jwt("oauth-authz-req+jwt", &members).unwrap();
    let query = |object: &str| format!("/authorize?{}", encode(&[("client_id", "app"), ("request", object)]));
    assert_eq!(ending(&Browser::new(&staff).load(&query(&typed)).await), "sign-in");
    let untyped = signer(0).sign_jwt("JWT", &members).unwrap();
    assert_eq!(ending(&Browser::new(&staff).load(&query(&untyped)).await), "invalid_request");
}

#[tokio::test]
async fn core_6_request_and_request_uri_must_not_be_used_together() {
    let (staff, object) = (staff(), signed(json!({})));
    let both = [("request", object.as_str()), ("request_uri", "https://app.example/r")];
    assert_eq!(ask(&staff, &both).await, "invalid_request");
    assert_eq!(ask(&staff, &[("request", &object), ("request", &object)]).await, "invalid_request", "RFC 6749 3.1");
}

#[tokio::test]
async fn core_6_1_max_age_is_a_number_and_claims_an_object_and_everything_else_a_string() {
    let staff = staff();
    for (change, must) in [
        (json!({"max_age": -1}), "max_age must be a whole number"),
        (json!({"max_age": 1.5}), "max_age must be a whole number"),
        (json!({"max_age": true}), "max_age must be a whole number"),
        (json!({"claims": "{}"}), "claims must be a JSON object"),
        (json!({"claims": ["email"]}), "claims must be a JSON object"),
        (json!({"scope": ["openid"]}), "scope must be a string"),
        (json!({"state": 7}), "state must be a string"),
        (json!({"nonce": true}), "nonce must be a string"),
        (json!({"redirect_uri": [REDIRECT_URI]}), "redirect_uri must be a string"),
        (json!({"prompt": {"none": true}}), "prompt must be a string"),
        (json!({"resource": [7]}), "resource must be a string or a list"),
        (json!({"nonce": "a\u{0}b"}), "control character"),
    ] {
        let told = told(&staff, &signed(change.clone())).await;
        assert!(told.contains(must), "{change}: {told}");
    }
    for change in [
        json!({"max_age": 86400, "claims": {"id_token": {"auth_time": {"essential": true}}}}),
        json!({"max_age": "86400"}),
        json!({"something": {"that": ["nobody", "knows"]}, "else": 7, "jti": "1"}),
    ] {
        assert_eq!(ask(&staff, &[("request", &signed(change.clone()))]).await, "sign-in", "{change}");
    }
    assert_eq!(ask(&staff, &[("request", &signed(json!({"registration": {}})))]).await, "registration_not_supported");
    assert_eq!(
        ask(&staff, &[("request", &signed(json!({"scope": "openid nothing", "prompt": "dance"})))]).await,
        "invalid_request"
    );
}

#[tokio::test]
async fn core_6_1_max_age_of_the_object_is_heeded() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    code(&browser.sign_in("ada", "hunter2", &[]).await);
    staff.advance(std::time::Duration::from_secs(10));
    for (max_age, want) in [(60, "code"), (5, "login_required")] {
        let object = signed(json!({"max_age": max_age, "prompt": "none"}));
        let answer = answer(&browser.load(&authorize(&[("request", &object), ("max_age", "60")])).await);
        assert!(answer.contains_key(want) || answer.get("error").is_some_and(|error| error == want), "{answer:?}");
    }
}

#[tokio::test]
async fn core_6_1_claims_of_the_object_is_the_json_of_the_parameter() {
    let staff = staff();
    let object = signed(json!({"claims": {"userinfo": {"email": {"essential": true}}}}));
    let call = staff.call(crate::provider::Endpoint::Authorize);
    let query = encode(&[
        ("client_id", "app"),
        ("response_type", "code"),
        ("scope", "openid"),
        ("claims", "{}"),
        ("request", &object),
    ]);
    let params = crate::provider::Params::parse(query.as_bytes()).unwrap();
    let mut steps = crate::provider::steps::Steps::unnoted();
    let resolved = super::super::resolve(&call, params, super::super::Sight::Provider, &mut steps).await.unwrap();
    assert_eq!(resolved.params().get("claims"), Some(r#"{"userinfo":{"email":{"essential":true}}}"#));
    assert_eq!((resolved.params().get("request"), resolved.params().get("aud")), (None, None));
}

#[tokio::test]
async fn rfc8707_2_resource_of_the_object_may_be_several() {
    let audiences = ["https://api.example.com", "https://other.example.com"];
    let staff = of(app(|_| ()).audiences(&audiences)).serve();
    for (resource, want) in [
        (json!(audiences), "sign-in"),
        (json!(audiences[0]), "sign-in"),
        (json!([audiences[0], "https://evil.example"]), "invalid_target"),
    ] {
        let object = signed(json!({"resource": resource}));
        assert_eq!(ask(&staff, &[("request", &object), ("resource", audiences[1])]).await, want);
    }
}

#[tokio::test]
async fn core_6_3_3_the_redirect_uri_may_come_from_the_object_and_is_believed_only_once_it_is_verified() {
    let two = app(|_| ()).with(|client| {
        client.redirect_uris.push(RedirectUri::parse("https://app.example/other").unwrap());
    });
    let staff = of(two).serve();
    let good = signed(json!({"prompt": "none"}));
    assert_eq!(ask(&staff, &[("request", &good), ("redirect_uri", "")]).await, "login_required");
    assert_eq!(ask(&staff, &[("request", &good), ("redirect_uri", "https://evil.example/")]).await, "login_required");
    let late = signed(json!({"exp": 1}));
    assert_eq!(ask(&staff, &[("request", &late), ("redirect_uri", "")]).await, "invalid_request_object");
    let forged = signer(1).sign_jwt("JWT", &super::members(json!({}))).unwrap();
    assert_eq!(ask(&staff, &[("request", &forged), ("redirect_uri", "")]).await, "page");
    assert_eq!(ask(&staff, &[("request", &forged), ("redirect_uri", "https://evil.example/")]).await, "page");
    assert_eq!(ask(&staff, &[("request", &forged)]).await, "invalid_request_object", "that of the query is known");
    let astray = signed(json!({"redirect_uri": "https://evil.example/"}));
    assert_eq!(ask(&staff, &[("request", &astray)]).await, "page", "though the query's is right");
    assert_eq!(ask(&staff, &[("request", &unsigned(json!({"redirect_uri": "https://evil.example/"})))]).await, "page");
    let other = signed(json!({"redirect_uri": "https://app.example/other", "prompt": "none"}));
    let reply = Browser::new(&staff).load(&authorize(&[("request", &other)])).await;
    assert!(reply.header("location").starts_with("https://app.example/other?error=login_required"));
}
