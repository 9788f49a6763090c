use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use url::Url;

use super::{Problem, Sight};
use crate::{
    jose::MAX_COMPACT_LENGTH,
    provider::{Call, ErrorCode, OAuthError, outbound::Get},
    realm::{Client, ObjectName, Realm},
};

/// OpenID Connect Core section 6.2: a request URI should not be longer.
const MAX_URI_LENGTH: usize = 512;
/// What is fetched is kept no longer, whatever its headers say.
const MAX_FRESH: Duration = Duration::from_secs(3600);
/// What the fragment vouches for can't change; it is kept no longer all the same, so that what nobody asks for goes.
const VOUCHED: Duration = Duration::from_secs(24 * 3600);
/// All that is kept is no longer than this together; one more, and all is forgotten and fetched anew.
const MAX_KEPT: usize = 8 * 1024 * 1024;
/// RFC 9101 section 10.4.1 wants the first; the others are what web servers and peers send for a JWT or for a file of text.
const MEDIA_TYPES: [&str; 5] = [
    "application/oauth-authz-req+jwt",
    "application/jwt",
    "application/jose",
    "application/octet-stream",
    "text/plain",
];

/// The request objects behind the `request_uris` of clients. A realm's own only: what a realm may reach is its own affair.
#[derive(Default)]
pub(crate) struct RequestObjects(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// By the URI without its fragment: another fragment means another content (Core section 6.2).
    documents: HashMap<(ObjectName, Arc<str>), Fetched>,
    length: usize,
}

#[derive(Clone)]
struct Fetched {
    fragment: Option<Arc<str>>,
    content: Arc<str>,
    until: Timestamp,
}

/// The request object behind a URI: it is one that the client has registered (Discovery section 3, `require_request_uri_registration`), so
/// that nobody can have us knock at other doors (RFC 9101 section 10.4).
pub(super) async fn fetch(call: &Call, client: &Client, uri: &str, sight: Sight) -> Result<Arc<str>, Problem> {
    check(client, uri)?;
    if sight == Sight::Rehearsal {
        return Err(Problem::Unseen("the request object behind request_uri is fetched by the provider only"));
    }
    let kept = &call.provider.request_objects;
    if let Some(content) = kept.find(&call.realm, uri, call.now) {
        return Ok(content);
    }
    let get = Get {
        // What failed a moment ago fails under every fragment, of which there is no end.
        uri: split(uri).0,
        accept: "application/oauth-authz-req+jwt, application/jwt;q=0.9, */*;q=0.1",
        max_length: MAX_COMPACT_LENGTH,
    };
    let document = call.provider.outbound.get(&call.realm, get, call.now).await.map_err(|error| {
        tracing::info!(client_id = %client.id, %error, "a request object could not be fetched");
        invalid(format!("what it leads to can't be had: {error}"))
    })?;
    check_media_type(document.content_type.as_deref())?;
    let is_vouched = check_hash(uri, &document.body)?;
    let text = std::str::from_utf8(&document.body).map(str::trim).ok();
    let content: Arc<str> =
        text.filter(|text| is_jwt(text)).ok_or_else(|| invalid("what it leads to is no JWT"))?.into();
    let fresh_for = if is_vouched { VOUCHED } else { document.fresh_for.unwrap_or_default().min(MAX_FRESH) };
    kept.keep(&call.realm, uri, &content, fresh_for, call.now);
    Ok(content)
}

/// OpenID Connect Core section 6.2: what http brings may have been put there by anybody, so it must be signed.
pub(super) fn check_scheme(uri: &str, is_signed: bool) -> Result<(), OAuthError> {
    let is_https = Url::parse(uri).is_ok_and(|uri| uri.scheme() == "https");
    match is_https || is_signed {
        true => Ok(()),
        false => Err(invalid("it must be https, unless the request object is signed")),
    }
}

fn invalid(description: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequestUri, description)
}

fn check(client: &Client, uri: &str) -> Result<(), OAuthError> {
    if !uri.is_ascii() || uri.len() > MAX_URI_LENGTH {
        return Err(invalid("request_uri must be of 512 ASCII characters at the most"));
    }
    if uri.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn:")) {
        return Err(invalid("a urn: is given out by a pushed authorization request, of which there are none here"));
    }
    let (asked, _) = split(uri);
    match client.request_object.uris.iter().any(|registered| split(registered).0 == asked) {
        true => Ok(()),
        false => Err(invalid("request_uri is not one that is registered for this client (request_uris)")),
    }
}

fn split(uri: &str) -> (&str, Option<&str>) {
    uri.split_once('#').map_or((uri, None), |(uri, fragment)| (uri, Some(fragment)))
}

fn check_media_type(content_type: Option<&str>) -> Result<(), OAuthError> {
    let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match content_type.map(essence) {
        Some(media_type) if !MEDIA_TYPES.contains(&media_type.as_str()) => {
            Err(invalid(format!("what it leads to is {media_type:.64}: application/oauth-authz-req+jwt is right")))
        }
        _ => Ok(()),
    }
}

/// True where the fragment is the hash of the content (section 6.2); one that is a hash of anything else is an error. A fragment that is no
/// hash says nothing of the content.
fn check_hash(uri: &str, content: &[u8]) -> Result<bool, OAuthError> {
    let hash = split(uri).1.and_then(|fragment| URL_SAFE_NO_PAD.decode(fragment).ok()).filter(|hash| hash.len() == 32);
    match hash {
        None => Ok(false),
        Some(hash) if digest::digest(&digest::SHA256, content).as_ref() == hash => Ok(true),
        Some(_) => Err(invalid("what it leads to is not what the SHA-256 hash in its fragment says")),
    }
}

/// Three parts or five of base64url.
fn is_jwt(text: &str) -> bool {
    let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    matches!(text.split('.').count(), 3 | 5) && text.bytes().all(is_base64url)
}

impl RequestObjects {
    fn find(&self, realm: &Realm, uri: &str, now: Timestamp) -> Option<Arc<str>> {
        let (uri, fragment) = split(uri);
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.documents.get(&(realm.name.clone(), uri.into()))?;
        (found.fragment.as_deref() == fragment && now < found.until).then(|| found.content.clone())
    }

    fn keep(&self, realm: &Realm, uri: &str, content: &Arc<str>, fresh_for: Duration, now: Timestamp) {
        let (uri, fragment) = split(uri);
        let place = (realm.name.clone(), Arc::from(uri));
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(former) = kept.documents.remove(&place) {
            kept.length -= former.content.len();
        }
        if fresh_for.is_zero() {
            return;
        }
        if kept.length + content.len() > MAX_KEPT {
            *kept = Kept::default();
        }
        kept.length += content.len();
        let fetched = Fetched { fragment: fragment.map(Arc::from), content: content.clone(), until: now + fresh_for };
        kept.documents.insert(place, fetched);
    }
}

impl fmt::Debug for RequestObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestObjects")
    }
}
