//! One identifier for each request: in the log, in the audit trail, in traces and in the answer, so that staff can find
//! what a customer or a partner speaks of.
//!
//! A partner may give it, as `x-fapi-interaction-id` (FAPI 1.0 Advanced implementers sent it everywhere, and many still
//! do); then both sides find the request under the same one. It decides nothing, so it may come twice.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use uuid::Uuid;

use crate::app::App;

/// The header that carries it.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The header in which a partner gives it, and is given it.
pub const INTERACTION: HeaderName = HeaderName::from_static("x-fapi-interaction-id");

/// The identifier of a request: a UUID as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

/// Gives a request its identifier.
pub fn give(app: &App, request: &mut Request) -> Uuid {
    let id = given(request.headers()).unwrap_or_else(|| app.new_id(app.now()));
    request.extensions_mut().insert(RequestId(id.hyphenated().to_string()));
    id
}

/// Tells it with the answer.
pub fn tell(id: Uuid, response: &mut Response) {
    let mut text = Uuid::encode_buffer();
    if let Ok(value) = HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)) {
        response.headers_mut().insert(INTERACTION, value.clone());
        response.headers_mut().insert(HEADER, value);
    }
}

/// The one that came with the request, if it is a UUID as RFC 9562 §4 writes it.
fn given(headers: &HeaderMap) -> Option<Uuid> {
    let mut sent = headers.get_all(INTERACTION).iter();
    let (Some(value), None) = (sent.next(), sent.next()) else { return None };
    let text = value.to_str().ok().filter(|text| text.len() == uuid::fmt::Hyphenated::LENGTH)?;
    text.parse().ok()
}
