//! A listener: connections in, requests to the router, and an end that lets running requests finish.
//!
//! Everything that a stranger could hold on to has a deadline: the handshake, the request head, the whole request, the
//! reading of its answer, the connection. What is too big is refused while it is read, and one source holds only so many
//! connections.

pub mod framing;
mod sources;
pub mod tls;
mod watched;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::response::IntoResponse;
use http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::{Service, ServiceExt};

use framing::Framing;
use sources::Sources;
use watched::{Asked, Meter, Watched};

use crate::certificates::PeerCertificate;
use crate::http::limits::Prefix;
use crate::http::source::Source;

/// Most header lines of a request; more is answered with 431.
const HEADERS_MAX: usize = 64;
/// Most bytes of a request head, and what a connection may buffer; more is answered with 431.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Most bytes of a request's target, its query included; more is answered with 414. The longest of ours, a read by days
/// with its cursor, is a tenth of it.
const TARGET_BYTES_MAX: usize = 8 * 1024;
/// Most requests at a time on one HTTP/2 connection.
const STREAMS_MAX: u32 = 64;
/// Streams an HTTP/2 peer may reset before they were looked at (rapid reset, CVE-2023-44487).
const PENDING_RESETS_MAX: usize = 20;
/// Streams of an HTTP/2 connection that may be reset because of the peer's errors.
const ERROR_RESETS_MAX: usize = 64;
/// Bytes of answers that an HTTP/2 stream may hold back because the peer takes no more.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// How often an HTTP/2 peer is asked whether it is still there; it has as long again to answer.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Wait after the operating system refused a connection for want of files or memory, instead of spinning.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// How long and how many.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most connections at a time; further ones wait in the operating system's queue.
    pub connections: u32,
    /// Most connections at a time of one source, an IPv4 address or a /64 of IPv6; further ones are closed at once.
    pub per_source: u32,
    /// Which sources [`Limits::per_source`] holds for.
    pub counts: fn(IpAddr) -> bool,
    /// For a TLS handshake.
    pub handshake: Duration,
    /// For a request's head, and between two requests.
    pub head: Duration,
    /// For a request from its head to the head of its answer, its body included; then 408.
    pub request: Duration,
    /// For an answer to be read by the other end.
    pub answer: Duration,
    /// Age at which a connection takes no further requests, so that nobody holds one by reading slowly.
    pub connection: Duration,
    /// For requests still running when their connection or the server is to end.
    pub drain: Duration,
}

impl Limits {
    /// What `renkei serve` uses.
    pub const STANDARD: Limits = Limits {
        connections: 8192,
        per_source: 256,
        // From loopback comes a proxy on this machine, who speaks for many.
        counts: |address| !address.is_loopback(),
        handshake: Duration::from_secs(10),
        head: Duration::from_secs(15),
        request: Duration::from_secs(30),
        answer: Duration::from_secs(60),
        connection: Duration::from_secs(600),
        // With the time in which balancers are told, less than the 30 seconds supervisors wait.
        drain: Duration::from_secs(20),
    };
}

/// What connections speak.
#[derive(Clone)]
pub enum Transport {
    /// Plain HTTP, for loopback.
    Plain,
    /// TLS with the configuration that is in force when a connection begins.
    Tls(Arc<ArcSwap<ServerConfig>>),
}

/// What answers requests: a router, or whoever stands before one.
pub trait Answers:
    Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

impl<S> Answers for S where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

/// Serves until `stop` turns true, then until the last request is answered or the drain is over.
pub async fn serve(
    socket: TcpListener,
    transport: Transport,
    answers: impl Answers,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(limits.connections as usize));
    let sources = Sources::new(limits.per_source);
    loop {
        let next = tokio::select! {
            next = accept(&socket, &slots) => next,
            () = stopped(&mut stop) => break,
        };
        let Some((stream, from, slot)) = next else {
            sleep(PAUSE_AFTER_ERROR).await;
            continue;
        };
        let source = Source::of(from);
        let place = (limits.counts)(source.0).then(|| sources.enter(Prefix::of(Some(&source))));
        if let Some(None) = place {
            tracing::debug!(%from, "a source has as many connections as it may");
            continue;
        }
        let held = (slot, place.flatten());
        let connection = Connection { answers: answers.clone(), limits, source, stop: stop.clone(), _held: held };
        match &transport {
            Transport::Plain => drop(tokio::spawn(connection.serve(stream, None, Version::Http1))),
            Transport::Tls(tls) => drop(tokio::spawn(connection.shake_hands(stream, tls.load_full()))),
        }
    }
    drop(socket);
    if timeout(limits.drain, slots.acquire_many(limits.connections)).await.is_err() {
        tracing::warn!("connections were cut: their requests did not finish in time");
    }
}

