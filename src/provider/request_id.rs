use std::sync::{
    LazyLock,
    atomic::{AtomicU64, Ordering},
};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries a request's id in and out.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LENGTH: usize = 64;

static PROCESS: LazyLock<u64> = LazyLock::new(|| {
    let mut bytes = [0; 8];
    // Without entropy the ids are still unique in the process.
    let _ = SystemRandom::new().fill(&mut bytes);
    u64::from_ne_bytes(bytes)
});
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// What ties a request's log lines and its answer together: what a proxy before us has given it, or one of ours. It is a name, no
/// secret: ours are unique, and easy to guess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// That of the request where it is sane (at most 64 letters, digits, `-`, `_` and `.`, so that it can't disturb a log), else a
    /// new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        match headers.get(X_REQUEST_ID) {
            Some(given) if is_sane(given.as_bytes()) => Self(given.clone()),
            _ => Self::generate(),
        }
    }

    fn generate() -> Self {
        let text = format!("{:016x}-{:x}", *PROCESS, COUNTER.fetch_add(1, Ordering::Relaxed));
        Self(HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("unknown")))
    }

    /// For the answer and the log: visible ASCII.
    pub(crate) fn to_header(&self) -> HeaderValue {
        self.0.clone()
    }
}

fn is_sane(id: &[u8]) -> bool {
    (1..=MAX_LENGTH).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::{RequestId, X_REQUEST_ID};

    #[test]
    fn a_sane_id_is_kept_and_any_other_replaced() {
        let of = |id: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(id).unwrap());
            RequestId::of(&headers).to_header()
        };
        assert_eq!(of(b"0b8c2c1e-7a.X_1"), "0b8c2c1e-7a.X_1");
        for bad in [&b""[..], b"a b", b"a\tb", b"\xff", b"a\"b", b"{}", &[b'a'; 65]] {
            assert_ne!(of(bad).as_bytes(), bad);
        }
        assert_ne!(RequestId::of(&HeaderMap::new()), RequestId::of(&HeaderMap::new()));
    }
}
