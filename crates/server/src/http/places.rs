//! How many requests are worked on at a time. Who begins with everything at once finishes nothing in its time: what is
//! beyond waits a moment, each source in a row of its own, and is then put off, before anything of it was looked at.
//!
//! Partners, pages and what ends something each have a room, so no flood of logins keeps tokens waiting, and nothing
//! keeps anybody from taking a permission back.

mod room;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use renkei_domain::time::{MICROS_PER_SECOND, Timestamp};
use renkei_screens::Ending;
use tokio::time::{sleep_until, timeout};
use tower::{Service, ServiceExt};

use super::bare::Bare;
use super::limits::Prefix;
use super::oauth::Refusal;
use super::observe::Arrived;
use super::proxy::Proxies;
use super::{api, fence, request_id, transport};
use crate::app::App;
pub use room::Size;
use room::{Entry, Place, Room};

/// What partners' machines call. Their requests cost a fraction of a millisecond each and wait for commits that are
/// shared, so half of this keeps processors and store busy. All connections that one source may have find room.
pub const PARTNERS: Size = Size { places: 128, share: 64, waiting: 512, waiting_share: 192 };
/// Pages. As many logins as may wait for a processor ([`crate::passwords::LOGINS_WAITING_MAX`]) leave places for others.
pub const PAGES: Size = Size { places: 128, share: 64, waiting: 512, waiting_share: 192 };
/// What ends something: revocation, grant management, the customer's own linkages.
pub const ENDS: Size = Size { places: 32, share: 16, waiting: 256, waiting_share: 64 };
/// The longest wait for a place. After it whoever asks is told to come back, while the answer is still of use.
const WAIT: Duration = Duration::from_secs(1);
/// Who finds no room to wait is put off after [`WAIT`] all the same, and so many a second at most: whoever sends the next
/// request when the last one is answered then sends so few that refusing them is no work.
const PUT_OFF_PER_SECOND: u32 = 250;
/// The longest that an answer is held back for that.
const HELD_OFF: Duration = Duration::from_secs(15);
/// Requests held back, without their bodies. Further ones, more than there can be connections, are put off at once.
const HELD_OFF_MAX: usize = 8_192;
/// Bodies are read up to here before a place is taken, so that nobody holds one by sending slowly. No form may be longer.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Who is put off is told to come back after one to so many seconds, so that not all come back at once.
const RETRY_SECONDS_MAX: u64 = 4;
/// That requests are put off is logged this often at most.
const LOG_EVERY_SECONDS: i64 = 60;

/// Whoever watches over the node asks these, and is not to be kept waiting.
const UNBOUNDED: [&str; 3] = ["/health", "/ready", "/metrics"];

/// The places of a node.
pub struct Places {
    rooms: [(Kind, Arc<Room>); 3],
    put_off: [AtomicU64; 3],
    held_off: AtomicUsize,
    /// When the last answer that is held back goes out.
    last_off: Mutex<Instant>,
    logged_at: AtomicI64,
}

/// Which room a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What partners' machines call.
    Partners,
    /// Whatever is for browsers.
    Pages,
    /// What ends something, or shows what there is to be ended.
    Ends,
}

/// How full a room is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// Its name.
    pub room: &'static str,
    /// Requests worked on.
    pub working: usize,
    /// Requests that wait for a place.
    pub waiting: usize,
    /// Requests put off so far.
    pub put_off: u64,
}

impl Default for Places {
    fn default() -> Places {
        Places {
            rooms: [(Kind::Partners, PARTNERS), (Kind::Pages, PAGES), (Kind::Ends, ENDS)]
                .map(|(kind, size)| (kind, Room::new(size))),
            put_off: Default::default(),
            held_off: AtomicUsize::new(0),
            last_off: Mutex::new(Instant::now()),
            logged_at: AtomicI64::new(i64::MIN),
        }
    }
}

impl Kind {
    /// The room for a path. Nothing but its shape is looked at.
    fn of(path: &str) -> Kind {
        let mut words = path.split('/').skip(1);
        let first = words.next();
        match (words.next(), words.next()) {
            // Logins are work, and lead to more than an end.
            (Some("my"), Some("login" | "certificate")) => Kind::Pages,
            (Some("revoke" | "grants" | "my"), _) => Kind::Ends,
            (Some("par" | "token" | "introspect" | "jwks" | "api"), _) => Kind::Partners,
            _ if first == Some(".well-known") => Kind::Partners,
            _ => Kind::Pages,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Kind::Partners => "partners",
            Kind::Pages => "pages",
            Kind::Ends => "ends",
        }
    }
}

