use std::time::Duration;

use aws_lc_rs::digest;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

/// JSON as it goes out, with its strong validator (RFC 9110 section 8.8.3).
#[derive(Debug)]
pub(super) struct Document {
    body: Bytes,
    etag: HeaderValue,
    max_age: i64,
}

impl Document {
    /// A cache may keep it for `max_age`, in whole seconds; less where a key comes or goes sooner.
    pub(super) fn new(content: &impl Serialize, max_age: Duration) -> Result<Self, serde_json::Error> {
        let body = serde_json::to_vec(content)?;
        let hash = digest::digest(&digest::SHA256, &body);
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash));
        // Base64url and quotes are always a header's value.
        let etag = HeaderValue::try_from(etag).unwrap_or(HeaderValue::from_static("\"\""));
        Ok(Self { body: body.into(), etag, max_age: i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX) })
    }

    /// 200 with the document, or 304 where the client has it.
    pub(super) fn answer(&self, asked: &HeaderMap, stale_at: Option<Timestamp>, now: Timestamp) -> Response<Body> {
        let mut response = if self.matches(asked) {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            Response::new(Body::from(self.body.clone()))
        };
        let headers = response.headers_mut();
        if !self.body.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(header::CACHE_CONTROL, self.cache_control(stale_at, now));
        response
    }

    /// RFC 9110 section 13.1.2: weak comparison, a list or `*`.
    fn matches(&self, asked: &HeaderMap) -> bool {
        asked
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == self.etag.as_bytes())
    }

    fn cache_control(&self, stale_at: Option<Timestamp>, now: Timestamp) -> HeaderValue {
        let left = stale_at.map_or(self.max_age, |at| at.duration_since(now).as_secs().min(self.max_age));
        HeaderValue::try_from(format!("public, max-age={}", left.max(0)))
            .unwrap_or(HeaderValue::from_static("no-cache"))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
    use jiff::{SignedDuration, Timestamp};

    use super::{Document, Duration};

    #[test]
    fn a_client_that_has_the_document_gets_304() {
        let document = Document::new(&serde_json::json!({"a": 1}), Duration::ZERO).unwrap();
        let etag = document.etag.to_str().unwrap().to_owned();
        let status = |tags: &str| {
            let mut asked = HeaderMap::new();
            asked.insert(header::IF_NONE_MATCH, HeaderValue::from_str(tags).unwrap());
            document.answer(&asked, None, Timestamp::UNIX_EPOCH).status()
        };
        for tags in [etag.clone(), "*".into(), format!("W/{etag}"), format!("\"x\", {etag}")] {
            assert_eq!(status(&tags), StatusCode::NOT_MODIFIED, "{tags}");
        }
        assert_eq!(status("\"x\""), StatusCode::OK);
        assert_eq!(status(etag.trim_matches('"')), StatusCode::OK);
    }

    #[test]
    fn caches_keep_it_no_longer_than_until_a_key_changes() {
        let document = Document::new(&serde_json::json!({}), Duration::from_secs(300)).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let age = |seconds: Option<i64>| {
            let stale_at = seconds.map(|seconds| now + SignedDuration::from_secs(seconds));
            let response = document.answer(&HeaderMap::new(), stale_at, now);
            response.headers()[header::CACHE_CONTROL].to_str().unwrap().to_owned()
        };
        assert_eq!(age(None), "public, max-age=300");
        assert_eq!(age(Some(3600)), "public, max-age=300");
        assert_eq!(age(Some(7)), "public, max-age=7");
        assert_eq!(age(Some(-7)), "public, max-age=0");
    }
}
