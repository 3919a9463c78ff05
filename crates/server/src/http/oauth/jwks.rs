//! `GET /{institution}/jwks`: the institution's public keys (RFC 7517 §5).

use std::sync::Arc;

use axum::extract::{Path, State};
use renkei_oauth::jose::Jwk;
use renkei_oauth::json::Object;
use renkei_oauth::jwks;

use super::answer::{Answered, Refusal, published};
use super::metadata::{KEPT_SECONDS, existing};
use crate::app::App;
use crate::error::Fault;

/// Every key that is announced and not retired.
pub async fn keys(State(app): State<Arc<App>>, Path(segment): Path<String>) -> Answered {
    let institution = existing(&app, &segment).await?;
    let stored = app.store.read(&institution).list_published_keys(app.now()).await?;
    let keys: Result<Vec<Jwk>, Fault> = stored.iter().map(|key| read(&key.public_jwk)).collect();
    let document = jwks::document(&keys?).map_err(|fault| Fault::Defect(fault.to_string()))?;
    Ok::<_, Refusal>(published(document, KEPT_SECONDS))
}

/// Read and written anew, so that nothing but a public key can come out.
fn read(jwk: &str) -> Result<Jwk, Fault> {
    let object = Object::parse(jwk.as_bytes()).map_err(|fault| Fault::Defect(fault.to_string()))?;
    Jwk::read(&object).map_err(|fault| Fault::Defect(format!("a signing key of ours: {fault}")))
}
