//! What a proxy in front says about who connected to it: where from (`X-Forwarded-For`, RFC 7239), and with which
//! certificate (RFC 9440).
//!
//! Such header fields count when they come from a proxy the configuration names, by its address and by the certificate it
//! shows; from loopback by its address alone. From anybody else they are ignored, and that is recorded. No
//! handler ever sees them: what counts is in the request's extensions, as if there were no proxy.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use base64ct::{Base64, Encoding as _};
use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::institution::InstitutionCode;

use super::limits::{Prefix, record_refusal};
use super::source::Source;
use super::tenant;
use crate::app::App;
use crate::certificates::{Fingerprint, PeerCertificate};

const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Every header field by which proxies speak of who connected to them.
const CLAIMS: [HeaderName; 9] = [
    CLIENT_CERT,
    CLIENT_CERT_CHAIN,
    X_FORWARDED_FOR,
    header::FORWARDED,
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-client-cert"),
    HeaderName::from_static("x-ssl-client-cert"),
    HeaderName::from_static("x-forwarded-client-cert"),
    HeaderName::from_static("x-forwarded-tls-client-cert"),
];
/// Most certificates of a chain that are read.
const CHAIN_MAX: usize = 8;

/// A range of addresses: one, or those with a common beginning of so many bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Network, &'static str> {
        const NONE: &str = "it is no address such as 192.0.2.7 or 2001:db8::/64";
        let (first, bits) = text.split_once('/').map_or((text, None), |(first, bits)| (first, Some(bits)));
        let first: IpAddr = first.parse().map_err(|_| NONE)?;
        let all = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(all), str::parse).map_err(|_| NONE)?;
        let network = Network { first, bits };
        if bits == 0 || bits > all || first.to_canonical() != first || network.masked(first) != value(first) {
            return Err("its bits must be 1 to 32 (IPv4) or 128 (IPv6), and the rest of the address zero");
        }
        Ok(network)
    }
}

fn value(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl Network {
    fn masked(&self, address: IpAddr) -> u128 {
        value(address) & u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0)
    }

    /// Whether it has this address.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && self.masked(address) == value(self.first)
    }

    /// Whether it goes beyond this machine.
    #[must_use]
    pub fn leaves_loopback(&self) -> bool {
        !self.first.is_loopback()
    }
}

/// Which header field the proxies say in where a request comes from. The other one is whoever's that sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The proxies in front. None: nobody's word counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Where they connect from.
    pub peers: Vec<Network>,
    /// The certificates they show, by SHA-256; from loopback none is needed.
    pub certificates: Vec<Fingerprint>,
    /// Where they say the source.
    pub source_header: SourceHeader,
}

/// The router, behind these proxies.
pub fn behind(router: Router, app: Arc<App>, proxies: Arc<Proxies>) -> Router {
    router.layer(middleware::from_fn_with_state((app, proxies), hear))
}

type Behind = (Arc<App>, Arc<Proxies>);

async fn hear(State((app, proxies)): State<Behind>, mut request: Request, next: Next) -> Response {
    let claims = take_claims(request.headers_mut());
    if proxies.trust(request.extensions()) {
        // The connection's own certificate is the proxy's and says nothing of whom it speaks for.
        request.extensions_mut().remove::<PeerCertificate>();
        let Some(said) = Said::read(&claims, proxies.source_header) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        if let Some(source) = said.source {
            request.extensions_mut().insert(Source::of(source));
        }
        if let Some(certificate) = said.certificate {
            request.extensions_mut().insert(certificate);
        }
    } else if !claims.is_empty() {
        let source = Prefix::of(request.extensions().get());
        let institution = request.uri().path().split('/').find_map(|segment| segment.parse().ok());
        note_ignored(&app, source, institution, &claims).await;
    }
    next.run(request).await
}

/// Takes the claims out of the request.
fn take_claims(headers: &mut HeaderMap) -> HeaderMap {
    let mut claims = HeaderMap::new();
    for name in CLAIMS {
        if let header::Entry::Occupied(entry) = headers.entry(&name) {
            for value in entry.remove_entry_mult().1 {
                claims.append(&name, value);
            }
        }
    }
    claims
}

