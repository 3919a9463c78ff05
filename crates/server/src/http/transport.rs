//! What every answer over TLS says: come back over TLS only.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;

/// Two years, with subdomains (R-020 asks for one).
const STRICT: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

/// Adds `Strict-Transport-Security` where the installation is reached over TLS; on plain HTTP, which is for loopback
/// only, browsers would ignore it.
pub async fn strict(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if app.site.is_secure() {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, STRICT);
    }
    response
}
