//! The OpenAPI 3.1 document of the account API, made from the handlers and shapes themselves.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{AuthorizationCode, Flow, OAuth2, Scopes, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{accounts, balances, guide, linkage, transactions};
use crate::http::browser::set;

/// The name the token goes by in the document.
const TOKEN: &str = "dpop_token";

#[derive(OpenApi)]
#[openapi(
    info(title = "Account API / 口座情報API", version = "1", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    paths(
        accounts::list,
        accounts::show,
        balances::show,
        transactions::list,
        linkage::show,
    ),
    modifiers(&Token),
    security(("dpop_token" = [])),
    tags(
        (name = "accounts", description = "口座一覧照会"),
        (name = "balances", description = "残高照会"),
        (name = "transactions", description = "入出金明細照会"),
        (name = "linkage", description = "連携照会"),
    ),
)]
struct Api;

/// Adds what the derive can't say: the token, and the guide as the description.
struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut Document) {
        let scopes = Scopes::from_iter([("balances", "残高照会"), ("transactions", "入出金明細照会")]);
        let flow = AuthorizationCode::new("/{institution}/authorize", "/{institution}/token", scopes);
        let about = "A DPoP-bound access token: `Authorization: DPoP` with the proof in `DPoP` (RFC 9449). The request \
                     is pushed first (RFC 9126). DPoPに結び付いたアクセストークン。";
        let scheme = OAuth2::with_description([Flow::AuthorizationCode(flow)], about);
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(TOKEN, SecurityScheme::OAuth2(scheme));
        document.info.description = Some(guide::markdown());
    }
}

// A document of the library's own types always has a JSON form.
static TEXT: LazyLock<String> = LazyLock::new(|| Api::openapi().to_pretty_json().unwrap_or_default() + "\n");
static VALUE: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(text()).unwrap_or_default());

/// The document as JSON.
pub fn value() -> &'static Value {
    &VALUE
}

/// The document as JSON text; the same for every institution.
#[must_use]
pub fn text() -> &'static str {
    &TEXT
}

/// `GET /{institution}/api/openapi.json`.
pub async fn show() -> Response {
    let mut response = text().into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    set(&mut response, header::CONTENT_TYPE, "application/json");
    set(&mut response, header::CACHE_CONTROL, "public, max-age=3600");
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}
