//! Whatever discovery lists works: each value is used at the endpoint that it is about, in a realm that allows everything and in those that
//! allow the least. What can be registered is tested over HTTP (`tests/provider/register/metadata.rs`), the algorithms of tokens with those
//! (`src/provider/tokens/protect/tests.rs`), and the algorithms of assertions with client authentication.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    jose::{self, HmacAlgorithm},
    provider::{
        Endpoint,
        testing::{
            ClientBuilder, LONG_SECRET, REDIRECT_URI, RealmBuilder, START, TestProvider, VERIFIER, authorization,
            browser::{Browser, answer, authorize, code, travelled},
            client, open_registration, realm, signer, user, verified,
        },
    },
    realm::{AuthMethod, GrantType, ResponseType, STANDARD_SCOPES, claims::ClaimRules},
};

const WELL_KNOWN: &str = "/.well-known/openid-configuration";
const ISSUER: &str = "https://id.example.com/realms/staff";

/// Everything is allowed.
fn everything() -> RealmBuilder {
    realm().every_flow().every_key().pairwise().settings(|settings| settings.registration = Some(open_registration()))
}

/// Each allows one thing; the last one a grant, and no response type that begins it.
fn least() -> [RealmBuilder; 4] {
    let with = |grant: GrantType, responses: &[ResponseType]| {
        let responses = responses.to_vec();
        realm().settings(move |settings| {
            settings.grant_types = vec![grant];
            settings.response_types = responses;
            settings.scopes.retain(|scope| &*scope.name == "openid");
            settings.claims = ClaimRules::default();
        })
    };
    [
        with(GrantType::AuthorizationCode, &[ResponseType::Code]),
        with(GrantType::Implicit, &[ResponseType::IdToken]),
        with(GrantType::ClientCredentials, &[]),
        realm().settings(|settings| {
            settings.grant_types.push(GrantType::Implicit);
            settings.allowed_scopes = ["openid", "email"].map(Into::into).to_vec();
            settings.claims = ClaimRules::default();
        }),
    ]
}

fn all() -> Vec<RealmBuilder> {
    [everything(), realm()].into_iter().chain(least()).collect()
}

async fn metadata(at: &TestProvider) -> Value {
    at.get(WELL_KNOWN, &[]).await.json()
}

fn list<'m>(metadata: &'m Value, name: &str) -> Vec<&'m str> {
    metadata[name].as_array().into_iter().flatten().map(|value| value.as_str().unwrap()).collect()
}

/// What may be asked for in any of the realms.
fn app() -> ClientBuilder {
    client("app").every_flow()
}

/// Serves a realm with that client and Ada, of whom everything is known.
fn serve(realm: RealmBuilder) -> TestProvider {
    let ada = user("ada").password("hunter2").with(|user| {
        for (_, claims) in STANDARD_SCOPES {
            for claim in claims.iter().filter(|claim| **claim != "sub") {
                user.profile.entry(*claim).or_insert_with(|| json!(claim));
            }
        }
    });
    realm.client(app()).client(client("public").public()).user(ada).serve()
}

async fn signed_in(at: &TestProvider) -> Browser {
    let mut browser = Browser::new(at);
    let metadata = metadata(at).await;
    let first = list(&metadata, "response_types_supported")[0].to_owned();
    answer(&browser.sign_in("ada", "hunter2", &[("response_type", &first), ("nonce", "n")]).await);
    browser
}

