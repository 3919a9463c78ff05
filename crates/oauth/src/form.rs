//! `application/x-www-form-urlencoded`, strictly: the body of every request to the authorization server and
//! the query of an authorization request.

use std::collections::BTreeMap;

use crate::error::OAuthError;

/// The largest body, in bytes. An assertion and a request of the largest allowed sizes fit well.
pub const MAX_FORM_BYTES: usize = 64 * 1024;
/// The most parameters.
pub const MAX_PARAMETERS: usize = 64;
/// The longest name of a parameter as sent, in bytes.
pub const MAX_NAME_BYTES: usize = 128;
/// The longest value of a parameter as sent, in bytes.
pub const MAX_VALUE_BYTES: usize = 24 * 1024;

/// Parameters by name; each name once.
///
/// No `Debug`: codes, tokens and assertions are in here.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a body or query in one pass. A repeated parameter is an error, known or not (OAuth 2.1 §3.1);
    /// an unknown one is kept and nobody asks for it.
    pub fn parse(encoded: &[u8]) -> Result<Form, OAuthError> {
        if encoded.len() > MAX_FORM_BYTES {
            return Err(OAuthError::invalid_request("request too large"));
        }
        let mut parameters = BTreeMap::new();
        for pair in encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if parameters.len() == MAX_PARAMETERS {
                return Err(OAuthError::invalid_request("too many parameters"));
            }
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default(), MAX_NAME_BYTES)?;
            let value = decode(halves.next().unwrap_or_default(), MAX_VALUE_BYTES)?;
            if parameters.insert(name, value).is_some() {
                return Err(OAuthError::invalid_request("repeated parameter"));
            }
        }
        Ok(Form(parameters))
    }

    /// The same parameters from elsewhere: the claims of a request object.
    pub(crate) fn of(parameters: BTreeMap<String, String>) -> Form {
        Form(parameters)
    }

    /// The value of a parameter. One without a value counts as not sent (RFC 6749 §3.1).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The value of a parameter that must be there, or this `invalid_request`.
    pub fn required(&self, name: &str, missing: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or(OAuthError::invalid_request(missing))
    }
}

/// Undoes percent-encoding and `+`. What comes out is UTF-8.
fn decode(encoded: &[u8], longest: usize) -> Result<String, OAuthError> {
    if encoded.len() > longest {
        return Err(OAuthError::invalid_request("parameter too long"));
    }
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let escape = hex(rest.next()).zip(hex(rest.next()));
                let (high, low) = escape.ok_or(OAuthError::invalid_request("malformed percent-encoding"))?;
                high << 4 | low
            }
            plain => *plain,
        });
    }
    String::from_utf8(bytes).map_err(|_| OAuthError::invalid_request("parameter is not UTF-8"))
}

fn hex(digit: Option<&u8>) -> Option<u8> {
    match digit? {
        digit @ b'0'..=b'9' => Some(digit - b'0'),
        digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
        digit @ b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(body: &[u8]) -> &'static str {
        Form::parse(body).err().unwrap().description
    }

    #[test]
    fn parameters_are_decoded() {
        let form = Form::parse("a=1+2%203&b=%E5%8F%A3%E5%BA%A7&c=x=y&&d".as_bytes()).unwrap();
        assert_eq!(form.get("a"), Some("1 2 3"));
        assert_eq!(form.get("b"), Some("口座"));
        assert_eq!(form.get("c"), Some("x=y"));
        assert_eq!(form.get("d"), None);
        assert_eq!(form.get("e"), None);
    }

    #[test]
    fn r_055_a_repeated_parameter_is_refused_known_or_unknown() {
        for body in ["scope=a&scope=a", "x=1&x=2", "x&x", "sc%6Fpe=a&scope=b"] {
            assert_eq!(refusal(body.as_bytes()), "repeated parameter", "{body}");
        }
    }

    #[test]
    fn broken_encodings_are_refused() {
        for body in ["a=%", "a=%4", "a=%zz", "a=%4g", "%=1"] {
            assert_eq!(refusal(body.as_bytes()), "malformed percent-encoding", "{body}");
        }
        assert_eq!(refusal(b"a=%ff"), "parameter is not UTF-8");
        assert_eq!(refusal(b"a=\xff"), "parameter is not UTF-8");
    }

    #[test]
    fn a_112_each_limit_is_a_refusal() {
        let many: Vec<String> = (0..=MAX_PARAMETERS).map(|n| format!("p{n}=1")).collect();
        assert_eq!(refusal(many.join("&").as_bytes()), "too many parameters");
        assert!(Form::parse(many[1..].join("&").as_bytes()).is_ok());
        assert_eq!(refusal(&vec![b'a'; MAX_FORM_BYTES + 1]), "request too large");
        assert_eq!(refusal(&[b'a'; MAX_NAME_BYTES + 1]), "parameter too long");
        let long = format!("a={}", "1".repeat(MAX_VALUE_BYTES + 1));
        assert_eq!(refusal(long.as_bytes()), "parameter too long");
    }

    #[test]
    fn a_116_a_flood_of_parameters_ends_at_the_limit() {
        // The count limit stops the walk, so the rest of the body is not even decoded.
        let mut body = (0..MAX_PARAMETERS).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
        body += "&x=%zz";
        assert_eq!(refusal(body.as_bytes()), "too many parameters");
    }

    proptest! {
        #[test]
        fn no_body_makes_the_parser_panic(body in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let _ = Form::parse(&body);
        }

        #[test]
        fn what_was_encoded_is_what_is_read(value in "\\PC{0,200}") {
            let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let form = Form::parse(format!("state={encoded}").as_bytes()).unwrap();
            prop_assert_eq!(form.get("state").unwrap_or_default(), value);
        }

        #[test]
        fn decoding_never_grows_the_input(body in "[a-z%&=+0-9]{0,500}") {
            if let Ok(form) = Form::parse(body.as_bytes()) {
                let held: usize = form.0.iter().map(|(name, value)| name.len() + value.len()).sum();
                prop_assert!(held <= body.len());
            }
        }
    }
}
