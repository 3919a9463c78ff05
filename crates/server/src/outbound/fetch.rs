//! One request, from the name to the last byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT,
};
use http::request::Builder;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{HttpsUrl, Outbound, OutboundFault, ResponderUrl};

/// Most addresses of one name; a name with more is refused.
const ADDRESSES_MAX: usize = 16;
/// Addresses that are tried, one after another.
const ADDRESSES_TRIED: u32 = 4;
/// Most bytes of a response's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Most header lines of a response.
const HEADERS_MAX: usize = 64;

/// What a document must be.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Its media type is one of these.
    pub media_types: &'a [&'a str],
    /// It has no more bytes.
    pub bytes_max: usize,
}

/// A document that was got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its bytes, as they came.
    pub body: Vec<u8>,
    /// For how many seconds it may be kept, if its server says so (RFC 9111 §5.2.2); 0 where it must not be.
    pub max_age: Option<u32>,
}

impl Outbound {
    /// Gets a document.
    ///
    /// # Errors
    /// [`OutboundFault`]; whatever it was, nothing is left running.
    pub async fn get(&self, url: &HttpsUrl, wanted: Wanted<'_>) -> Result<Document, OutboundFault> {
        if !self.reach.has_port(url.port()) {
            return Err(OutboundFault::Port(url.port()));
        }
        let tls = self.tls()?;
        let request = request(Method::GET, url.path(), &url.authority(), wanted);
        let request = request.body(Full::default()).map_err(|error| http_fault(&error))?;
        let got = async {
            let addresses = self.addresses(url.host(), url.port()).await?;
            let stream = connect(&addresses, self.deadline / ADDRESSES_TRIED).await?;
            exchange(secured(tls, url.host(), stream).await?, request, wanted).await
        };
        timeout(self.deadline, got).await.unwrap_or(Err(OutboundFault::TooSlow(self.deadline)))
    }

    /// Asks an OCSP responder. One that the registry names by an IP address is contacted there, wherever that is; a
    /// name has to lead to the public Internet. Any port will do: an operator wrote it.
    ///
    /// # Errors
    /// As [`Outbound::get`].
    pub async fn ask(
        &self,
        url: &ResponderUrl,
        question: Vec<u8>,
        media_type: &'static str,
        wanted: Wanted<'_>,
    ) -> Result<Document, OutboundFault> {
        let request = request(Method::POST, &url.path, &url.authority, wanted).header(CONTENT_TYPE, media_type);
        let request = request.body(Full::from(question)).map_err(|error| http_fault(&error))?;
        let got = async {
            let addresses = match url.address {
                Some(address) => vec![SocketAddr::new(address, url.port)],
                None => self.addresses(&url.host, url.port).await?,
            };
            let stream = connect(&addresses, self.deadline / ADDRESSES_TRIED).await?;
            if url.secure {
                exchange(secured(self.tls()?, &url.host, stream).await?, request, wanted).await
            } else {
                exchange(stream, request, wanted).await
            }
        };
        timeout(self.deadline, got).await.unwrap_or(Err(OutboundFault::TooSlow(self.deadline)))
    }

    /// Hands something to a server that the operator named, wherever that is, and tells how it answered.
    ///
    /// # Errors
    /// As [`Outbound::get`], but for the status and media type, which are the caller's to judge.
    pub async fn submit(
        &self,
        url: &ResponderUrl,
        body: Vec<u8>,
        bytes_max: usize,
    ) -> Result<(u16, Vec<u8>), OutboundFault> {
        let wanted = Wanted { media_types: &["*/*"], bytes_max };
        let request = request(Method::POST, &url.path, &url.authority, wanted);
        let request = request.body(Full::from(body)).map_err(|error| http_fault(&error))?;
        let got = async {
            let addresses = match url.address {
                Some(address) => vec![SocketAddr::new(address, url.port)],
                None => self
                    .resolver
                    .resolve(url.host.clone(), url.port)
                    .await
                    .map_err(|error| OutboundFault::Name { host: url.host.clone(), reason: error.to_string() })?,
            };
            let stream = connect(&addresses, self.deadline / ADDRESSES_TRIED).await?;
            let (status, document) = if url.secure {
                let stream = secured(self.tls()?, &url.host, stream).await?;
                converse(stream, request, bytes_max, |_| Ok(())).await?
            } else {
                converse(stream, request, bytes_max, |_| Ok(())).await?
            };
            Ok((status.as_u16(), document.body))
        };
        timeout(self.deadline, got).await.unwrap_or(Err(OutboundFault::TooSlow(self.deadline)))
    }

