//! RFC 8252 section 7.3: the browser brings the answer to a port of this machine that only this process listens at, for as long as
//! the sign-in lasts.

use std::{
    future::IntoFuture,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Response, StatusCode, header},
    routing,
};
use tokio::{net::TcpListener, sync::oneshot, time::timeout};

use super::TokenError;
use crate::secret::Secret;

/// What the redirect URI ends in: a client registers `http://127.0.0.1/callback`, whose port is free.
pub const PATH: &str = "/callback";
/// The page is on its way when the answer is here; a browser that holds the connection open is not waited for.
const LINGER: Duration = Duration::from_secs(1);

/// What the answer holds: the code, or why there is none.
pub type Outcome = Result<Secret, TokenError>;
type Reader = dyn Fn(&str) -> Option<Outcome> + Send + Sync;

/// A listener on 127.0.0.1.
#[derive(Debug)]
pub struct Loopback {
    listener: TcpListener,
    address: SocketAddr,
}

#[derive(Clone)]
struct Waiting {
    host: Arc<str>,
    read: Arc<Reader>,
    answer: Arc<Mutex<Option<oneshot::Sender<Outcome>>>>,
}

impl Loopback {
    /// Listens; port 0 is any that is free.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn bind(port: u16) -> Result<Self, TokenError> {
        let failed = |error| TokenError::Listen { port, error };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where the provider sends the browser.
    pub fn redirect_uri(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    /// Waits for the request whose query `read` takes for the answer. What else comes (a page that tries its luck, an icon) is refused,
    /// and ends nothing.
    ///
    /// # Errors
    /// Nothing came within `patience`, or what the answer itself says.
    pub async fn answer(
        self,
        read: impl Fn(&str) -> Option<Outcome> + Send + Sync + 'static,
        patience: Duration,
    ) -> Outcome {
        let (sender, mut answer) = oneshot::channel();
        let waiting = Waiting {
            host: self.address.to_string().into(),
            read: Arc::new(read),
            answer: Arc::new(Mutex::new(Some(sender))),
        };
        let router = Router::new().route(PATH, routing::get(handle)).with_state(waiting);
        let (stop, stopped) = oneshot::channel::<()>();
        let server = axum::serve(self.listener, router).with_graceful_shutdown(async {
            // Stopped, or nobody is left who could stop it.
            let _ = stopped.await;
        });
        let mut server = Box::pin(server.into_future());
        let outcome = tokio::select! {
            outcome = timeout(patience, &mut answer) => outcome,
            _ = &mut server => return Err(TokenError::Response("the listener has ended")),
        };
        let outcome = match outcome {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(TokenError::Response("the listener has ended")),
            Err(_) => return Err(TokenError::TimedOut(patience.as_secs())),
        };
        drop(stop);
        let _ = timeout(LINGER, server).await;
        outcome
    }
}

async fn handle(State(waiting): State<Waiting>, request: Request) -> Response<Body> {
    // A page of another site can reach this port only under this name (DNS rebinding has another one).
    let is_named = request.headers().get(header::HOST).is_some_and(|host| host.as_bytes() == waiting.host.as_bytes());
    let outcome = if is_named { (waiting.read)(request.uri().query().unwrap_or_default()) } else { None };
    let Some(outcome) = outcome else {
        return page(
            StatusCode::BAD_REQUEST,
            "Not an answer",
            "This is not the answer to a sign-in that is under way.",
        );
    };
    let is_code = outcome.is_ok();
    let sender = waiting.answer.lock().ok().and_then(|mut answer| answer.take());
    match sender.map(|sender| sender.send(outcome)) {
        Some(Ok(())) if is_code => {
            page(StatusCode::OK, "Signed in", "You have signed in, and the terminal goes on. You may leave this page.")
        }
        Some(Ok(())) => page(StatusCode::OK, "Not signed in", "The sign-in has not succeeded. The terminal says why."),
        _ => page(StatusCode::GONE, "Too late", "This sign-in has come to its end already."),
    }
}

/// A page of fixed words: nothing that came with the request stands on it, and it loads nothing and runs nothing.
fn page(status: StatusCode, title: &'static str, text: &'static str) -> Response<Body> {
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\
         <body><h1>{title}</h1><p>{text}</p></body></html>\n"
    );
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONNECTION, "close"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Loopback, Outcome, TokenError};
    use crate::{plugin::token::Refusal, secret::Secret};

    fn read(query: &str) -> Option<Outcome> {
        match query {
            "good" => Some(Ok(Secret::new("code-hunter2"))),
            "bad" => Some(Err(TokenError::Refused(Refusal::new("access_denied", "<b>no</b>")))),
            _ => None,
        }
    }

    async fn begin() -> (String, tokio::task::JoinHandle<Outcome>) {
        let loopback = Loopback::bind(0).await.unwrap();
        let uri = loopback.redirect_uri();
        assert!(uri.starts_with("http://127.0.0.1:") && uri.ends_with("/callback"), "{uri}");
        (uri, tokio::spawn(loopback.answer(read, Duration::from_secs(20))))
    }

    #[tokio::test]
    async fn only_the_answer_ends_the_wait_and_nothing_of_it_stands_on_the_page() {
        let (uri, waiting) = begin().await;
        let http = reqwest::Client::new();
        for stray in [format!("{uri}?evil"), uri.replace("/callback", "/favicon.ico"), uri.clone()] {
            assert!(http.get(&stray).send().await.unwrap().status().is_client_error(), "{stray}");
        }
        let rebound = http.get(format!("{uri}?good")).header("host", "evil.example").send().await.unwrap();
        assert_eq!(rebound.status(), 400);
        assert!(!waiting.is_finished());
        let page = http.get(format!("{uri}?good")).send().await.unwrap();
        assert_eq!(
            (page.status().as_u16(), &page.headers()["referrer-policy"]),
            (200, &"no-referrer".parse().unwrap())
        );
        assert!(page.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        let text = page.text().await.unwrap();
        assert!(text.contains("Signed in") && !text.contains("good") && !text.contains("<script"), "{text}");
        assert_eq!(waiting.await.unwrap().unwrap().expose(), b"code-hunter2");
        assert!(http.get(&uri).send().await.is_err(), "nobody listens any more");
    }

    #[tokio::test]
    async fn an_error_is_told_in_the_terminal_and_not_on_the_page() {
        let (uri, waiting) = begin().await;
        let text = reqwest::get(format!("{uri}?bad")).await.unwrap().text().await.unwrap();
        assert!(text.contains("Not signed in") && !text.contains("no</b>"), "{text}");
        assert_eq!(waiting.await.unwrap().unwrap_err().to_string(), "the provider refused: access_denied: <b>no</b>");
    }

    #[tokio::test]
    async fn a_sign_in_that_nobody_makes_comes_to_an_end() {
        let loopback = Loopback::bind(0).await.unwrap();
        let error = loopback.answer(read, Duration::from_millis(20)).await.unwrap_err();
        assert!(matches!(error, TokenError::TimedOut(_)), "{error}");
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let first = Loopback::bind(0).await.unwrap();
        let error = Loopback::bind(first.address.port()).await.unwrap_err().to_string();
        assert!(error.contains(&first.address.port().to_string()), "{error}");
    }
}
