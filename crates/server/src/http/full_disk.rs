//! What goes on while the disk is full: whoever was let in may still use it, and everybody may end it.

use axum::extract::Request;
use axum::response::Response;
use renkei_store::db::room::needed;

/// First words of paths below an institution whose writes have to go on. Nothing new is begun below them but what was
/// permitted before.
const NEEDED: [&str; 6] = ["api", "token", "introspect", "revoke", "grants", "my"];

/// Marks the writes of such a request.
pub async fn mark<F: Future<Output = Response>>(request: Request, answer: impl FnOnce(Request) -> F) -> Response {
    let is_needed = request.uri().path().split('/').nth(2).is_some_and(|word| NEEDED.contains(&word));
    let answer = answer(request);
    if is_needed { needed(answer).await } else { answer.await }
}
