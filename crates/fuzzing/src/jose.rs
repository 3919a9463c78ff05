//! JWS, JWK and JWK sets.

use renkei_oauth::jose::{Jwk, Jws, KeySet, VerifyingKey};
use renkei_oauth::json::Object;

/// A compact JWS. Nobody's key signed it, so no key verifies it: neither a stranger's set nor an empty one.
pub fn jws(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(jws) = Jws::parse(text) else { return };
    assert_eq!(text.split('.').count(), 3, "a compact JWS has three parts");
    assert!(KeySet::default().verify(&jws).is_err(), "an empty set verified something");
}

/// One key. What was read is written as the same key, and holds nothing private.
pub fn jwk(data: &[u8]) {
    let Ok(object) = Object::parse(data) else { return };
    let Ok(jwk) = Jwk::read(&object) else { return };
    let written = jwk.to_json();
    for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
        assert!(written.get(private).is_none(), "{private} was written");
    }
    let again = Object::parse(written.to_string().as_bytes()).expect("found: a key written as no JSON object");
    let again = Jwk::read(&again).expect("found: a key written as none that is taken");
    assert_eq!(again.thumbprint(), jwk.thumbprint());
    let _ = VerifyingKey::new(&jwk);
}

/// A JWK set.
pub fn jwk_set(data: &[u8]) {
    if let Ok(set) = KeySet::parse(data) {
        let _ = set.is_empty();
    }
}
