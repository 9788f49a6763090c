//! Who may register, and who may look after which client: bearer tokens (RFC 6750, RFC 7591 section 3, RFC 7592 section 2).

use std::{
    sync::atomic::{AtomicI64, AtomicU32, Ordering},
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, header},
};
use jiff::Timestamp;

use crate::{
    provider::{Call, ErrorCode, OAuthError, userinfo},
    realm::registration::{InitialAccessToken, RegistrationMode, RegistrationPolicy},
    store::IdHash,
};

/// As long as a counter can be kept: longer than any token that is counted.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// So many tokens a second that this replica does not know are looked up where the clients are kept.
const LOOKUPS: u32 = 20;

const MISSING: &str = "an access token is needed";

/// The bearer token; an error without one.
pub(super) fn bearer(headers: &HeaderMap) -> Result<String, OAuthError> {
    userinfo::bearer(headers)?.ok_or_else(|| OAuthError::new(ErrorCode::InvalidToken, MISSING))
}

/// The initial access token of a request, where one is needed. With open registration none is, and none is looked at.
pub(super) async fn initial<'a>(
    call: &'a Call,
    policy: &RegistrationPolicy,
    headers: &HeaderMap,
) -> Result<Option<&'a InitialAccessToken>, OAuthError> {
    if policy.mode == RegistrationMode::Open {
        return Ok(None);
    }
    let presented = bearer(headers)?;
    let found = call.realm.initial_access_tokens.iter().find(|token| token.hash.matches(presented.as_bytes()));
    let token = found.filter(|token| token.expires_at.is_none_or(|end| call.now < end)).ok_or_else(refused)?;
    if let Some(max_uses) = token.max_uses {
        let counted = call.provider.store.counter(&counter(call, token), call.now).await?;
        if counted.is_some_and(|counter| counter.count >= max_uses) {
            return Err(refused());
        }
    }
    Ok(Some(token))
}

fn refused() -> OAuthError {
    OAuthError::new(ErrorCode::InvalidToken, "the initial access token is unknown, has expired or was used up")
}

/// Whose uses are counted: another token in the same Secret begins anew.
fn counter(call: &Call, token: &InitialAccessToken) -> IdHash {
    IdHash::of(format!("initial access token\0{}\0{}", call.realm.name, token.hash.as_str()))
}

/// A use of an initial access token that was counted.
pub(super) struct Use {
    counter: Option<IdHash>,
    is_first: bool,
}

/// Counts a use. Of two that come at once for the last one, one is refused.
pub(super) async fn take(call: &Call, token: Option<&InitialAccessToken>) -> Result<Use, OAuthError> {
    let Some((token, max_uses)) = token.and_then(|token| Some((token, token.max_uses?))) else {
        return Ok(Use { counter: None, is_first: false });
    };
    let id = counter(call, token);
    let counted = call.provider.store.count(&call.realm.name.to_string(), &id, FOR_EVER, call.now).await?;
    if counted.count > max_uses { Err(refused()) } else { Ok(Use { counter: Some(id), is_first: counted.count == 1 }) }
}

impl Use {
    /// Nothing came of it: a token that is good once is still good. (Of one that is good more often a use is lost.)
    pub(super) async fn give_back(self, call: &Call) {
        if let Some(id) = self.counter.filter(|_| self.is_first) {
            let _ = call.provider.store.reset(&id).await;
        }
    }
}

/// How many tokens were looked up in the present second.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    second: AtomicI64,
    count: AtomicU32,
}

impl Lookups {
    /// True while there are not too many: whoever tries tokens must not keep the API server busy.
    pub(super) fn may(&self, now: Timestamp) -> bool {
        if self.second.swap(now.as_second(), Ordering::Relaxed) != now.as_second() {
            self.count.store(0, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed) < LOOKUPS
    }
}

/// The answer to a request that is refused; where its token is, with the challenge of RFC 6750 section 3.
pub(super) fn challenge(call: &Call, error: OAuthError) -> Response<Body> {
    let (code, description) = (error.code, error.description.clone());
    let mut response = error.into_response();
    if code == ErrorCode::InvalidToken {
        let mut challenge = format!("Bearer realm=\"{}\"", call.realm.issuer);
        // Without an error where no token was presented (section 3.1).
        if description != MISSING {
            challenge.push_str(&format!(", error=\"{}\", error_description=\"{description}\"", code.as_str()));
        }
        if let Ok(value) = HeaderValue::from_str(&challenge) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{LOOKUPS, Lookups};

    #[test]
    fn only_so_many_unknown_tokens_a_second_are_looked_up() {
        let (lookups, at) = (Lookups::default(), |second| Timestamp::from_second(second).unwrap());
        assert_eq!((0..LOOKUPS + 5).filter(|_| lookups.may(at(7))).count(), LOOKUPS as usize);
        assert!(lookups.may(at(8)));
    }
}
