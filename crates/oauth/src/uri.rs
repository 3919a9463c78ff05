//! The parts of an absolute http or https URI, without a general URI library: what does not look like one
//! of ours is refused, not repaired.

/// `scheme://host:port/path` with scheme and host in lower case and the default port left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Uri<'a> {
    pub(crate) scheme: String,
    pub(crate) host: String,
    /// `None` for the scheme's own port.
    pub(crate) port: Option<u16>,
    /// At least `/`; compared byte for byte.
    pub(crate) path: &'a str,
    /// With its `?`, if there is one.
    pub(crate) query: Option<&'a str>,
    pub(crate) has_fragment: bool,
}

impl<'a> Uri<'a> {
    /// Takes a URI apart; `None` for anything but http and https, for userinfo, and for characters that RFC
    /// 3986 does not know (white space, controls, backslash, quotes, braces, anything beyond ASCII).
    pub(crate) fn parse(text: &'a str) -> Option<Uri<'a>> {
        if !text.bytes().all(is_uri_character) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(authority_end)?;
        let (rest, has_fragment) = match rest.split_once('#') {
            Some((before, _)) => (before, true),
            None => (rest, false),
        };
        let (path, query) = match rest.find('?').and_then(|at| rest.split_at_checked(at)) {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let (host, port) = split_port(authority)?;
        Some(Uri {
            scheme,
            host: host_name(host)?,
            port: port.filter(|port| *port != default_port),
            path: if path.is_empty() { "/" } else { path },
            query,
            has_fragment,
        })
    }

    /// Whether two URIs name the same resource, query and fragment aside (RFC 9449 §4.3, check 9).
    pub(crate) fn same_target(&self, other: &Uri<'_>) -> bool {
        self.scheme == other.scheme && self.host == other.host && self.port == other.port && self.path == other.path
    }

    /// A name or address that never leaves the machine (RFC 8252 §7.3, §8.3).
    pub(crate) fn is_loopback(&self) -> bool {
        matches!(self.host.as_str(), "127.0.0.1" | "[::1]" | "localhost")
    }
}

/// Unreserved, reserved and `%` (RFC 3986 §2).
fn is_uri_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    match authority.rsplit_once(':') {
        // A colon inside brackets belongs to an IPv6 address.
        Some((_, tail)) if tail.ends_with(']') => Some((authority, None)),
        Some((host, "")) => Some((host, None)),
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some((host, Some(port.parse().ok()?))),
        Some(_) => None,
        None => Some((authority, None)),
    }
}

/// A host name, an IPv4 address or a bracketed IPv6 address, in lower case. No userinfo, no
/// percent-encoding.
fn host_name(host: &str) -> Option<String> {
    let valid = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.split('.').all(|label| !label.is_empty())
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    };
    valid.then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str) -> bool {
        Uri::parse(one).unwrap().same_target(&Uri::parse(other).unwrap())
    }

    #[test]
    fn a_target_ignores_case_of_scheme_and_host_default_port_query_and_fragment() {
        let url = "https://bank.example/2990/token";
        for written in [
            "HTTPS://bank.example/2990/token",
            "https://BANK.example/2990/token",
            "https://bank.example:443/2990/token",
            "https://bank.example:/2990/token",
            "https://bank.example/2990/token?a=1",
            "https://bank.example/2990/token#x",
        ] {
            assert!(same(url, written), "{written}");
        }
        assert!(same("http://localhost", "http://localhost:80/"));
        assert!(same("http://[::1]:8080/a", "http://[::1]:8080/a"));
    }

    #[test]
    fn a_target_differs_by_scheme_host_port_and_path() {
        let url = "https://bank.example/2990/token";
        for written in [
            "http://bank.example/2990/token",
            "https://bank.example.evil/2990/token",
            "https://bank.example:444/2990/token",
            "https://bank.example/2990/par",
            "https://bank.example/2990/token/",
            "https://bank.example/2990/Token",
            "https://bank.example/2990/%74oken",
        ] {
            assert!(!same(url, written), "{written}");
        }
    }

    #[test]
    fn what_is_no_plain_web_address_is_not_read() {
        for text in [
            "",
            "https",
            "https:",
            "https://",
            "https:///path",
            "ftp://bank.example/",
            "//bank.example/",
            "https://user@bank.example/",
            "https://user:pw@bank.example/",
            "https://bank example/",
            "https://bank.example\\@evil/",
            "https://bank.example:port/",
            "https://bank.example:70000/",
            "https://b%61nk.example/",
            "https://bank..example/",
            "https://.bank.example/",
            "https://[::g]/",
            "https://[::1/",
            "https://銀行.example/",
            "https://bank.example/\n",
            "javascript://bank.example/",
        ] {
            assert_eq!(Uri::parse(text), None, "{text}");
        }
    }
}
