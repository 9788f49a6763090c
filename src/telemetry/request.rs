//! Which request a task works for. A tracing span would say the same at the price of a microsecond a request, most of which log
//! nothing; this costs some nanoseconds.

use std::{cell::OnceCell, fmt, sync::Arc};

use axum::http::HeaderValue;

tokio::task_local! {
    static REQUEST: RequestContext;
}

/// What every log line of a request says.
#[derive(Debug, Clone)]
pub struct RequestContext {
    request_id: HeaderValue,
    realm: Arc<str>,
    endpoint: &'static str,
    client_id: OnceCell<Box<str>>,
}

impl RequestContext {
    /// `request_id` is visible ASCII; `realm` is `namespace/name`.
    pub fn new(request_id: HeaderValue, realm: Arc<str>, endpoint: &'static str) -> Self {
        Self { request_id, realm, endpoint, client_id: OnceCell::new() }
    }

    /// Runs `work` as this request's: each line that it logs itself, in this task, carries the context.
    pub fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        REQUEST.scope(self, work)
    }

    fn each(&self, mut field: impl FnMut(&'static str, &str) -> fmt::Result) -> fmt::Result {
        field("request_id", self.request_id.to_str().unwrap_or_default())?;
        field("realm", &self.realm)?;
        field("endpoint", self.endpoint)?;
        self.client_id.get().map_or(Ok(()), |client| field("client_id", client))
    }
}

/// Says which client the request at hand is from: one that the realm knows. The first one counts.
pub fn set_client(client_id: &str) {
    // Outside of a request there is nobody to tell.
    let _ = REQUEST.try_with(|request| request.client_id.set(client_id.into()));
}

/// Name and value of each field of the request at hand, if there is one.
pub(super) fn each_field(field: impl FnMut(&'static str, &str) -> fmt::Result) -> fmt::Result {
    REQUEST.try_with(|request| request.each(field)).unwrap_or(Ok(()))
}
