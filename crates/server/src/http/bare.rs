//! Pages without an institution around them: the list of institutions, and the ends of requests that name none.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri, header};
use axum::response::Response;
use renkei_screens::{EndedPage, Ending, Frame, Lang, WayOn};

use super::browser::{cookie, set};
use super::fence;
use super::request_id::RequestId;
use crate::app::App;

/// Longest word read for `lang`; more is not ours.
const LANG_CODE_MAX: usize = 8;

/// What is known of a request before its institution is.
#[derive(Debug, Clone)]
pub struct Bare {
    /// The language of the answer.
    pub lang: Lang,
    /// The path as it came, without its query.
    pub here: String,
    /// This request's identifier.
    pub request_id: String,
}

impl FromRequestParts<Arc<App>> for Bare {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Bare, Self::Rejection> {
        Ok(Bare::of(parts, app))
    }
}

impl Bare {
    /// Reads what every request tells.
    #[must_use]
    pub fn of(parts: &Parts, app: &App) -> Bare {
        // Asked for now, else kept from before, else Japanese.
        let kept = || cookie(&parts.headers, cookie_name(app.site.is_secure())).and_then(Lang::from_code);
        Bare {
            lang: asked(&parts.uri).or_else(kept).unwrap_or(Lang::Japanese),
            here: parts.uri.path().to_owned(),
            request_id: parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
        }
    }

    /// The frame of a page of the installation itself.
    #[must_use]
    pub fn frame(&self) -> Frame {
        let path = self.here.clone();
        Frame { lang: self.lang, path, institution: None, csrf: String::new(), flow: None, customer: None }
    }

    /// A page, fenced in.
    #[must_use]
    pub fn page(&self, status: StatusCode, html: String) -> Response {
        fence::page(status, html, "'self'")
    }

    /// The answer to an address that leads nowhere, and no institution is known of it.
    #[must_use]
    pub fn not_found(&self) -> Response {
        self.end(Ending::NotFound, StatusCode::NOT_FOUND, Some(WayOn::Institutions("/".to_owned())))
    }

    /// A page that ends something.
    #[must_use]
    pub fn end(&self, ending: Ending, status: StatusCode, way_on: Option<WayOn>) -> Response {
        let page = EndedPage { frame: self.frame(), ending, way_on, reference: self.request_id.clone() };
        self.page(status, page.render())
    }
}

/// Keeps a language that was just chosen, whatever page or redirect answers.
pub fn keep_language(app: &App, asked: Option<Lang>, response: &mut Response) {
    if let Some(lang) = asked.filter(|_| fence::becomes_document(response)) {
        let secure = app.site.is_secure();
        let (name, code) = (cookie_name(secure), lang.code());
        let secure = if secure { "; Secure" } else { "" };
        let value = format!("{name}={code}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax{secure}");
        set(response, header::SET_COOKIE, &value);
    }
}

/// The language a query asks for.
pub fn asked(uri: &Uri) -> Option<Lang> {
    let mut fields = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let (_, code) = fields.find(|(name, code)| name == "lang" && code.len() <= LANG_CODE_MAX)?;
    Lang::from_code(&code)
}

fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-lang" } else { "lang" }
}
