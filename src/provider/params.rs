use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use zeroize::{Zeroize, Zeroizing};

/// Form bodies and query strings longer than this many bytes are refused.
pub const MAX_FORM_LENGTH: usize = 64 * 1024;
/// Of a longer body so many bytes are read before the connection is given up; the listener bounds the time.
const MAX_DISCARDED: usize = 4 * 1024 * 1024;
const MAX_PARAMETERS: usize = 100;

/// The parameters of a request: each at most once (RFC 6749 sections 3.1 and 3.2), well-formed, in order; wiped on drop.
#[derive(Default)]
pub struct Params(Vec<(String, String)>);

/// Why a query or a form is refused; never repeats a value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidParams {
    /// Over [`MAX_FORM_LENGTH`].
    #[error("the request is longer than 64 KiB")]
    TooLong,
    /// Over 100 parameters.
    #[error("the request has more than 100 parameters")]
    TooMany,
    /// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
    #[error("a parameter is not valid percent-encoded UTF-8")]
    Encoding,
    /// A NUL or another control character.
    #[error("the parameter \"{0}\" holds a control character")]
    Control(String),
    /// The same name twice.
    #[error("the parameter \"{0}\" is given more than once")]
    Duplicate(String),
    /// The body is not of the one media type.
    #[error("the body must be application/x-www-form-urlencoded")]
    MediaType,
    /// The connection broke, or the body came too slowly.
    #[error("the body could not be read")]
    Body,
}

impl Params {
    /// Parses a query string or a form.
    ///
    /// # Errors
    /// [`InvalidParams`].
    pub fn parse(text: &[u8]) -> Result<Self, InvalidParams> {
        Self::parse_repeating(text, |_| false)
    }

    /// The same, but a parameter that `may_repeat` accepts may stand there more than once: `resource` (RFC 8707 section 2). Read it
    /// with [`Self::get_all`]; [`Self::get`] gives the first.
    ///
    /// # Errors
    /// [`InvalidParams`].
    pub fn parse_repeating(text: &[u8], may_repeat: impl Fn(&str) -> bool) -> Result<Self, InvalidParams> {
        match Self::parse_as_far_as_possible(text, may_repeat) {
            (params, None) => Ok(params),
            (_, Some(error)) => Err(error),
        }
    }

    /// The same, with what could be read all the same beside the first error: it may say whom to tell.
    pub(super) fn parse_as_far_as_possible(
        text: &[u8],
        may_repeat: impl Fn(&str) -> bool,
    ) -> (Self, Option<InvalidParams>) {
        let mut params = Self(Vec::with_capacity(12));
        if text.len() > MAX_FORM_LENGTH {
            return (params, Some(InvalidParams::TooLong));
        }
        let mut first_error = None;
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if params.0.len() == MAX_PARAMETERS {
                first_error.get_or_insert(InvalidParams::TooMany);
                break;
            }
            if let Err(error) = params.push(pair, &may_repeat) {
                first_error.get_or_insert(error);
            }
        }
        (params, first_error)
    }

    fn push(&mut self, pair: &[u8], may_repeat: impl Fn(&str) -> bool) -> Result<(), InvalidParams> {
        let split = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = pair.split_at_checked(split).unwrap_or((pair, b""));
        let (name, value) = (decode(name)?, decode(value.strip_prefix(b"=").unwrap_or(value))?);
        check_characters(&name, &value)?;
        if !may_repeat(&name) && self.0.iter().any(|(known, _)| *known == name) {
            return Err(InvalidParams::Duplicate(shown(&name)));
        }
        self.0.push((name.into_owned(), value.into_owned()));
        Ok(())
    }

    /// Of parameters that come another way, under the same rules; a name may stand there more than once.
    ///
    /// # Errors
    /// [`InvalidParams::TooMany`], [`InvalidParams::Control`].
    pub fn of_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, InvalidParams> {
        let params = Self(pairs.into_iter().collect());
        if params.0.len() > MAX_PARAMETERS {
            return Err(InvalidParams::TooMany);
        }
        params.0.iter().try_for_each(|(name, value)| check_characters(name, value))?;
        Ok(params)
    }

    /// Reads and parses the body of a POST.
    ///
    /// # Errors
    /// [`InvalidParams`].
    pub async fn from_body(headers: &HeaderMap, body: Body) -> Result<Self, InvalidParams> {
        Self::from_body_repeating(headers, body, |_| false).await
    }

    /// The same, with parameters that may stand there more than once, as in [`Self::parse_repeating`].
    ///
    /// # Errors
    /// [`InvalidParams`].
    pub async fn from_body_repeating(
        headers: &HeaderMap,
        body: Body,
        may_repeat: impl Fn(&str) -> bool,
    ) -> Result<Self, InvalidParams> {
        Self::parse_repeating(&read_form(headers, body).await?, may_repeat)
    }

    /// The parameter; one sent without a value counts as omitted (RFC 6749 section 3.1).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Every value of a parameter that may repeat, in order; empty ones count as omitted.
    pub fn get_all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        self.iter().filter(move |(known, value)| *known == name && !value.is_empty()).map(|(_, value)| value)
    }

    /// The first parameter that stands there more than once and that `may_repeat` does not accept.
    pub fn repeated(&self, may_repeat: impl Fn(&str) -> bool) -> Option<&str> {
        let mut seen = std::collections::HashSet::new();
        self.iter().map(|(name, _)| name).find(|name| !seen.insert(*name) && !may_repeat(name))
    }

    /// All parameters, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn check_characters(name: &str, value: &str) -> Result<(), InvalidParams> {
    let has_control = value.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'));
    match has_control || name.chars().any(char::is_control) {
        true => Err(InvalidParams::Control(shown(name))),
        false => Ok(()),
    }
}

fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// Reads the body of a POST, which must be a form.
pub(super) async fn read_form(headers: &HeaderMap, body: Body) -> Result<Zeroizing<Vec<u8>>, InvalidParams> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        discard(body, 0).await;
        return Err(InvalidParams::MediaType);
    }
    read(body).await
}

/// Reads a whole body that may be [`MAX_FORM_LENGTH`] long.
pub(super) async fn read(mut body: Body) -> Result<Zeroizing<Vec<u8>>, InvalidParams> {
    let mut text = Zeroizing::new(Vec::with_capacity(body.size_hint().lower().min(MAX_FORM_LENGTH as u64) as usize));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| InvalidParams::Body)?;
        let Some(data) = frame.data_ref() else { continue };
        if text.len() + data.len() > MAX_FORM_LENGTH {
            discard(body, text.len() + data.len()).await;
            return Err(InvalidParams::TooLong);
        }
        text.extend_from_slice(data);
    }
    Ok(text)
}

/// Reads on for a while and forgets it: a client that is still sending when the connection closes may never see the answer.
async fn discard(mut body: Body, mut read: usize) {
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > MAX_DISCARDED {
            return;
        }
    }
}

impl Drop for Params {
    fn drop(&mut self) {
        // A form may hold a password or a client secret.
        self.0.iter_mut().for_each(|(_, value)| value.zeroize());
    }
}

impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Decodes one name or value of a form.
pub(super) fn decode(text: &[u8]) -> Result<Cow<'_, str>, InvalidParams> {
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return std::str::from_utf8(text).map(Cow::Borrowed).map_err(|_| InvalidParams::Encoding);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => {
                let mut digit =
                    || bytes.next().and_then(|byte| char::from(*byte).to_digit(16)).ok_or(InvalidParams::Encoding);
                let value = digit()? * 16 + digit()?;
                decoded.push(u8::try_from(value).map_err(|_| InvalidParams::Encoding)?);
            }
            byte => decoded.push(*byte),
        }
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| InvalidParams::Encoding)
}

#[cfg(test)]
mod tests {
    use super::{InvalidParams, Params};

    #[test]
    fn a_form_is_decoded_and_an_empty_parameter_counts_as_omitted() {
        let params = Params::parse(b"a=1+2&b=%C3%A9%26&c=&d&&e=x=y").unwrap();
        assert_eq!((params.get("a"), params.get("b"), params.get("c")), (Some("1 2"), Some("é&"), None));
        assert_eq!((params.get("d"), params.get("e"), params.get("f")), (None, Some("x=y"), None));
    }

    #[test]
    fn hostile_forms_are_refused_by_name() {
        let many = (0..200).flat_map(|n| format!("p{n}=1&").into_bytes()).collect::<Vec<_>>();
        for (form, want) in [
            (&b"a=1&a=2"[..], InvalidParams::Duplicate("a".into())),
            (b"a=%zz", InvalidParams::Encoding),
            (b"a=%4", InvalidParams::Encoding),
            (b"a=%ff", InvalidParams::Encoding),
            (b"a=\xff", InvalidParams::Encoding),
            (b"a=%00", InvalidParams::Control("a".into())),
            (&many, InvalidParams::TooMany),
            (&vec![b'a'; 70_000], InvalidParams::TooLong),
        ] {
            assert_eq!(Params::parse(form).unwrap_err(), want);
        }
    }

    #[test]
    fn only_what_may_repeat_is_taken_twice() {
        let form = b"resource=a&scope=x&resource=b&resource=";
        let params = Params::parse_repeating(form, |name| name == "resource").unwrap();
        assert_eq!(params.get_all("resource").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((params.get("resource"), params.repeated(|_| false)), (Some("a"), Some("resource")));
        assert_eq!(params.repeated(|name| name == "resource"), None);
        let twice = Params::parse_repeating(b"scope=x&scope=y", |name| name == "resource").unwrap_err();
        assert_eq!(twice, InvalidParams::Duplicate("scope".into()));
    }

    #[test]
    fn what_can_be_read_beside_an_error_is_there() {
        let (params, error) = Params::parse_as_far_as_possible(b"a=1&b=%zz&c=%00&a=2&d=4", |_| false);
        assert_eq!((params.get("a"), params.get("b"), params.get("d")), (Some("1"), None, Some("4")));
        assert_eq!(error, Some(InvalidParams::Encoding), "the first of them");
        let (params, error) = Params::parse_as_far_as_possible(&vec![b'a'; 70_000], |_| false);
        assert_eq!((params.iter().count(), error), (0, Some(InvalidParams::TooLong)));
    }

    #[test]
    fn debug_shows_names_only() {
        assert_eq!(format!("{:?}", Params::parse(b"password=hunter2").unwrap()), r#"["password"]"#);
    }
}
