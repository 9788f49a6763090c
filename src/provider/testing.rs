//! Builders for tests of the endpoints: a realm with keys, clients and users, a provider around it with a store in memory and a
//! clock that is set by hand, and requests to it. The fuzz targets use them too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(fuzzing, allow(dead_code))]

/// A browser.
pub(crate) mod browser;
mod clients;
mod keys;
mod realms;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::Value;

#[allow(unused_imports)]
pub(crate) use self::{
    clients::{ClientBuilder, LONG_SECRET, client},
    keys::{decryption_key, full_keyring, keyring, signer, signer_jwks},
    realms::{RealmBuilder, UserBuilder, open_registration, realm, user},
};
use super::{Authorization, Call, ClaimsRequest, CodePayload, Endpoint, Peer, Provider};
use crate::{
    account::PasswordPool,
    realm::{ObjectName, Realm},
    store::{Artifact, Change, IdHash, Kind, MemoryStore, Store},
};

/// When every test begins: 2026-01-01T00:00:00Z.
pub(crate) const START: i64 = 1_767_225_600;

/// A provider of one realm, and the clock that it reads.
#[derive(Clone)]
pub(crate) struct TestProvider {
    pub(crate) provider: Arc<Provider>,
    realm: ObjectName,
    clock: Arc<Mutex<Timestamp>>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl TestProvider {
    pub(crate) fn new(realm: Realm) -> Self {
        Self::with_store(realm, Arc::new(MemoryStore::new()))
    }

    /// A provider with a store of another engine.
    pub(crate) fn with_store(realm: Realm, store: Arc<dyn Store>) -> Self {
        let clock = Arc::new(Mutex::new(Timestamp::from_second(START).unwrap()));
        let (name, reads) = (realm.name.clone(), clock.clone());
        let provider = Provider::new(
            Arc::default(),
            store,
            Arc::default(),
            Arc::default(),
            Arc::new(move || *reads.lock().unwrap()),
        );
        let this = Self { provider: Arc::new(provider), realm: name, clock };
        this.publish(realm);
        this
    }

    /// The same with another password pool; before anything else holds the provider.
    pub(crate) fn passwords(mut self, pool: PasswordPool) -> Self {
        Arc::get_mut(&mut self.provider).unwrap().passwords = pool;
        self
    }

    pub(crate) fn now(&self) -> Timestamp {
        *self.clock.lock().unwrap()
    }

    /// Sets the clock.
    pub(crate) fn set(&self, now: Timestamp) {
        *self.clock.lock().unwrap() = now;
    }

    /// Moves the clock on.
    pub(crate) fn advance(&self, by: Duration) {
        *self.clock.lock().unwrap() += by;
    }

    /// The realm as it is published now.
    pub(crate) fn realm(&self) -> Arc<Realm> {
        self.provider.registry.load().realm(&self.realm).unwrap().clone()
    }

    /// Adds a realm or replaces the one of the same name.
    pub(crate) fn publish(&self, realm: Realm) {
        self.provider.registry.update(|snapshot| {
            snapshot.insert(Arc::new(realm));
            snapshot.set_synced();
        });
    }

    /// Publishes the realm changed.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Realm)) {
        let mut realm = Realm::clone(&self.realm());
        change(&mut realm);
        self.publish(realm);
    }

    /// The same provider, asked for another of its realms.
    pub(crate) fn at(&self, realm: &ObjectName) -> Self {
        Self { realm: realm.clone(), ..self.clone() }
    }

    /// The surroundings of a request to `endpoint`, for tests below the endpoint.
    pub(crate) fn call(&self, endpoint: Endpoint) -> Call {
        Call { provider: self.provider.clone(), realm: self.realm(), endpoint, peer: peer(), now: self.now() }
    }

    /// Sends a request; `path` is what follows the issuer, with the query.
    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Reply {
        let realm = self.realm();
        let mut request = Request::builder()
            .method(method)
            .uri(match path {
                // The one endpoint that stands below no issuer.
                "/.well-known/webfinger" => format!("{path}?resource={}", realm.issuer),
                path => format!("{}{path}", realm.issuer.path()),
            })
            .header(header::HOST, realm.issuer.authority());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.provider.handle(peer(), request.body(Body::from(body)).unwrap()).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(Method::GET, path, headers, String::new()).await
    }

