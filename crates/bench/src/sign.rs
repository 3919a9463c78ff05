//! What a partner signs: assertions and DPoP proofs, with ES256.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::Value;

use crate::Problem;

/// How long an assertion is good, in seconds.
const LIFE_SECONDS: u64 = 60;

/// A private P-256 key.
pub struct Key {
    pair: EcdsaKeyPair,
    kid: String,
    random: SystemRandom,
    /// The first part of a proof, written once.
    proof_header: String,
    used: AtomicU64,
    run: String,
}

impl Key {
    /// Of a private JSON Web Key.
    ///
    /// # Errors
    /// When it is none, or of another kind.
    pub fn read(jwk: &Value) -> Result<Key, Problem> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str).ok_or_else(|| format!("a key without {name}"));
        let bytes = |name: &str| Ok::<_, Problem>(Base64UrlUnpadded::decode_vec(text(name)?)?);
        let point = [vec![4], bytes("x")?, bytes("y")?].concat();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &bytes("d")?, &point)?;
        Ok(Key::of(pair, text("kid").unwrap_or_default().to_owned()))
    }

    /// A new one.
    ///
    /// # Errors
    /// When the library makes none.
    pub fn generate() -> Result<Key, Problem> {
        Ok(Key::of(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?, "bench".to_owned()))
    }

    fn of(pair: EcdsaKeyPair, kid: String) -> Key {
        let run = Base64UrlUnpadded::encode_string(pair.public_key().as_ref().get(1..9).unwrap_or_default());
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let mut key = Key {
            pair,
            kid,
            random: SystemRandom::new(),
            proof_header: String::new(),
            used: AtomicU64::new(0),
            run: format!("{run}{nanos}"),
        };
        key.proof_header = encoded(&format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{}}}"#, key.public_members("")));
        key
    }

    /// Its public half as a JWK set.
    #[must_use]
    pub fn public_set(&self) -> String {
        let more = format!(r#","kid":"{}","alg":"ES256","use":"sig""#, self.kid);
        format!(r#"{{"keys":[{}]}}"#, self.public_members(&more))
    }

    fn public_members(&self, more: &str) -> String {
        let point = self.pair.public_key().as_ref();
        let half =
            |range: std::ops::Range<usize>| Base64UrlUnpadded::encode_string(point.get(range).unwrap_or_default());
        format!(r#"{{"kty":"EC","crv":"P-256","x":"{}","y":"{}"{more}}}"#, half(1..33), half(33..65))
    }

    /// An assertion of this client for this issuer (RFC 7523).
    ///
    /// # Errors
    /// When the library does not sign.
    pub fn assertion(&self, client_id: &str, issuer: &str) -> Result<String, Problem> {
        let header = encoded(&format!(r#"{{"alg":"ES256","kid":"{}"}}"#, self.kid));
        let (now, jti) = (now(), self.next());
        let until = now + LIFE_SECONDS;
        let claims = format!(
            r#"{{"iss":"{client_id}","sub":"{client_id}","aud":"{issuer}","jti":"{jti}","iat":{now},"exp":{until}}}"#
        );
        self.sign(format!("{header}.{}", encoded(&claims)))
    }

    /// A proof for this request (RFC 9449); with an access token for the account API.
    ///
    /// # Errors
    /// When the library does not sign.
    pub fn proof(&self, method: &str, url: &str, access_token: Option<&str>) -> Result<String, Problem> {
        let ath = access_token.map_or(String::new(), |token| {
            let hash = Base64UrlUnpadded::encode_string(digest(&SHA256, token.as_bytes()).as_ref());
            format!(r#","ath":"{hash}""#)
        });
        let (now, jti) = (now(), self.next());
        let claims = format!(r#"{{"htm":"{method}","htu":"{url}","jti":"{jti}","iat":{now}{ath}}}"#);
        self.sign(format!("{}.{}", self.proof_header, encoded(&claims)))
    }

    fn next(&self) -> String {
        format!("{}-{}", self.run, self.used.fetch_add(1, Ordering::Relaxed))
    }

    fn sign(&self, message: String) -> Result<String, Problem> {
        let signature = self.pair.sign(&self.random, message.as_bytes())?;
        Ok(format!("{message}.{}", Base64UrlUnpadded::encode_string(signature.as_ref())))
    }
}

fn encoded(json: &str) -> String {
    Base64UrlUnpadded::encode_string(json.as_bytes())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
