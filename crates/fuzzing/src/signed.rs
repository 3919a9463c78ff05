//! JWTs whose signature holds, whatever they say: the checks behind the signature are reached with any header and any
//! claims. An input is a header and a line break and claims, both JSON.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use renkei_oauth::client_auth::{ASSERTION_TYPE, PresentedAssertion};
use renkei_oauth::dpop;
use renkei_oauth::form::Form;
use renkei_oauth::jose::{Algorithm, KeySet, SigningKey};
use renkei_oauth::request_object::{self, Signer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::protocol::{CLIENT, ISSUER, NOW, TOKEN_URL};

/// What stands for the signer's public key in a header.
const KEY: &str = "\"{KEY}\"";

static SIGNER: LazyLock<SigningKey> = LazyLock::new(|| {
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let der = der.expect("keys are made unless the system has no randomness");
    SigningKey::from_pkcs8(Algorithm::Es256, der.as_ref()).expect("made for this very algorithm a line above")
});

/// The set that holds the signer's public key and no other.
static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    let keys = serde_json::json!({ "keys": [SIGNER.to_public_jwk().to_json()] }).to_string();
    KeySet::parse(keys.as_bytes()).expect("`jwk` asserts that what is written is read again")
});

fn sign(data: &[u8]) -> Option<String> {
    let (header, claims) = std::str::from_utf8(data).ok()?.split_once('\n')?;
    let header = header.replace(KEY, &SIGNER.to_public_jwk().to_json().to_string());
    let (header, claims) = (RawValue::from_string(header).ok()?, RawValue::from_string(claims.to_owned()).ok()?);
    SIGNER.sign_with_header(&header, &claims).ok()
}

/// The claims as another parser reads them. It takes the last of members with the same name; ours takes none.
fn claims_of(data: &[u8]) -> Value {
    let claims = data.splitn(2, |byte| *byte == b'\n').nth(1).unwrap_or_default();
    serde_json::from_slice(claims).unwrap_or_default()
}

/// A proof for the token endpoint. One that is accepted names method and address, and was made about now.
pub fn dpop(data: &[u8]) {
    let Some(proof) = sign(data) else { return };
    let target = dpop::Target { method: "POST", url: TOKEN_URL, access_token: None };
    if dpop::check(&proof, &target, NOW).is_ok() {
        let claims = claims_of(data);
        assert_eq!(claims["htm"], "POST");
        assert!(claims["htu"].as_str().is_some_and(|url| url.to_ascii_lowercase().starts_with("https://link.example")));
        assert!(claims["iat"].as_f64().is_some_and(|iat| (iat - NOW as f64).abs() <= 120.0), "{claims}");
        assert!(claims["jti"].as_str().is_some_and(|jti| !jti.is_empty()));
    }
}

/// A client assertion. One that is accepted is by its subject, for this issuer as a string, and ends soon.
pub fn assertion(data: &[u8]) {
    let Some(jwt) = sign(data) else { return };
    let body = format!("client_assertion_type={}&client_assertion={jwt}", ASSERTION_TYPE.replace(':', "%3A"));
    let form = Form::parse(body.as_bytes());
    let Some(presented) = form.as_ref().ok().and_then(|form| PresentedAssertion::from_form(form, false).ok()) else {
        return;
    };
    if let Ok(verified) = presented.verify(&KEYS, Some(Algorithm::Es256), ISSUER, NOW) {
        let claims = claims_of(data);
        assert_eq!(claims["aud"], ISSUER);
        assert_eq!(claims["iss"], claims["sub"]);
        assert_eq!(claims["sub"], verified.client_id.as_str());
        assert!((NOW + 1..NOW + 3_600).contains(&verified.expires_at), "{claims}");
    }
}

/// A request object. One that is accepted is by the client, for this issuer, and in force.
pub fn request_object(data: &[u8]) {
    let Some(jwt) = sign(data) else { return };
    let signer = Signer { client_id: CLIENT, keys: &KEYS, algorithm: Some(Algorithm::Es256) };
    if let Ok(parameters) = request_object::verify(&jwt, &signer, ISSUER, NOW) {
        assert!(parameters.are_signed());
        let claims = claims_of(data);
        assert_eq!(claims["aud"], ISSUER);
        assert_eq!(claims["iss"], CLIENT);
        assert!(claims["exp"].as_f64().is_some_and(|exp| exp > NOW as f64 && exp <= NOW as f64 + 4_000.0), "{claims}");
        assert!(claims.get("request").is_none() && claims.get("request_uri").is_none(), "{claims}");
    }
}
