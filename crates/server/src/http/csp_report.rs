//! `POST /csp-report`: what browsers stopped on our pages (CSP 3 §5.3), as lines of the log.
//!
//! Anybody can send these, so they are bounded in size and in number, and nothing in them is believed, or logged
//! before what could hold a secret is cut off.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use axum::{Extension, Router, extract::DefaultBodyLimit};
use renkei_domain::time::{MICROS_PER_SECOND, Timestamp};
use serde::Deserialize;

use super::fence;
use super::request_id::RequestId;
use crate::app::App;

/// Most bytes of a report; browsers send about two thousand.
const REPORT_BYTES_MAX: usize = 16 * 1024;
/// Reports logged in a row, whoever sends them. What is over is counted, and told with the next one that is logged.
const IN_A_ROW: i64 = 60;
/// Seconds until another one may be logged.
const SECONDS_EACH: i64 = 2;
/// Most characters of a value that are logged.
const SHOWN_MAX: usize = 160;

/// The route, with its own memory of how much was logged.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(fence::REPORTS, post(take))
        .layer(DefaultBodyLimit::max(REPORT_BYTES_MAX))
        .layer(Extension(Arc::new(Pace::default())))
}

/// How fast reports are logged, on this node.
#[derive(Default)]
struct Pace(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    /// Until when what was logged is paid for, in microseconds.
    paid_until: i64,
    left_out: u64,
}

impl Pace {
    /// How many were left out since the last one that was logged, if this one is to be logged.
    fn take(&self, now: Timestamp) -> Option<u64> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let each = SECONDS_EACH * MICROS_PER_SECOND;
        let next = counted.paid_until.max(now.0).saturating_add(each);
        if next.saturating_sub(now.0) > IN_A_ROW * each {
            counted.left_out = counted.left_out.saturating_add(1);
            return None;
        }
        counted.paid_until = next;
        Some(std::mem::take(&mut counted.left_out))
    }
}

/// What a browser sends (CSP 3 §5.3); of many members, those that staff can use.
#[derive(Deserialize)]
struct Sent {
    #[serde(rename = "csp-report")]
    report: Report,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Report {
    document_uri: String,
    effective_directive: String,
    violated_directive: String,
    blocked_uri: String,
    source_file: String,
    line_number: u64,
}

async fn take(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(pace): Extension<Arc<Pace>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    // A form of another site can't send this type, so that only browsers, of their own accord, and programs do.
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/csp-report")) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE;
    }
    let Ok(Sent { report }) = serde_json::from_slice::<Sent>(&body) else { return StatusCode::BAD_REQUEST };
    if let Some(left_out) = pace.take(app.now()) {
        let directive = [&report.effective_directive, &report.violated_directive];
        let directive = directive.into_iter().find(|text| !text.is_empty()).map(|text| escaped(text));
        tracing::warn!(
            request_id = id.0,
            page = address(&report.document_uri),
            directive = directive.unwrap_or_default(),
            blocked = address(&report.blocked_uri),
            source = address(&report.source_file),
            line = report.line_number,
            left_out,
            "csp_report"
        );
    }
    StatusCode::NO_CONTENT
}

/// An address without what could hold a secret: user, query, fragment; of anything that is not fetched, the scheme.
fn address(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let shown = match text.split_once(':') {
        Some(("http" | "https", rest)) => {
            let (authority, path) =
                rest.strip_prefix("//").map_or(("", rest), |rest| rest.split_at(rest.find('/').unwrap_or(rest.len())));
            let host = authority.rsplit('@').next().unwrap_or_default();
            return escaped(&format!("{}://{host}{path}", text.split(':').next().unwrap_or_default()));
        }
        Some((scheme, _)) => scheme,
        None => text,
    };
    escaped(shown)
}

/// A text that can't begin another line of the log, or hide in one.
fn escaped(text: &str) -> String {
    let cut = text.chars().take(SHOWN_MAX);
    cut.fold(String::new(), |shown, character| match character {
        ' '..='~' => shown + character.encode_utf8(&mut [0; 4]),
        other => shown + &other.escape_unicode().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_191_an_address_is_logged_without_what_could_be_secret() {
        for (sent, shown) in [
            ("https://link.example/2990/authorize?request_uri=urn:x#y", "https://link.example/2990/authorize"),
            ("https://user:word@evil.example/x", "https://evil.example/x"),
            ("https://evil.example", "https://evil.example"),
            ("http:evil", "http://evil"),
            ("data:text/html,<script>secret</script>", "data"),
            ("inline", "inline"),
            ("a\nb\u{202e}", "a\\u{a}b\\u{202e}"),
            ("", ""),
        ] {
            assert_eq!(address(sent), shown);
        }
        assert_eq!(escaped(&"x".repeat(10_000)).len(), SHOWN_MAX);
    }

    #[test]
    fn r_191_reports_are_logged_at_a_bounded_pace_and_none_is_lost_uncounted() {
        let pace = Pace::default();
        let now = Timestamp::from_seconds(1_800_000_000);
        let logged = (0..100).filter_map(|_| pace.take(now)).count();
        assert_eq!(logged, 60);
        assert_eq!(pace.take(now.plus_seconds(1)), None);
        assert_eq!(pace.take(now.plus_seconds(2)), Some(41));
        assert_eq!(pace.take(now.plus_seconds(3)), None);
        assert_eq!(pace.take(now.plus_seconds(4)), Some(1));
    }
}
