use std::{borrow::Cow, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ClaimRequest, Grant, Purpose, Spaced, claims, grant::after, protect::no_key};
use crate::{
    provider::{Call, OAuthError},
    realm::{AccessTokenFormat, Client, User},
    secret::{NoEntropy, random, unguessable},
    store::{Artifact, IdHash, Kind, StoreError},
};

/// For whom an access token speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Holder<'a> {
    /// For the client itself (`client_credentials`): `sub` is its `client_id` (RFC 9068 section 2.2).
    Client,
    /// For a person who has authorised the client.
    Person(&'a User, &'a Grant),
}

/// An access token, minted.
#[derive(Debug)]
pub(crate) struct AccessToken {
    /// What the client gets.
    pub(crate) token: String,
    /// It ends in so many seconds.
    pub(crate) expires_in: u64,
    /// To be stored before it is handed out; none for a JWT.
    pub(crate) artifact: Option<Artifact>,
}

/// `aud`: one as a string, several as an array (RFC 7519 section 4.1.3).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Audience<'a> {
    One(Cow<'a, str>),
    Many(Vec<Cow<'a, str>>),
}

impl<'a> Audience<'a> {
    pub(crate) fn of(audience: &[&'a str]) -> Self {
        match audience {
            [one] => Self::One(Cow::Borrowed(one)),
            many => Self::Many(many.iter().map(|one| Cow::Borrowed(*one)).collect()),
        }
    }

    pub(crate) fn contains(&self, wanted: &str) -> bool {
        match self {
            Self::One(one) => one == wanted,
            Self::Many(many) => many.iter().any(|one| one == wanted),
        }
    }
}

/// The claims of RFC 9068 section 2.2, and those that custom scopes release.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: Audience<'a>,
    exp: i64,
    iat: i64,
    jti: &'a str,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Spaced::is_empty")]
    scope: Spaced<'a>,
    #[serde(flatten)]
    authentication: Option<Authentication<'a>>,
    #[serde(flatten)]
    released: Map<String, Value>,
}

/// RFC 9068 section 2.2.1.
#[derive(Serialize)]
struct Authentication<'a> {
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    amr: &'a [String],
}

/// The payload of a [`Kind::AccessToken`]; its grant, where it has one, has the rest.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OpaquePayload {
    pub(super) client_id: String,
    pub(super) incarnation: String,
    pub(super) scopes: Vec<String>,
    pub(super) audience: Vec<String>,
    pub(super) issued_at: i64,
}

/// Mints an access token in the client's format, for `audience`, which is not empty.
pub(crate) fn mint(
    call: &Call,
    client: &Client,
    holder: Holder<'_>,
    scopes: &[&str],
    audience: &[&str],
) -> Result<AccessToken, OAuthError> {
    let wanted = after(call.now, client.tokens.access_token);
    let expires_at = match holder {
        Holder::Client => wanted,
        Holder::Person(_, grant) => wanted.min(grant.expires_at),
    };
    let expires_in = Duration::try_from(expires_at.duration_since(call.now)).unwrap_or_default().as_secs();
    match client.tokens.access_token_format {
        AccessTokenFormat::Jwt => {
            let token = jwt(call, client, holder, scopes, audience, expires_at)?;
            Ok(AccessToken { token, expires_in, artifact: None })
        }
        AccessTokenFormat::Opaque => {
            let (token, artifact) = opaque(call, client, holder, scopes, audience, expires_at)?;
            Ok(AccessToken { token, expires_in, artifact: Some(artifact) })
        }
    }
}

fn jwt(
    call: &Call,
    client: &Client,
    holder: Holder<'_>,
    scopes: &[&str],
    audience: &[&str],
    expires_at: Timestamp,
) -> Result<String, OAuthError> {
    let algorithm = call.realm.settings.default_algorithm;
    let signer = call.realm.keyring.signer(algorithm, call.now).ok_or_else(|| no_key(algorithm))?;
    let (sub, jti, person) = match holder {
        Holder::Client => (Cow::Borrowed(client.id.as_str()), own_jti(client)?, None),
        Holder::Person(user, grant) => {
            let person = Some((user, grant.authorization()));
            (call.realm.subject_for(client, user), grant.jti()?, person)
        }
    };
    let claims = Claims {
        iss: call.realm.issuer.as_str(),
        sub: &sub,
        aud: Audience::of(audience),
        exp: expires_at.as_second(),
        iat: call.now.as_second(),
        jti: &jti,
        client_id: client.id.as_str(),
        scope: Spaced(scopes),
        authentication: person.map(|(_, authorization)| Authentication {
            auth_time: authorization.auth_time,
            acr: authorization.acr.as_deref(),
            amr: &authorization.amr,
        }),
        released: claims(&ClaimRequest { realm: &call.realm, client, person, scopes }, Purpose::Access),
    };
    Ok(signer.sign_jwt("at+jwt", &claims)?)
}

/// A `jti` that names the life of the client, so that a JWT is refused to a later client of its name.
fn own_jti(client: &Client) -> Result<String, NoEntropy> {
    Ok(format!("{}~{}", random::<16>()?, client.incarnation.as_str()))
}

fn opaque(
    call: &Call,
    client: &Client,
    holder: Holder<'_>,
    scopes: &[&str],
    audience: &[&str],
    expires_at: Timestamp,
) -> Result<(String, Artifact), OAuthError> {
    let token = unguessable()?;
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let payload = OpaquePayload {
        client_id: client.id.to_string(),
        incarnation: client.incarnation.as_str().to_owned(),
        scopes: owned(scopes),
        audience: owned(audience),
        issued_at: call.now.as_second(),
    };
    let artifact = call.artifact(Kind::AccessToken, IdHash::of(&token), &payload, expires_at)?;
    let artifact = match holder {
        Holder::Client => artifact,
        Holder::Person(_, grant) => grant.adopt(artifact),
    };
    Ok((token, artifact))
}

/// Whose opaque access token it is.
pub(crate) fn opaque_client_id(artifact: &Artifact) -> Result<String, StoreError> {
    Ok(OpaquePayload::read(artifact)?.client_id)
}

impl OpaquePayload {
    pub(super) fn read(artifact: &Artifact) -> Result<Self, StoreError> {
        serde_json::from_slice(&artifact.payload).map_err(|error| StoreError::Corrupt(error.to_string()))
    }
}
