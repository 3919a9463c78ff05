//! What comes before any endpoint: heads of requests, and what a proxy says of whom it speaks for.

use axum::http::{HeaderMap, HeaderValue};
use base64ct::{Base64, Encoding as _};
use renkei_server::certificates::describe;
use renkei_server::http::proxy::certificate;
use renkei_server::listener::framing::Framing;

/// Header lines of a request that are read.
const HEADERS_MAX: usize = 64;

/// The bytes of a connection. The HTTP library's parser finds the same requests in what is handed on to it, none of them
/// with two readings, and none that ends in what was refused.
pub fn request_head(data: &[u8]) {
    let mut bytes = data.to_vec();
    let taken = Framing::default().admit(&mut bytes);
    let mut slowly = (data.to_vec(), Framing::default());
    let one_by_one: usize = slowly.0.chunks_mut(1).map(|byte| slowly.1.admit(byte)).sum();
    assert_eq!((taken, &bytes), (one_by_one, &slowly.0), "it matters how the bytes arrive");
    bytes.truncate(taken);
    let is_refused = bytes != data;
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        // What is not taken closes the connection; what is not whole waits.
        let Ok(httparse::Status::Complete(length)) = request.parse(rest) else { return };
        let (head, after) = rest.split_at(length);
        let ends = head.windows(2).filter(|pair| pair == b"\r\n").count();
        let count = |byte: u8| head.iter().filter(|own| **own == byte).count();
        assert_eq!((ends, ends), (count(b'\r'), count(b'\n')), "a line ends with something else");
        let named = |name: &str| request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)).count();
        assert_eq!(named("transfer-encoding"), 0, "chunks were taken");
        assert!(named("content-length") <= 1, "two lengths");
        let said = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let body = said.map_or(Some(0), |header| std::str::from_utf8(header.value).ok()?.trim_ascii().parse().ok());
        let body = body.expect("found: a length that one can read and the other can't");
        let Some((_, next)) = after.split_at_checked(body) else {
            assert!(!is_refused, "something of a body was refused");
            return;
        };
        rest = next;
    }
    assert!(!is_refused, "what was refused looks like a whole request");
}

/// `Client-Cert`, and each further line a `Client-Cert-Chain`. What is read is what was written, and a few certificates.
pub fn client_cert(data: &[u8]) {
    let mut claims = HeaderMap::new();
    for (at, line) in data.split(|byte| *byte == b'\n').enumerate() {
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        claims.append(if at == 0 { "client-cert" } else { "client-cert-chain" }, value);
    }
    let Some(read) = certificate(&claims) else { return };
    let peer = read.expect("found: no certificate, although the first line always makes a field");
    assert!(!peer.leaf.is_empty() && peer.intermediates.len() <= 8);
    let written = format!(":{}:", Base64::encode_string(&peer.leaf));
    assert_eq!(claims.get("client-cert").and_then(|value| value.to_str().ok()).map(str::trim), Some(written.as_str()));
    assert!(peer.intermediates.iter().all(|der| !der.is_empty()));
    let _ = describe(&peer);
}
