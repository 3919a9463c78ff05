//! What anybody may see: stylesheets, and the answer to addresses that lead nowhere.

use axum::Extension;
use axum::extract::Path;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use renkei_screens::{Accent, Ending, Lang, STYLE};

use super::browser::{bare_end, set};
use super::request_id::RequestId;

/// A stylesheet's name changes with its content, so browsers may keep it for ever.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// `GET /style-{hash}.css`.
pub async fn style() -> Response {
    stylesheet(STYLE.to_owned())
}

/// `GET /accent-{rrggbb}.css`: the two shades made from an institution's colour.
pub async fn accent(Path(file): Path<String>, uri: Uri, id: Extension<RequestId>) -> Response {
    let colour = file.strip_prefix("accent-").and_then(|rest| rest.strip_suffix(".css"));
    match colour.and_then(|colour| format!("#{colour}").parse::<Accent>().ok()) {
        Some(accent) => stylesheet(accent.css()),
        None => not_found(uri, id).await,
    }
}

fn stylesheet(css: String) -> Response {
    let mut response = css.into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    set(&mut response, header::CONTENT_TYPE, "text/css; charset=utf-8");
    set(&mut response, header::CACHE_CONTROL, FOR_EVER);
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

/// An address that leads nowhere.
pub async fn not_found(uri: Uri, Extension(id): Extension<RequestId>) -> Response {
    bare_end(Ending::NotFound, StatusCode::NOT_FOUND, Lang::Japanese, uri.path(), &id.0)
}

/// An address that exists, asked in a way it does not answer to.
pub async fn method_not_allowed(uri: Uri, Extension(id): Extension<RequestId>) -> Response {
    bare_end(Ending::MethodNotAllowed, StatusCode::METHOD_NOT_ALLOWED, Lang::Japanese, uri.path(), &id.0)
}
