//! How the protocol endpoints answer: JSON that nobody may keep, and one place that turns a refusal into HTTP.

use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use renkei_domain::linkage::Reason;
use renkei_oauth::error::{ErrorCode, OAuthError};
use renkei_store::StoreError;
use serde_json::json;

use crate::error::Fault;
use crate::http::limits::Over;

/// How long a partner should wait when the store is away, in seconds.
const UNAVAILABLE_SECONDS: u32 = 5;

/// What an endpoint gives back.
pub type Answered = Result<Response, Refusal>;

/// Why a request was refused.
#[derive(Debug)]
pub enum Refusal {
    /// An error of the protocol.
    Protocol(OAuthError),
    /// An error of the protocol because of the state a linkage is in; the answer names that too.
    Linkage(OAuthError, Reason),
    /// There is no such institution.
    NotFound,
    /// The method is not the one this address is for.
    Method(&'static str),
    /// The body is not a form.
    MediaType,
    /// The body is over the limit.
    TooLarge,
    /// A budget is used up.
    TooMany(Over),
    /// More is asked of this node than it can do. Whoever says so says when to come back.
    PutOff,
    /// A failure on this side.
    Fault(Fault),
}

impl From<OAuthError> for Refusal {
    fn from(error: OAuthError) -> Refusal {
        Refusal::Protocol(error)
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Refusal {
        Refusal::Fault(fault)
    }
}

impl From<Over> for Refusal {
    fn from(over: Over) -> Refusal {
        Refusal::TooMany(over)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        Refusal::Fault(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let plain = |status: StatusCode, error: OAuthError| secret(status, error.body());
        match self {
            Refusal::Protocol(error) => plain(status_of(&error), error),
            Refusal::Linkage(error, reason) => secret(status_of(&error), with_reason(&error, reason)),
            Refusal::NotFound => plain(StatusCode::NOT_FOUND, OAuthError::invalid_request("no such institution")),
            Refusal::Method(allowed) => {
                let answer = plain(StatusCode::METHOD_NOT_ALLOWED, OAuthError::invalid_request("wrong HTTP method"));
                with_header(answer, ALLOW, HeaderValue::from_static(allowed))
            }
            Refusal::MediaType => {
                let error = OAuthError::invalid_request("the body must be application/x-www-form-urlencoded");
                plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, error)
            }
            Refusal::TooLarge => plain(StatusCode::PAYLOAD_TOO_LARGE, OAuthError::invalid_request("request too large")),
            Refusal::TooMany(over) => {
                let error = OAuthError::new(ErrorCode::TemporarilyUnavailable, "too many requests");
                over.tell(plain(StatusCode::TOO_MANY_REQUESTS, error))
            }
            Refusal::PutOff => {
                let text = "more is asked than can be done, try again";
                plain(StatusCode::SERVICE_UNAVAILABLE, OAuthError::new(ErrorCode::TemporarilyUnavailable, text))
            }
            Refusal::Fault(fault @ (Fault::Unavailable(_) | Fault::Busy(_))) => {
                tracing::error!(reason = %fault, "a protocol request could not be served");
                later(StatusCode::SERVICE_UNAVAILABLE, "try again later", UNAVAILABLE_SECONDS)
            }
            Refusal::Fault(Fault::Unknown(reason)) => {
                tracing::error!(reason, "the outcome of a protocol request is unknown");
                let answer = secret(StatusCode::SERVICE_UNAVAILABLE, outcome_unknown());
                with_header(answer, RETRY_AFTER, HeaderValue::from(UNAVAILABLE_SECONDS))
            }
            Refusal::Fault(Fault::Defect(reason)) => {
                tracing::error!(reason, "a protocol request hit a defect");
                let error = OAuthError::new(ErrorCode::ServerError, "internal error");
                plain(StatusCode::INTERNAL_SERVER_ERROR, error)
            }
        }
    }
}

/// JSON that holds secrets, or could: nobody may keep it (RFC 6749 §5.1).
pub fn secret(status: StatusCode, body: impl Into<String>) -> Response {
    json_answer(status, body.into(), HeaderValue::from_static("no-store"))
}

/// JSON that anybody may read and keep for a while.
pub fn published(body: String, seconds: u32) -> Response {
    let keep = HeaderValue::from_str(&format!("public, max-age={seconds}"));
    json_answer(StatusCode::OK, body, keep.unwrap_or(HeaderValue::from_static("no-store")))
}

/// The JSON text of a document of ours.
///
/// # Errors
/// [`Fault::Defect`] when it has none, which no document of ours does.
pub fn to_json(document: &impl serde::Serialize) -> Result<String, Fault> {
    serde_json::to_string(document).map_err(|error| Fault::Defect(error.to_string()))
}

fn json_answer(status: StatusCode, body: String, keep: HeaderValue) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, keep),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, body).into_response()
}

fn later(status: StatusCode, text: &'static str, seconds: u32) -> Response {
    let answer = secret(status, OAuthError::new(ErrorCode::TemporarilyUnavailable, text).body());
    with_header(answer, RETRY_AFTER, HeaderValue::from(seconds))
}

/// `temporarily_unavailable` with one more member: whether the request was carried out can't be told from this answer.
fn outcome_unknown() -> String {
    let body = json!({
        "error": ErrorCode::TemporarilyUnavailable.as_str(),
        "error_description": "the outcome is unknown: the request may have been carried out or not",
        "outcome": "unknown",
    });
    body.to_string()
}

fn with_header(mut answer: Response, name: HeaderName, value: HeaderValue) -> Response {
    answer.headers_mut().insert(name, value);
    answer
}

fn status_of(error: &OAuthError) -> StatusCode {
    StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST)
}

/// The error's body with one more member, `reason`: the code that the account API uses too.
pub fn with_reason(error: &OAuthError, reason: Reason) -> String {
    let body = json!({
        "error": error.code.as_str(),
        "error_description": error.description,
        "reason": reason.code(),
    });
    body.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i_12_an_unknown_outcome_is_told_apart_from_a_request_that_was_not_carried_out() {
        let unknown = Refusal::from(Fault::Unknown("lost".into())).into_response();
        assert_eq!((unknown.status().as_u16(), &unknown.headers()[RETRY_AFTER]), (503, &"5".parse().unwrap()));
        assert!(outcome_unknown().contains(r#""outcome":"unknown""#));
        let away = Refusal::from(Fault::Unavailable("away".into())).into_response();
        assert_eq!((away.status().as_u16(), &away.headers()[RETRY_AFTER]), (503, &"5".parse().unwrap()));
    }
}
