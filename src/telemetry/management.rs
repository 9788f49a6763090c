use std::{fmt, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderValue, Method, Request, Response, StatusCode, header},
};

use super::Metrics;

/// What a process still lacks to be sent requests, and what else a person should know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Sentences; empty: it is ready.
    pub missing: Vec<String>,
    /// Sentences that do not make it less ready.
    pub notes: Vec<String>,
}

/// The management listener's answers: `/healthz`, `/readyz` and `/metrics`.
pub struct Management {
    metrics: Arc<Metrics>,
    readiness: Box<dyn Fn() -> Readiness + Send + Sync>,
}

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

impl Management {
    /// `readiness` is asked at each request for `/readyz`.
    pub fn new(metrics: Arc<Metrics>, readiness: impl Fn() -> Readiness + Send + Sync + 'static) -> Self {
        Self { metrics, readiness: Box::new(readiness) }
    }

    /// Answers one request.
    pub fn answer(&self, request: &Request<Body>) -> Response<Body> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "method not allowed\n".to_owned());
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/healthz" => respond(StatusCode::OK, TEXT, "ok\n".to_owned()),
            "/readyz" => self.ready(),
            "/metrics" => respond(StatusCode::OK, OPENMETRICS, self.metrics.encode()),
            _ => respond(StatusCode::NOT_FOUND, TEXT, "here are /healthz, /readyz and /metrics\n".to_owned()),
        }
    }

    fn ready(&self) -> Response<Body> {
        let Readiness { missing, notes } = (self.readiness)();
        let status = if missing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let first = if missing.is_empty() { "ready" } else { "not ready" };
        let lines = missing.iter().map(|line| format!("missing: {line}\n"));
        let notes = notes.iter().map(|line| format!("note: {line}\n"));
        respond(status, TEXT, format!("{first}\n{}", lines.chain(notes).collect::<String>()))
    }
}

fn respond(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl fmt::Debug for Management {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Management").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::{
        body::Body,
        http::{Method, Request, StatusCode},
    };
    use http_body_util::BodyExt;

    use super::{Management, Metrics, Readiness};

    async fn ask(readiness: Readiness, method: Method, path: &str) -> (StatusCode, String) {
        let management = Management::new(Arc::new(Metrics::default()), move || readiness.clone());
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let (parts, body) = management.answer(&request).into_parts();
        (parts.status, String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn it_is_ready_when_nothing_is_missing_and_says_what_is() {
        let ready = ask(Readiness { missing: vec![], notes: vec!["b".into()] }, Method::GET, "/readyz").await;
        assert_eq!(ready, (StatusCode::OK, "ready\nnote: b\n".into()));
        let not = ask(Readiness { missing: vec!["a".into()], notes: vec![] }, Method::GET, "/readyz").await;
        assert_eq!(not, (StatusCode::SERVICE_UNAVAILABLE, "not ready\nmissing: a\n".into()));
    }

    #[tokio::test]
    async fn it_is_alive_however_ready_it_is_and_shows_metrics() {
        let not_ready = || Readiness { missing: vec!["a".into()], notes: vec![] };
        assert_eq!(ask(not_ready(), Method::GET, "/healthz").await.0, StatusCode::OK);
        assert!(ask(not_ready(), Method::GET, "/metrics").await.1.ends_with("# EOF\n"));
        assert_eq!(ask(not_ready(), Method::POST, "/healthz").await.0, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(ask(not_ready(), Method::GET, "/").await.0, StatusCode::NOT_FOUND);
    }
}
