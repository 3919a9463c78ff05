//! What answers say about where to come back: over TLS only, and to which listener.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use super::browser::see_other;
use crate::app::App;

/// Two years, with subdomains (R-020 asks for one).
const STRICT: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

/// Adds `Strict-Transport-Security` where the installation is reached over TLS; on plain HTTP, which is for loopback
/// only, browsers would ignore it.
pub fn demand_tls(app: &App, response: &mut Response) {
    if app.site.is_secure() {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, STRICT);
    }
}

/// On the certificate listener: a redirect without a host is meant for the main listener, where all other pages are.
pub async fn to_main(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
    let main = location.filter(|location| location.starts_with('/')).map(|path| format!("{}{path}", app.site.origin));
    if let Some(location) = main.and_then(|url| HeaderValue::from_str(&url).ok()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// On the certificate listener: what is not there, as the terms its pages' frame links to, is on the main listener.
pub async fn on_main(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    see_other(&format!("{}{path}", app.site.origin))
}
