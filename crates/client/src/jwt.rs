//! The JSON Web Tokens a partner signs: the client assertion, the DPoP proof and the request object.

use aws_lc_rs::digest::{SHA256, digest};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

use crate::client::ClientConfig;
use crate::error::Error;
use crate::key::{AssertionKey, DpopKey};
use crate::outside::{Outside, Random};

/// How long a client assertion is good for, in seconds; it is made for one request.
const ASSERTION_SECONDS: u64 = 60;
/// Random bytes in a `jti`, a `state` and a PKCE verifier.
const RANDOM_BYTES: usize = 32;

/// Base64url without padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// The SHA-256 of a text in base64url: a PKCE challenge, an `ath`.
pub(crate) fn hash(text: &str) -> String {
    base64(digest(&SHA256, text.as_bytes()).as_ref())
}

/// 43 unguessable characters.
pub(crate) fn random_text(random: &dyn Random) -> Result<String, Error> {
    let mut bytes = [0; RANDOM_BYTES];
    random.fill(&mut bytes)?;
    Ok(base64(&bytes))
}

/// The two parts over which a signature is made (RFC 7515 section 5.1).
fn signing_input(header: &Value, claims: &Value) -> String {
    format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()))
}

/// A client assertion (RFC 7523 section 3) for `issuer`, which is its whole audience.
pub(crate) fn assertion(key: &AssertionKey, client_id: &str, issuer: &str, outside: &Outside) -> Result<String, Error> {
    let now = outside.clock.now();
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": issuer,
        "jti": random_text(outside.random.as_ref())?,
        "iat": now,
        "exp": now.saturating_add(ASSERTION_SECONDS),
    });
    signed_by_client(key, "client-authentication+jwt", &claims)
}

/// A request object (RFC 9101): what the form would ask for, signed for `issuer`.
pub(crate) fn request_object(
    config: &ClientConfig,
    issuer: &str,
    form: &[(&str, &str)],
    outside: &Outside,
) -> Result<String, Error> {
    let now = outside.clock.now();
    let mut claims = json!({
        "iss": config.client_id,
        "aud": issuer,
        "jti": random_text(outside.random.as_ref())?,
        "iat": now,
        "nbf": now,
        "exp": now.saturating_add(ASSERTION_SECONDS),
    });
    if let Some(members) = claims.as_object_mut() {
        members.extend(form.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
    }
    signed_by_client(&config.key, "oauth-authz-req+jwt", &claims)
}

fn signed_by_client(key: &AssertionKey, typ: &str, claims: &Value) -> Result<String, Error> {
    let mut header = json!({ "alg": key.algorithm(), "typ": typ });
    if let (Some(members), Some(kid)) = (header.as_object_mut(), key.kid()) {
        members.insert("kid".to_owned(), kid.into());
    }
    let input = signing_input(&header, claims);
    let signature = key.sign(input.as_bytes())?;
    Ok(format!("{input}.{}", base64(&signature)))
}

/// The decoded parts of a compact JWS: header, payload, signature.
pub(crate) fn parts(jws: &str) -> Option<(Vec<u8>, Vec<u8>, Vec<u8>)> {
    let mut decoded = jws.split('.').map(|part| Base64UrlUnpadded::decode_vec(part).ok());
    let parts = (decoded.next()??, decoded.next()??, decoded.next()??);
    decoded.next().is_none().then_some(parts)
}

/// What one DPoP proof is about.
pub(crate) struct Proof<'a> {
    /// The HTTP method.
    pub(crate) method: &'a str,
    /// The address, without query and fragment.
    pub(crate) address: &'a str,
    /// The access token sent beside the proof; none at the token endpoint.
    pub(crate) token: Option<&'a str>,
    /// The server's nonce.
    pub(crate) nonce: Option<String>,
}

impl Proof<'_> {
    /// The signed proof (RFC 9449 section 4.2).
    pub(crate) fn sign(&self, key: &DpopKey, outside: &Outside) -> Result<String, Error> {
        let header = json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": key.public_jwk()? });
        let mut claims = json!({
            "jti": random_text(outside.random.as_ref())?,
            "htm": self.method,
            "htu": self.address,
            "iat": outside.clock.now(),
        });
        if let Some(members) = claims.as_object_mut() {
            if let Some(token) = self.token {
                members.insert("ath".to_owned(), hash(token).into());
            }
            if let Some(nonce) = &self.nonce {
                members.insert("nonce".to_owned(), nonce.as_str().into());
            }
        }
        let input = signing_input(&header, &claims);
        let signature = key.sign(input.as_bytes())?;
        Ok(format!("{input}.{}", base64(&signature)))
    }
}
