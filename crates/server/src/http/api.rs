//! The account API: what a partner reads with a token. Every read is checked, recorded and answered the same way:
//! 1. [`Call`] tells who calls and by which linkage;
//! 2. the handler finds what is asked for, or the one reason it is not given;
//! 3. [`Call::finish`] uses the proof up and leaves the audit record, in one transaction, and only then answers.

pub mod accounts;
pub mod balances;
mod call;
mod csv;
pub mod cursor;
pub mod document;
mod etag;
pub mod guide;
pub mod linkage;
mod mark;
mod pages;
mod pin;
mod problem;
mod query;
pub mod transactions;

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use axum::http::request::Parts;
use axum::response::Response;
use renkei_domain::institution::InstitutionCode;

pub use call::Call;
pub use problem::{PROBLEMS, Problem, ProblemKind};

use super::request_id::RequestId;
use crate::app::App;

/// An address below the account API that leads nowhere; told in the API's own shape, to anybody.
pub async fn not_found(State(app): State<Arc<App>>, Extension(id): Extension<RequestId>, uri: Uri) -> Response {
    Problem::not_found().into_response(&root_of(&app, &uri), &id.0)
}

/// More is asked of this node than it can do.
pub fn put_off(app: &App, parts: &Parts) -> Response {
    let id = parts.extensions.get::<RequestId>().map(|id| id.0.as_str()).unwrap_or_default();
    Problem::put_off().into_response(&root_of(app, &parts.uri), id)
}

/// An address of the account API, asked in a way it does not answer to.
pub async fn method_not_allowed(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    uri: Uri,
) -> Response {
    Problem::method_not_allowed().into_response(&root_of(&app, &uri), &id.0)
}

/// The root of the institution the address is below, or of the installation when it names none.
fn root_of(app: &App, uri: &Uri) -> String {
    let code = uri.path().split('/').nth(1).and_then(|code| code.parse::<InstitutionCode>().ok());
    code.map_or_else(|| app.site.origin.clone(), |code| app.site.issuer(&code))
}
