//! Listeners on loopback, against clients that behave and clients that don't.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Extension;
use axum::routing::{get, post};
use renkei_server::certificates::PeerCertificate;
use renkei_server::listener::tls::{ClientCertificates, authority_names};
use renkei_server::listener::{self, Limits, Transport};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::authority::{Authority, today};

/// Short enough for tests, long enough for a busy machine.
pub const LIMITS: Limits = Limits {
    connections: 64,
    per_source: 64,
    counts: |_| true,
    handshake: Duration::from_millis(400),
    head: Duration::from_millis(400),
    request: Duration::from_millis(400),
    answer: Duration::from_millis(800),
    connection: Duration::from_secs(30),
    drain: Duration::from_secs(5),
};
/// More than sockets and libraries hold back for a client that does not read.
const BIG: usize = 32 * 1024 * 1024;
/// Longer than any limit above that a test waits for; reaching it is a failure.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub struct Running {
    port: u16,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

pub async fn start(transport: Transport, limits: Limits) -> Running {
    let router = Router::new()
        .route("/", get(async || "hello"))
        .route("/echo", post(async |body: Bytes| body))
        .route("/big", get(async || vec![b'x'; BIG]))
        .route("/slow", get(async || tokio::time::sleep(Duration::from_millis(200)).await))
        .route(
            "/who",
            get(async |peer: Option<Extension<PeerCertificate>>| match peer {
                Some(Extension(peer)) => format!("{} {}", peer.leaf.len(), peer.intermediates.len()),
                None => "nobody".to_owned(),
            }),
        );
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(listener::serve(socket, transport, router, limits, stopped));
    Running { port, stop, task }
}

pub async fn connect(running: &Running) -> TcpStream {
    TcpStream::connect(("127.0.0.1", running.port)).await.unwrap()
}

/// Everything the other end says until it closes.
pub async fn rest(mut stream: impl AsyncReadExt + Unpin) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // A reset is a close too.
    drop(read.expect("the connection is closed in time"));
    String::from_utf8_lossy(&answer).into_owned()
}

pub async fn say(running: &Running, words: &str) -> String {
    let mut stream = connect(running).await;
    stream.write_all(words.as_bytes()).await.unwrap();
    rest(stream).await
}

