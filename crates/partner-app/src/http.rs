//! Routes, headers, and the check that a form is the site's own.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, FromRequest, Path, Query, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION, ORIGIN, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};

use crate::config::{PartnerAppConfig, StartError};
use crate::flow;
use crate::language::Language;
use crate::pages::{self, Frame};
use crate::shop::Shop;
use crate::visitor::Visitor;
use crate::words;

/// How long a browser may keep the stylesheet, whose address changes with its content.
const STYLE_CACHE: &str = "public, max-age=31536000, immutable";
/// How long a browser remembers the language, in seconds.
const LANGUAGE_SECONDS: u32 = 31_536_000;

/// The site as a router.
///
/// # Errors
/// [`StartError`] when there is a state file that can't be read or understood.
pub fn router(config: PartnerAppConfig) -> Result<Router, StartError> {
    let shop = Arc::new(Shop::open(config)?);
    Ok(Router::new()
        .route("/", get(home))
        .route("/link", get(choose).post(flow::start))
        .route("/callback", get(flow::callback))
        .route("/linkages/{number}", get(linkage))
        .route("/linkages/{number}/sync", post(flow::sync_linkage))
        .route("/linkages/{number}/renew", post(flow::renew))
        .route("/linkages/{number}/unlink", get(confirm_unlink).post(flow::unlink))
        .route("/accounts/{number}", get(account))
        .route("/accounts/{number}/sync", post(flow::sync_account))
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(Arc::clone(&shop), receive))
        .route(pages::style_path(), get(style))
        .route("/icon.svg", get(icon))
        .with_state(shop))
}

/// Serves the site until the listener fails.
///
/// # Errors
/// [`StartError`] as [`router`], or what the listener says.
pub async fn serve(listener: tokio::net::TcpListener, config: PartnerAppConfig) -> Result<(), StartError> {
    let router = router(config)?;
    Ok(axum::serve(listener, router).await?)
}

/// Meets the visitor, lets the handler answer, and adds what every page carries.
async fn receive(State(shop): State<Arc<Shop>>, mut request: Request, next: Next) -> Response {
    let secure = shop.is_secure();
    let random = shop.config.outside.random.as_ref();
    let Ok((mut visitor, is_new)) = Visitor::meet(request.headers(), secure, random) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let chosen = chosen_language(request.uri());
    visitor.language = chosen.unwrap_or(visitor.language);
    request.extensions_mut().insert(visitor.clone());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if let Ok(policy) = HeaderValue::from_str(&content_policy(&shop)) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    let session = is_new.then(|| visitor.set_cookie(secure));
    let language =
        chosen.map(|language| format!("lang={}; Path=/; Max-Age={LANGUAGE_SECONDS}; SameSite=Lax", language.tag()));
    for cookie in session.into_iter().chain(language) {
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(SET_COOKIE, cookie);
        }
    }
    response
}

fn chosen_language(uri: &Uri) -> Option<Language> {
    let query = uri.query()?;
    query.split('&').find_map(|pair| Language::from_tag(pair.strip_prefix("lang=")?))
}

/// Browsers hold a form's whole chain of redirects against `form-action`, and the chain ends at the
/// institution; so its origin is named beside the site's own.
fn content_policy(shop: &Shop) -> String {
    let mut origins: Vec<String> = Vec::new();
    for institution in &shop.config.institutions {
        let origin: String = institution.issuer.split('/').take(3).collect::<Vec<_>>().join("/");
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {}; base-uri 'none'; \
         frame-ancestors 'none'",
        origins.join(" ")
    )
}

/// A form of the site itself: same origin where the browser says so, and the visitor's own token.
pub(crate) struct Posted(HashMap<String, String>);

impl Posted {
    pub(crate) fn field(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }
}

impl FromRequest<Arc<Shop>> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, shop: &Arc<Shop>) -> Result<Self, Response> {
        let visitor = request.extensions().get::<Visitor>().cloned();
        let visitor = visitor.ok_or_else(|| StatusCode::INTERNAL_SERVER_ERROR.into_response())?;
        let origin = request.headers().get(ORIGIN).cloned();
        let own = shop.config.base_url.trim_end_matches('/');
        let refused = || {
            let advice = words::of_stale_form(visitor.language);
            pages::message(StatusCode::FORBIDDEN, Frame::new(&visitor, "/"), advice)
        };
        let axum::Form(fields) =
            axum::Form::<HashMap<String, String>>::from_request(request, shop).await.map_err(|_| refused())?;
        let posted = Self(fields);
        if origin.is_some_and(|origin| origin.as_bytes() != own.as_bytes()) || !visitor.sent(posted.field("csrf")) {
            return Err(refused());
        }
        Ok(posted)
    }
}

/// Sends the browser on with a GET.
pub(crate) fn see_other(to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(to) => (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

pub(crate) type Asking = Extension<Visitor>;
type Asked = Query<HashMap<String, String>>;

/// A number in the query; anything else counts as none.
fn number(query: &HashMap<String, String>, name: &str) -> Option<u32> {
    query.get(name)?.parse().ok()
}

async fn home(State(shop): State<Arc<Shop>>, Extension(visitor): Asking, Query(query): Asked) -> Response {
    pages::home(&shop, Frame::new(&visitor, "/"), number(&query, "synced"))
}

async fn choose(State(shop): State<Arc<Shop>>, Extension(visitor): Asking) -> Response {
    pages::choose(&shop, Frame::new(&visitor, "/link"))
}

async fn linkage(
    State(shop): State<Arc<Shop>>,
    Extension(visitor): Asking,
    Path(id): Path<String>,
    Query(query): Asked,
) -> Response {
    let frame = Frame::new(&visitor, &format!("/linkages/{id}"));
    let news = query.get("news").map(String::as_str);
    pages::linkage(&shop, &frame, &id, news).unwrap_or_else(|| unknown(frame))
}

async fn confirm_unlink(State(shop): State<Arc<Shop>>, Extension(visitor): Asking, Path(id): Path<String>) -> Response {
    let frame = Frame::new(&visitor, &format!("/linkages/{id}/unlink"));
    pages::confirm_unlink(&shop, &frame, &id).unwrap_or_else(|| unknown(frame))
}

async fn account(
    State(shop): State<Arc<Shop>>,
    Extension(visitor): Asking,
    Path(id): Path<String>,
    Query(query): Asked,
) -> Response {
    let frame = Frame::new(&visitor, &format!("/accounts/{id}"));
    let page = number(&query, "page").unwrap_or(1);
    pages::account(&shop, &frame, &id, page, query.contains_key("synced")).unwrap_or_else(|| unknown(frame))
}

async fn not_found(Extension(visitor): Asking) -> Response {
    unknown(Frame::new(&visitor, "/"))
}

/// The page for what isn't there.
pub(crate) fn unknown(frame: Frame) -> Response {
    let advice = words::of_unknown_linkage(frame.t);
    pages::message(StatusCode::NOT_FOUND, frame, advice)
}

async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, STYLE_CACHE)], pages::STYLE).into_response()
}

async fn icon() -> Response {
    ([(CONTENT_TYPE, "image/svg+xml"), (CACHE_CONTROL, "public, max-age=86400")], pages::ICON).into_response()
}

/// A rendered page; a template that fails is a fault of the site.
pub(crate) fn page(status: StatusCode, rendered: Result<String, askama::Error>) -> Response {
    match rendered {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page can't be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
