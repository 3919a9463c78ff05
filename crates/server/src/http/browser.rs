//! What every page has in common: the visitor, the cookie, the form token, and the headers that fence a page in.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::hmac;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use renkei_domain::ticket::Ticket;
use renkei_domain::time::Timestamp;
use renkei_screens::{EndedPage, Ending, Frame, Lang, WayOn};
use renkei_store::institutions::Institution;
use renkei_store::sessions::{BrowserSession, Purpose};
use subtle::ConstantTimeEq;

use super::limits::Prefix;
use super::request_id::RequestId;
use super::tenant;
use crate::app::App;
use crate::error::Fault;
use crate::keys::sha256;

/// A session not used for this long is over, whatever else holds.
const SESSION_IDLE_SECONDS: i64 = 12 * 60 * 60;
/// A session of a customer who looks at its linkages ends after this much idle time.
pub const MY_IDLE_SECONDS: i64 = 10 * 60;
/// Longest query string read for `lang`; more is not ours.
const LANG_CODE_MAX: usize = 8;

/// Who comes with a browser: to which institution, in which language, at what time.
pub struct Visit {
    /// The running program.
    pub app: Arc<App>,
    /// The institution of the path.
    pub institution: Institution,
    /// The language of the page.
    pub lang: Lang,
    /// Whether the language was just chosen and has to be kept.
    chosen: bool,
    /// This request's identifier.
    pub request_id: String,
    /// Where it comes from.
    pub source: Prefix,
    /// The parts of the path, by name.
    pub path: HashMap<String, String>,
    /// The path as it came, without its query.
    pub here: String,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The present instant: one for the whole request.
    pub now: Timestamp,
}

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Visit, Response> {
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        let source = Prefix::of(parts.extensions.get());
        let (lang, chosen) = language(&parts.uri, &parts.headers);
        let here = parts.uri.path().to_owned();
        let missing = |ending, status| bare_end(ending, status, lang, &here, &request_id);
        let Path(path) = Path::<HashMap<String, String>>::from_request_parts(parts, app)
            .await
            .map_err(|_| missing(Ending::NotFound, StatusCode::NOT_FOUND))?;
        let code = path.get("institution").map(String::as_str).unwrap_or_default();
        match tenant::find(app, code).await {
            Ok(Some(institution)) => Ok(Visit {
                app: Arc::clone(app),
                institution,
                lang,
                chosen,
                request_id,
                source,
                path,
                here,
                headers: parts.headers.clone(),
                now: app.now(),
            }),
            Ok(None) => Err(missing(Ending::NotFound, StatusCode::NOT_FOUND)),
            Err(fault) => {
                let status = log_fault(&fault, &request_id);
                Err(missing(Ending::Failure, status))
            }
        }
    }
}

/// The language asked for now, else the one kept, else Japanese.
#[must_use]
pub fn language(uri: &Uri, headers: &HeaderMap) -> (Lang, bool) {
    let query = Query::<HashMap<String, String>>::try_from_uri(uri).map(|Query(query)| query);
    let asked = query.ok().and_then(|query| query.get("lang").filter(|code| code.len() <= LANG_CODE_MAX).cloned());
    if let Some(lang) = asked.as_deref().and_then(Lang::from_code) {
        return (lang, true);
    }
    let kept = cookie(headers, "lang").and_then(Lang::from_code);
    (kept.unwrap_or(Lang::Japanese), false)
}

