//! What of the provider the fuzz targets reach (see [`crate::fuzzing`]), with a realm that allows everything.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a fuzz target says what it has found"
)]

use std::sync::LazyLock;

use axum::http::HeaderValue;
use tokio::runtime::Runtime;
use url::Url;

use super::{
    ClaimsRequest, Endpoint, OAuthError, Params,
    authorize::{self, AuthorizationRequest, Refusal, Resolved, Sight, Unresolved, with_query},
    id_token_hint, register,
    steps::Steps,
    testing::{self, LONG_SECRET, TestProvider, client, open_registration, realm, user},
};
use crate::{
    account::interaction::Interaction,
    jose::{HmacAlgorithm, JwsAlgorithm},
    realm::{AuthMethod, Client, RedirectUri, registration::ClientMetadata},
    store::MemoryStore,
};

/// The secret of the client `app`, who has its ID tokens authenticated with it.
pub(crate) const HMAC_SECRET: &str = LONG_SECRET;

static PROVIDER: LazyLock<TestProvider> = LazyLock::new(|| {
    let uris = ["https://app.example/cb?t=1", "http://127.0.0.1/cb", "http://[::1]:8080/cb", "com.example.app:/cb"];
    let everything = client("app").long_secret().every_flow().audiences(&["https://api.example.com"]).with(|client| {
        client.id_token.signing = Some(JwsAlgorithm::Hmac(HmacAlgorithm::Hs256));
        client.redirect_uris.extend(uris.map(|uri| RedirectUri::parse(uri).unwrap()));
    });
    let jwks = serde_json::from_str(include_str!("../../fuzz/seeds/jwk_set/signing")).unwrap();
    realm()
        .every_flow()
        .pairwise()
        .settings(|settings| settings.registration = Some(open_registration()))
        .client(everything)
        .client(client("web").public())
        .client(client("keyed").method(AuthMethod::PrivateKeyJwt).jwks(&jwks))
        .user(user("ada"))
        .serve()
});

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());

/// The query of an authorization request. Whoever is answered has registered where the answer goes, nobody has signed anything, and what
/// is kept while a person signs in is the same request.
pub(crate) fn authorization_request(query: &[u8]) -> bool {
    match RUNTIME.block_on(checked(query)) {
        None | Some(Err(Refusal::Page(_))) => false,
        Some(Err(Refusal::Reply(client, reply_to, _))) => {
            is_registered(&client, &reply_to.redirect_uri);
            false
        }
        Some(Ok(request)) => {
            is_registered(&request.client, &request.reply_to.redirect_uri);
            assert!(!request.is_signed, "a request object was forged");
            let again = RUNTIME.block_on(kept(&request));
            assert!(request.client.id == again.client.id && request.reply_to == again.reply_to);
            assert_eq!((&request.scopes, &request.resources), (&again.scopes, &again.resources));
            assert_eq!((&request.nonce, &request.code_challenge), (&again.nonce, &again.code_challenge));
            assert_eq!((&request.max_age, &request.encoded), (&again.max_age, &again.encoded));
            assert_eq!(request.claims, again.claims);
            true
        }
    }
}

async fn checked(query: &[u8]) -> Option<Result<AuthorizationRequest, Refusal>> {
    let call = PROVIDER.call(Endpoint::Authorize);
    let params = Params::parse_repeating(query, |_| true).ok()?;
    let steps = &mut Steps::unnoted();
    Some(match authorize::resolve(&call, params, Sight::Provider, steps).await {
        Ok(resolved) => authorize::check(&call.realm, &resolved, call.now, steps),
        Err(Unresolved::Refused(refusal)) => Err(refusal),
        Err(Unresolved::Unseen(_, reason)) => panic!("the provider sees everything: {reason}"),
    })
}

/// The request as it is when the person has signed in.
async fn kept(request: &AuthorizationRequest) -> AuthorizationRequest {
    let (store, realm, now) = (MemoryStore::new(), PROVIDER.realm(), PROVIDER.now());
    let interaction = Interaction::begin(&store, &realm, request.kept(), "a browser", now).await.unwrap();
    let resolved = Resolved::kept(&interaction).expect("what is kept can be read");
    authorize::check(&realm, &resolved, now, &mut Steps::unnoted()).expect("it is as right as before")
}

/// The parameter `claims` (OpenID Connect Core section 5.5). What is asked for is carried by codes and grants as it was read.
pub(crate) fn claims(text: &str) -> bool {
    let parsed = ClaimsRequest::parse(text);
    if let Ok(claims) = &parsed {
        let carried: ClaimsRequest = serde_json::from_slice(&serde_json::to_vec(claims).unwrap()).unwrap();
        let names = |claims: &ClaimsRequest| claims.wishes().map(|wish| wish.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&carried), names(claims));
        assert!(claims.subject().is_none_or(|sub| claims.is_for(sub) || !claims.is_for("sub-ada")), "for two at once");
        claims.essential_acr();
    }
    let query = [
        ("client_id", "app"),
        ("response_type", "code"),
        ("redirect_uri", "https://app.example/callback"),
        ("scope", "openid"),
        ("code_challenge", testing::CHALLENGE),
        ("code_challenge_method", "S256"),
        ("claims", text),
    ];
    let is_accepted = authorization_request(testing::encode(&query).as_bytes());
    assert!(!is_accepted || parsed.is_ok() || text.is_empty(), "it was not read");
    is_accepted
}

/// An authorization request in a request object.
pub(crate) fn request_object(token: &str) -> bool {
    let query = [("client_id", "app"), ("response_type", "code"), ("scope", "openid"), ("request", token)];
    authorization_request(testing::encode(&query).as_bytes())
}

fn is_registered(client: &Client, uri: &str) {
    assert!(client.redirect_uris.iter().any(|registered| registered.matches(uri)), "{uri} is not registered");
    let target = location(uri);
    HeaderValue::try_from(&*target).expect("a browser can be sent there");
    let target = Url::parse(&target).expect("a URL");
    let of = |registered: &RedirectUri| {
        let own = Url::parse(registered.as_str()).unwrap();
        own.scheme() == target.scheme() && own.host() == target.host() && own.path() == target.path()
    };
    assert!(client.redirect_uris.iter().any(of), "{target} is somewhere else");
}

/// Where an answer sends a browser.
pub(crate) fn location(uri: &str) -> String {
    with_query(uri, &[("state", "a state")])
}

/// True where it is accepted.
pub(crate) fn id_token_hint(token: &str, client_id: Option<&str>) -> bool {
    id_token_hint::verify(&PROVIDER.realm(), token, client_id, PROVIDER.now()).is_ok_and(|hint| hint.ours().is_some())
}

/// True where it gets a token.
pub(crate) fn client_assertion(token: &str) -> bool {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", token),
    ];
    let reply = RUNTIME.block_on(PROVIDER.post_form("/token", &[], &form));
    assert!(!reply.status.is_server_error(), "{}", reply.text());
    reply.status.is_success()
}

/// What is understood of the body of a registration request.
pub(crate) fn read_metadata(body: &[u8]) -> Option<ClientMetadata> {
    futures::executor::block_on(register::fuzzing::read(body.to_vec())).ok()
}

/// Client metadata with its defaults, held against the realm's policy.
pub(crate) fn complete(metadata: ClientMetadata) -> Result<ClientMetadata, OAuthError> {
    register::fuzzing::complete(&PROVIDER, metadata)
}
