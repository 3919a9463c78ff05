//! The log: for people on a terminal, as JSON lines for a collector. A line of a request says which.

use std::fmt;
use std::io::IsTerminal;

use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::http::observe;

/// What is logged where `RUST_LOG` says nothing.
const DEFAULT_FILTER: &str = "info,tokio_postgres=warn,h2=warn";
/// What a request's identifier is called.
const REQUEST_ID: &str = "request_id";

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One readable line each
    Text,
    /// One JSON object each
    Json,
}

/// Starts the log on standard error; standard output belongs to the commands. `RUST_LOG` may narrow or widen it.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    // When the log's reader is gone the library would complain where the log goes, and whoever logs would panic of that.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    match format {
        LogFormat::Text => {
            let ansi = std::io::stderr().is_terminal();
            log.with_ansi(ansi)
                .event_format(OfRequest { lines: Format::default().with_ansi(ansi), json: false })
                .init();
        }
        LogFormat::Json => {
            let lines = Format::default().json().flatten_event(true);
            log.json().event_format(OfRequest { lines, json: true }).init();
        }
    }
}

/// Lines that say to which request they belong. It is asked when a line is written and never otherwise, so that a request
/// that logs nothing costs nothing.
struct OfRequest<F> {
    lines: F,
    json: bool,
}

impl<S, N, F> FormatEvent<S, N> for OfRequest<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let says_so = event.metadata().fields().field(REQUEST_ID).is_some();
        let Some(id) = observe::current_id().filter(|_| !says_so) else {
            return self.lines.format_event(context, out, event);
        };
        let mut line = String::new();
        self.lines.format_event(context, Writer::new(&mut line), event)?;
        let line = line.trim_end();
        match line.strip_suffix('}').filter(|_| self.json) {
            Some(object) => writeln!(out, "{object},\"{REQUEST_ID}\":\"{}\"}}", id.hyphenated()),
            None => writeln!(out, "{line} {REQUEST_ID}={}", id.hyphenated()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use tracing_subscriber::fmt::MakeWriter;
    use uuid::Uuid;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Buffer {
        type Writer = Buffer;

        fn make_writer(&'a self) -> Buffer {
            self.clone()
        }
    }

    /// What three lines look like: one outside of requests, one inside, one that says itself what request it is of.
    fn lines(json: bool) -> Vec<String> {
        let buffer = Buffer::default();
        let log = tracing_subscriber::fmt().with_writer(buffer.clone()).with_ansi(false);
        let act = || {
            tracing::warn!("outside");
            observe::as_request(Uuid::from_u128(7), || {
                tracing::warn!(who = "a \"b\"}", "inside");
                tracing::warn!(request_id = "own", "told");
            });
        };
        if json {
            let format = OfRequest { lines: Format::default().json().flatten_event(true), json };
            tracing::subscriber::with_default(log.json().event_format(format).finish(), act);
        } else {
            let format = OfRequest { lines: Format::default().with_ansi(false), json };
            tracing::subscriber::with_default(log.event_format(format).finish(), act);
        }
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_says_once_which_request_it_is_of() {
        let id = Uuid::from_u128(7).hyphenated().to_string();
        let text = lines(false);
        assert!(!text[0].contains("request_id") && text[1].ends_with(&format!("request_id={id}")), "{text:?}");
        assert!(text[2].ends_with("request_id=\"own\""), "{text:?}");
        let json: Vec<serde_json::Value> = lines(true).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(json[0].get("request_id").is_none(), "{json:?}");
        assert_eq!((&json[1]["request_id"], &json[1]["who"]), (&id.into(), &"a \"b\"}".into()));
        assert_eq!(json[2]["request_id"], "own");
    }
}
