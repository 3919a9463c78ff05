//! A request that lost to others at the same rows is done again from its beginning, as if it had come a moment later.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use renkei_store::db::act::watched;

use crate::app::App;

/// How often a request is done at most.
const TIMES: u32 = 5;
/// Between two times, longer each time, so that those in each other's way get out of it.
const PAUSE: Duration = Duration::from_millis(8);
/// Largest body that is kept to be read again; more than any form of ours.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Does a request again when the store took all of it back because of others. Once anything of it stands it is not done
/// again: what was counted would be counted twice.
pub async fn after_conflicts(app: Arc<App>, request: Request, next: Next) -> Response {
    if !app.store.has_conflicts() || !is_small(&request) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let mut time = 1;
    loop {
        let request = Request::from_parts(parts.clone(), Body::from(body.clone()));
        let (response, seen) = watched(next.clone().run(request)).await;
        let lost = response.status() == StatusCode::SERVICE_UNAVAILABLE && seen.may_be_repeated();
        if !lost || time == TIMES {
            return response;
        }
        tokio::time::sleep(PAUSE * time).await;
        time += 1;
    }
}

/// A body that says it is small, or none at all. Others are refused by what reads them, or have no end that is known.
fn is_small(request: &Request) -> bool {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    length.map_or(request.method().is_safe(), |length| length <= BODY_BYTES_MAX)
}