    pub(crate) async fn post_form(&self, path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Reply {
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend_from_slice(headers);
        self.send(Method::POST, path, &all, encode(form)).await
    }

    /// Posts a form as a client that authenticates with the secret of its builder in the `Authorization` header.
    pub(crate) async fn post_as(&self, client: &str, path: &str, form: &[(&str, &str)]) -> Reply {
        self.post_form(path, &[("authorization", &basic(client, &secret_of(client)))], form).await
    }

    /// Stores an authorization code, as the authorization endpoint does, and returns it.
    pub(crate) async fn code(&self, authorization: Authorization, change: impl FnOnce(&mut CodePayload)) -> String {
        let code = crate::secret::unguessable().unwrap();
        let session = authorization.sid.as_deref().map(IdHash::of);
        let mut payload = CodePayload {
            authorization,
            grant_id: crate::secret::random::<16>().unwrap(),
            has_grant: false,
            redirect_uri: REDIRECT_URI.to_owned(),
            redirect_uri_given: true,
            code_challenge: Some(CHALLENGE.to_owned()),
        };
        change(&mut payload);
        let artifact = Artifact {
            kind: Kind::AuthorizationCode,
            id: IdHash::of(&code),
            realm: self.realm.to_string().into(),
            grant: Some(IdHash::of(&payload.grant_id)),
            session,
            subject: Some(payload.authorization.subject.as_str().into()),
            payload: serde_json::to_vec(&payload).unwrap(),
            expires_at: self.now() + self.realm().settings.tokens.authorization_code,
            consumed: None,
        };
        self.provider.store.commit(vec![Change::Insert(artifact)], self.now()).await.unwrap();
        code
    }

    /// Redeems a code of [`Self::code`] by the header's secret, or by the name alone for a public client.
    pub(crate) async fn redeem(&self, client: &str, code: &str) -> Reply {
        self.token(client, &redemption(code)).await
    }

    /// The same, of a client with a secret of its own.
    pub(crate) async fn redeem_with(&self, client: &str, secret: &str, code: &str) -> Reply {
        self.post_form("/token", &[("authorization", &basic(client, secret))], &redemption(code)).await
    }

    /// A token request of the client by the header's secret, or by the name alone for a public client.
    pub(crate) async fn token(&self, client: &str, form: &[(&str, &str)]) -> Reply {
        match self.realm().client(client).is_some_and(|client| client.is_public()) {
            true => self.post_form("/token", &[], &[form, &[("client_id", client)]].concat()).await,
            false => self.post_as(client, "/token", form).await,
        }
    }

    /// All tokens of a code flow that has just been authorised.
    pub(crate) async fn tokens(&self, authorization: Authorization) -> Value {
        let client = authorization.client_id.clone();
        let code = self.code(authorization, |_| ()).await;
        let reply = self.redeem(&client, &code).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        reply.json()
    }

    /// What introspection tells the client `client` about a token.
    pub(crate) async fn introspect(&self, client: &str, token: &str) -> Value {
        let reply = self.post_as(client, "/introspect", &[("token", token)]).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        reply.json()
    }

    /// True where the token is active, by the client's own word.
    pub(crate) async fn is_active(&self, client: &str, token: &str) -> bool {
        self.introspect(client, token).await["active"].as_bool().unwrap()
    }
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    /// The value of a header; empty where it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The status and the member `error`, empty where there is none.
    pub(crate) fn error(&self) -> (u16, String) {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        (self.status.as_u16(), body["error"].as_str().unwrap_or_default().to_owned())
    }
}

/// The first redirect URI of every client of [`client`].
pub(crate) const REDIRECT_URI: &str = "https://app.example/callback";
/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// RFC 7636 appendix B: the challenge of [`VERIFIER`].
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What `username` (of [`user`]) has authorised `client` to do just now.
pub(crate) fn authorization(client: &str, username: &str, scopes: &str) -> Authorization {
    Authorization {
        client_id: client.to_owned(),
        incarnation: crate::realm::Incarnation::of("1").as_str().to_owned(),
        subject: format!("sub-{username}"),
        pairwise_subject: None,
        scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        resources: Vec::new(),
        auth_time: START,
        acr: Some("1".to_owned()),
        amr: vec!["pwd".to_owned()],
        nonce: Some("n-0S6_WzA2Mj".to_owned()),
        sid: Some(format!("sid-{username}")),
        locale: None,
        claims: ClaimsRequest::default(),
        claims_locales: None,
    }
}

/// The claims of a JWT that the realm has signed, and its header's `typ`.
pub(crate) fn verified(token: &str) -> (String, Value) {
    let compact = crate::jose::Compact::parse(token).unwrap();
    let keyring = keyring();
    let key = keyring.verifier(compact.kid().unwrap(), Timestamp::from_second(START).unwrap()).unwrap();
    (compact.typ().unwrap().to_owned(), compact.verify(key).unwrap())
}

/// The secret of a client of [`client`].
pub(crate) fn secret_of(client: &str) -> String {
    format!("s3cret/of+{client}")
}

/// What a client sends with a code.
fn redemption(code: &str) -> [(&str, &str); 4] {
    [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT_URI), ("code_verifier", VERIFIER)]
}

/// The `Authorization` header of RFC 6749 section 2.3.1.
pub(crate) fn basic(client: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(client), encode(secret))))
}

pub(crate) fn encode(form: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

pub(crate) fn peer() -> Peer {
    Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST) }
}

#[cfg(test)]
mod tests {
    use super::{authorization, client, realm, user};
    use crate::{
        provider::Endpoint,
        store::{IdHash, Kind},
    };

    #[tokio::test]
    async fn an_artifact_of_another_realm_is_never_found() {
        let staff = realm().client(client("app")).user(user("ada")).serve();
        staff.publish(realm().named("guests").build());
        let guests = staff.at(&crate::realm::ObjectName::new("identity", "guests"));
        let code = staff.code(authorization("app", "ada", "openid"), |_| ()).await;
        let find = async |realm: &super::TestProvider| {
            realm.call(Endpoint::Token).find(Kind::AuthorizationCode, &IdHash::of(&code)).await.unwrap()
        };
        assert!(find(&staff).await.is_some() && find(&guests).await.is_none());
    }
}
