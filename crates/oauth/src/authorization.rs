//! The `Authorization` header of a resource request: the scheme `DPoP` for tokens bound to a key (RFC 9449 §7.1),
//! `Bearer` for tokens bound to the certificate of the connection (RFC 8705 §3), and nothing else.

use crate::error::{OAuthError, ResourceError};
use crate::token::TokenType;

/// The longest access token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 512;

/// The access token of a request and how it is presented, from all its `Authorization` headers. A token in the query or
/// the body is never looked for. The scheme may be written in any letter case (RFC 9110 §11.1). Whether the token is of
/// this type is the caller's to find out.
pub fn access_token<'a>(headers: impl IntoIterator<Item = &'a [u8]>) -> Result<(TokenType, &'a str), ResourceError> {
    let mut headers = headers.into_iter();
    let Some(header) = headers.next() else { return Err(ResourceError::NoToken) };
    if headers.next().is_some() {
        return Err(ResourceError::Refused(OAuthError::invalid_request("more than one Authorization header")));
    }
    let header = std::str::from_utf8(header).map_err(|_| MALFORMED)?;
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    let known = [TokenType::Dpop, TokenType::Bearer].into_iter().find(|own| scheme.eq_ignore_ascii_case(own.word()));
    let scheme = known.ok_or(ResourceError::NoToken)?;
    let token = token.trim_start_matches(' ');
    if is_token68(token) { Ok((scheme, token)) } else { Err(MALFORMED) }
}

const MALFORMED: ResourceError = ResourceError::invalid_token("malformed access token");

/// RFC 9110 §11.2.
fn is_token68(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    !body.is_empty()
        && token.len() <= MAX_TOKEN_BYTES
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(header: &str) -> Result<(TokenType, &str), ResourceError> {
        access_token([header.as_bytes()])
    }

    fn refusal(header: &str) -> (u16, &'static str) {
        match one(header).unwrap_err() {
            ResourceError::NoToken => (401, ""),
            ResourceError::Refused(error) => (error.status(), error.code.as_str()),
        }
    }

    #[test]
    fn r_127_the_scheme_is_read_in_any_letter_case() {
        for scheme in ["DPoP", "dpop", "DPOP", "dPOp"] {
            assert_eq!(one(&format!("{scheme} abc.DEF-1_2~3")), Ok((TokenType::Dpop, "abc.DEF-1_2~3")), "{scheme}");
        }
        for scheme in ["Bearer", "bearer", "BEARER"] {
            assert_eq!(one(&format!("{scheme} abc")), Ok((TokenType::Bearer, "abc")), "{scheme}");
        }
        assert_eq!(one("DPoP   abc"), Ok((TokenType::Dpop, "abc")));
    }

    #[test]
    fn r_149_no_token_is_no_error_code() {
        assert_eq!(access_token([]), Err(ResourceError::NoToken));
        for header in ["", "Basic YTpi", "DPoPabc", "Digest x"] {
            assert_eq!(one(header), Err(ResourceError::NoToken), "{header}");
        }
    }

    #[test]
    fn a_malformed_or_repeated_header_is_refused() {
        let long = format!("DPoP {}", "a".repeat(MAX_TOKEN_BYTES + 1));
        for header in ["Bearer", "DPoP", "DPoP ", "DPoP =", "DPoP a b", "DPoP a,b", "DPoP a\"", "DPoP\tabc x", &long] {
            assert_ne!(refusal(header).0, 200, "{header}");
            assert!(one(header).is_err(), "{header}");
        }
        let twice = access_token([b"DPoP a".as_slice(), b"DPoP a".as_slice()]).unwrap_err();
        assert_eq!(twice.status(), 400);
        assert!(access_token([b"DPoP \xff".as_slice()]).is_err());
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic(header in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = access_token([header.as_slice()]);
        }
    }
}
