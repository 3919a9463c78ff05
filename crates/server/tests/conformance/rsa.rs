//! RSA keys, which a client may have, and RS256, which nobody may use.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use renkei_oauth::jose::{Algorithm, SigningKey};
use renkei_store::params;
use renkei_testing::aoi;
use serde_json::{Value, json};

use crate::stage::Run;
use crate::support::partner::{Jwt, base64url};

pub struct RsaKey(RsaKeyPair);

impl RsaKey {
    pub fn new() -> RsaKey {
        RsaKey(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub fn for_ps256(&self) -> Arc<SigningKey> {
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&self.0).unwrap();
        Arc::new(SigningKey::from_pkcs8(Algorithm::Ps256, der.as_ref()).unwrap())
    }

    pub fn public_jwk(&self) -> Value {
        let public = self.0.public_key();
        let (n, e) = (public.modulus().big_endian_without_leading_zero(), public.exponent());
        json!({ "kty": "RSA", "n": base64url(n), "e": base64url(e.big_endian_without_leading_zero()) })
    }

    /// The same JWT under a right RS256 signature.
    pub fn sign_with_rs256(&self, jwt: Jwt) -> String {
        let jwt = jwt.header(json!({ "alg": "RS256" }));
        let part = |value: &Value| base64url(value.to_string().as_bytes());
        let head = format!("{}.{}", part(&jwt.header), part(&jwt.claims));
        let mut signature = vec![0; self.0.public_modulus_len()];
        let random = aws_lc_rs::rand::SystemRandom::new();
        self.0.sign(&RSA_PKCS1_SHA256, &random, head.as_bytes(), &mut signature).unwrap();
        format!("{head}.{}", base64url(&signature))
    }
}

/// Gives the first client an RSA key, registered for PS256.
pub async fn give_rsa_key(run: &mut Run) -> RsaKey {
    let key = RsaKey::new();
    run.one.partner.key = key.for_ps256();
    let mut tx = run.bank().app.store.begin(&aoi()).await.unwrap();
    let update = "UPDATE products SET jwks = ?3, signing_alg = 'PS256' WHERE institution = ?1 AND client_id = ?2";
    let (client_id, jwks) = (run.one.partner.client_id.as_str(), run.one.partner.jwks());
    assert_eq!(tx.execute(update, params![client_id, jwks.as_str()]).await.unwrap(), 1);
    tx.commit().await.unwrap();
    key
}
