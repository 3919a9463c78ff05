//! The driver's side of HTTP/1.1: as little work as possible, so that one processor keeps another one busy.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Problem;

/// Bytes read at a time.
const READ_BYTES: usize = 64 * 1024;

/// Where to connect, and with which certificate if any.
#[derive(Clone)]
pub struct Door {
    /// The listener.
    pub address: SocketAddr,
    /// TLS with a client's certificate; none for plain HTTP.
    pub tls: Option<Arc<ClientConfig>>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// A connection kept open.
pub struct Wire {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

/// An answer.
#[derive(Debug, Default)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    head: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header field of this name, written in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The `name=value` of each cookie it sets.
    #[must_use]
    pub fn cookies(&self) -> Vec<String> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        let cookies = fields.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        cookies.filter_map(|(_, value)| Some(value.trim().split(';').next()?.to_owned())).collect()
    }

    /// Itself if the status is this one.
    ///
    /// # Errors
    /// Status and body if it is another.
    pub fn expect(self, status: u16) -> Result<Answer, Problem> {
        if self.status == status {
            return Ok(self);
        }
        let body: String = String::from_utf8_lossy(&self.body).chars().take(400).collect();
        Err(format!("status {} instead of {status}: {body}", self.status).into())
    }

    /// A member of the JSON object that is its body.
    ///
    /// # Errors
    /// When there is none, or it is no text.
    pub fn member(&self, name: &str) -> Result<String, Problem> {
        let value: serde_json::Value = serde_json::from_slice(&self.body)?;
        let text = value.get(name).and_then(serde_json::Value::as_str);
        Ok(text.ok_or_else(|| format!("the answer has no {name}"))?.to_owned())
    }
}

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens or the handshake fails.
    pub async fn connect(door: &Door) -> Result<Wire, Problem> {
        let stream = TcpStream::connect(door.address).await?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &door.tls {
            None => Box::new(stream),
            Some(config) => {
                let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
                Box::new(connector.connect(door.address.ip().into(), stream).await?)
            }
        };
        Ok(Wire { stream, buffer: Vec::with_capacity(READ_BYTES) })
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Answer, Problem> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        self.buffer.clear();
        let head_bytes = loop {
            self.more().await?;
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head = String::from_utf8_lossy(self.buffer.get(..head_bytes).unwrap_or_default()).into_owned();
        let status = head.get(9..12).and_then(|digits| digits.parse().ok()).ok_or("no status line")?;
        let mut answer = Answer { status, head, body: Vec::new() };
        let length = answer.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let length: usize = if status == 304 { 0 } else { length };
        while self.buffer.len() < head_bytes + length {
            self.more().await?;
        }
        answer.body = self.buffer.split_off(head_bytes);
        Ok(answer)
    }

    async fn more(&mut self) -> Result<(), Problem> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err("the connection was closed".into());
        }
        Ok(())
    }
}

/// A `GET` of this target with these header lines, each ended.
#[must_use]
pub fn get(target: &str, headers: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nhost: 127.0.0.1\r\n{headers}\r\n").into_bytes()
}

/// A form sent to this target.
#[must_use]
pub fn post(target: &str, headers: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    format!(
        "POST {target} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}
