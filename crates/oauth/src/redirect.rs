//! Redirect URIs: what may be registered, and the way back to the client (RFC 6749 §4.1.2, RFC 9207).

use crate::error::ErrorCode;
use crate::jarm;
use crate::uri::Uri;

/// The longest redirect URI, in bytes.
pub const MAX_REDIRECT_URI_BYTES: usize = 1_024;

/// Why a redirect URI cannot be registered, or is not used although it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriFault {
    /// Longer than [`MAX_REDIRECT_URI_BYTES`].
    #[error("redirect URI too long")]
    TooLong,
    /// Not an absolute http or https URI of allowed characters: script schemes, white space, controls,
    /// backslash, userinfo and everything beyond ASCII end here.
    #[error("not an absolute https URI")]
    Malformed,
    /// Plain http, and not a loopback address where that is allowed.
    #[error("redirect URI is not https")]
    NotHttps,
    /// A fragment.
    #[error("redirect URI has a fragment")]
    Fragment,
    /// `*`: redirect URIs are compared as whole strings, so it could only be meant as a pattern.
    #[error("redirect URI has a wildcard")]
    Wildcard,
    /// A `%` without two hexadecimal digits, or one that stands for a control character or a backslash.
    #[error("redirect URI has a bad percent-encoding")]
    Escape,
    /// Its query already names `code`, `state`, `iss`, `response` or an error.
    #[error("redirect URI has a response parameter in its query")]
    ResponseParameter,
}

/// The parameters of an authorization response, which a redirect URI must not bring along.
const RESPONSE_PARAMETERS: [&str; 7] =
    ["code", "state", "iss", "error", "error_description", "error_uri", jarm::PARAMETER];

/// Checks a redirect URI at registration, and again before it is used. `loopback_http` allows plain http to
/// this machine, for development.
pub fn check_redirect_uri(uri: &str, loopback_http: bool) -> Result<(), RedirectUriFault> {
    if uri.len() > MAX_REDIRECT_URI_BYTES {
        return Err(RedirectUriFault::TooLong);
    }
    let parts = Uri::parse(uri).ok_or(RedirectUriFault::Malformed)?;
    if parts.scheme != "https" && !(loopback_http && parts.is_loopback()) {
        return Err(RedirectUriFault::NotHttps);
    }
    if parts.has_fragment {
        return Err(RedirectUriFault::Fragment);
    }
    if uri.contains('*') {
        return Err(RedirectUriFault::Wildcard);
    }
    check_escapes(uri)?;
    check_query(parts.query.unwrap_or_default())
}