#[tokio::test]
async fn discovery_3_every_member_is_registered_and_every_url_is_https_below_the_issuer() {
    // The registry "OAuth Authorization Server Metadata" of IANA, and what the final specifications of OpenID Connect add.
    const REGISTERED: &str = "issuer authorization_endpoint token_endpoint jwks_uri registration_endpoint scopes_supported \
        response_types_supported response_modes_supported grant_types_supported token_endpoint_auth_methods_supported \
        token_endpoint_auth_signing_alg_values_supported service_documentation ui_locales_supported op_policy_uri op_tos_uri \
        revocation_endpoint revocation_endpoint_auth_methods_supported revocation_endpoint_auth_signing_alg_values_supported \
        introspection_endpoint introspection_endpoint_auth_methods_supported \
        introspection_endpoint_auth_signing_alg_values_supported code_challenge_methods_supported signed_metadata \
        device_authorization_endpoint tls_client_certificate_bound_access_tokens mtls_endpoint_aliases nfv_token_signing_alg_values_supported \
        userinfo_endpoint acr_values_supported subject_types_supported id_token_signing_alg_values_supported \
        id_token_encryption_alg_values_supported id_token_encryption_enc_values_supported userinfo_signing_alg_values_supported \
        userinfo_encryption_alg_values_supported userinfo_encryption_enc_values_supported request_object_signing_alg_values_supported \
        request_object_encryption_alg_values_supported request_object_encryption_enc_values_supported display_values_supported \
        claim_types_supported claims_supported claims_locales_supported claims_parameter_supported request_parameter_supported \
        request_uri_parameter_supported require_request_uri_registration require_signed_request_object \
        pushed_authorization_request_endpoint require_pushed_authorization_requests introspection_signing_alg_values_supported \
        introspection_encryption_alg_values_supported introspection_encryption_enc_values_supported \
        authorization_response_iss_parameter_supported check_session_iframe frontchannel_logout_supported \
        backchannel_logout_session_supported frontchannel_logout_session_supported backchannel_logout_supported end_session_endpoint \
        backchannel_token_delivery_modes_supported backchannel_authentication_endpoint \
        backchannel_authentication_request_signing_alg_values_supported backchannel_user_code_parameter_supported \
        authorization_details_types_supported dpop_signing_alg_values_supported prompt_values_supported \
        authorization_signing_alg_values_supported authorization_encryption_alg_values_supported \
        authorization_encryption_enc_values_supported protected_resources";
    let registered: BTreeSet<&str> = REGISTERED.split_whitespace().collect();
    for realm in all() {
        let metadata = metadata(&serve(realm)).await;
        assert_eq!(metadata["issuer"], ISSUER);
        for (name, value) in metadata.as_object().unwrap() {
            assert!(registered.contains(name.as_str()), "{name}");
            let is_url = name.ends_with("_endpoint") || name.ends_with("_uri") || name == "check_session_iframe";
            if is_url {
                let path = value.as_str().unwrap().strip_prefix(ISSUER).unwrap();
                assert!(path.starts_with('/') && !path.contains(['?', '#']), "{name}: {value}");
            } else {
                let is_list = name.ends_with("_supported") && value.is_array();
                assert!(is_list || value.is_boolean() || name == "issuer", "{name}: {value}");
            }
        }
    }
}

#[tokio::test]
async fn discovery_3_what_is_required_is_there_and_rs256_among_it() {
    for (realm, signs_in) in all().into_iter().zip([true, true, true, true, false, true]) {
        let metadata = metadata(&serve(realm)).await;
        for name in ["issuer", "token_endpoint", "jwks_uri", "subject_types_supported"] {
            assert!(metadata.get(name).is_some(), "{name}");
        }
        assert!(list(&metadata, "id_token_signing_alg_values_supported").contains(&"RS256"));
        // Nobody signs in to a realm for machines: it is no OpenID Provider.
        for name in ["authorization_endpoint", "userinfo_endpoint", "response_types_supported", "claims_supported"] {
            assert_eq!(metadata.get(name).is_some(), signs_in, "{name}");
        }
        assert_eq!(list(&metadata, "scopes_supported").contains(&"openid"), signs_in);
    }
}

#[tokio::test]
async fn discovery_3_without_signature_only_where_the_token_endpoint_gives_id_tokens_and_never_for_assertions() {
    for (realm, has_code) in all().into_iter().zip([true, true, true, false, false, true]) {
        let metadata = metadata(&serve(realm)).await;
        assert_eq!(list(&metadata, "id_token_signing_alg_values_supported").contains(&"none"), has_code);
        for endpoint in ["token", "introspection", "revocation"] {
            let listed = list(&metadata, &format!("{endpoint}_endpoint_auth_signing_alg_values_supported"));
            assert!(!listed.is_empty() && !listed.contains(&"none") && listed.contains(&"RS256"), "{endpoint}");
        }
    }
}

#[tokio::test]
async fn discovery_4_2_and_rfc8414_3_2_nothing_is_null_or_without_elements() {
    for realm in all().into_iter().chain([realm().settings(|settings| {
        settings.grant_types.clear();
        settings.response_types.clear();
        settings.scopes.clear();
    })]) {
        let metadata = metadata(&serve(realm)).await;
        for (name, value) in metadata.as_object().unwrap() {
            let is_empty = match value {
                Value::Array(items) => items.is_empty() || items.iter().any(|item| item.as_str() == Some("")),
                Value::String(text) => text.is_empty(),
                value => !value.is_boolean(),
            };
            assert!(!is_empty, "{name}: {value}");
            let items: Vec<_> = value.as_array().into_iter().flatten().map(Value::to_string).collect();
            assert_eq!(items.len(), items.iter().collect::<BTreeSet<_>>().len(), "{name}: each once");
        }
    }
}

