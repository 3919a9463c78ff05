//! What every page has in common: the visitor, the cookie, the form token, and the headers that fence a page in.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::hmac;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use renkei_domain::flow::Screen;
use renkei_domain::id::FlowId;
use renkei_domain::institution::InstitutionCode;
use renkei_domain::ticket::Ticket;
use renkei_domain::time::Timestamp;
use renkei_screens::{EndedPage, Ending, Frame, Lang, WayOn};
use renkei_store::institutions::Institution;
use renkei_store::sessions::{BrowserSession, Purpose};
use subtle::ConstantTimeEq;

use super::bare::Bare;
use super::limits::Prefix;
use super::{fence, tenant};
use crate::app::App;
use crate::error::Fault;
use crate::keys::sha256;

/// A session not used for this long is over, whatever else holds.
const SESSION_IDLE_SECONDS: i64 = 12 * 60 * 60;
/// A session of a customer who looks at its linkages ends after this much idle time.
pub const MY_IDLE_SECONDS: i64 = 10 * 60;
/// Such a session ends this long after its browser came, however busy it is: a stolen cookie is not kept alive for ever
/// (NIST SP 800-63B-4 §2.2.3). Flows have a limit of their own.
pub const MY_LONGEST_SECONDS: i64 = 12 * 60 * 60;
/// What a browser is to forget when something is over: what it keeps of our origin. Only that: `cookies` would take the
/// walks in other tabs and at other institutions with it, and there is no storage.
const FORGET: &str = "\"cache\"";

/// Who comes with a browser: to which institution, in which language, at what time.
pub struct Visit {
    /// The running program.
    pub app: Arc<App>,
    /// The institution of the path.
    pub institution: Arc<Institution>,
    /// The language of the page.
    pub lang: Lang,
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
    /// Whether it asks for something to be done, and not only to be shown.
    pub acts: bool,
    /// The present instant: one for the whole request.
    pub now: Timestamp,
}

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Visit, Response> {
        let bare = Bare::of(parts, app);
        let source = Prefix::of(parts.extensions.get());
        let missing = || bare.not_found();
        let Path(path) =
            Path::<HashMap<String, String>>::from_request_parts(parts, app).await.map_err(|_| missing())?;
        let code = path.get("institution").map(String::as_str).unwrap_or_default();
        match tenant::find(app, code).await {
            Ok(Some(institution)) => Ok(Visit {
                app: Arc::clone(app),
                institution,
                lang: bare.lang,
                request_id: bare.request_id.clone(),
                source,
                path,
                here: bare.here.clone(),
                headers: parts.headers.clone(),
                acts: !parts.method.is_safe(),
                now: app.now(),
            }),
            Ok(None) => Err(missing()),
            Err(fault) => {
                let status = log_fault(&fault, &bare.request_id);
                Err(bare.end(Ending::Failure, status, way_back(&path, &bare.here)))
            }
        }
    }
}

/// Where somebody goes on whose request failed: to the walk's screen, whichever it is now, or to the linkages.
fn way_back(path: &HashMap<String, String>, here: &str) -> Option<WayOn> {
    let institution = path.get("institution")?.parse::<InstitutionCode>().ok()?;
    if let Some(flow) = path.get("flow").and_then(|text| text.parse::<FlowId>().ok()) {
        return Some(WayOn::Back(format!("/{institution}/link/{flow}/{}", Screen::Login.path())));
    }
    let mine = format!("/{institution}/my");
    here.starts_with(&mine).then(|| WayOn::Linkages(format!("{mine}/linkages")))
}

