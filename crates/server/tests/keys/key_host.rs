//! Servers on loopback that partners publish their keys at: real TLS, and whatever a test wants behind it.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use renkei_domain::time::Clock;
use renkei_oauth::jose::SigningKey;
use renkei_server::outbound::{Outbound, Reach, Resolve, Trust};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The host that kakeibo publishes its keys at.
pub const HOST: &str = "keys.kakeibo.example";
/// The address of its keys.
pub const URI: &str = "https://keys.kakeibo.example/jwks";
/// The host of another partner, chobo.
pub const OTHER_HOST: &str = "keys.chobo.example";
/// The address of its keys.
pub const OTHER_URI: &str = "https://keys.chobo.example/jwks";
/// Longer than any test takes.
pub const LONG: Duration = Duration::from_secs(60);

/// An authority that the bank trusts.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    fn server(&self, host: &str, change: impl FnOnce(&mut CertificateParams)) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let chain = vec![params.signed_by(&key, &self.0).unwrap().der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        TlsAcceptor::from(Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap()))
    }
}

/// What a server does with a request.
#[derive(Clone)]
pub enum Answer {
    /// Writes these bytes and closes.
    Bytes(Vec<u8>),
    /// Writes these bytes, then more and more until the other end has had enough.
    Endless(Vec<u8>),
    /// Writes these bytes, then one at a time with a pause before each.
    Drip(Vec<u8>, Duration),
    /// Waits for a permit, then does the other.
    After(Arc<Semaphore>, Box<Answer>),
}

impl Answer {
    /// A key set with these headers besides.
    pub fn keys_with(headers: &str, jwks: &Value) -> Answer {
        let body = jwks.to_string();
        Answer::json(headers, body.as_bytes())
    }

    pub fn keys(keys: &[&SigningKey]) -> Answer {
        Answer::keys_with("", &jwks(keys))
    }

    /// A JSON body with these headers besides.
    pub fn json(headers: &str, body: &[u8]) -> Answer {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        Answer::Bytes([head.as_bytes(), body].concat())
    }

    pub fn status(line: &str) -> Answer {
        Answer::Bytes(format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n").into_bytes())
    }
}

pub fn jwks(keys: &[&SigningKey]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.to_public_jwk().to_json()).collect::<Vec<_>>() })
}

/// A server.
pub struct KeyHost {
    pub address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    heads: Arc<Mutex<Vec<String>>>,
    arrived: Arc<Semaphore>,
    sent: Arc<AtomicUsize>,
    left: Arc<Semaphore>,
}

impl KeyHost {
    pub async fn open(authority: &Authority, host: &str, answer: Answer) -> KeyHost {
        KeyHost::with_certificate(authority, host, answer, |_| ()).await
    }

    pub async fn with_certificate(
        authority: &Authority,
        host: &str,
        answer: Answer,
        change: impl FnOnce(&mut CertificateParams),
    ) -> KeyHost {
        let acceptor = authority.server(host, change);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = KeyHost {
            address: listener.local_addr().unwrap(),
            answer: Arc::new(Mutex::new(answer)),
            heads: Arc::default(),
            arrived: Arc::new(Semaphore::new(0)),
            sent: Arc::default(),
            left: Arc::new(Semaphore::new(0)),
        };
        let (answer, heads, arrived) = (server.answer.clone(), server.heads.clone(), server.arrived.clone());
        let (sent, left) = (server.sent.clone(), server.left.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, answer, heads) = (acceptor.clone(), answer.clone(), heads.clone());
                let (arrived, sent, left) = (arrived.clone(), sent.clone(), left.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let Some(head) = read_head(&mut stream).await else { return };
                    heads.lock().unwrap().push(head);
                    arrived.add_permits(1);
                    let answer = answer.lock().unwrap().clone();
                    let _ = act(stream, answer, &sent).await;
                    left.add_permits(1);
                });
            }
        });
        server
    }

    pub fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// The heads of the requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub fn hits(&self) -> usize {
        self.heads.lock().unwrap().len()
    }

    /// Waits until one more request than before has come.
    pub async fn arrival(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    /// Bytes of the endless answers, once one of them has been cut off.
    pub async fn sent(&self) -> usize {
        self.left.acquire().await.unwrap().forget();
        self.sent.load(Ordering::SeqCst)
    }
}

async fn read_head(stream: &mut TlsStream<TcpStream>) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn act(mut stream: TlsStream<TcpStream>, answer: Answer, sent: &AtomicUsize) -> io::Result<()> {
    let answer = match answer {
        Answer::After(permit, then) => {
            permit.acquire().await.unwrap().forget();
            *then
        }
        now => now,
    };
    match answer {
        Answer::Bytes(bytes) => stream.write_all(&bytes).await?,
        Answer::Endless(bytes) => {
            stream.write_all(&bytes).await?;
            loop {
                stream.write_all(&[b' '; 16_384]).await?;
                stream.flush().await?;
                sent.fetch_add(16_384, Ordering::SeqCst);
            }
        }
        Answer::Drip(bytes, pause) => {
            stream.write_all(&bytes).await?;
            loop {
                stream.flush().await?;
                tokio::time::sleep(pause).await;
                stream.write_all(b" ").await?;
            }
        }
        Answer::After(..) => {}
    }
    stream.shutdown().await
}

/// A listener that nobody may connect to.
pub struct Canary(StdListener);

impl Canary {
    pub fn at(address: &str) -> Canary {
        let listener = StdListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        Canary(listener)
    }

    pub fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// Whether somebody has connected since this was last asked: a connection waits in the listener's queue.
    pub fn sang(&self) -> bool {
        self.0.accept().is_ok()
    }
}

/// Names and their addresses; each question takes the next answer, the last one stays.
#[derive(Clone, Default)]
pub struct Names {
    answers: Arc<Mutex<HashMap<String, Vec<Vec<SocketAddr>>>>>,
    asked: Arc<AtomicUsize>,
}

impl Names {
    pub fn set(&self, host: &str, answers: &[&[SocketAddr]]) {
        let answers = answers.iter().rev().map(|addresses| addresses.to_vec()).collect();
        self.answers.lock().unwrap().insert(host.to_owned(), answers);
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Resolve for Names {
    fn resolve(&self, host: String, _port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let known = answers.get_mut(&host).map(|answers| match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop().unwrap(),
        });
        Box::pin(async move { known.ok_or_else(|| io::Error::other("no such name")) })
    }
}

/// The way out of a bank that trusts the authority, knows these names, and may reach these addresses on loopback.
pub fn outbound(
    authority: &Authority,
    names: &Names,
    allowed: &[SocketAddr],
    clock: Arc<dyn Clock>,
    deadline: Duration,
) -> Outbound {
    let reach = Reach { ports: vec![443], allowed: allowed.to_vec() };
    let trust = Trust::Only(vec![authority.certificate()]);
    Outbound::new(reach, trust, clock).with(Arc::new(names.clone()), deadline)
}
