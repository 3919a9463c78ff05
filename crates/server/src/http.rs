//! The router: every route there is, by audience.

pub mod acr;
mod again;
pub mod api;
pub mod bare;
pub mod browser;
pub mod connection;
pub mod csp_report;
mod device;
pub mod fence;
pub mod flow;
pub mod form;
mod full_disk;
mod health;
pub mod limits;
pub mod login;
pub mod my;
pub mod nonces;
pub mod oauth;
pub mod observe;
pub mod pins;
pub mod places;
pub mod proxy;
pub mod public;
pub mod request_id;
pub mod second_look;
pub mod source;
mod spelling;
pub mod tenant;
pub mod transport;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{any, get, post};
use axum::{Extension, Router};

use crate::app::App;
use connection::PartnerDoor;
use places::Gate;
use proxy::Proxies;

/// All routes of the main listener.
pub fn router(app: Arc<App>) -> Router {
    let routes = Router::new()
        .merge(partner_routes(&app))
        .merge(api_routes(&app))
        .merge(document_routes())
        .merge(customer_routes(&app))
        .merge(public_routes(&app))
        .merge(page_routes());
    finished(routes.fallback(public::not_found), app)
}

/// All routes of the listener that asks browsers for a certificate.
///
/// Only the pages about the certificate are here; whatever leads away from them leads to the main listener.
pub fn certificate_router(app: Arc<App>) -> Router {
    let routes = certificate_routes(&app).layer(middleware::from_fn_with_state(Arc::clone(&app), transport::to_main));
    finished(routes.merge(page_routes()).fallback(transport::on_main), app)
}

/// All routes of the listener that asks partners for certificates: what partners' machines call, and nothing for browsers.
pub fn partner_router(app: Arc<App>, door: PartnerDoor) -> Router {
    let routes = Router::new().merge(partner_routes(&app)).merge(api_routes(&app)).fallback(api::not_found);
    finished(routes, app).layer(Extension(door))
}

/// A router behind these proxies, and the gate before it.
pub fn gate(router: Router, app: &Arc<App>, proxies: &Arc<Proxies>) -> Gate {
    Gate::before(proxy::behind(router, Arc::clone(app), Arc::clone(proxies)), app, Arc::clone(proxies))
}

fn finished(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    routes
        .merge(health::routes())
        .method_not_allowed_fallback(public::method_not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), around))
        .with_state(app)
}

/// Around every route there is. One layer for all of it: for each layer the framework copies the stack of those within,
/// several times a request.
async fn around(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let id = request_id::give(&app, &mut request);
    let lang = bare::asked(request.uri());
    let within = |request| within(Arc::clone(&app), request, next);
    let mut response = observe::around(&app, id, request, within).await;
    fence::put_around(&mut response);
    bare::keep_language(&app, lang, &mut response);
    transport::demand_tls(&app, &mut response);
    request_id::tell(id, &mut response);
    response
}

async fn within(app: Arc<App>, request: Request, next: Next) -> Response {
    if spelling::has_escapes(&request) {
        return spelling::refuse(app, request).await;
    }
    full_disk::mark(request, |request| again::after_conflicts(app, request, next)).await
}

/// Partners, with their own credentials: the OAuth endpoints.
fn partner_routes(app: &Arc<App>) -> Router<Arc<App>> {
    oauth::routes(app)
}

/// Partners, with a token: account data.
fn api_routes(app: &Arc<App>) -> Router<Arc<App>> {
    use api::{accounts, balances, linkage, transactions};
    Router::new()
        .route("/{institution}/api/v1/accounts", get(accounts::list))
        .route("/{institution}/api/v1/accounts/{account}", get(accounts::show))
        .route("/{institution}/api/v1/accounts/{account}/balances", get(balances::show))
        .route("/{institution}/api/v1/accounts/{account}/transactions", get(transactions::list))
        .route("/{institution}/api/v1/linkage", get(linkage::show))
        .layer(middleware::from_fn_with_state(Arc::clone(app), nonces::at_account_api))
        .route("/{institution}/api/v1/{*rest}", any(api::not_found))
        .method_not_allowed_fallback(api::method_not_allowed)
}

/// Partners' developers: what the account API is.
fn document_routes() -> Router<Arc<App>> {
    use api::{document, guide};
    Router::new()
        .route("/{institution}/api/openapi.json", get(document::show))
        .route("/{institution}/api/", get(guide::show))
        .method_not_allowed_fallback(api::method_not_allowed)
}

/// Customers in a browser: the linkage flow and their linkages.
fn customer_routes(app: &Arc<App>) -> Router<Arc<App>> {
    use flow::{leave, login, open, operations, permission, pins, results};
    Router::new()
        .route("/{institution}/authorize", get(open::authorize))
        .route("/{institution}/link/{flow}/login", get(login::show).post(login::act))
        .route("/{institution}/link/{flow}/operations", get(operations::show).post(operations::act))
        .route("/{institution}/link/{flow}/pins", get(pins::show).post(pins::act))
        .route("/{institution}/link/{flow}/results", get(results::show).post(results::act))
        .route("/{institution}/link/{flow}/existing", get(results::show_existing).post(results::act_existing))
        .route("/{institution}/link/{flow}/permission", get(permission::show).post(permission::act))
        .route("/{institution}/link/{flow}/cancel", post(leave::cancel))
        .route("/{institution}/link/{flow}/extend", post(leave::extend))
        .route("/{institution}/link/{flow}/ended", get(leave::ended))
        .route("/{institution}/my", get(my::linkages::home))
        .route("/{institution}/my/login", get(my::login::show).post(my::login::act))
        .route("/{institution}/my/logout", post(my::login::logout))
        .route("/{institution}/my/linkages", get(my::linkages::list))
        .route("/{institution}/my/linkages/{linkage}", get(my::linkages::show))
        .route("/{institution}/my/linkages/{linkage}/stop", get(my::stop::show).post(my::stop::act))
        .route("/{institution}/my/linkages/{linkage}/accounts", get(my::accounts::show).post(my::accounts::act))
        .layer(middleware::from_fn_with_state(Arc::clone(app), limits::pages))
        .layer(DefaultBodyLimit::max(form::FORM_BYTES_MAX))
}

/// Customers whose browser was asked for a certificate; a listener of its own.
fn certificate_routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/{institution}/link/{flow}/certificate", get(flow::certificate::show).post(flow::certificate::act))
        .route("/{institution}/link/{flow}/cancel", post(flow::leave::cancel))
        .route("/{institution}/link/{flow}/extend", post(flow::certificate::extend))
        .route("/{institution}/my/certificate", get(my::login::show_certificate).post(my::login::act_certificate))
        .layer(middleware::from_fn_with_state(Arc::clone(app), limits::pages))
        .layer(DefaultBodyLimit::max(form::FORM_BYTES_MAX))
}

/// Anybody: what an institution publishes.
fn public_routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/", get(public::institutions))
        .route("/{institution}/", get(public::institution))
        .route("/{institution}/terms/{version}", get(public::terms))
        .route("/{institution}/privacy", get(public::privacy))
        .layer(middleware::from_fn_with_state(Arc::clone(app), limits::pages))
}

/// What pages need beside themselves; every listener that shows pages has it.
fn page_routes() -> Router<Arc<App>> {
    Router::new()
        .route(renkei_screens::style_path(), get(public::style))
        .route("/{file}", get(public::at_root))
        .merge(csp_report::routes())
}
