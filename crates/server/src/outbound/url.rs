//! Addresses of documents at partners, read so strictly that there is one spelling of each: what is checked and what is
//! contacted can't be two things.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Most bytes of a URL.
pub const URL_BYTES_MAX: usize = 1024;
/// Most characters of a host name (RFC 1035 §2.3.4).
const HOST_CHARS_MAX: usize = 253;
/// Most characters of one label of it.
const LABEL_CHARS_MAX: usize = 63;
/// The port of https.
const HTTPS_PORT: u16 = 443;
/// The port of http.
const HTTP_PORT: u16 = 80;

/// An absolute `https` URL of a named host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpsUrl {
    host: String,
    port: u16,
    path: String,
}

/// Why a text is not taken as such a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// Longer than [`URL_BYTES_MAX`].
    #[error("it must be at most {URL_BYTES_MAX} bytes long")]
    TooLong,
    /// Another scheme, or `https` spelled otherwise.
    #[error("it must be an https address and begin with https://")]
    Scheme,
    /// Neither `http` nor `https`.
    #[error("it must begin with http:// or https://")]
    ResponderScheme,
    /// White space, a control, or anything else a URL has no plain place for.
    #[error("it must be an address in plain ASCII, without spaces, quotes, brackets or backslashes")]
    Character,
    /// `user@`.
    #[error("it must not name a user before the host")]
    User,
    /// `#…`.
    #[error("it must not have a fragment (#)")]
    Fragment,
    /// An IP address, in whatever spelling.
    #[error("it must name a host, not an IP address")]
    Address,
    /// No domain name, or one in another spelling.
    #[error("the host must be a domain name in lower-case ASCII, such as keys.example.jp")]
    Host,
    /// Not a number from 1 to 65535 without leading zeros.
    #[error("the port must be a number from 1 to 65535")]
    Port,
}

impl HttpsUrl {
    /// The name to resolve and to find in the certificate.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, at least `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What stands in the `Host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == HTTPS_PORT { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// Whether the host is this machine, by the name `localhost`: for demonstrations and tests.
    #[must_use]
    pub fn is_localhost(&self) -> bool {
        self.host == "localhost" || self.host.ends_with(".localhost")
    }
}

impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.authority(), self.path)
    }
}

impl FromStr for HttpsUrl {
    type Err = UrlFault;

    fn from_str(text: &str) -> Result<HttpsUrl, UrlFault> {
        if text.len() > URL_BYTES_MAX {
            return Err(UrlFault::TooLong);
        }
        let rest = text.strip_prefix("https://").ok_or(UrlFault::Scheme)?;
        let (authority, path) = split(rest)?;
        if authority.starts_with('[') {
            return Err(UrlFault::Address);
        }
        check_plain(rest)?;
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, read_port(port)?),
            None => (authority, HTTPS_PORT),
        };
        check_host(host)?;
        Ok(HttpsUrl { host: host.to_owned(), port, path })
    }
}

/// What names the server, and the path with its query, beginning with a slash.
fn split(rest: &str) -> Result<(&str, String), UrlFault> {
    if rest.contains('#') {
        return Err(UrlFault::Fragment);
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(UrlFault::User);
    }
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Ok((authority, path))
}

