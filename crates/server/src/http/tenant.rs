//! Which institution a request is for: the first part of its path, and nothing else.

use std::sync::Arc;

use renkei_domain::institution::InstitutionCode;
use renkei_store::institutions::Institution;

use crate::app::App;
use crate::error::Fault;

/// The institution of this path segment; `None` when there is none, so that the caller answers in its own shape.
///
/// # Errors
/// [`Fault`] when the store can't tell.
pub async fn find(app: &App, segment: &str) -> Result<Option<Arc<Institution>>, Fault> {
    let Ok(code) = segment.parse::<InstitutionCode>() else {
        return Ok(None);
    };
    Ok(app.store.read(&code).find_institution().await?)
}