#[tokio::test]
async fn discovery_4_1_and_rfc8414_3_both_documents_say_the_same_by_get_and_head_to_every_origin() {
    for realm in all() {
        let at = serve(realm);
        let (one, other) = (at.get(WELL_KNOWN, &[]).await, inserted(&at, Method::GET, "/realms/staff").await);
        assert_eq!((one.status, other.0), (StatusCode::OK, StatusCode::OK));
        assert_eq!(one.headers[header::CONTENT_TYPE], "application/json");
        assert_eq!(one.json(), serde_json::from_slice::<Value>(&other.1).unwrap());
        let head = at.send(Method::HEAD, WELL_KNOWN, &[], String::new()).await;
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
        assert_eq!(head.headers[header::CONTENT_TYPE], "application/json");
        let preflight = [("origin", "https://app.example"), ("access-control-request-method", "GET")];
        let options = at.send(Method::OPTIONS, WELL_KNOWN, &preflight, String::new()).await;
        assert_eq!(options.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(at.send(Method::POST, WELL_KNOWN, &[], String::new()).await.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}

/// The metadata of RFC 8414 section 3.1: the well-known part stands before the issuer's path.
async fn inserted(at: &TestProvider, method: Method, path: &str) -> (StatusCode, Vec<u8>) {
    let uri = format!("/.well-known/oauth-authorization-server{path}");
    let request = axum::http::Request::builder().method(method).uri(uri).header(header::HOST, "id.example.com");
    let request = request.body(axum::body::Body::empty()).unwrap();
    let response = at.provider.handle(crate::provider::testing::peer(), request).await;
    let status = response.status();
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes().to_vec();
    (status, body)
}

#[tokio::test]
async fn rfc8414_3_1_the_well_known_part_is_inserted_before_the_path_of_the_issuer_and_of_no_other() {
    let at = realm().serve();
    at.publish(realm().named("root").issuer("https://id.example.com").build());
    for (path, want) in [
        ("/realms/staff", Some(ISSUER)),
        ("", Some("https://id.example.com")),
        ("/realms", None),
        ("/realms/staff/token", None),
        ("/realms/staffing", None),
    ] {
        let (status, body) = inserted(&at, Method::GET, path).await;
        let issuer = serde_json::from_slice::<Value>(&body).ok().map(|metadata| metadata["issuer"].clone());
        assert_eq!(issuer, want.map(Value::from), "{path}: {status}");
        assert_eq!(status == StatusCode::OK, want.is_some(), "{path}");
    }
}

#[tokio::test]
async fn discovery_3_each_grant_type_that_is_listed_is_granted_and_no_other() {
    for realm in all() {
        let at = serve(realm);
        let metadata = metadata(&at).await;
        let listed = list(&metadata, "grant_types_supported");
        for grant in GrantType::ALL.iter().map(|grant| grant.as_str()).chain(listed.iter().copied()) {
            assert_eq!(is_granted(&at, grant).await, listed.contains(&grant), "{grant}");
        }
    }
}

/// True where a token comes by the grant.
async fn is_granted(at: &TestProvider, grant: &str) -> bool {
    let redeemed = async || {
        let code = at.code(authorization("app", "ada", "openid"), |_| ()).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ];
        at.token("app", &form).await
    };
    match grant {
        "authorization_code" => redeemed().await.status == StatusCode::OK,
        "refresh_token" => {
            let tokens = redeemed().await.json();
            let Some(refresh) = tokens["refresh_token"].as_str() else { return false };
            let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
            at.token("app", &form).await.status == StatusCode::OK
        }
        "client_credentials" => at.token("app", &[("grant_type", grant)]).await.status == StatusCode::OK,
        "implicit" => {
            let asked = [("response_type", "id_token"), ("nonce", "n")];
            let reply = Browser::new(at).sign_in_if_asked(&asked).await;
            reply.is_some_and(|reply| answer(&reply).contains_key("id_token"))
        }
        other => panic!("{other} is listed: show here that it works"),
    }
}

impl Browser {
    /// Ada signs in where the page asks for it; none where it is refused.
    async fn sign_in_if_asked(&mut self, parameters: &[(&str, &str)]) -> Option<crate::provider::testing::Reply> {
        let page = self.open(&authorize(parameters)).await;
        if page.status != StatusCode::OK || !page.text().contains("name=\"password\"") {
            return None;
        }
        Some(self.submit(&page, &[("username", "ada"), ("password", "hunter2")]).await)
    }
}

#[tokio::test]
async fn discovery_3_each_response_type_that_is_listed_comes_back_by_each_mode_that_is_listed_and_may_carry_it() {
    for realm in all() {
        let at = serve(realm);
        let metadata = metadata(&at).await;
        let listed = list(&metadata, "response_types_supported");
        if listed.is_empty() {
            continue;
        }
        let mut browser = signed_in(&at).await;
        for response_type in ResponseType::ALL.iter().map(|kind| kind.as_str()) {
            for mode in list(&metadata, "response_modes_supported") {
                let asked = [("response_type", response_type), ("response_mode", mode), ("nonce", "n")];
                let (travelled, answer) = travelled(&browser.load(&authorize(&asked)).await);
                if !listed.contains(&response_type) {
                    assert_eq!(answer["error"], "unsupported_response_type", "{response_type} {mode}");
                } else if mode == "query" && response_type.contains("token") {
                    assert_eq!(answer["error"], "invalid_request", "{response_type}: no token in a query");
                } else {
                    assert!(!answer.contains_key("error"), "{response_type} {mode}: {answer:?}");
                    assert_eq!(travelled, mode);
                }
            }
        }
    }
}

#[tokio::test]
async fn discovery_3_each_prompt_display_locale_and_class_that_is_listed_is_understood() {
    for realm in all() {
        let at = serve(realm);
        let metadata = metadata(&at).await;
        if metadata.get("authorization_endpoint").is_none() {
            continue;
        }
        let first = list(&metadata, "response_types_supported")[0].to_owned();
        let with = |name, value| authorize(&[("response_type", &first), ("nonce", "n"), (name, value)]);
        for locale in list(&metadata, "ui_locales_supported") {
            let page = Browser::new(&at).open(&with("ui_locales", locale)).await;
            assert!(page.text().contains(&format!("lang=\"{locale}\"")), "{locale}");
        }
        for display in list(&metadata, "display_values_supported") {
            let page = Browser::new(&at).open(&with("display", display)).await;
            assert!(page.text().contains(&format!("<body class=\"{display}\">")), "{display}");
        }
        let mut browser = signed_in(&at).await;
        for prompt in list(&metadata, "prompt_values_supported") {
            let reply = browser.load(&with("prompt", prompt)).await;
            assert!(!reply.header("location").contains("error="), "{prompt}: {}", reply.header("location"));
        }
        if !metadata["response_types_supported"].as_array().unwrap().contains(&"code".into()) {
            continue;
        }
        for class in list(&metadata, "acr_values_supported") {
            let code = code(&browser.load(&authorize(&[("acr_values", class)])).await);
            let tokens = at.redeem("app", &code).await.json();
            let signed_by_test_keys = jose::Compact::parse(tokens["id_token"].as_str().unwrap()).unwrap();
            let claims: Value = signed_by_test_keys.claims_unverified().unwrap();
            assert_eq!(claims["acr"], class);
        }
    }
}

#[tokio::test]
async fn discovery_3_each_scope_that_is_listed_is_granted_and_each_claim_comes_by_one_of_them() {
    for realm in all() {
        let at = serve(realm);
        let metadata = metadata(&at).await;
        let scopes = list(&metadata, "scopes_supported");
        let (has_code, machines) = (
            list(&metadata, "response_types_supported").contains(&"code"),
            list(&metadata, "grant_types_supported") == ["client_credentials"],
        );
        if machines {
            let form = [("grant_type", "client_credentials"), ("scope", &*scopes.join(" "))];
            let reply = at.token("app", &form[..if scopes.is_empty() { 1 } else { 2 }]).await;
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
            assert_eq!(metadata.get("claims_supported"), None, "there is nobody to say anything about");
        }
        if !has_code {
            continue;
        }
        let mut browser = signed_in(&at).await;
        let asked = [("scope", &*scopes.join(" ")), ("prompt", "consent"), ("nonce", "n")];
        let page = browser.open(&authorize(&asked)).await;
        let code = code(&browser.submit(&page, &[("action", "allow")]).await);
        let tokens = at.redeem("app", &code).await.json();
        let granted: BTreeSet<&str> = tokens["scope"].as_str().unwrap().split(' ').collect();
        assert_eq!(granted, scopes.iter().copied().collect());
        let id_token = jose::Compact::parse(tokens["id_token"].as_str().unwrap()).unwrap();
        let mut known: Value = id_token.claims_unverified().unwrap();
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
        let userinfo = at.get("/userinfo", &[("authorization", &bearer)]).await.json();
        known.as_object_mut().unwrap().extend(userinfo.as_object().unwrap().clone());
        for claim in list(&metadata, "claims_supported") {
            assert!(known.get(claim).is_some(), "{claim} is listed, and does not come: {known}");
        }
    }
}

#[tokio::test]
async fn discovery_3_each_authentication_method_that_is_listed_is_one_at_its_endpoint_and_no_other() {
    let at = everything()
        .client(client("client_secret_basic"))
        .client(client("client_secret_post").method(AuthMethod::ClientSecretPost))
        .client(client("client_secret_jwt").long_secret().method(AuthMethod::ClientSecretJwt))
        .client(client("private_key_jwt").key(0))
        .client(client("none").public())
        .user(user("ada"))
        .serve();
    let metadata = metadata(&at).await;
    for (endpoint, path) in [("token", "/token"), ("introspection", "/introspect"), ("revocation", "/revoke")] {
        let listed = list(&metadata, &format!("{endpoint}_endpoint_auth_methods_supported"));
        for method in AuthMethod::ALL.iter().map(|method| method.as_str()) {
            let code = at.code(authorization(method, "ada", "openid"), |_| ()).await;
            let form = match endpoint {
                "token" => vec![
                    ("grant_type", "authorization_code"),
                    ("code", code.as_str()),
                    ("redirect_uri", REDIRECT_URI),
                    ("code_verifier", VERIFIER),
                ],
                _ => vec![("token", "a token")],
            };
            let status = present(&at, method, path, &form).await;
            assert_eq!(status == 200, listed.contains(&method), "{method} at {path}: {status}");
        }
    }
}

/// Posts the form as the client that is called like its method.
async fn present(at: &TestProvider, method: &str, path: &str, form: &[(&str, &str)]) -> u16 {
    let secret = crate::provider::testing::secret_of(method);
    let claims = json!({"iss": method, "sub": method, "aud": ISSUER, "exp": START + 60, "iat": START, "jti": path});
    let assertion = match method {
        "client_secret_jwt" => {
            jose::authenticate_jwt(HmacAlgorithm::Hs256, LONG_SECRET.as_bytes(), "JWT", &claims).unwrap()
        }
        _ => signer(0).sign_jwt("JWT", &claims).unwrap(),
    };
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let credential = match method {
        "client_secret_basic" => return at.post_as(method, path, form).await.status.as_u16(),
        "client_secret_post" => vec![("client_id", method), ("client_secret", &*secret)],
        "none" => vec![("client_id", method)],
        _ => vec![("client_assertion_type", kind), ("client_assertion", &*assertion)],
    };
    at.post_form(path, &[], &[form, &credential].concat()).await.status.as_u16()
}

#[tokio::test]
async fn discovery_3_each_code_challenge_method_that_is_listed_is_accepted_and_plain_is_not() {
    let at = serve(realm());
    let metadata = metadata(&at).await;
    assert_eq!(list(&metadata, "code_challenge_methods_supported"), ["S256"]);
    let mut browser = signed_in(&at).await;
    code(&browser.load(&authorize(&[("code_challenge_method", "S256")])).await);
    let refused = answer(&browser.load(&authorize(&[("code_challenge_method", "plain")])).await);
    assert_eq!(refused["error"], "invalid_request");
}

#[tokio::test]
async fn discovery_3_each_subject_type_that_is_listed_is_shown() {
    let at = realm()
        .pairwise()
        .client(client("public"))
        .client(client("pairwise").pairwise("app.example"))
        .user(user("ada"))
        .serve();
    for kind in list(&metadata(&at).await, "subject_types_supported") {
        let mut authorization = authorization(kind, "ada", "openid");
        let subject = at.realm().client(kind).unwrap().subject.clone();
        authorization.pairwise_subject = subject.is_pairwise().then(|| subject.shown("sub-ada").into_owned());
        let tokens = at.tokens(authorization).await;
        let sub = verified(tokens["id_token"].as_str().unwrap()).1["sub"].clone();
        assert_eq!(sub == "sub-ada", kind == "public", "{kind}: {sub}");
    }
}

/// The routes of the fixed table that discovery does not list, each with the reason.
const UNLISTED: [(Endpoint, &str); 6] = [
    (Endpoint::Discovery, "it is the document itself (Discovery section 4)"),
    (Endpoint::AuthorizationServerMetadata, "it is the document itself (RFC 8414 section 3)"),
    (Endpoint::WebFinger, "it is what leads to the document (Discovery section 2)"),
    (Endpoint::Login, "a page on the way of a person, which no client calls"),
    (Endpoint::Consent, "a page on the way of a person, which no client calls"),
    (Endpoint::Account, "a page of a person's own, which no client calls"),
];

#[tokio::test]
async fn discovery_3_every_url_that_is_listed_is_served_and_every_route_is_listed_or_has_a_reason() {
    for realm in all() {
        let at = serve(realm);
        let metadata = metadata(&at).await;
        let urls = metadata.as_object().unwrap().iter().filter(|(name, _)| {
            name.ends_with("_endpoint") || ["jwks_uri", "check_session_iframe"].contains(&name.as_str())
        });
        let listed: BTreeSet<&str> = urls.map(|(_, url)| url.as_str().unwrap().strip_prefix(ISSUER).unwrap()).collect();
        for path in &listed {
            let reply = at.send(Method::OPTIONS, path, &[], String::new()).await;
            assert_eq!(reply.status, StatusCode::NO_CONTENT, "{path} is listed");
            assert!(Endpoint::of(path).is_some(), "{path}");
        }
        let is_unlisted = |endpoint: &Endpoint| UNLISTED.iter().any(|(known, _)| known == endpoint);
        for endpoint in Endpoint::ALL.iter().filter(|endpoint| !is_unlisted(endpoint)) {
            let reply = at.send(Method::OPTIONS, endpoint.path(), &[], String::new()).await;
            let is_served = reply.status != StatusCode::NOT_FOUND;
            assert_eq!(is_served, listed.contains(endpoint.path()), "{endpoint:?}");
        }
        assert!(UNLISTED.iter().all(|(endpoint, why)| !listed.contains(endpoint.path()) && !why.is_empty()));
    }
}

#[tokio::test]
async fn discovery_4_3_and_rfc8414_3_3_the_issuer_is_the_one_that_was_asked_and_that_of_the_id_tokens() {
    for issuer in
        [ISSUER, "https://id.example.com", "https://id.example.com:8443/a/b", "http://localhost:8080/realms/x"]
    {
        let at = realm().issuer(issuer).client(client("app")).user(user("ada")).serve();
        let reply = at.get(WELL_KNOWN, &[]).await;
        assert_eq!(reply.json()["issuer"], issuer);
        let tokens = at.tokens(authorization("app", "ada", "openid")).await;
        assert_eq!(verified(tokens["id_token"].as_str().unwrap()).1["iss"], issuer);
        assert_eq!(at.get("/.well-known/openid-configuration/", &[]).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn discovery_3_the_jwks_holds_the_keys_that_tokens_are_signed_with_and_no_private_or_symmetric_part() {
    let at = serve(everything());
    let metadata = metadata(&at).await;
    let jwks = at.get("/jwks", &[]).await;
    assert_eq!(jwks.headers[header::CONTENT_TYPE], "application/json");
    let jwks = jwks.json();
    let mut kids = BTreeSet::new();
    for key in jwks["keys"].as_array().unwrap() {
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert_eq!(key.get(private), None, "{key}");
        }
        assert_ne!(key["kty"], "oct");
        assert!(["sig", "enc"].contains(&key["use"].as_str().unwrap()), "both kinds are there, so each says which");
        assert!(kids.insert(key["kid"].as_str().unwrap().to_owned()), "one kid, one key");
    }
    // A key for Ed25519 leaves `alg` out, since that has two names.
    let algorithm = |key: &Value| key["alg"].as_str().or(key["crv"].as_str()).unwrap().to_owned();
    let published: BTreeSet<String> = jwks["keys"].as_array().unwrap().iter().map(algorithm).collect();
    for name in list(&metadata, "id_token_signing_alg_values_supported") {
        let by_secret = name == "none" || name.starts_with("HS");
        let name = if name == "EdDSA" { "Ed25519" } else { name };
        assert!(by_secret || published.contains(name), "{name} has no key");
    }
}
