mod format;

use std::{io, panic, thread};

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::filter_fn,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStyle {
    /// For people; in colour where standard error is a terminal.
    Text {
        /// Colours.
        colour: bool,
    },
    /// One JSON object a line: `timestamp`, `level`, `target`, `message`, `request_id`, `realm` and `endpoint` where there is a
    /// request, and the line's own fields.
    Json,
}

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is none.
    #[error("the log filter can't be used: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Logging has begun already.
    #[error("logging has begun already")]
    Begun(#[from] tracing_subscriber::util::TryInitError),
}

/// Logs to standard error from now on: `filter` is a level, or a list such as `info,realmkeeper::provider=debug`. A panic is logged by its
/// place; its message is not, because it may hold a piece of what was worked on.
///
/// # Errors
/// [`LogError`].
pub fn start(style: LogStyle, filter: &str) -> Result<(), LogError> {
    subscriber(style, filter, io::stderr)?.try_init()?;
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let thread = thread::current();
        tracing::error!(place, thread = thread.name().unwrap_or_default(), "a task panicked: this is a bug");
    }));
    Ok(())
}

/// What [`start`] logs with, to another place.
///
/// # Errors
/// [`LogError::Filter`].
pub fn subscriber<W>(style: LogStyle, filter: &str, writer: W) -> Result<impl Subscriber + Send + Sync, LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse(filter)?;
    let layer = fmt::layer().with_writer(writer);
    let lines = match style {
        LogStyle::Text { colour } => layer.with_ansi(colour).event_format(format::Text).boxed(),
        LogStyle::Json => layer.with_ansi(false).event_format(format::Json).boxed(),
    };
    Ok(tracing_subscriber::registry().with(filter).with(filter_fn(is_harmless)).with(lines))
}

/// Libraries print what goes over the wire at `trace`, headers with credentials among it: that is never logged, whatever the filter.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::DEBUG || metadata.target().starts_with("realmkeeper")
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use axum::http::HeaderValue;
    use serde_json::{Value, json};
    use tracing::Instrument;
    use tracing_subscriber::fmt::MakeWriter;

    use super::{LogStyle, subscriber};
    use crate::telemetry::request::{RequestContext, set_client};

    /// Collects what is logged.
    #[derive(Clone, Default)]
    pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Captured {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'w> MakeWriter<'w> for Captured {
        type Writer = Self;

        fn make_writer(&'w self) -> Self {
            self.clone()
        }
    }

    /// What is logged within a request, in this style.
    async fn within_a_request(style: LogStyle) -> String {
        let captured = Captured::default();
        let subscriber = subscriber(style, "info", captured.clone()).unwrap();
        let _guard = tracing::subscriber::set_default(subscriber);
        let context = RequestContext::new(HeaderValue::from_static("r-1"), "identity/staff".into(), "token");
        let work = async {
            set_client("web");
            tracing::info!(status = 401, r#type = "x", level = "LOUD", "refused");
            tracing::debug!("not at this level");
        };
        context.scope(work.instrument(tracing::info_span!("outer", a = 1))).await;
        captured.text()
    }

    #[tokio::test]
    async fn a_json_line_has_the_request_id_and_the_fields() {
        let text = within_a_request(LogStyle::Json).await;
        let mut line: Value = serde_json::from_str(text.trim()).unwrap();
        assert!(line["timestamp"].take().as_str().unwrap().ends_with('Z'));
        let expected = json!({
            "timestamp": null, "level": "INFO", "target": "realmkeeper::telemetry::logs::tests", "message": "refused",
            "status": 401, "type": "x", "spans": "outer{a=1}",
            "request_id": "r-1", "realm": "identity/staff", "endpoint": "token", "client_id": "web",
        });
        assert_eq!(line, expected);
    }

    #[tokio::test]
    async fn a_text_line_has_them_too() {
        let text = within_a_request(LogStyle::Text { colour: false }).await;
        let end = "INFO realmkeeper::telemetry::logs::tests: outer{a=1}: refused status=401 type=\"x\" level=\"LOUD\" \
                   request_id=r-1 realm=identity/staff endpoint=token client_id=web\n";
        assert!(text.ends_with(end), "{text}");
        assert!(within_a_request(LogStyle::Text { colour: true }).await.contains("\u{1b}[2mrequest_id=r-1"));
    }

    #[test]
    fn a_text_line_can_not_be_broken_by_what_it_prints() {
        let captured = Captured::default();
        let subscriber = subscriber(LogStyle::Text { colour: false }, "info", captured.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(name = "a\nb\u{1b}[31m", "hello");
        });
        assert_eq!(captured.text().lines().count(), 1, "{}", captured.text());
        assert!(!captured.text().contains('\u{1b}'));
    }

    #[test]
    fn libraries_never_log_at_trace_and_a_wrong_filter_is_an_error() {
        let captured = Captured::default();
        let subscriber = subscriber(LogStyle::Json, "trace", captured.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!(target: "h2::codec", "authorization: Basic hunter2");
            tracing::trace!(target: "realmkeeper::x", "ours");
        });
        assert!(captured.text().contains("ours") && !captured.text().contains("hunter2"));
        assert!(super::subscriber(LogStyle::Json, "realmkeeper=loud", Captured::default()).is_err());
    }
}