/// Scheme, host and port of a redirect URI, for a content security policy. A URI that could not be registered has none,
/// wherever it was read from, so nothing of it but letters, digits and `-._:[]` gets into the policy.
pub fn origin(redirect_uri: &str, loopback_http: bool) -> Result<String, RedirectUriFault> {
    check_redirect_uri(redirect_uri, loopback_http)?;
    let Uri { scheme, host, port, .. } = Uri::parse(redirect_uri).ok_or(RedirectUriFault::Malformed)?;
    Ok(match port {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

fn check_escapes(uri: &str) -> Result<(), RedirectUriFault> {
    for escape in uri.split('%').skip(1) {
        let digits = escape.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if byte.is_none_or(|byte| byte.is_ascii_control() || byte == b'\\') {
            return Err(RedirectUriFault::Escape);
        }
    }
    Ok(())
}

fn check_query(query: &str) -> Result<(), RedirectUriFault> {
    let pairs = query.trim_start_matches('?').split('&');
    let mut names = pairs.map(|pair| pair.split('=').next().unwrap_or_default());
    if names.any(|name| RESPONSE_PARAMETERS.contains(&name)) {
        return Err(RedirectUriFault::ResponseParameter);
    }
    Ok(())
}

/// How an authorization request ended.
#[derive(Clone, Copy)]
pub enum Outcome<'a> {
    /// The code for the token endpoint.
    Code(&'a str),
    /// An error and its text (ASCII, see [`crate::error`]).
    Error(ErrorCode, &'a str),
}

/// The URL that takes the browser back. `iss` is always there (RFC 9207 §2), `state` as it came, and absent
/// when it was absent. A query of the redirect URI stays. A URI that could not be registered is not
/// redirected to, wherever it was read from.
pub fn response_url(
    redirect_uri: &str,
    loopback_http: bool,
    outcome: Outcome<'_>,
    state: Option<&str>,
    issuer: &str,
) -> Result<String, RedirectUriFault> {
    with_query(redirect_uri, loopback_http, &parameters(outcome, state, issuer))
}

/// The URL that takes the browser back with a signed response ([`jarm`]), and with nothing beside it.
pub fn signed_response_url(
    redirect_uri: &str,
    loopback_http: bool,
    response: &str,
) -> Result<String, RedirectUriFault> {
    with_query(redirect_uri, loopback_http, &[(jarm::PARAMETER, response)])
}

/// What a response says, in plain and in signed form.
pub(crate) fn parameters<'a>(
    outcome: Outcome<'a>,
    state: Option<&'a str>,
    issuer: &'a str,
) -> Vec<(&'static str, &'a str)> {
    let mut parameters = match outcome {
        Outcome::Code(code) => vec![("code", code)],
        Outcome::Error(error, description) => {
            vec![("error", error.as_str()), ("error_description", description)]
        }
    };
    parameters.extend(state.map(|state| ("state", state)));
    parameters.push(("iss", issuer));
    parameters
}

fn with_query(
    redirect_uri: &str,
    loopback_http: bool,
    parameters: &[(&str, &str)],
) -> Result<String, RedirectUriFault> {
    check_redirect_uri(redirect_uri, loopback_http)?;

    let mut url = redirect_uri.to_owned();
    for (name, value) in parameters {
        url.push_str(separator(&url));
        url.push_str(name);
        url.push('=');
        percent_encode(value, &mut url);
    }
    Ok(url)
}

/// What parts the next parameter from the URL before it. Nothing in the URL is changed: it goes out as it was registered.
fn separator(url: &str) -> &'static str {
    match url.as_bytes().last() {
        Some(b'?') => "",
        Some(b'&') if url.contains('?') => "",
        _ if url.contains('?') => "&",
        _ => "?",
    }
}

/// Writes everything but unreserved characters as `%XX`, which reads the same by URI and by form rules.
fn percent_encode(text: &str, url: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::form::Form;

    const ISSUER: &str = "https://bank.example/1001";
    const CALLBACK: &str = "https://kakeibo.example/callback";

    fn query_of(url: &str) -> Form {
        Form::parse(url.split_once('?').unwrap().1.as_bytes()).unwrap()
    }

    #[test]
    fn r_029_https_uris_are_accepted_with_port_path_and_query() {
        for uri in [CALLBACK, "https://kakeibo.example", "https://kakeibo.example:8443/a/b?x=1&y=%E5%8F%A3"] {
            assert_eq!(check_redirect_uri(uri, false), Ok(()), "{uri}");
        }
    }

    #[test]
    fn r_029_plain_http_is_for_loopback_in_development_only() {
        for uri in ["http://127.0.0.1:9000/cb", "http://localhost/cb", "http://[::1]:9000/cb"] {
            assert_eq!(check_redirect_uri(uri, true), Ok(()), "{uri}");
            assert_eq!(check_redirect_uri(uri, false), Err(RedirectUriFault::NotHttps), "{uri}");
        }
        for uri in [
            "http://kakeibo.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://localhost.evil.example/cb",
            "http://0.0.0.0/cb",
            "http://2130706433/cb",
        ] {
            assert_eq!(check_redirect_uri(uri, true), Err(RedirectUriFault::NotHttps), "{uri}");
        }
    }

    #[test]
    fn a_019_script_schemes_are_refused_in_any_letter_case() {
        for uri in [
            "javascript:alert(1)",
            "JaVaScRiPt://kakeibo.example/%0aalert(1)",
            "data:text/html,x",
            "DATA:text/html;base64,eA",
            "vbscript:x",
            "\u{1}javascript:alert(1)",
            " https://kakeibo.example/",
            "file:///etc/passwd",
            "com.kakeibo.app:/cb",
        ] {
            assert_eq!(check_redirect_uri(uri, true), Err(RedirectUriFault::Malformed), "{uri}");
        }
    }

    #[test]
    fn r_029_a_118_a_020_tricks_with_the_authority_and_path_are_refused() {
        for uri in [
            "//kakeibo.example/cb",
            "/cb",
            "cb",
            "",
            "https:kakeibo.example/cb",
            "https:/kakeibo.example/cb",
            "https:///cb",
            "https://user@kakeibo.example/cb",
            "https://kakeibo.example@evil.example/cb",
            "https://kakeibo.example\\@evil.example/cb",
            "https://kakeibo.example/\\evil",
            "https:\\\\kakeibo.example/cb",
            "https://kakeibo.example/\tcb",
            "https://kakeibo.example/cb\r\nSet-Cookie:a=b",
            "https://kakeibo.example/<script>",
            "https://家計簿.example/cb",
            "https://kakeibo.example:x/cb",
        ] {
            assert_eq!(check_redirect_uri(uri, true), Err(RedirectUriFault::Malformed), "{uri}");
        }
    }

    #[test]
    fn r_029_fragment_wildcard_and_bad_escapes_are_refused() {
        for (uri, fault) in [
            ("https://kakeibo.example/cb#", RedirectUriFault::Fragment),
            ("https://kakeibo.example/cb#a", RedirectUriFault::Fragment),
            ("https://kakeibo.example/*", RedirectUriFault::Wildcard),
            ("https://kakeibo.example/%0d%0a", RedirectUriFault::Escape),
            ("https://kakeibo.example/%00", RedirectUriFault::Escape),
            ("https://kakeibo.example/%5Cevil", RedirectUriFault::Escape),
            ("https://kakeibo.example/%zz", RedirectUriFault::Escape),
            ("https://kakeibo.example/%4", RedirectUriFault::Escape),
            ("https://kakeibo.example/cb?state=x", RedirectUriFault::ResponseParameter),
            ("https://kakeibo.example/cb?a=b&code", RedirectUriFault::ResponseParameter),
        ] {
            assert_eq!(check_redirect_uri(uri, false), Err(fault), "{uri}");
        }
        assert!(check_redirect_uri("https://*.kakeibo.example/cb", false).is_err());
        let long = format!("{CALLBACK}/{}", "a".repeat(MAX_REDIRECT_URI_BYTES));
        assert_eq!(check_redirect_uri(&long, false), Err(RedirectUriFault::TooLong));
    }

    #[test]
    fn r_029_r_084_the_registered_address_goes_out_unchanged_whatever_its_query() {
        for (uri, then) in [
            ("https://kakeibo.example", "?"),
            ("https://kakeibo.example/cb?", ""),
            ("https://kakeibo.example/cb?x=1", "&"),
            ("https://kakeibo.example/cb?x=1&", ""),
            ("https://kakeibo.example/cb?&x=1", "&"),
            ("https://kakeibo.example/a&", "?"),
        ] {
            let url = response_url(uri, false, Outcome::Code("c"), None, ISSUER).unwrap();
            assert!(url.starts_with(&format!("{uri}{then}code=c&iss=")), "{url}");
        }
    }

    #[test]
    fn r_084_success_and_error_carry_iss_and_state() {
        let url = response_url(CALLBACK, false, Outcome::Code("c0de"), Some("s t&=/?"), ISSUER).unwrap();
        assert_eq!(
            url,
            "https://kakeibo.example/callback?code=c0de&state=s%20t%26%3D%2F%3F&iss=https%3A%2F%2Fbank.example%2F1001"
        );
        let denied = Outcome::Error(ErrorCode::AccessDenied, "the customer declined");
        let form = query_of(&response_url(CALLBACK, false, denied, Some("s"), ISSUER).unwrap());
        assert_eq!(form.get("error"), Some("access_denied"));
        assert_eq!(form.get("error_description"), Some("the customer declined"));
        assert_eq!(form.get("state"), Some("s"));
        assert_eq!(form.get("iss"), Some(ISSUER));
        assert_eq!(form.get("code"), None);
    }

    #[test]
    fn r_086_an_absent_state_stays_absent() {
        let url = response_url(CALLBACK, false, Outcome::Code("c"), None, ISSUER).unwrap();
        assert!(!url.contains("state"), "{url}");
    }

    #[test]
    fn an_existing_query_is_kept() {
        let uri = format!("{CALLBACK}?dummy1=lorem&dummy2=ipsum");
        let url = response_url(&uri, false, Outcome::Code("c"), None, ISSUER).unwrap();
        assert!(url.starts_with(&format!("{uri}&code=c&iss=")), "{url}");
        let url = response_url(&format!("{CALLBACK}?"), false, Outcome::Code("c"), None, ISSUER).unwrap();
        assert!(url.starts_with(&format!("{CALLBACK}?code=c&iss=")), "{url}");
    }

    #[test]
    fn r_079_a_signed_response_is_the_only_parameter() {
        let url = signed_response_url(&format!("{CALLBACK}?a=b"), false, "e30.e30.x-_").unwrap();
        assert_eq!(url, format!("{CALLBACK}?a=b&response=e30.e30.x-_"));
        assert!(signed_response_url("javascript:alert(1)", true, "x").is_err());
        let taken = check_redirect_uri(&format!("{CALLBACK}?response=x"), false);
        assert_eq!(taken, Err(RedirectUriFault::ResponseParameter));
    }

    #[test]
    fn a_019_a_stored_uri_that_could_not_be_registered_is_not_used() {
        let outcome = Outcome::Code("c");
        assert!(response_url("javascript:alert(1)", true, outcome, None, ISSUER).is_err());
        assert!(response_url("http://127.0.0.1/cb", false, outcome, None, ISSUER).is_err());
        assert!(origin("javascript:alert(1)", true).is_err());
    }

    #[test]
    fn a_019_an_origin_is_scheme_host_and_port_and_nothing_else_of_a_uri() {
        for (uri, said) in [
            ("https://kakeibo.example/back;form-action *?a=1", None),
            ("https://kakeibo.example;script-src/back", None),
            ("https://kakeibo.example https://evil.example/", None),
            ("https://kakeibo.example,evil.example/", None),
            ("https://*.example/", None),
            ("https://kakeibo.example/back;script-src?a=b;c", Some("https://kakeibo.example")),
            ("HTTPS://Kakeibo.example:443/", Some("https://kakeibo.example")),
            ("https://kakeibo.example:8443?a", Some("https://kakeibo.example:8443")),
            ("http://127.0.0.1:1/", Some("http://127.0.0.1:1")),
        ] {
            assert_eq!(origin(uri, true).ok().as_deref(), said, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn r_086_every_state_comes_back_byte_for_byte(state in "[ -~]{1,2048}") {
            let url = response_url(CALLBACK, false, Outcome::Code("c"), Some(&state), ISSUER).unwrap();
            let form = query_of(&url);
            prop_assert_eq!(form.get("state"), Some(&*state));
        }

        #[test]
        fn no_uri_makes_the_check_panic(uri in "\\PC{0,200}") {
            let _ = origin(&uri, true);
        }

        #[test]
        fn no_web_like_uri_makes_the_check_panic(rest in "[a-z:/?#@%*\\[\\]0-9.]{0,60}") {
            let _ = check_redirect_uri(&format!("https://{rest}"), true);
        }
    }
}