async fn accept(socket: &TcpListener, slots: &Arc<Semaphore>) -> Option<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    let accepted: io::Result<(TcpStream, SocketAddr)> = socket.accept().await;
    match accepted {
        Ok((stream, from)) => stream.set_nodelay(true).is_ok().then_some((stream, from.ip(), slot)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            None
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that whoever could say stop is gone, which is the same.
    drop(stop.wait_for(|stop| *stop).await);
}

/// The protocol of a connection: agreed in the handshake, or HTTP/1.1 without one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Http1,
    Http2,
}

struct Connection<A> {
    answers: A,
    limits: Limits,
    source: Source,
    stop: watch::Receiver<bool>,
    _held: (OwnedSemaphorePermit, Option<sources::Place>),
}

impl<A: Answers> Connection<A> {
    async fn shake_hands(self, stream: TcpStream, config: Arc<ServerConfig>) {
        let handshake = timeout(self.limits.handshake, TlsAcceptor::from(config).accept(stream)).await;
        let stream = match handshake {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%error, "a handshake failed"),
            Err(_) => return tracing::debug!("a handshake took too long"),
        };
        let (_, session) = stream.get_ref();
        let version = if session.alpn_protocol() == Some(tls::ALPN_HTTP2) { Version::Http2 } else { Version::Http1 };
        let peer = session.peer_certificates().and_then(|chain| {
            let (leaf, rest) = chain.split_first()?;
            Some(PeerCertificate { leaf: leaf.to_vec(), intermediates: rest.iter().map(|der| der.to_vec()).collect() })
        });
        self.serve(stream, peer, version).await;
    }

    async fn serve<S>(mut self, stream: S, peer: Option<PeerCertificate>, version: Version)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (answers, limits, source) = (self.answers, self.limits, self.source);
        let meter = Arc::new(Meter::default());
        let framing = (version == Version::Http1).then(Framing::default);
        let stream = Watched::new(stream, Arc::clone(&meter), limits.answer, framing);
        let asked = Arc::clone(&meter);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(source);
            if let Some(peer) = &peer {
                request.extensions_mut().insert(peer.clone());
            }
            answer(answers.clone(), request, limits, version, asked.asked())
        });
        let builder = builder(version, &limits);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = meter.cut() => return tracing::debug!(source = %source.0, "a connection was cut"),
            () = stopped(&mut self.stop) => None,
            () = sleep(limits.connection) => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                let ended = tokio::select! {
                    ended = timeout(limits.drain, connection) => ended,
                    () = meter.cut() => return,
                };
                ended.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection failed");
        }
    }
}

async fn answer(
    answers: impl Answers,
    request: Request<Incoming>,
    limits: Limits,
    version: Version,
    asked: Asked,
) -> Result<Response<Body>, Infallible> {
    let refused = |status: StatusCode| (status, [(header::CONNECTION, "close")]).into_response();
    // Two hosts, or none, could be two sites to a proxy in front and to us (RFC 9112 section 3.2).
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == http::Version::HTTP_11) {
        return Ok(refused(StatusCode::BAD_REQUEST));
    }
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let response = if target > TARGET_BYTES_MAX {
        refused(StatusCode::URI_TOO_LONG)
    } else if request.headers().len() > HEADERS_MAX {
        refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    } else {
        match timeout(limits.request, answers.oneshot(request)).await {
            Ok(answer) => answer?,
            Err(_) => refused(StatusCode::REQUEST_TIMEOUT),
        }
    };
    let (head, body) = response.into_parts();
    let body = match version {
        // What is not taken shows on the stream, which has the same deadline.
        Version::Http1 => asked.answered(body),
        // There it shows only on the body: other streams of the connection may go on.
        Version::Http2 => asked.answered_within(body, limits.answer),
    };
    Ok(Response::from_parts(head, body))
}

fn builder(version: Version, limits: &Limits) -> auto::Builder<TokioExecutor> {
    let builder = auto::Builder::new(TokioExecutor::new());
    // The version is known, so nobody can dawdle over the bytes that would tell it.
    let mut builder = match version {
        Version::Http1 => builder.http1_only(),
        Version::Http2 => builder.http2_only(),
    };
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .max_local_error_reset_streams(ERROR_RESETS_MAX)
        .max_send_buf_size(SEND_BUFFER_BYTES);
    builder
}
