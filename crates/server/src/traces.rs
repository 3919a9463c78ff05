//! Traces: one span for each request, to a collector on this machine as OTLP over HTTP in JSON (OpenTelemetry protocol 1.x).
//!
//! A caller's `traceparent` (W3C Trace Context) is taken up, its decision not to sample included. Where no collector is
//! configured, all there is of this is one look at an empty cell for each request. A collector that is away costs spans and
//! nothing else: they wait in a queue of fixed size and are then dropped, which is counted.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::Request;
use http::StatusCode;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use renkei_domain::time::Timestamp;
use renkei_store::Random;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use uuid::Uuid;

use crate::app::App;
use crate::metrics::Endpoint;

/// Spans that wait for the collector at most.
const QUEUE_MAX: usize = 4_096;
/// Spans sent at a time at most.
const BATCH_MAX: usize = 512;
/// How long spans wait for more to be sent with them.
const EVERY: Duration = Duration::from_secs(2);
/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where spans go.
#[derive(Debug, Default)]
pub struct Traces {
    queue: OnceLock<mpsc::Sender<Span>>,
    dropped: AtomicU64,
}

/// The beginning of a request's span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    id: Uuid,
    trace: u128,
    own: u64,
    parent: Option<u64>,
    method: &'static str,
    at: Timestamp,
}

#[derive(Debug)]
struct Span {
    begun: Begun,
    endpoint: Endpoint,
    institution: String,
    client: Option<String>,
    status: StatusCode,
    took: Duration,
}

impl Traces {
    /// Begins the span of a request; `None` where there is no collector, or the caller does not want it.
    #[must_use]
    pub fn begin(&self, id: Uuid, request: &Request, now: Timestamp, random: &dyn Random) -> Option<Begun> {
        self.queue.get()?;
        let sent = request.headers().get("traceparent").and_then(|value| value.to_str().ok()).and_then(read_parent);
        let (trace, parent) = match sent {
            Some(Parent { sampled: false, .. }) => return None,
            Some(parent) => (parent.trace, Some(parent.span)),
            None => (u128::from_be_bytes(random.bytes()), None),
        };
        let method = match request.method().as_str() {
            "GET" => "GET",
            "POST" => "POST",
            "HEAD" => "HEAD",
            _ => "_OTHER",
        };
        let own = u64::from_be_bytes(random.bytes());
        Some(Begun { id, trace, own, parent, method, at: now })
    }

