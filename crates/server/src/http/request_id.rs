//! One identifier for each request: in the log, in the audit trail, and in the answer, so that staff can find what a
//! customer or a partner speaks of.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;

/// The header that carries it.
pub const HEADER: &str = "x-request-id";

/// The identifier of a request; made here, never taken from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

/// Gives each request its identifier, and the answer too.
pub async fn attach(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let id = app.new_id(app.now()).simple().to_string();
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}
