//! Nonces for DPoP proofs, where an institution demands them (RFC 9449 §8, §9).
//!
//! A nonce is an HMAC over institution, audience and a span of time, so nothing is stored and every node knows it. It is
//! asked for before any signature is looked at: a client that has to try again has used up neither its assertion nor its
//! proof. The proof that names it is verified behind this, as every other.

use std::cell::Cell;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use renkei_oauth::dpop;
use renkei_oauth::error::{ErrorCode, OAuthError};
use subtle::ConstantTimeEq as _;

use crate::app::App;

/// How long a nonce is handed out, in seconds. It is taken as long again, so it lives two and a half to five minutes.
pub const SPAN_SECONDS: i64 = 150;

const HEADER: HeaderName = HeaderName::from_static("dpop-nonce");
tokio::task_local! {
    /// Whether the institution of this request demands nonces.
    static DEMANDED: Cell<bool>;
}

/// Whose nonces they are; those of one are nothing to the other (RFC 9449 §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// PAR and token endpoint.
    AuthorizationServer,
    /// Grant management: the same server, called as a resource is.
    GrantManagement,
    /// The account API.
    AccountApi,
}

impl Audience {
    const fn word(self) -> &'static str {
        match self {
            Audience::AuthorizationServer | Audience::GrantManagement => "authorization server",
            Audience::AccountApi => "account api",
        }
    }
}

/// The nonce that is handed out now.
#[must_use]
pub fn current(app: &App, institution: &InstitutionCode, audience: Audience, now: Timestamp) -> String {
    of_span(app, institution, audience, now.seconds().div_euclid(SPAN_SECONDS))
}

/// Whether a nonce is the present one or the one before.
fn is_good(app: &App, institution: &InstitutionCode, audience: Audience, now: Timestamp, nonce: &str) -> bool {
    let span = now.seconds().div_euclid(SPAN_SECONDS);
    let good = |span| of_span(app, institution, audience, span).as_bytes().ct_eq(nonce.as_bytes());
    (good(span) | good(span.saturating_sub(1))).into()
}

fn of_span(app: &App, institution: &InstitutionCode, audience: Audience, span: i64) -> String {
    let secret = app.keys.nonce_secret(&format!("{institution}/{}/{span}", audience.word()));
    Base64UrlUnpadded::encode_string(&secret)
}

/// In front of PAR and token endpoint.
pub async fn at_authorization_server(state: State<Arc<App>>, request: Request, next: Next) -> Response {
    at(Audience::AuthorizationServer, state, request, next).await
}

/// In front of grant management, with the nonces of PAR and token endpoint.
pub async fn at_grant_management(state: State<Arc<App>>, request: Request, next: Next) -> Response {
    at(Audience::GrantManagement, state, request, next).await
}

/// In front of the account API.
pub async fn at_account_api(state: State<Arc<App>>, request: Request, next: Next) -> Response {
    at(Audience::AccountApi, state, request, next).await
}

/// Only a request with a proof is looked at. One that lacks a proof it needs is refused behind this.
async fn at(audience: Audience, State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let code = request.uri().path().split('/').nth(1).and_then(|segment| segment.parse::<InstitutionCode>().ok());
    let Some(institution) = code.filter(|_| request.headers().contains_key("dpop")) else {
        return next.run(request).await;
    };
    let answered = async {
        let response = next.run(request).await;
        (response, DEMANDED.with(Cell::get))
    };
    let (response, demanded) = DEMANDED.scope(Cell::new(false), answered).await;
    if demanded { with_nonce(response, &current(&app, &institution, audience, app.now())) } else { response }
}

/// Whether the proof of a request names a good nonce, where its institution demands one; told as soon as it is known whose
/// request it claims to be.
///
/// # Errors
/// `use_dpop_nonce`. The nonce to use comes with the answer, whatever that is.
pub fn check(
    app: &App,
    institution: &InstitutionCode,
    audience: Audience,
    demanded: bool,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<(), OAuthError> {
    const MISSING: OAuthError =
        OAuthError::new(ErrorCode::UseDpopNonce, "the proof must name the nonce of the DPoP-Nonce header");
    let Some(proof) = headers.get("dpop").filter(|_| demanded) else { return Ok(()) };
    // Outside of these endpoints nobody hands out nonces.
    let _ = DEMANDED.try_with(|demanded| demanded.set(true));
    match proof.to_str().ok().and_then(|proof| dpop::unverified_nonce(proof).ok()) {
        // No JWT at all: what is wrong with it is told behind this, and it is refused there.
        None => Ok(()),
        Some(Some(nonce)) if is_good(app, institution, audience, now, &nonce) => Ok(()),
        Some(_) => Err(MISSING),
    }
}

/// The answer with the nonce for the next proof. Nobody may keep it, or an old nonce would come back with it
/// (RFC 9449 §8.2).
fn with_nonce(mut response: Response, nonce: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(nonce) {
        response.headers_mut().insert(HEADER, value);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
