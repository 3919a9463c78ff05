//! Known devices: a cookie that a right login leaves in the browser, so that a stranger's wrong guesses at the same login
//! id keep nobody waiting who has logged in from there before.
//!
//! It lets nobody in. A login from a known device has a guard of its own instead of the one all strangers share, and is
//! counted and delayed by it like any other. The cookie holds an identifier of the browser and, for each of the last few
//! users, an HMAC over that identifier and the user; nothing can be read from it, and nothing is stored.

use aws_lc_rs::hmac;
use axum::http::{HeaderName, header};
use base64ct::{Base64UrlUnpadded, Encoding};
use renkei_domain::id::UserId;
use renkei_domain::time::Timestamp;
use subtle::ConstantTimeEq;

use super::browser::{Visit, cookie};

/// Bytes of the browser's identifier.
const ID_BYTES: usize = 16;
/// Bytes kept of each HMAC.
const MARK_BYTES: usize = 16;
/// Users one browser is known for, the latest first: the people who share a machine.
const USERS_MAX: usize = 4;
/// A mark names the span it was made in …
const SPAN_SECONDS: i64 = 90 * 86_400;
/// … and holds in so many spans: 9 to 12 months after the last login.
const SPANS: i64 = 4;
/// How long a browser keeps the cookie.
const KEPT_SECONDS: i64 = SPAN_SECONDS * SPANS;

/// What a browser sent.
struct Device {
    id: [u8; ID_BYTES],
    marks: Vec<[u8; MARK_BYTES]>,
}

impl Device {
    fn read(text: &str) -> Option<Device> {
        let mut bytes = [0; ID_BYTES + MARK_BYTES * USERS_MAX];
        let bytes = Base64UrlUnpadded::decode(text, &mut bytes).ok()?;
        let (id, rest) = bytes.split_first_chunk::<ID_BYTES>()?;
        let (marks, []) = rest.as_chunks::<MARK_BYTES>() else { return None };
        Some(Device { id: *id, marks: marks.to_vec() })
    }

    fn text(&self) -> String {
        Base64UrlUnpadded::encode_string(&[&self.id[..], self.marks.as_flattened()].concat())
    }

    fn name(&self) -> String {
        self.id.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The name of the browser, if this user has logged in from it. `None` for whoever does not exist, after the same work.
#[must_use]
pub fn known(visit: &Visit, user: Option<UserId>) -> Option<String> {
    let device = sent(visit)?;
    let user = user.unwrap_or(UserId(uuid::Uuid::nil()));
    is_known(visit, &device, user).then(|| device.name())
}

fn sent(visit: &Visit) -> Option<Device> {
    Device::read(cookie(&visit.headers, &cookie_name(visit))?)
}

fn is_known(visit: &Visit, device: &Device, user: UserId) -> bool {
    let valid: Vec<_> = (0..SPANS).map(|back| mark(visit, device, user, span(visit.now) - back)).collect();
    device.marks.iter().any(|sent| valid.iter().any(|valid| sent.ct_eq(valid).into()))
}

/// The cookie that makes this browser known for a user who has just logged in by password.
#[must_use]
pub fn remember(visit: &Visit, user: UserId) -> (HeaderName, String) {
    let mut device = sent(visit).unwrap_or_else(|| Device { id: visit.app.random.bytes(), marks: Vec::new() });
    let spans = (0..SPANS).map(|back| mark(visit, &device, user, span(visit.now) - back));
    let own: Vec<_> = spans.collect();
    device.marks.retain(|mark| !own.contains(mark));
    device.marks.splice(0..0, own.into_iter().take(1));
    device.marks.truncate(USERS_MAX);
    let secure = if visit.app.site.is_secure() { "; Secure" } else { "" };
    let name = cookie_name(visit);
    let value = device.text();
    let cookie = format!("{name}={value}; Path=/; Max-Age={KEPT_SECONDS}; HttpOnly; SameSite=Lax{secure}");
    (header::SET_COOKIE, cookie)
}

fn cookie_name(visit: &Visit) -> String {
    let prefix = if visit.app.site.is_secure() { "__Host-" } else { "" };
    format!("{prefix}renkei-device-{}", visit.code())
}

fn span(now: Timestamp) -> i64 {
    now.seconds().div_euclid(SPAN_SECONDS)
}

fn mark(visit: &Visit, device: &Device, user: UserId, span: i64) -> [u8; MARK_BYTES] {
    let text = format!("{}\n{user}\n{}\n{span}", visit.code(), device.name());
    let tag = hmac::sign(visit.app.keys.devices(), text.as_bytes());
    let mut mark = [0; MARK_BYTES];
    mark.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
    mark
}