    /// The addresses of the host, each of which may be contacted. One that may not condemns the name: it was put there
    /// by mistake or by somebody who means harm.
    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, OutboundFault> {
        let unknown = |reason: String| OutboundFault::Name { host: host.to_owned(), reason };
        let resolved = self.resolver.resolve(host.to_owned(), port).await;
        let addresses = resolved.map_err(|error| unknown(error.to_string()))?;
        if addresses.is_empty() {
            return Err(unknown("it has no address".into()));
        }
        if addresses.len() > ADDRESSES_MAX {
            return Err(unknown(format!("it has more than {ADDRESSES_MAX} addresses")));
        }
        let special = |address: &SocketAddr| self.reach.forbids(*address).map(|what| (*address, what));
        match addresses.iter().find_map(special) {
            Some((address, what)) => Err(OutboundFault::Special { address, what }),
            None => Ok(addresses),
        }
    }
}

/// A connection to the first of these addresses that takes one.
async fn connect(addresses: &[SocketAddr], patience: Duration) -> Result<TcpStream, OutboundFault> {
    let mut failure = OutboundFault::Unreachable("no address".into());
    for address in addresses.iter().take(ADDRESSES_TRIED as usize) {
        match timeout(patience, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = OutboundFault::Unreachable(format!("{address}: {error}")),
            Err(_) => failure = OutboundFault::Unreachable(format!("{address} does not answer")),
        }
    }
    Err(failure)
}

/// The connection under TLS, with a server whose certificate is for this host.
async fn secured(tls: Arc<ClientConfig>, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, OutboundFault> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| tls_fault(&error))?;
    TlsConnector::from(tls).connect(name, stream).await.map_err(|error| tls_fault(&error))
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    wanted: Wanted<'_>,
) -> Result<Document, OutboundFault> {
    let answer = converse(stream, request, wanted.bytes_max, |response| check_head(response, wanted)).await?;
    Ok(answer.1)
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    bytes_max: usize,
    check: impl FnOnce(&Response<Incoming>) -> Result<(), OutboundFault>,
) -> Result<(StatusCode, Document), OutboundFault> {
    let handshake =
        http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX).handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|error| http_fault(&error))?;
    // Ends with this function, whichever way it is left.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let response = sender.send_request(request).await.map_err(|error| http_fault(&error))?;
    check(&response)?;
    let (status, max_age) = (response.status(), max_age(response.headers()));
    let body = read_body(response.into_body(), bytes_max).await?;
    Ok((status, Document { body, max_age }))
}

fn request(method: Method, path: &str, authority: &str, wanted: Wanted<'_>) -> Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, authority)
        .header(ACCEPT, wanted.media_types.join(", "))
        .header(ACCEPT_ENCODING, "identity")
        .header(CONNECTION, "close")
        .header(USER_AGENT, "renkei")
}

/// Everything about the answer that is known before its body is read.
fn check_head(response: &Response<Incoming>, wanted: Wanted<'_>) -> Result<(), OutboundFault> {
    let status = response.status();
    if status.is_redirection() {
        return Err(OutboundFault::Redirect(status.as_u16()));
    }
    if status != StatusCode::OK {
        return Err(OutboundFault::Status(status.as_u16()));
    }
    let mut codings = response.headers().get_all(CONTENT_ENCODING).iter();
    if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(OutboundFault::Coded);
    }
    let mut types = response.headers().get_all(CONTENT_TYPE).iter();
    let media = match (types.next(), types.next()) {
        (Some(only), None) => only.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim(),
        _ => "",
    };
    if !wanted.media_types.iter().any(|known| known.eq_ignore_ascii_case(media)) {
        return Err(OutboundFault::MediaType(wanted.media_types.join(", ")));
    }
    let announced = response.body().size_hint().lower();
    if announced > wanted.bytes_max as u64 { Err(OutboundFault::TooLarge(wanted.bytes_max)) } else { Ok(()) }
}

async fn read_body(mut body: Incoming, bytes_max: usize) -> Result<Vec<u8>, OutboundFault> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| http_fault(&error))?;
        let Some(data) = frame.data_ref() else { continue };
        if read.len() + data.len() > bytes_max {
            return Err(OutboundFault::TooLarge(bytes_max));
        }
        read.extend_from_slice(data);
    }
    Ok(read)
}

/// How long the answer may be kept: the shortest time that its `Cache-Control` names.
fn max_age(headers: &HeaderMap) -> Option<u32> {
    let lines = headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let directives = lines.flat_map(|line| line.split(',')).map(str::trim);
    let age = |directive: &str| {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => Some(0),
            "max-age" => value.trim().trim_matches('"').parse::<u64>().ok(),
            _ => None,
        }
    };
    directives.filter_map(age).min().map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX))
}

fn tls_fault(error: &dyn std::error::Error) -> OutboundFault {
    OutboundFault::Tls(error.to_string())
}

fn http_fault(error: &dyn std::error::Error) -> OutboundFault {
    OutboundFault::Http(error.to_string())
}
