//! Around every request: how it is counted, for whom, which log lines are its, and its trace.

use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use renkei_domain::institution::InstitutionCode;
use uuid::Uuid;

use crate::app::App;
use crate::metrics::{Endpoint, Metrics};

tokio::task_local! {
    static REQUEST: Current;
}

/// When a request came, if it had to wait since.
#[derive(Debug, Clone, Copy)]
pub struct Arrived(pub Instant);

/// The request that this task is about.
struct Current {
    id: Uuid,
    /// The product that authenticated, by its place among the counters.
    product: Cell<Option<u16>>,
}

/// A request that waits for its answer; no longer when dropped, whoever gave up.
struct Running<'a>(&'a Metrics);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers the request and counts the answer.
pub async fn around<F: Future<Output = Response>>(
    app: &App,
    id: Uuid,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let begun = request.extensions().get::<Arrived>().map_or_else(Instant::now, |arrived| arrived.0);
    let metrics = &app.memory.metrics;
    metrics.running.fetch_add(1, Ordering::Relaxed);
    let running = Running(metrics);
    let at = metrics.place_of(request.uri().path());
    let endpoint =
        request.extensions().get::<MatchedPath>().map_or(Endpoint::Other, |path| Endpoint::of(path.as_str()));
    let trace = app.memory.traces.begin(id, &request, app.now(), app.random.as_ref());
    let current = Current { id, product: Cell::new(None) };
    let answered = async {
        let response = answer(request).await;
        (response, REQUEST.with(|current| current.product.get()))
    };
    let (response, product) = REQUEST.scope(current, answered).await;
    drop(running);
    let took = begun.elapsed();
    metrics.observe(at, product, endpoint, response.status(), took);
    if let Some(trace) = trace {
        let labels = (metrics.institution_label(at), product.and_then(|place| metrics.product_label(place)));
        app.memory.traces.end(trace, endpoint, labels, response.status(), took);
    }
    response
}

/// Says which product this request is of, once it has authenticated.
pub fn is_of(app: &App, institution: &InstitutionCode, client_id: &str) {
    let place = app.memory.metrics.product(institution, client_id);
    // Outside of a request there is nothing to count.
    let _ = REQUEST.try_with(|current| current.product.set(Some(place)));
}

/// Does something as if it were part of this request.
#[cfg(test)]
pub fn as_request<T>(id: Uuid, act: impl FnOnce() -> T) -> T {
    REQUEST.sync_scope(Current { id, product: Cell::new(None) }, act)
}

/// The identifier of the request that is being answered, for the log.
#[must_use]
pub fn current_id() -> Option<Uuid> {
    REQUEST.try_with(|current| current.id).ok()
}
