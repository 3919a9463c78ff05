//! Signed answers (JARM): the one parameter the browser brings back, and the institution's keys it is verified with.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;
use crate::jwt::parts;
use crate::pending::Callback;

/// The first octet of a P-256 point that is written down whole (SEC 1 section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// The institution's published keys (RFC 7517 section 5).
#[derive(Deserialize)]
pub(crate) struct Published {
    keys: Vec<PublishedKey>,
}

/// One of them; keys of other kinds lack the coordinates.
#[derive(Deserialize)]
struct PublishedKey {
    kid: Option<String>,
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

/// The claims (JARM section 2.1), and those of the plain answer beside them.
#[derive(Deserialize)]
struct Claims {
    aud: Value,
    exp: u64,
    #[serde(flatten)]
    answer: Callback,
}

/// Whose answer it must be, and until when.
pub(crate) struct Expected<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) now: u64,
}

/// The `response` parameter of a query; given twice, or beside plain parameters of an answer, it is refused.
pub(crate) fn response(query: &str) -> Result<String, Error> {
    let mut url = reqwest::Url::parse("https://callback.invalid/").map_err(|_| UNREADABLE)?;
    url.set_query(Some(query));
    let mut found = None;
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "response" if found.is_none() => found = Some(value.into_owned()),
            "response" => return Err(Error::Unreadable("a parameter is given twice")),
            "code" | "state" | "iss" | "error" => return Err(Error::Unreadable("an answer that is not signed")),
            _ => {}
        }
    }
    found.ok_or(Error::Unreadable("an answer that is not signed"))
}

const UNREADABLE: Error = Error::Unreadable("signed authorization response");

/// The state a signed answer names, not verified: good for finding the request again, and for nothing else.
pub(crate) fn unverified_state(query: &str) -> Option<String> {
    let response = response(query).ok()?;
    let (_, payload, _) = parts(&response)?;
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    claims.answer.state
}

impl Published {
    /// Verifies a signed answer: by a key of the institution, for this client, in time. Who answers and to what is for
    /// the caller, as with a plain answer.
    pub(crate) fn verify(&self, response: &str, expected: &Expected<'_>) -> Result<Callback, Error> {
        let (header, payload, signature) = parts(response).ok_or(UNREADABLE)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| UNREADABLE)?;
        if header.alg != "ES256" {
            return Err(Error::Unreadable("signed authorization response: another algorithm"));
        }
        let point = self.point(&header.kid).ok_or(Error::Unreadable("signed authorization response: unknown key"))?;
        let signed = response.rsplit_once('.').map(|(signed, _)| signed).ok_or(UNREADABLE)?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| Error::Unreadable("signed authorization response: wrong signature"))?;
        let claims: Claims = serde_json::from_slice(&payload).map_err(|_| UNREADABLE)?;
        let is_ours = |audience: &Value| audience.as_str() == Some(expected.client_id);
        if !(is_ours(&claims.aud) || claims.aud.as_array().is_some_and(|all| all.iter().any(is_ours))) {
            return Err(Error::Unreadable("signed authorization response: for another client"));
        }
        if claims.exp <= expected.now {
            return Err(Error::Unreadable("signed authorization response: expired"));
        }
        Ok(claims.answer)
    }

    fn point(&self, kid: &str) -> Option<Vec<u8>> {
        let fits = |key: &&PublishedKey| key.kty == "EC" && key.crv.as_deref() == Some("P-256");
        let key = self.keys.iter().filter(fits).find(|key| key.kid.as_deref() == Some(kid))?;
        let decode = |text: &Option<String>| Base64UrlUnpadded::decode_vec(text.as_deref()?).ok();
        let (x, y) = (decode(&key.x)?, decode(&key.y)?);
        Some([&[UNCOMPRESSED], x.as_slice(), y.as_slice()].concat())
    }
}
