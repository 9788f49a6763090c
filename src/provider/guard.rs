//! What every answer of an endpoint has in common: methods, CORS, security headers, HEAD.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header},
};
use http_body_util::BodyExt;
use hyper::body::Body as _;

use super::{Endpoint, endpoint::Sharing, plain};
use crate::realm::Realm;

/// Answers what needs no handler: OPTIONS, and methods that the endpoint does not know.
pub(super) fn before(endpoint: Endpoint, request: &Request<Body>) -> Option<Response<Body>> {
    match *request.method() {
        Method::HEAD if endpoint.allows(&Method::GET) => None,
        Method::OPTIONS => Some(options(endpoint, request.headers())),
        ref method if endpoint.allows(method) => None,
        _ => {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(endpoint.allow()));
            Some(response)
        }
    }
}

/// A preflight (Fetch section 3.2.2), or a plain question for the methods.
fn options(endpoint: Endpoint, asked: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(endpoint.allow()));
    if endpoint.sharing() == Sharing::AnyOrigin && asked.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(endpoint.allow()));
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("authorization, content-type, dpop, if-none-match, x-request-id"),
        );
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    }
    response
}

/// Adds the common headers; what a handler has set stays.
pub(super) fn after(endpoint: Endpoint, realm: &Realm, cross_origin: bool, response: &mut Response<Body>) {
    let is_for_frames = endpoint.is_for_frames() && response.status().is_success();
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if realm.issuer.is_secure() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    // Documents that caches keep must say so to everybody; the rest only to those who ask.
    if (cross_origin && endpoint.sharing() == Sharing::AnyOrigin) || endpoint.is_document() {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("etag, retry-after, www-authenticate, x-request-id"),
        );
    }
    let is_data = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/"));
    if !is_data {
        // For what a browser may show. Pages say more precisely what they need.
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ));
        if !is_for_frames {
            headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        }
        headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    }
}

/// Leaves the body out of an answer to HEAD; its length stays (RFC 9110 section 9.3.2).
pub(super) fn without_body(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        parts.headers.entry(header::CONTENT_LENGTH).or_insert(length.into());
    }
    drop(body);
    Response::from_parts(parts, Body::new(http_body_util::Empty::new().map_err(|never| match never {})))
}