#[tokio::test]
async fn a_112_a_head_too_big_is_answered_with_431() {
    let running = start(Transport::Plain, LIMITS).await;
    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    assert!(say(&running, &format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n")).await.starts_with("HTTP/1.1 431"));
    let long = "a".repeat(100_000);
    let mut stream = connect(&running).await;
    // The server may hang up before everything is sent.
    drop(stream.write_all(format!("GET / HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n").as_bytes()).await);
    assert!(!rest(stream).await.contains("hello"));
}

#[tokio::test]
async fn r_026_a_request_with_two_readings_is_refused_and_the_connection_closed() {
    let running = start(Transport::Plain, LIMITS).await;
    let bodies = [
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\nabcd",
        "GET / HTTP/1.1\r\nhost: a\r\nx: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ncontent-length: 4\r\n\r\nabcd",
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4, 4\r\n\r\nabcd",
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length : 4\r\n\r\nabcd",
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length\t: 4\r\n\r\nabcd",
        "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4;a=\n\r\nabcd\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding:\u{b}chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\nhost: a\n\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\nx: b\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
    ];
    for words in bodies {
        let answer = say(&running, words).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{words}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{words}");
    }
}

/// However the bytes arrive: bodies that look like requests, or break every rule of heads, are bodies.
#[tokio::test]
async fn r_026_a_body_is_as_long_as_it_says_and_what_comes_after_is_looked_at_anew() {
    let running = start(Transport::Plain, LIMITS).await;
    let body = "GET /who HTTP/1.1\nhost: a\n\n";
    let echo = format!("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let answer = say(&running, &format!("{echo}{echo}GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")).await;
    assert_eq!((answer.matches("HTTP/1.1 200").count(), answer.matches(body).count()), (3, 2), "{answer}");
    let answer = say(&running, &format!("{echo}GET / HTTP/1.1\nhost: a\n\n")).await;
    assert_eq!((answer.matches("HTTP/1.1 200").count(), answer.matches("HTTP/1.1 400").count()), (1, 1), "{answer}");
    let mut stream = connect(&running).await;
    for byte in format!("{echo}GET / HTTP/1.1\r\nhost: a\r\n\nx").bytes() {
        // Refused at the bare LF, so the last byte may find the connection closed.
        drop(stream.write_all(&[byte]).await);
    }
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("hello"), "{answer}");
}

#[tokio::test]
async fn a_113_silence_slow_heads_and_slow_bodies_are_cut() {
    let running = start(Transport::Plain, LIMITS).await;
    let begun = Instant::now();
    rest(connect(&running).await).await;
    say(&running, "GET / HTTP/1.1\r\nhost:").await;
    let cut = say(&running, "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc").await;
    assert!(cut.starts_with("HTTP/1.1 408"), "{cut}");
    assert!(begun.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_request_that_is_running_finishes_when_the_server_stops() {
    let running = start(Transport::Plain, LIMITS).await;
    let mut stream = connect(&running).await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut first = [0; 1];
    // Long enough for the request to arrive, shorter than its answer takes.
    tokio::time::sleep(Duration::from_millis(50)).await;
    running.stop.send_replace(true);
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut first)).await.unwrap().unwrap();
    assert!(rest(stream).await.starts_with("TTP/1.1 200"));
    tokio::time::timeout(PATIENCE, running.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", running.port)).await.is_err());
}

pub struct Pair {
    pub authority: Authority,
    folder: tempfile::TempDir,
    pub transport: Transport,
    in_force: Arc<ArcSwap<rustls::ServerConfig>>,
}

pub fn with_tls(clients: &ClientCertificates) -> Pair {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let config = authority.server(folder.path(), |_| ()).load("localhost", clients, today()).unwrap();
    let in_force = Arc::new(ArcSwap::from_pointee(config));
    Pair { authority, folder, transport: Transport::Tls(Arc::clone(&in_force)), in_force }
}

pub type Versions = &'static [&'static rustls::SupportedProtocolVersion];

pub fn client(authority: &Authority, versions: Versions, login: Option<(Vec<u8>, rcgen::KeyPair)>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.issuer.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
        Arc::new(roots),
        Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
    );
    let builder =
        builder.dangerous().with_custom_certificate_verifier(Arc::new(On22November(verifier.build().unwrap())));
    match login {
        None => builder.with_no_client_auth(),
        Some((der, key)) => {
            let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            builder.with_client_auth_cert(vec![der.into()], key).unwrap()
        }
    }
}

/// Checks the server as any client does, at the time the tests happen.
#[derive(Debug)]
struct On22November(Arc<rustls::client::WebPkiServerVerifier>);

impl rustls::client::danger::ServerCertVerifier for On22November {
    fn verify_server_cert(
        &self,
        leaf: &rustls_pki_types::CertificateDer<'_>,
        intermediates: &[rustls_pki_types::CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        _now: rustls_pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        let now = rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_millis(today().millis()));
        self.0.verify_server_cert(leaf, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &rustls_pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &rustls_pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

pub async fn get_over_tls(running: &Running, config: ClientConfig, path: &str) -> std::io::Result<String> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, connect(running).await).await?;
    let words = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(words.as_bytes()).await?;
    Ok(rest(stream).await)
}

pub const ONLY_1_3: Versions = &[&rustls::version::TLS13];
const ONLY_1_2: Versions = &[&rustls::version::TLS12];
const BOTH: Versions = &[&rustls::version::TLS13, &rustls::version::TLS12];

#[tokio::test]
async fn r_019_tls_1_3_and_1_2_work_and_of_1_2_only_recommended_suites_are_offered() {
    let pair = with_tls(&ClientCertificates::NotAsked);
    let running = start(pair.transport.clone(), LIMITS).await;
    for versions in [ONLY_1_3, ONLY_1_2] {
        let answer = get_over_tls(&running, client(&pair.authority, versions, None), "/").await.unwrap();
        assert!(answer.ends_with("hello"), "{answer}");
    }
    for suite in &pair.in_force.load().crypto_provider().cipher_suites {
        let name = format!("{:?}", suite.suite());
        let recommended = name.starts_with("TLS13_") || name.starts_with("TLS_ECDHE_");
        assert!(recommended && (name.contains("GCM") || name.contains("CHACHA20")), "{name}");
    }
}

#[tokio::test]
async fn r_019_tls_1_0_and_1_1_handshakes_fail_with_an_alert() {
    let pair = with_tls(&ClientCertificates::NotAsked);
    let running = start(pair.transport.clone(), LIMITS).await;
    for minor in [1, 2] {
        let mut hello = vec![3, minor];
        hello.extend([7; 32]);
        hello.extend([0, 0, 4, 0xc0, 0x13, 0x00, 0x2f, 1, 0]);
        let handshake = [&[1, 0, 0, hello.len() as u8], hello.as_slice()].concat();
        let record = [&[22, 3, 1, 0, handshake.len() as u8], handshake.as_slice()].concat();
        let mut stream = connect(&running).await;
        stream.write_all(&record).await.unwrap();
        let mut answer = [0; 7];
        tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!((answer[0], answer[5]), (21, 2), "a fatal alert");
        assert!([40, 70].contains(&answer[6]), "handshake_failure or protocol_version, not {}", answer[6]);
    }
}

#[tokio::test]
async fn r_022_plain_http_on_the_tls_port_is_not_answered() {
    let pair = with_tls(&ClientCertificates::NotAsked);
    let running = start(pair.transport.clone(), LIMITS).await;
    assert!(!say(&running, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.contains("HTTP/"));
}

#[tokio::test]
async fn a_113_a_handshake_that_dawdles_is_cut() {
    let pair = with_tls(&ClientCertificates::NotAsked);
    let running = start(pair.transport.clone(), LIMITS).await;
    rest(connect(&running).await).await;
    say(&running, "\u{16}\u{3}\u{1}").await;
}

#[tokio::test]
async fn a_renewed_certificate_counts_from_the_next_connection_on() {
    let pair = with_tls(&ClientCertificates::NotAsked);
    let running = start(pair.transport.clone(), LIMITS).await;
    let renewed = Authority::new();
    let files = renewed.server(pair.folder.path(), |_| ());
    assert!(get_over_tls(&running, client(&renewed, BOTH, None), "/").await.is_err());
    pair.in_force.store(Arc::new(files.load("localhost", &ClientCertificates::NotAsked, today()).unwrap()));
    assert!(get_over_tls(&running, client(&renewed, BOTH, None), "/").await.unwrap().ends_with("hello"));
}

#[tokio::test]
async fn r_137_the_certificate_listener_hands_on_the_leaf_and_lets_others_in_without() {
    let users = Authority::new();
    let asked = ClientCertificates::Asked(authority_names([users.issuer.pem().as_str()]));
    let pair = with_tls(&asked);
    let running = start(pair.transport.clone(), LIMITS).await;
    for versions in [ONLY_1_3, ONLY_1_2] {
        let login = users.user_with_key(|_| ());
        let expected = format!("{} 0", login.0.len());
        let answer = get_over_tls(&running, client(&pair.authority, versions, Some(login)), "/who").await.unwrap();
        assert!(answer.ends_with(&expected), "{answer}");
        let answer = get_over_tls(&running, client(&pair.authority, versions, None), "/who").await.unwrap();
        assert!(answer.ends_with("nobody"), "{answer}");
    }
}

#[tokio::test]
async fn r_137_a_certificate_shown_without_its_key_ends_the_handshake() {
    let users = Authority::new();
    let pair = with_tls(&ClientCertificates::Asked(vec![]));
    let running = start(pair.transport.clone(), LIMITS).await;
    let (stolen, _) = users.user_with_key(|_| ());
    let own_key = PrivateKeyDer::try_from(rcgen::KeyPair::generate().unwrap().serialize_der()).unwrap();
    let own_key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&own_key).unwrap();
    let mut config = client(&pair.authority, BOTH, None);
    let shown = rustls::sign::CertifiedKey::new(vec![stolen.into()], own_key);
    config.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(shown));
    assert!(!get_over_tls(&running, config, "/who").await.unwrap_or_default().contains("HTTP/"));
}

#[tokio::test]
async fn r_136_the_main_listener_asks_nobody_for_a_certificate() {
    let pair = with_tls(&ClientCertificates::NotAsked);
    let running = start(pair.transport.clone(), LIMITS).await;
    let login = Authority::new().user_with_key(|_| ());
    let answer = get_over_tls(&running, client(&pair.authority, BOTH, Some(login)), "/who").await.unwrap();
    assert!(answer.ends_with("nobody"), "{answer}");
}