impl Places {
    /// How full the rooms are.
    pub fn fill(&self) -> impl Iterator<Item = Fill> {
        self.rooms.iter().zip(&self.put_off).map(|((kind, room), put_off)| {
            let (working, waiting) = room.counts();
            Fill { room: kind.word(), working, waiting, put_off: put_off.load(Ordering::Relaxed) }
        })
    }

    fn room(&self, kind: Kind) -> &Arc<Room> {
        let [partners, pages, ends] = &self.rooms;
        match kind {
            Kind::Partners => &partners.1,
            Kind::Pages => &pages.1,
            Kind::Ends => &ends.1,
        }
    }

    /// Counts a request that is put off, tells after how many seconds to come back, and says so in the log now and then.
    fn count(&self, kind: Kind, source: Prefix, now: Timestamp) -> u64 {
        let number = self.put_off.get(kind as usize).map_or(0, |count| count.fetch_add(1, Ordering::Relaxed));
        let last = self.logged_at.load(Ordering::Relaxed);
        let is_due = last.saturating_add(LOG_EVERY_SECONDS * MICROS_PER_SECOND) <= now.0;
        if is_due && self.logged_at.compare_exchange(last, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            tracing::warn!(room = kind.word(), %source, "overload: more is asked than can be done, requests are put off");
        }
        number % RETRY_SECONDS_MAX + 1
    }

    /// Waits until it is time to put somebody off, unless too many wait for that.
    async fn hold_off(&self) {
        let held = self.held_off.fetch_add(1, Ordering::Relaxed);
        let _held = HeldOff(&self.held_off);
        if held < HELD_OFF_MAX {
            let until = {
                let mut last = self.last_off.lock().unwrap_or_else(PoisonError::into_inner);
                *last = next_off(*last, Instant::now());
                *last
            };
            sleep_until(until.into()).await;
        }
    }
}

/// When somebody who comes now is put off, given when the last one before is.
fn next_off(last: Instant, now: Instant) -> Instant {
    let next = last + Duration::from_secs(1) / PUT_OFF_PER_SECOND;
    next.clamp(now + WAIT, now + HELD_OFF)
}

/// A request that is held off; no longer when dropped.
struct HeldOff<'a>(&'a AtomicUsize);

impl Drop for HeldOff<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Stands before a router and lets in as many requests as there are places for. It stands before everything else the
/// router does, because who is put off must cost next to nothing.
#[derive(Clone)]
pub struct Gate {
    app: Arc<App>,
    proxies: Arc<Proxies>,
    router: Router,
}

impl Gate {
    /// Before this router, whose requests come from where the proxies say.
    #[must_use]
    pub fn before(router: Router, app: &Arc<App>, proxies: Arc<Proxies>) -> Gate {
        Gate { app: Arc::clone(app), proxies, router }
    }

    /// Works on a request once there is a place, or puts it off.
    async fn answer(self, request: http::Request<Incoming>) -> Result<Response, Infallible> {
        let mut request = request.map(Body::new);
        if UNBOUNDED.contains(&request.uri().path()) {
            return self.router.oneshot(request).await;
        }
        let kind = Kind::of(request.uri().path());
        let source = Prefix::of(self.proxies.source_of(&request).as_ref());
        let room = self.app.memory.places.room(kind);
        if !request.body().is_end_stream() {
            if room.is_full(source) {
                return Ok(self.put_off(kind, source, request).await);
            }
            let Ok(read) = whole(request).await else {
                return Ok(StatusCode::BAD_REQUEST.into_response());
            };
            request = read;
        }
        match place(room, source).await {
            Found::Place(_place, None) => self.router.oneshot(request).await,
            Found::Place(_place, Some(arrived)) => {
                request.extensions_mut().insert(arrived);
                self.router.oneshot(request).await
            }
            Found::Late => Ok(self.refuse(kind, source, request)),
            Found::Full => Ok(self.put_off(kind, source, request).await),
        }
    }