/// Logs a failure once, here where it becomes an answer, and says with which status.
pub fn log_fault(fault: &Fault, request_id: &str) -> StatusCode {
    match fault {
        Fault::Unavailable(reason) => {
            tracing::warn!(request_id, reason, "unavailable");
            StatusCode::SERVICE_UNAVAILABLE
        }
        Fault::Defect(reason) => {
            tracing::error!(request_id, reason, "defect");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

/// The value of a cookie, if it came once.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut values = pairs
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value);
    // Twice means that somebody planted one from a neighbouring host: neither is believed.
    let value = values.next()?;
    if values.next().is_some() { None } else { Some(value) }
}

/// Why a form is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotOurForm;

impl Visit {
    /// The institution's code.
    #[must_use]
    pub fn code(&self) -> &renkei_domain::institution::InstitutionCode {
        &self.institution.code
    }

    /// Reads of this institution.
    #[must_use]
    pub fn read(&self) -> renkei_store::Session {
        self.app.store.read(&self.institution.code)
    }

    /// A write transaction of this institution.
    ///
    /// # Errors
    /// [`Fault`] when the store is away.
    pub async fn begin(&self) -> Result<renkei_store::Tx, Fault> {
        Ok(self.app.store.begin(&self.institution.code).await?)
    }

    /// `/2990`.
    #[must_use]
    pub fn root(&self) -> String {
        format!("/{}", self.institution.code)
    }

    /// Picks the text of the page's language.
    #[must_use]
    pub fn pick<'a>(&self, japanese: &'a str, english: &'a str) -> &'a str {
        match self.lang {
            Lang::Japanese => japanese,
            Lang::English => english,
        }
    }

    /// The frame of a page without a flow and without a customer.
    #[must_use]
    pub fn frame(&self) -> Frame {
        Frame {
            lang: self.lang,
            path: self.here.clone(),
            institution: Some(self.letterhead()),
            csrf: String::new(),
            flow: None,
            customer: None,
        }
    }

    fn letterhead(&self) -> renkei_screens::Institution {
        let institution = &self.institution;
        renkei_screens::Institution {
            code: institution.code.to_string(),
            name: self.pick(&institution.name, &institution.name_en).to_owned(),
            kind: institution.kind,
            accent: institution.accent.parse().unwrap_or_else(|_| renkei_screens::Accent::neutral()),
            telephone: institution.telephone.clone(),
            hours: self.pick(&institution.hours, &institution.hours_en).to_owned(),
            terms_path: format!("{}/terms/{}", self.root(), institution.terms_version),
            privacy_path: format!("{}/privacy", self.root()),
        }
    }

    /// The browser session of the cookie, if it is one of ours, of this purpose, and not idle for too long.
    ///
    /// # Errors
    /// [`Fault`] when the store can't tell.
    pub async fn session(&self, purpose: Purpose) -> Result<Option<BrowserSession>, Fault> {
        let Some(text) = cookie(&self.headers, &self.cookie_name(purpose)) else { return Ok(None) };
        let Ok(ticket) = Ticket::parse(text) else { return Ok(None) };
        let Some(session) = self.read().find_session(&ticket, purpose).await? else { return Ok(None) };
        let genuine: bool = session.hash.ct_eq(&sha256(ticket.bytes())).into();
        let idle = match purpose {
            Purpose::Link => SESSION_IDLE_SECONDS,
            Purpose::My => MY_IDLE_SECONDS,
        };
        Ok((genuine && session.used_at.plus_seconds(idle) > self.now).then_some(session))
    }

    /// The cookie's name. `__Host-` makes the browser refuse one that a neighbouring host planted; it needs TLS, which
    /// only a demo on loopback does without. Such a cookie is for the whole host, so the institution stands in its name:
    /// a walk at one institution must not end the one at another.
    fn cookie_name(&self, purpose: Purpose) -> String {
        let prefix = if self.app.site.is_secure() { "__Host-" } else { "" };
        let name = match purpose {
            Purpose::Link => "renkei",
            Purpose::My => "renkei-my",
        };
        format!("{prefix}{name}-{}", self.institution.code)
    }

    /// The header that gives the browser a session's ticket.
    #[must_use]
    pub fn session_cookie(&self, purpose: Purpose, ticket: &Ticket) -> (HeaderName, String) {
        let secure = if self.app.site.is_secure() { "; Secure" } else { "" };
        let value =
            format!("{}={}; Path=/; HttpOnly; SameSite=Lax{secure}", self.cookie_name(purpose), ticket.reveal());
        (header::SET_COOKIE, value)
    }

    /// The token of a form: bound to the session, to what the form is for, and to the state it was shown with.
    #[must_use]
    pub fn form_token(&self, session: &BrowserSession, about: &str, version: i64) -> String {
        let tag = hmac::sign(self.app.keys.forms(), form_text(session, about, version).as_bytes());
        tag.as_ref().iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"))
    }

    /// Checks that a form was sent from a page of ours, shown to this session: the browser's own word about where it
    /// comes from, and the form's token.
    ///
    /// # Errors
    /// [`NotOurForm`].
    pub fn check_form(
        &self,
        session: &BrowserSession,
        about: &str,
        version: i64,
        token: &str,
    ) -> Result<(), NotOurForm> {
        self.check_origin()?;
        let expected = self.form_token(session, about, version);
        if expected.as_bytes().ct_eq(token.as_bytes()).into() { Ok(()) } else { Err(NotOurForm) }
    }

    /// `Origin` and `Sec-Fetch-Site`, where the browser sends them, must name ourselves. From a page that gives away no
    /// referrer browsers send `Origin: null` (Fetch §3.2), and so they do from ours: then `Sec-Fetch-Site`, which no
    /// page can set, has to say that it was.
    fn check_origin(&self) -> Result<(), NotOurForm> {
        let site = &self.app.site;
        let from = self.headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let ours = match self.headers.get(header::ORIGIN).map(HeaderValue::as_bytes) {
            None => true,
            Some(b"null") => from == Some(b"same-origin"),
            Some(origin) => {
                let certificate_origin = site.certificate_origin.as_ref().map(String::as_bytes);
                origin == site.origin.as_bytes() || Some(origin) == certificate_origin
            }
        };
        match from {
            None | Some(b"same-origin" | b"same-site" | b"none") if ours => Ok(()),
            _ => Err(NotOurForm),
        }
    }

    /// A page, fenced in.
    #[must_use]
    pub fn page(&self, status: StatusCode, html: String) -> Response {
        self.keep_language(fenced(status, html, "'self'"))
    }

    /// A page whose form leads, by redirect, to another origin that was checked: the last screen of a flow.
    #[must_use]
    pub fn page_leading_to(&self, html: String, origin: &str) -> Response {
        self.keep_language(fenced(StatusCode::OK, html, &format!("'self' {origin}")))
    }

    fn keep_language(&self, mut response: Response) -> Response {
        if self.chosen {
            let secure = if self.app.site.is_secure() { "; Secure" } else { "" };
            let value = format!("lang={}; Path=/; Max-Age=31536000; SameSite=Lax{secure}", self.lang.code());
            set(&mut response, header::SET_COOKIE, &value);
        }
        response
    }

    /// A page that ends something.
    #[must_use]
    pub fn end(&self, ending: Ending, status: StatusCode, frame: Frame, way_on: Option<WayOn>) -> Response {
        let page = EndedPage { frame, ending, way_on, reference: self.request_id.clone() };
        self.page(status, page.render())
    }

    /// The page of a failure on our side; the reason goes to the log.
    #[must_use]
    pub fn failure(&self, fault: &Fault) -> Response {
        let status = log_fault(fault, &self.request_id);
        let mut response = self.end(Ending::Failure, status, self.frame(), None);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            set(&mut response, header::RETRY_AFTER, "10");
        }
        response
    }
}

