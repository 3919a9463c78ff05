//! One spelling for each address.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

use super::bare::Bare;
use super::request_id::RequestId;
use super::{api, public};
use crate::app::App;

/// Where partners expect answers in the account API's own shape.
const ACCOUNT_API: &str = "/api/v1/";

/// Whether a path is written with escapes: no address of ours needs one. The router undoes them in the parts it hands
/// out, and whoever looks at the path as it came (nonces, budgets, a rule of a proxy in front) does not, so
/// `/%31001/token` would be the token endpoint of 1001 to the one and nobody's to the other.
pub fn has_escapes(request: &Request) -> bool {
    request.uri().path().contains('%')
}

/// There is nothing at such an address.
pub async fn refuse(app: Arc<App>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let bare = Bare::of(&parts, &app);
    if bare.here.contains(ACCOUNT_API) {
        api::not_found(State(app), Extension(RequestId(bare.request_id)), parts.uri).await
    } else {
        public::not_found(bare).await
    }
}