/// Logs a failure once, here where it becomes an answer, and says with which status.
pub fn log_fault(fault: &Fault, request_id: &str) -> StatusCode {
    match fault {
        Fault::Unavailable(reason) => {
            tracing::error!(request_id, reason, "unavailable");
            StatusCode::SERVICE_UNAVAILABLE
        }
        Fault::Unknown(reason) => {
            tracing::error!(request_id, reason, "outcome unknown");
            StatusCode::SERVICE_UNAVAILABLE
        }
        Fault::Busy(reason) => {
            tracing::warn!(request_id, reason, "busy");
            StatusCode::SERVICE_UNAVAILABLE
        }
        Fault::Defect(reason) => {
            tracing::error!(request_id, reason, "defect");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

/// The value of a cookie, if it came once.
#[must_use]
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
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

    /// Something to be written of this institution, all at once.
    #[must_use]
    pub fn unit(&self) -> renkei_store::Unit {
        renkei_store::Unit::new(&self.institution.code)
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

    /// The browser session of the cookie, if it is one of ours, of this purpose, and neither idle nor old for too long.
    ///
    /// # Errors
    /// [`Fault`] when the store can't tell.
    pub async fn session(&self, purpose: Purpose) -> Result<Option<BrowserSession>, Fault> {
        let Some(text) = cookie(&self.headers, &self.cookie_name(purpose)) else { return Ok(None) };
        let Ok(ticket) = Ticket::parse(text) else { return Ok(None) };
        let Some(session) = self.read().find_session(&ticket, purpose).await? else { return Ok(None) };
        let genuine: bool = session.hash.ct_eq(&sha256(ticket.bytes())).into();
        let is_over = match purpose {
            Purpose::Link => session.used_at.plus_seconds(SESSION_IDLE_SECONDS) <= self.now,
            Purpose::My => {
                let (idle, longest) = (MY_IDLE_SECONDS, MY_LONGEST_SECONDS);
                session.used_at.plus_seconds(idle) <= self.now || session.created_at.plus_seconds(longest) <= self.now
            }
        };
        Ok((genuine && !is_over).then_some(session))
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
        self.cookie(purpose, &ticket.reveal(), "")
    }

    /// The header that takes a session's ticket out of the browser.
    #[must_use]
    pub fn no_cookie(&self, purpose: Purpose) -> (HeaderName, String) {
        self.cookie(purpose, "", "; Max-Age=0")
    }

    fn cookie(&self, purpose: Purpose, value: &str, age: &str) -> (HeaderName, String) {
        let secure = if self.app.site.is_secure() { "; Secure" } else { "" };
        let name = self.cookie_name(purpose);
        (header::SET_COOKIE, format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{age}{secure}"))
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
            None | Some(b"same-origin" | b"none") if ours => Ok(()),
            _ => Err(NotOurForm),
        }
    }

    /// The answer that ends a walk: what the browser keeps of the pages before it is not to be seen again. Chromium keeps
    /// pages whole for its Back button although they say `no-store`, the one that is just being left even after
    /// `Clear-Site-Data`; but it gives up each of them when a cookie was set since. So one is set, with nothing in it,
    /// and gone in a second.
    #[must_use]
    pub fn forgotten(&self, mut response: Response) -> Response {
        set(&mut response, HeaderName::from_static("clear-site-data"), FORGET);
        let (prefix, secure) = if self.app.site.is_secure() { ("__Host-", "; Secure") } else { ("", "") };
        let code = &self.institution.code;
        let value = format!("{prefix}renkei-over-{code}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=1{secure}");
        set(&mut response, header::SET_COOKIE, &value);
        response
    }

    /// A page, fenced in.
    #[must_use]
    pub fn page(&self, status: StatusCode, html: String) -> Response {
        fence::page(status, html, "'self'")
    }

    /// A page whose form leads, by redirect, to another origin that was checked: the last screen of a flow.
    #[must_use]
    pub fn page_leading_to(&self, html: String, origin: &str) -> Response {
        fence::page(StatusCode::OK, html, &format!("'self' {origin}"))
    }

    /// The answer to an address of the institution that leads nowhere.
    #[must_use]
    pub fn not_found(&self) -> Response {
        let home = Some(WayOn::Home(format!("{}/", self.root())));
        self.end(Ending::NotFound, StatusCode::NOT_FOUND, self.frame(), home)
    }

    /// A page that ends something.
    #[must_use]
    pub fn end(&self, ending: Ending, status: StatusCode, frame: Frame, way_on: Option<WayOn>) -> Response {
        let page = EndedPage { frame, ending, way_on, reference: self.request_id.clone() };
        self.page(status, page.render())
    }

    /// The page of a failure on our side, with the way back to where it happened; the reason goes to the log.
    #[must_use]
    pub fn failure(&self, fault: &Fault) -> Response {
        let status = log_fault(fault, &self.request_id);
        let way_on = way_back(&self.path, &self.here);
        let ending = match fault {
            Fault::Busy(_) => Ending::TooManyRequests,
            Fault::Unknown(_) => Ending::OutcomeUnknown,
            Fault::Unavailable(_) | Fault::Defect(_) => Ending::Failure,
        };
        let mut response = self.end(ending, status, self.frame(), way_on);
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
    response
}

/// Adds a header; one that can't be written is left out.
pub fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().append(name, value);
    }
}