fn check_plain(text: &str) -> Result<(), UrlFault> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>[]\\^`{|}".contains(&byte);
    if text.bytes().all(plain) { Ok(()) } else { Err(UrlFault::Character) }
}

/// The address of an OCSP responder, which an operator wrote into the registry: plain http will do, since its answers are
/// signed, and it may be an IP address, which then is the very one that is contacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponderUrl {
    pub(super) secure: bool,
    /// As it stands in the `Host` header.
    pub(super) authority: String,
    /// A domain name, or an IP address without brackets.
    pub(super) host: String,
    /// The host where it is an IP address.
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
    pub(super) path: String,
}

impl FromStr for ResponderUrl {
    type Err = UrlFault;

    fn from_str(text: &str) -> Result<ResponderUrl, UrlFault> {
        if text.len() > URL_BYTES_MAX {
            return Err(UrlFault::TooLong);
        }
        let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(UrlFault::ResponderScheme),
        };
        let (authority, path) = split(rest)?;
        let (host, port, address) = match authority.strip_prefix('[') {
            Some(inner) => {
                let (host, port) = inner.split_once(']').ok_or(UrlFault::Host)?;
                let address = host.parse::<Ipv6Addr>().map_err(|_| UrlFault::Host)?;
                check_plain(port)?;
                (host, port, Some(IpAddr::V6(address)))
            }
            None => {
                let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
                check_plain(authority)?;
                let address = host.parse().map(IpAddr::V4).ok();
                if address.is_none() {
                    check_host(host)?;
                }
                (host, port, address)
            }
        };
        check_plain(&path)?;
        let default = if secure { HTTPS_PORT } else { HTTP_PORT };
        let port = match port.strip_prefix(':') {
            Some(digits) => read_port(digits)?,
            None if port.is_empty() => default,
            None => return Err(UrlFault::Port),
        };
        Ok(ResponderUrl { secure, authority: authority.to_owned(), host: host.to_owned(), address, port, path })
    }
}

fn read_port(digits: &str) -> Result<u16, UrlFault> {
    let port: u16 = digits.parse().map_err(|_| UrlFault::Port)?;
    if port == 0 || port.to_string() != digits { Err(UrlFault::Port) } else { Ok(port) }
}

/// A domain name. Whatever a resolver could read as an IPv4 address ends in a label that is a number: 127.1,
/// 2130706433, 0x7f.1, 0177.0.0.1 (WHATWG URL §3.5).
fn check_host(host: &str) -> Result<(), UrlFault> {
    let last = host.strip_suffix('.').unwrap_or(host).rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or(last.strip_prefix("0X"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number(last) || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Err(UrlFault::Address);
    }
    let label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=LABEL_CHARS_MAX).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let named = host == "localhost" || host.contains('.');
    if named && host.len() <= HOST_CHARS_MAX && host.split('.').all(label) { Ok(()) } else { Err(UrlFault::Host) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<HttpsUrl, UrlFault> {
        text.parse()
    }

    #[test]
    fn a_named_host_is_taken_with_its_port_and_path() {
        let url = read("https://keys.kakeibo.example/a/jwks.json?v=1").unwrap();
        assert_eq!((url.host(), url.port(), url.path()), ("keys.kakeibo.example", 443, "/a/jwks.json?v=1"));
        assert_eq!(url.authority(), "keys.kakeibo.example");
        let url = read("https://keys.kakeibo.example:8443?v=1").unwrap();
        assert_eq!((url.authority().as_str(), url.path()), ("keys.kakeibo.example:8443", "/?v=1"));
        assert_eq!(url.to_string(), "https://keys.kakeibo.example:8443/?v=1");
        assert_eq!(read("https://xn--p8j.example").unwrap().path(), "/");
    }

    #[test]
    fn a_043_addresses_in_odd_spellings_are_no_hosts() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:8443",
            "127.1",
            "127.0.1",
            "2130706433",
            "017700000001",
            "0177.0.0.1",
            "0x7f.0.0.1",
            "0x7f000001",
            "0x7f.1",
            "0X7F000001",
            "0.0.0.0",
            "0",
            "169.254.169.254",
            "1.2.3.4.",
            "127.0.0.1.",
            "kakeibo.example.1",
            "a.0x",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[fe80::1%25eth0]",
            "[::1]:443",
        ] {
            assert_eq!(read(&format!("https://{host}/jwks")), Err(UrlFault::Address), "{host}");
        }
    }

    #[test]
    fn r_036_a_043_other_schemes_users_and_fragments_are_refused() {
        for (text, fault) in [
            ("http://keys.kakeibo.example/", UrlFault::Scheme),
            ("HTTPS://keys.kakeibo.example/", UrlFault::Scheme),
            ("file:///etc/passwd", UrlFault::Scheme),
            ("gopher://keys.kakeibo.example/", UrlFault::Scheme),
            ("ftp://keys.kakeibo.example/", UrlFault::Scheme),
            ("data:application/json,{}", UrlFault::Scheme),
            ("//keys.kakeibo.example/", UrlFault::Scheme),
            (" https://keys.kakeibo.example/", UrlFault::Scheme),
            ("", UrlFault::Scheme),
            ("https://user@keys.kakeibo.example/", UrlFault::User),
            ("https://user:word@127.0.0.1/", UrlFault::User),
            ("https://keys.kakeibo.example@127.0.0.1/", UrlFault::User),
            ("https://keys.kakeibo.example/#key", UrlFault::Fragment),
            ("https://127.0.0.1#@keys.kakeibo.example/", UrlFault::Fragment),
            ("https://keys.kakeibo.example\\@127.0.0.1/", UrlFault::User),
            ("https://127.0.0.1\\.kakeibo.example/", UrlFault::Character),
            ("https://keys.kakeibo.example/a b", UrlFault::Character),
            ("https://keys.kakeibo.example/\r\nx: y", UrlFault::Character),
            ("https://keys.kakeibo.example/\u{0}", UrlFault::Character),
            ("https://鍵.example/", UrlFault::Character),
        ] {
            assert_eq!(read(text), Err(fault), "{text:?}");
        }
    }

    #[test]
    fn hosts_and_ports_have_one_spelling() {
        for host in [
            "",
            "keys",
            "Keys.kakeibo.example",
            "keys.kakeibo.example.",
            ".kakeibo.example",
            "keys..example",
            "-a.example",
            "a-.example",
            "a_b.example",
            "%6beys.example",
            "keys%00.example",
            "localhost.",
            &"a.".repeat(130),
            &format!("{}.example", "a".repeat(64)),
        ] {
            assert_eq!(read(&format!("https://{host}/")), Err(UrlFault::Host), "{host}");
        }
        for port in ["", "0", "0443", "65536", "+443", "4 43", "443:443", "https"] {
            let fault = read(&format!("https://keys.kakeibo.example:{port}/")).unwrap_err();
            assert!(matches!(fault, UrlFault::Port | UrlFault::Character), "{port}");
        }
        assert_eq!(read(&format!("https://a.example/{}", "a".repeat(1_007))), Err(UrlFault::TooLong));
    }

    #[test]
    fn r_138_a_responder_may_have_plain_http_and_an_address() {
        let read = |text: &str| text.parse::<ResponderUrl>();
        for (text, secure, host, port, path) in [
            ("http://ocsp.ca.example", false, "ocsp.ca.example", 80, "/"),
            ("http://ocsp.ca.example:8080/a?b", false, "ocsp.ca.example", 8080, "/a?b"),
            ("https://ocsp.ca.example/", true, "ocsp.ca.example", 443, "/"),
            ("http://10.0.3.7/ocsp", false, "10.0.3.7", 80, "/ocsp"),
            ("http://[fd00::7]:81/", false, "fd00::7", 81, "/"),
        ] {
            let url = read(text).unwrap();
            let found = (url.secure, url.host.as_str(), url.port, url.path.as_str());
            assert_eq!(found, (secure, host, port, path), "{text}");
            assert_eq!(url.address.is_some(), host.parse::<IpAddr>().is_ok(), "{text}");
        }
        for (text, fault) in [
            ("ldap://ocsp.ca.example/", UrlFault::ResponderScheme),
            ("ocsp.ca.example", UrlFault::ResponderScheme),
            ("http://a@ocsp.ca.example/", UrlFault::User),
            ("http://ocsp.ca.example/#a", UrlFault::Fragment),
            ("http://ocsp.ca.example/a b", UrlFault::Character),
            ("http://0x7f.1/", UrlFault::Address),
            ("http://127.1/", UrlFault::Address),
            ("http://[::1/", UrlFault::Host),
            ("http://[::1]81/", UrlFault::Port),
            ("http://ocsp.ca.example:0/", UrlFault::Port),
            ("http:///", UrlFault::Host),
        ] {
            assert_eq!(read(text), Err(fault), "{text}");
        }
    }
}
