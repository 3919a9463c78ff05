//! The router: every route there is, by audience.

pub mod oauth;
pub mod request_id;
pub mod tenant;

use std::sync::Arc;

use axum::Router;
use axum::middleware;

use crate::app::App;

/// All routes of the main listener.
pub fn router(app: Arc<App>) -> Router {
    let routes =
        Router::new().merge(partner_routes()).merge(api_routes()).merge(customer_routes()).merge(public_routes());
    routes.layer(middleware::from_fn_with_state(Arc::clone(&app), request_id::attach)).with_state(app)
}

/// Partners, with their own credentials: the OAuth endpoints.
fn partner_routes() -> Router<Arc<App>> {
    Router::new()
}

/// Partners, with a token: account data.
fn api_routes() -> Router<Arc<App>> {
    Router::new()
}

/// Customers in a browser: the linkage flow and their linkages.
fn customer_routes() -> Router<Arc<App>> {
    Router::new()
}

/// Anybody: what an institution publishes.
fn public_routes() -> Router<Arc<App>> {
    Router::new()
}