/// Leaves a record of claims that were ignored: which fields and from where, nothing of what they hold.
async fn note_ignored(app: &App, source: Prefix, institution: Option<InstitutionCode>, claims: &HeaderMap) {
    let names = claims.keys().map(HeaderName::as_str).collect::<Vec<_>>().join(" ");
    tracing::debug!(%source, names, "header fields of a proxy from somebody who is none");
    let Some(code) = institution else { return };
    let record = Record::refused(Actor::Visitor, Action::ForwardingIgnored, &names);
    let recorded = async {
        if tenant::find(app, &code.to_string()).await?.is_some() {
            record_refusal(app, &code, source, record, app.now()).await?;
        }
        Ok::<_, crate::error::Fault>(())
    };
    if let Err(fault) = recorded.await {
        tracing::warn!(?fault, "ignored header fields were not recorded");
    }
}

impl Proxies {
    /// Where a request comes from: whoever connected, or whom a proxy among these names.
    #[must_use]
    pub fn source_of<B>(&self, request: &axum::http::Request<B>) -> Option<Source> {
        let said = if self.trust(request.extensions()) {
            Said::source(request.headers(), self.source_header).flatten()
        } else {
            None
        };
        said.map(Source::of).or_else(|| request.extensions().get().copied())
    }

    /// Whether the connection is one of these proxies'.
    fn trust(&self, connection: &Extensions) -> bool {
        let Some(Source(address)) = connection.get::<Source>() else { return false };
        if !self.peers.iter().any(|network| network.has(*address)) {
            return false;
        }
        let shown = connection.get::<PeerCertificate>().map(|peer| Fingerprint::of(&peer.leaf));
        address.is_loopback() || shown.is_some_and(|shown| self.certificates.contains(&shown))
    }
}

/// What a proxy says.
struct Said {
    source: Option<IpAddr>,
    certificate: Option<PeerCertificate>,
}

impl Said {
    /// `None`: it says something that can't be read, so that nothing it says is to be relied on.
    fn read(claims: &HeaderMap, source_header: SourceHeader) -> Option<Said> {
        Some(Said { source: Said::source(claims, source_header)?, certificate: certificate(claims)? })
    }

    /// The outer `None`: it can't be read; the inner one: it says nothing of the source.
    fn source(claims: &HeaderMap, source_header: SourceHeader) -> Option<Option<IpAddr>> {
        let source = match source_header {
            SourceHeader::XForwardedFor => last_element(claims, &X_FORWARDED_FOR)?.map(node),
            SourceHeader::Forwarded => last_element(claims, &header::FORWARDED)?.map(forwarded_for),
        };
        match source {
            None => Some(None),
            Some(read) => Some(Some(read?)),
        }
    }
}

/// The last element of a list field: what the proxy itself added, whatever was there before. Neither list has commas in
/// what is in front of the last `for`, as addresses have none.
fn last_element<'a>(claims: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a str>> {
    match claims.get_all(name).iter().next_back() {
        None => Some(None),
        Some(value) => Some(Some(value.to_str().ok()?.rsplit(',').next()?.trim())),
    }
}

/// `for=192.0.2.60;proto=https`, `for="[2001:db8::17]:4711"` (RFC 7239 §4).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut nodes = element.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"'))
    });
    let (first, None) = (nodes.next()?, nodes.next()) else { return None };
    node(first)
}

