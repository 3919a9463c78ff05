//! Origins as the configuration writes them: strict enough that the text itself is the identifier.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Scheme and host of an origin; the form is checked so strictly that the text itself is the identifier.
pub(super) struct Origin {
    pub(super) secure: bool,
}

impl Origin {
    pub(super) fn parse(text: &str) -> Result<Origin, String> {
        let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err("it must begin with https://".into()),
        };
        let authority: http::uri::Authority =
            rest.parse().map_err(|_| "after the scheme it is only a host and, if need be, a port".to_owned())?;
        let host = authority.host();
        if rest.contains('@') || host.is_empty() || rest.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err("write the host in lower case and without a user name".into());
        }
        let default_port = if secure { 443 } else { 80 };
        let port = rest.strip_prefix(host).unwrap_or_default();
        let port_is_plain = match (port.strip_prefix(':'), authority.port_u16()) {
            (None, _) => port.is_empty(),
            (Some(digits), Some(number)) => digits == number.to_string() && number != default_port && number != 0,
            (Some(_), None) => false,
        };
        if !port_is_plain {
            return Err(format!("the port must be a number, and left out when it is {default_port}"));
        }
        if !secure && !is_loopback(host) {
            return Err("plain http is for loopback only (http://127.0.0.1:PORT); everybody else needs https".into());
        }
        Ok(Origin { secure })
    }
}

pub(super) fn host_of(origin: &str) -> String {
    let authority = origin.split_once("://").map_or(origin, |(_, rest)| rest).parse::<http::uri::Authority>();
    authority.map(|authority| authority.host().trim_matches(['[', ']']).to_owned()).unwrap_or_default()
}

pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']);
    host == "localhost"
        || address.parse::<Ipv4Addr>().map(IpAddr::from).is_ok_and(|address| address.is_loopback())
        || address.parse::<Ipv6Addr>().map(IpAddr::from).is_ok_and(|address| address.is_loopback())
}
