//! The fence around every answer: what a browser may do with it, and where it tells what it stopped.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::browser::set;

/// Where browsers report what a policy stopped, on every listener that shows pages.
pub const REPORTS: &str = "/csp-report";

/// The policy of whatever is no page of ours: JSON, stylesheets, redirects. Opened as a document it can do nothing.
const NOTHING: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; report-uri /csp-report",
);

/// On every answer there is.
const ALWAYS: [(HeaderName, HeaderValue); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// On what becomes a document, or leads to one.
const DOCUMENTS: [(HeaderName, HeaderValue); 2] = [
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("permissions-policy"), HeaderValue::from_static(FEATURES_OFF)),
];

/// Every feature that browsers know by name. There is no word for all of them, and our pages need none.
const FEATURES_OFF: &str = "accelerometer=(), aria-notify=(), autoplay=(), browsing-topics=(), camera=(), \
    captured-surface-control=(), clipboard-read=(), clipboard-write=(), compute-pressure=(), \
    cross-origin-isolated=(), deferred-fetch=(), deferred-fetch-minimal=(), digital-credentials-create=(), \
    digital-credentials-get=(), display-capture=(), encrypted-media=(), fullscreen=(), gamepad=(), geolocation=(), \
    gyroscope=(), hid=(), identity-credentials-get=(), idle-detection=(), interest-cohort=(), keyboard-map=(), \
    language-detector=(), language-model=(), local-fonts=(), local-network=(), local-network-access=(), \
    loopback-network=(), magnetometer=(), media-playback-while-not-visible=(), microphone=(), midi=(), \
    on-device-speech-recognition=(), otp-credentials=(), payment=(), picture-in-picture=(), \
    private-state-token-issuance=(), private-state-token-redemption=(), publickey-credentials-create=(), \
    publickey-credentials-get=(), screen-wake-lock=(), serial=(), speaker-selection=(), storage-access=(), \
    summarizer=(), sync-xhr=(), translator=(), unload=(), usb=(), window-management=(), xr-spatial-tracking=()";

/// A page: nothing from elsewhere, no script, no frame around it, nothing kept. Its forms lead to `form_action`.
///
/// Reports go by `report-uri` alone: beside a `report-to` Chromium ignores it, and by `report-to` it tells neither of a
/// frame that was refused nor of anything on plain HTTP.
#[must_use]
pub fn page(status: StatusCode, html: String, form_action: &str) -> Response {
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; object-src 'none'; \
         frame-ancestors 'none'; report-uri {REPORTS}; form-action {form_action}"
    );
    let mut response = (status, html).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    set(&mut response, header::CONTENT_TYPE, "text/html; charset=utf-8");
    set(&mut response, header::CONTENT_SECURITY_POLICY, &policy);
    set(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

/// Puts the fence around an answer, also one that no handler of ours made.
pub fn put_around(response: &mut Response) {
    let is_document = becomes_document(response);
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, value);
    }
    if is_document {
        for (name, value) in DOCUMENTS {
            headers.insert(name, value);
        }
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NOTHING);
}

/// Whether a browser shows the answer, or goes on to what it shows.
pub fn becomes_document(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    response.status().is_redirection() || kind.is_some_and(|kind| kind.starts_with(b"text/html"))
}
