//! The partner's side of the protocol: discovery, pushed requests, tokens, revocation, introspection, and who calls the account API.

mod answer;
pub mod bearer;
mod call;
mod client;
mod client_token;
mod grants;
mod introspect;
mod jwks;
mod memory;
mod metadata;
mod mint;
mod narrow;
mod par;
pub mod policy;
mod possession;
mod revoke;
mod token;

use std::sync::Arc;

use axum::routing::{MethodRouter, get, post};
use axum::{Router, middleware};

use crate::app::App;
use crate::http::nonces;

pub use answer::Refusal;
pub use grants::Denied;
pub use memory::Memory;
pub use metadata::KEPT_SECONDS;

/// Every route of the protocol but the authorization endpoint, which is for browsers.
pub fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    let authorization_server = "/.well-known/oauth-authorization-server/{institution}";
    let protected_resource = "/.well-known/oauth-protected-resource/{institution}/api/v1";
    Router::new()
        .route(authorization_server, only("GET, HEAD", get(metadata::authorization_server)))
        .route(protected_resource, only("GET, HEAD", get(metadata::protected_resource)))
        .route("/{institution}/jwks", only("GET, HEAD", get(jwks::keys)))
        .merge(proven_routes(app))
        .route("/{institution}/revoke", only("POST", post(revoke::revoke)))
        .route("/{institution}/introspect", only("POST", post(introspect::introspect)))
        .merge(grant_routes(app))
}

/// Grant management, which is called with tokens.
fn grant_routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/{institution}/grants", only("GET, HEAD", get(grants::nameless)))
        .route("/{institution}/grants/{grant}", only("GET, HEAD, DELETE", get(grants::query).delete(grants::end)))
        .layer(middleware::from_fn_with_state(Arc::clone(app), nonces::at_grant_management))
}

/// The endpoints that take proofs.
fn proven_routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/{institution}/par", only("POST", post(par::push)))
        .route("/{institution}/token", only("POST", post(token::exchange)))
        .layer(middleware::from_fn_with_state(Arc::clone(app), nonces::at_authorization_server))
}

/// Refuses every method but those.
fn only(allowed: &'static str, route: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    route.fallback(async move || answer::Refusal::Method(allowed))
}