    /// Puts a request off for which there was no room, after a while.
    async fn put_off(&self, kind: Kind, source: Prefix, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        drop(body);
        self.app.memory.places.hold_off().await;
        self.refuse(kind, source, Request::from_parts(parts, Body::empty()))
    }

    /// 503 in the form of the address.
    fn refuse(&self, kind: Kind, source: Prefix, mut request: Request) -> Response {
        let app = &self.app;
        let seconds = app.memory.places.count(kind, source, app.now());
        let id = request_id::give(app, &mut request);
        let (parts, _) = request.into_parts();
        let word = parts.uri.path().split('/').nth(2);
        let mut response = match (kind, word) {
            (Kind::Partners, Some("api")) => api::put_off(app, &parts),
            (Kind::Partners, _) | (Kind::Ends, Some("revoke" | "grants")) => Refusal::PutOff.into_response(),
            _ => Bare::of(&parts, app).end(Ending::TooManyRequests, StatusCode::SERVICE_UNAVAILABLE, None),
        };
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        fence::put_around(&mut response);
        transport::demand_tls(app, &mut response);
        request_id::tell(id, &mut response);
        response
    }
}

impl Service<http::Request<Incoming>> for Gate {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Incoming>) -> Self::Future {
        Box::pin(self.clone().answer(request))
    }
}

/// What came of looking for a place.
enum Found {
    /// A place, and if it was waited for, since when.
    Place(Place, Option<Arrived>),
    /// Not in time.
    Late,
    /// No room to wait.
    Full,
}

async fn place(room: &Arc<Room>, source: Prefix) -> Found {
    match room.enter(source) {
        Entry::Now(place) => Found::Place(place, None),
        Entry::Soon(waiting) => {
            let arrived = Arrived(Instant::now());
            match timeout(WAIT, waiting.place()).await {
                Ok(Some(place)) => Found::Place(place, Some(arrived)),
                Ok(None) => Found::Full,
                Err(_) => Found::Late,
            }
        }
        Entry::Never => Found::Full,
    }
}

/// A request with all of its body. What is too long is cut, where it is too long still: whoever reads it refuses it.
async fn whole(request: Request) -> Result<Request, axum::Error> {
    let (parts, mut body) = request.into_parts();
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if read.is_empty() && body.is_end_stream() {
            return Ok(Request::from_parts(parts, Body::from(data)));
        }
        read.extend_from_slice(&data);
        if read.len() > BODY_BYTES_MAX {
            break;
        }
    }
    Ok(Request::from_parts(parts, Body::from(read)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f_31_few_are_put_off_in_their_time_and_many_one_after_the_other() {
        let now = Instant::now();
        let first = next_off(now, now);
        assert_eq!(first, now + WAIT);
        let second = next_off(first, now);
        assert_eq!(second - first, Duration::from_millis(4));
        let last = (0..10_000).fold(second, |last, _| next_off(last, now));
        assert_eq!(last, now + HELD_OFF, "nobody waits for longer");
        assert_eq!(next_off(last, now + HELD_OFF), now + HELD_OFF + WAIT);
    }

    #[test]
    fn f_31_each_address_has_its_room() {
        for (path, kind) in [
            ("/1001/par", Kind::Partners),
            ("/1001/token", Kind::Partners),
            ("/1001/introspect", Kind::Partners),
            ("/1001/jwks", Kind::Partners),
            ("/1001/api/v1/accounts", Kind::Partners),
            ("/.well-known/oauth-authorization-server/1001", Kind::Partners),
            ("/1001/authorize", Kind::Pages),
            ("/1001/link/x/login", Kind::Pages),
            ("/1001/my/login", Kind::Pages),
            ("/1001/my/certificate", Kind::Pages),
            ("/1001/", Kind::Pages),
            ("/", Kind::Pages),
            ("", Kind::Pages),
            ("/1001/revoke", Kind::Ends),
            ("/1001/grants/x", Kind::Ends),
            ("/1001/my", Kind::Ends),
            ("/1001/my/linkages/x/stop", Kind::Ends),
            ("/1001/my/logout", Kind::Ends),
        ] {
            assert_eq!(Kind::of(path), kind, "{path}");
        }
    }
}