/// An address, with or without brackets and port.
fn node(text: &str) -> Option<IpAddr> {
    let address: Option<IpAddr> = text.trim_start_matches('[').trim_end_matches(']').parse().ok();
    address.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// `Client-Cert` and `Client-Cert-Chain` (RFC 9440 §2): byte sequences of structured fields. The outer `None`: they can't
/// be read; the inner one: there is no certificate.
pub fn certificate(claims: &HeaderMap) -> Option<Option<PeerCertificate>> {
    let mut leaves = claims.get_all(CLIENT_CERT).iter();
    let leaf = match (leaves.next(), leaves.next()) {
        (None, _) => return claims.get(CLIENT_CERT_CHAIN).is_none().then_some(None),
        (Some(leaf), None) => byte_sequence(leaf.to_str().ok()?)?,
        (Some(_), Some(_)) => return None,
    };
    let mut intermediates = Vec::new();
    for line in claims.get_all(CLIENT_CERT_CHAIN) {
        for item in line.to_str().ok()?.split(',') {
            intermediates.push(byte_sequence(item.trim())?);
        }
    }
    (intermediates.len() <= CHAIN_MAX).then_some(Some(PeerCertificate { leaf, intermediates }))
}

/// RFC 8941 §3.3.5.
fn byte_sequence(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text.trim().strip_prefix(':')?.strip_suffix(':')?).ok().filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_addresses_and_no_other() {
        let network = |text: &str| text.parse::<Network>().unwrap();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(
            network("192.0.2.7").has(address("192.0.2.7")) && network("192.0.2.7").has(address("::ffff:192.0.2.7"))
        );
        assert!(!network("192.0.2.7").has(address("192.0.2.8")));
        assert!(network("10.1.0.0/16").has(address("10.1.255.9")) && !network("10.1.0.0/16").has(address("10.2.0.1")));
        assert!(network("2001:db8::/32").has(address("2001:db8:9::1")));
        assert!(!network("2001:db8::/32").has(address("2001:db9::1")));
        assert!(!network("2001:db8::/32").has(address("32.1.13.184")));
        for text in ["", "x", "10.1.0.0/0", "10.1.0.0/33", "10.1.0.1/16", "::/0", "::1/129", "::ffff:1.2.3.4", "1.2.3"]
        {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn r_023_a_proxy_on_another_machine_needs_its_address_and_its_certificate() {
        let own = b"the proxy's certificate".to_vec();
        let proxies = Proxies {
            peers: vec!["10.1.0.0/24".parse().unwrap(), "127.0.0.1".parse().unwrap()],
            certificates: vec![Fingerprint::of(&own)],
            ..Proxies::default()
        };
        let trusts = |from: &str, shown: Option<&[u8]>| {
            let mut request = Request::new(axum::body::Body::empty());
            request.extensions_mut().insert(Source::of(from.parse().unwrap()));
            if let Some(leaf) = shown {
                let peer = PeerCertificate { leaf: leaf.to_vec(), intermediates: vec![own.clone()] };
                request.extensions_mut().insert(peer);
            }
            proxies.trust(request.extensions())
        };
        assert!(trusts("10.1.0.9", Some(&own)) && trusts("127.0.0.1", None));
        assert!(!trusts("10.1.0.9", None) && !trusts("10.1.0.9", Some(b"another")) && !trusts("10.1.1.9", Some(&own)));
        assert!(!trusts("127.0.0.2", None));
        assert!(!proxies.trust(&Extensions::new()), "nobody knows from where");
    }

    #[test]
    fn r_023_the_source_is_what_the_proxy_itself_added() {
        let read = |name: &'static str, value: &str, kind| {
            let mut claims = HeaderMap::new();
            claims.insert(name, value.parse().unwrap());
            Said::read(&claims, kind).map(|said| said.source.map(|source| source.to_string()))
        };
        let kind = SourceHeader::XForwardedFor;
        let told = |text: &str| Some(Some(text.to_owned()));
        assert_eq!(read("x-forwarded-for", "198.51.100.1, 192.0.2.7", kind), told("192.0.2.7"));
        assert_eq!(read("x-forwarded-for", "[2001:db8::7]:4711", kind), told("2001:db8::7"));
        assert_eq!(read("x-forwarded-for", "192.0.2.7:80", kind), told("192.0.2.7"));
        assert_eq!(read("x-forwarded-for", "192.0.2.7, unknown", kind), None);
        assert_eq!(read("forwarded", "for=192.0.2.7", kind), Some(None), "not where this proxy says it");
        let kind = SourceHeader::Forwarded;
        assert_eq!(read("forwarded", "for=1.1.1.1, for=\"[2001:db8::7]:1\";proto=https", kind), told("2001:db8::7"));
        assert_eq!(read("forwarded", "proto=https", kind), None);
        assert_eq!(read("forwarded", "for=1.1.1.1;for=2.2.2.2", kind), None);
    }

    #[test]
    fn r_023_a_certificate_is_a_byte_sequence_and_there_is_one() {
        let read = |pairs: &[(&'static str, &str)]| {
            let mut claims = HeaderMap::new();
            for (name, value) in pairs {
                claims.append(*name, value.parse().unwrap());
            }
            certificate(&claims).map(|peer| peer.map(|peer| (peer.leaf.len(), peer.intermediates.len())))
        };
        assert_eq!(read(&[]), Some(None));
        assert_eq!(read(&[("client-cert", ":AAEC:")]), Some(Some((3, 0))));
        assert_eq!(read(&[("client-cert", ":AAEC:"), ("client-cert-chain", ":AA==:, :AAE=:")]), Some(Some((3, 2))));
        for value in ["", "AAEC", ":AAEC", "::", ":A:", ":AAEC:, :AAEC:", "-----BEGIN CERTIFICATE-----", ":*:"] {
            assert_eq!(read(&[("client-cert", value)]), None, "{value}");
        }
        assert_eq!(read(&[("client-cert", ":AAEC:"), ("client-cert", ":AAEC:")]), None);
        assert_eq!(read(&[("client-cert-chain", ":AAEC:")]), None);
    }
}
