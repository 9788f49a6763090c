use std::fmt::{self, Write};

use serde_json::{Map, Value};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

use crate::telemetry::request::each_field;

/// `TIME LEVEL target: spans: message field=value … request_id=…`
pub(super) struct Text;

/// One object a line: `timestamp`, `level`, `target`, `message`, the request's fields, the spans, the line's own fields.
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let colour = writer.has_ansi_escapes();
        let (dim, bold, reset) = if colour { ("\u{1b}[2m", level_colour(event), "\u{1b}[0m") } else { ("", "", "") };
        write!(writer, "{dim}")?;
        SystemTime.format_time(&mut writer)?;
        write!(writer, "{reset} {bold}{:>5}{reset} ", event.metadata().level())?;
        write!(writer, "{dim}{}:{reset} ", event.metadata().target())?;
        if let Some(spans) = spans(ctx) {
            write!(writer, "{spans}: ")?;
        }
        ctx.field_format().format_fields(writer.by_ref(), event)?;
        each_field(|name, value| write!(writer, " {dim}{name}={value}{reset}"))?;
        writeln!(writer)
    }
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut line = Map::new();
        // What the line itself says comes first, so that it can't pass for the rest.
        event.record(&mut Fields(&mut line));
        if let Some(spans) = spans(ctx) {
            line.insert("spans".to_owned(), spans.into());
        }
        each_field(|name, value| {
            line.insert(name.to_owned(), value.into());
            Ok(())
        })?;
        line.insert("timestamp".to_owned(), time.into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.insert("target".to_owned(), event.metadata().target().into());
        writeln!(writer, "{}", Value::Object(line))
    }
}

fn level_colour(event: &Event<'_>) -> &'static str {
    match *event.metadata().level() {
        Level::ERROR => "\u{1b}[1;31m",
        Level::WARN => "\u{1b}[1;33m",
        Level::INFO => "\u{1b}[32m",
        Level::DEBUG => "\u{1b}[34m",
        Level::TRACE => "\u{1b}[35m",
    }
}

/// The spans around the line, outermost first, with their fields.
fn spans<S, N>(ctx: &FmtContext<'_, S, N>) -> Option<String>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    let mut text = String::new();
    for span in ctx.event_scope()?.from_root() {
        let separator = if text.is_empty() { "" } else { ":" };
        let extensions = span.extensions();
        let fields = extensions.get::<FormattedFields<N>>().map(|fields| fields.fields.as_str()).unwrap_or_default();
        let _ = match fields.is_empty() {
            true => write!(text, "{separator}{}", span.name()),
            false => write!(text, "{separator}{}{{{fields}}}", span.name()),
        };
    }
    Some(text)
}

struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        let name = field.name();
        self.0.insert(name.strip_prefix("r#").unwrap_or(name).to_owned(), value.into());
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.insert(field, u64::try_from(value).unwrap_or(u64::MAX));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }
}
