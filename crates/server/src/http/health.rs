//! What balancers and supervisors ask: does the process live, and does it want requests.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use crate::app::App;
use crate::readiness;

/// `GET /health` and `GET /ready`, on every listener.
pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/health", get(live)).route("/ready", get(ready))
}

/// 200 as long as requests are answered at all: a supervisor restarts a process that does not, and nothing else.
async fn live() -> Response {
    answer(StatusCode::OK, &json!({ "live": true }))
}

/// 200 when requests can be served; 503 with the reason when they belong to another node.
async fn ready(State(app): State<Arc<App>>) -> Response {
    match readiness::look(&app).await {
        None => answer(StatusCode::OK, &json!({ "ready": true })),
        Some(reason) => answer(StatusCode::SERVICE_UNAVAILABLE, &json!({ "ready": false, "reason": reason.word() })),
    }
}

fn answer(status: StatusCode, body: &serde_json::Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body.to_string()).into_response()
}