fn form_text(session: &BrowserSession, about: &str, version: i64) -> String {
    format!("{}\n{about}\n{version}", session.id)
}

/// The answer that sends the browser on after a form (RFC 9110 §15.4.4): a GET, whatever came before.
#[must_use]
pub fn see_other(location: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    set(&mut response, header::LOCATION, location);
    set(&mut response, header::CACHE_CONTROL, "no-store");
    set(&mut response, header::REFERRER_POLICY, "no-referrer");
    response
}

/// Adds a header; one that can't be written is left out.
pub fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().append(name, value);
    }
}

/// Every page: nothing from elsewhere, no script, no frame around it, nothing kept.
#[must_use]
pub fn fenced(status: StatusCode, html: String, form_action: &str) -> Response {
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; object-src 'none'; \
         frame-ancestors 'none'; form-action {form_action}"
    );
    let mut response = (status, html).into_response();
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()"),
    ];
    response.headers_mut().remove(header::CONTENT_TYPE);
    for (name, value) in headers {
        set(&mut response, name, value);
    }
    response
}

/// An end without an institution around it.
#[must_use]
pub fn bare_end(ending: Ending, status: StatusCode, lang: Lang, path: &str, reference: &str) -> Response {
    let frame =
        Frame { lang, path: path.to_owned(), institution: None, csrf: String::new(), flow: None, customer: None };
    let page = EndedPage { frame, ending, way_on: None, reference: reference.to_owned() };
    fenced(status, page.render(), "'self'")
}
