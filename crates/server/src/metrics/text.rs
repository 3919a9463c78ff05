//! The counters as text for Prometheus (exposition format 0.0.4).

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use renkei_domain::audit::Action;
use renkei_store::histogram::{BOUNDS_MICROS, Counts};

use super::{Endpoint, Metrics, STATUSES};
use crate::app::App;
use crate::http::places::Places;

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// The one page of the listener for metrics.
pub fn router(app: Arc<App>) -> axum::Router {
    axum::Router::new().route("/metrics", get(show)).with_state(app)
}

async fn show(State(app): State<Arc<App>>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], render(&app)).into_response()
}

/// Everything that is counted.
#[must_use]
pub fn render(app: &App) -> String {
    let mut page = Page(String::with_capacity(64 * 1024));
    page.family("renkei_build_info", "gauge", "The version that runs.");
    page.line("renkei_build_info", &format!("version=\"{}\"", env!("CARGO_PKG_VERSION")), 1);
    requests(&mut page, &app.memory.metrics);
    page.family("renkei_requests_running", "gauge", "Requests that wait for their answer.");
    page.line("renkei_requests_running", "", app.memory.metrics.running.load(Ordering::Relaxed));
    page.family("renkei_limited_total", "counter", "Requests that a budget of the rate limits had no room for.");
    for (budget, count) in app.memory.limits.refused() {
        page.line("renkei_limited_total", &format!("budget=\"{budget}\""), count);
    }
    places(&mut page, &app.memory.places);
    page.family("renkei_logins_waiting", "gauge", "Logins that wait for a processor or are looked at.");
    page.line("renkei_logins_waiting", "", app.memory.hashing.waiting() as u64);
    page.family("renkei_passwords_hashed_total", "counter", "Passwords that were looked at.");
    page.line("renkei_passwords_hashed_total", "", app.memory.hashing.computed());
    page.family("renkei_spans_dropped_total", "counter", "Spans of traces that did not reach the collector.");
    page.line("renkei_spans_dropped_total", "", app.memory.traces.dropped());
    store(&mut page, app);
    page.0
}

fn requests(page: &mut Page, metrics: &Metrics) {
    page.family("renkei_requests_total", "counter", "Answers by institution, endpoint and status class.");
    for series in metrics.institutions() {
        for (endpoint, status) in pairs() {
            let labels = format!("institution=\"{}\",{}", series.label, answer_labels(endpoint, status));
            page.some("renkei_requests_total", &labels, series.answers(endpoint, status));
        }
    }
    page.family("renkei_product_requests_total", "counter", "Answers to products that authenticated.");
    for series in metrics.products() {
        for (endpoint, status) in pairs() {
            let whose = format!("institution=\"{}\",client=\"{}\"", series.institution, escaped(&series.label));
            let labels = format!("{whose},{}", answer_labels(endpoint, status));
            page.some("renkei_product_requests_total", &labels, series.answers(endpoint, status));
        }
    }
    page.family("renkei_request_seconds", "histogram", "From a request's head to the head of its answer.");
    for series in metrics.institutions() {
        for endpoint in Endpoint::ALL {
            let labels = format!("institution=\"{}\",endpoint=\"{}\",", series.label, endpoint.word());
            page.histogram("renkei_request_seconds", &labels, &series.latency(*endpoint));
        }
    }
}

fn places(page: &mut Page, places: &Places) {
    let fill: Vec<_> = places.fill().map(|fill| (format!("room=\"{}\"", fill.room), fill)).collect();
    page.family("renkei_places_working", "gauge", "Requests that are worked on.");
    fill.iter().for_each(|(room, fill)| page.line("renkei_places_working", room, fill.working as u64));
    page.family("renkei_places_waiting", "gauge", "Requests that wait for a place to be worked on.");
    fill.iter().for_each(|(room, fill)| page.line("renkei_places_waiting", room, fill.waiting as u64));
    page.family("renkei_put_off_total", "counter", "Requests put off because too many others were there.");
    fill.iter().for_each(|(room, fill)| page.line("renkei_put_off_total", room, fill.put_off));
}

fn pairs() -> impl Iterator<Item = (Endpoint, usize)> {
    Endpoint::ALL.iter().flat_map(|endpoint| (0..STATUSES.len()).map(|status| (*endpoint, status)))
}

fn answer_labels(endpoint: Endpoint, status: usize) -> String {
    format!("endpoint=\"{}\",status=\"{}\"", endpoint.word(), STATUSES.get(status).copied().unwrap_or_default())
}

/// A label's value as the format wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn store(page: &mut Page, app: &App) {
    let work = app.store.work();
    let (look_ups, commits) = work.done();
    page.family("renkei_store_lookups_total", "counter", "Statements outside of transactions.");
    page.line("renkei_store_lookups_total", "", look_ups);
    page.family("renkei_store_commits_total", "counter", "Transactions made durable.");
    page.line("renkei_store_commits_total", "", commits);
    page.family("renkei_store_commit_seconds", "histogram", "From asking for durability to having it.");
    page.histogram("renkei_store_commit_seconds", "", &work.commit_time.counts());
    page.family("renkei_store_waiting", "gauge", "Transactions that wait for the writer or a connection to begin.");
    page.line("renkei_store_waiting", "", work.waiting());
    page.family("renkei_store_short", "gauge", "1 while the disk is full and only what has to go on is written.");
    page.line("renkei_store_short", "", u64::from(app.store.is_short()));
    if let Some(pool) = app.store.pool() {
        page.family("renkei_store_connections", "gauge", "Connections to PostgreSQL.");
        page.line("renkei_store_connections", "state=\"open\"", pool.open as u64);
        page.line("renkei_store_connections", "state=\"idle\"", pool.idle as u64);
        page.line("renkei_store_connections", "state=\"wanted\"", pool.wanted as u64);
    }
    page.family("renkei_audit_records_total", "counter", "Audit records written, by what was done and how it ended.");
    for action in Action::ALL {
        for (outcome, count) in ["done", "refused"].iter().zip(work.records(*action)) {
            let labels = format!("action=\"{}\",outcome=\"{outcome}\"", action.word());
            page.some("renkei_audit_records_total", &labels, count);
        }
    }
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into a string can't fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &str, value: u64) {
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            _ => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }

    /// A line unless nothing was ever counted.
    fn some(&mut self, name: &str, labels: &str, value: u64) {
        if value > 0 {
            self.line(name, labels, value);
        }
    }

    fn histogram(&mut self, name: &str, labels: &str, counts: &Counts) {
        if counts.total() == 0 {
            return;
        }
        let mut sum = 0;
        for (bound, count) in BOUNDS_MICROS.iter().zip(counts.buckets) {
            sum += count;
            self.line(&format!("{name}_bucket"), &format!("{labels}le=\"{}\"", seconds(*bound)), sum);
        }
        self.line(&format!("{name}_bucket"), &format!("{labels}le=\"+Inf\""), counts.total());
        let labels = labels.trim_end_matches(',');
        let sum = seconds(counts.sum_micros);
        let _ = match labels {
            "" => writeln!(self.0, "{name}_sum {sum}"),
            _ => writeln!(self.0, "{name}_sum{{{labels}}} {sum}"),
        };
        self.line(&format!("{name}_count"), labels, counts.total());
    }
}

/// Microseconds as seconds.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
