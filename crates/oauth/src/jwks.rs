//! Our own public keys, published (RFC 7517 §5).

use serde_json::json;

use crate::jose::{Jwk, JwkFault};

/// The JWK set document. A key is published before it first signs and stays until the last thing it signed has
/// expired; two keys under one `kid`, or without any, are refused.
pub fn document<'a>(keys: impl IntoIterator<Item = &'a Jwk>) -> Result<String, JwkFault> {
    let mut ids = Vec::new();
    let mut members = Vec::new();
    for key in keys {
        let id = key.key_id.as_deref().ok_or(JwkFault::RepeatedKeyId)?;
        if ids.contains(&id) {
            return Err(JwkFault::RepeatedKeyId);
        }
        ids.push(id);
        members.push(key.to_json());
    }
    Ok(json!({ "keys": members }).to_string())
}