    /// Ends it: what was answered, to whom.
    pub fn end(
        &self,
        begun: Begun,
        endpoint: Endpoint,
        (institution, client): (&str, Option<&str>),
        status: StatusCode,
        took: Duration,
    ) {
        let Some(queue) = self.queue.get() else { return };
        let (institution, client) = (institution.to_owned(), client.map(str::to_owned));
        if queue.try_send(Span { begun, endpoint, institution, client, status, took }).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Spans that found no room, or no collector.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// What a `traceparent` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parent {
    trace: u128,
    span: u64,
    sampled: bool,
}

/// Reads `00-<32 hex>-<16 hex>-<2 hex>` (Trace Context §3.2.2); later versions may have more after it.
fn read_parent(text: &str) -> Option<Parent> {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let lengths = (version.len(), trace.len(), span.len(), flags.len()) == (2, 32, 16, 2);
    let is_alone = version != "00" || parts.next().is_none();
    if !lengths || version == "ff" || !is_alone || ![version, trace, span, flags].into_iter().all(is_hex) {
        return None;
    }
    let parent = Parent {
        trace: u128::from_str_radix(trace, 16).ok()?,
        span: u64::from_str_radix(span, 16).ok()?,
        sampled: u8::from_str_radix(flags, 16).ok()? & 1 == 1,
    };
    (parent.trace != 0 && parent.span != 0).then_some(parent)
}

/// Sends spans to the collector until told to stop, and then what is left.
pub async fn export(app: Arc<App>, endpoint: String, mut stop: watch::Receiver<bool>) {
    let (queue, mut spans) = mpsc::channel(QUEUE_MAX);
    if app.memory.traces.queue.set(queue).is_err() {
        return;
    }
    let mut is_away = false;
    loop {
        let stopping = tokio::select! {
            () = tokio::time::sleep(EVERY) => false,
            _ = stop.wait_for(|stop| *stop) => true,
        };
        let mut batch = Vec::new();
        while let Ok(span) = spans.try_recv() {
            batch.push(span);
            if batch.len() == BATCH_MAX {
                is_away = send(&app, &endpoint, std::mem::take(&mut batch), is_away).await;
            }
        }
        if !batch.is_empty() {
            is_away = send(&app, &endpoint, batch, is_away).await;
        }
        if stopping {
            return;
        }
    }
}

/// Sends one batch. Tells whether the collector is away, which is logged once.
async fn send(app: &App, endpoint: &str, batch: Vec<Span>, was_away: bool) -> bool {
    let count = batch.len() as u64;
    let reason = match timeout(PATIENCE, post(endpoint, body(&batch))).await {
        Ok(Ok(status)) if status.is_success() => return false,
        Ok(Ok(status)) => format!("it answers with {status}"),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it does not answer".to_owned(),
    };
    app.memory.traces.dropped.fetch_add(count, Ordering::Relaxed);
    if !was_away {
        tracing::warn!(endpoint, reason, "traces can't be sent to the collector");
    }
    true
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn post(endpoint: &str, body: String) -> Result<StatusCode, Failure> {
    let uri: http::Uri = endpoint.parse()?;
    let authority = uri.authority().ok_or("no host")?.clone();
    let stream = TcpStream::connect(authority.as_str()).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let request = http::Request::post(path)
        .header(http::header::HOST, authority.as_str())
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let status = sender.send_request(request).await?.status();
    connection.abort();
    Ok(status)
}

/// The batch as an `ExportTraceServiceRequest`.
fn body(batch: &[Span]) -> String {
    let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    json!({ "resourceSpans": [{
        "resource": { "attributes": [
            text("service.name", "renkei"),
            text("service.version", env!("CARGO_PKG_VERSION")),
        ] },
        "scopeSpans": [{ "scope": { "name": "renkei" }, "spans": batch.iter().map(span).collect::<Vec<_>>() }],
    }] })
    .to_string()
}

fn span(span: &Span) -> Value {
    let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let begun = span.begun;
    let begin = i128::from(begun.at.0) * 1_000;
    let end = begin + i128::try_from(span.took.as_nanos()).unwrap_or_default();
    let mut attributes = vec![
        text("http.request.method", begun.method),
        json!({ "key": "http.response.status_code", "value": { "intValue": span.status.as_u16().to_string() } }),
        text("renkei.endpoint", span.endpoint.word()),
        text("renkei.institution", &span.institution),
        text("renkei.request_id", &begun.id.hyphenated().to_string()),
    ];
    if let Some(client) = &span.client {
        attributes.push(text("renkei.client", client));
    }
    json!({
        "traceId": format!("{:032x}", begun.trace),
        "spanId": format!("{:016x}", begun.own),
        "parentSpanId": begun.parent.map_or_else(String::new, |parent| format!("{parent:016x}")),
        "name": format!("{} {}", begun.method, span.endpoint.word()),
        // A server's span.
        "kind": 2,
        "startTimeUnixNano": begin.to_string(),
        "endTimeUnixNano": end.to_string(),
        "attributes": attributes,
        // Of a server's spans only its own failures are errors.
        "status": { "code": if span.status.is_server_error() { 2 } else { 0 } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_as_the_standard_says() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent =
            Parent { trace: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, span: 0x00f0_67aa_0ba9_02b7, sampled: true };
        assert_eq!(read_parent(good), Some(parent));
        let unsampled = Parent { sampled: false, ..parent };
        assert_eq!(read_parent(&good.replace("-01", "-00")), Some(unsampled));
        assert_eq!(read_parent(&format!("{}-more", good.replacen("00", "cc", 1))), Some(parent));
        for bad in [
            "",
            "00",
            &good.replacen("00", "ff", 1),
            &good.to_uppercase(),
            &format!("{good}-more"),
            &good.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &good.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &good.replace("-01", "-1"),
            &good.replace("-01", "-+1"),
        ] {
            assert_eq!(read_parent(bad), None, "{bad}");
        }
    }
}
