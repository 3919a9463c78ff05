//! What anybody may see: what an institution publishes, stylesheets, and the answer to addresses that lead nowhere.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::partner::PartnerState;
use renkei_screens::{
    Accent, Clause, Ending, InstitutionLine, InstitutionsPage, Lang, PublicPage, PublicPartner, STYLE, TermsKind,
    TermsLink, TermsPage,
};
use renkei_store::partners::Product;

use super::bare::Bare;
use super::browser::{Visit, log_fault, see_other, set};
use crate::app::App;
use crate::error::Fault;

/// `GET /`: the institutions of this installation.
pub async fn institutions(State(app): State<Arc<App>>, bare: Bare) -> Response {
    let listed = app.store.read_all().list_institutions().await;
    let institutions = match listed {
        Ok(institutions) => institutions,
        Err(error) => {
            let status = log_fault(&Fault::from(error), &bare.request_id);
            return bare.end(Ending::Failure, status, None);
        }
    };
    let lines = institutions.into_iter().map(|institution| InstitutionLine {
        path: format!("/{}/", institution.code),
        code: institution.code.to_string(),
        name: if bare.lang == Lang::English { institution.name_en } else { institution.name },
    });
    let page = InstitutionsPage { frame: bare.frame(), institutions: lines.collect() };
    bare.page(StatusCode::OK, page.render())
}

/// `GET /{institution}/`: what the institution has to publish, from its registry.
pub async fn institution(visit: Visit) -> Response {
    match publication(&visit).await {
        Ok(page) => visit.page(StatusCode::OK, page.render()),
        Err(fault) => visit.failure(&fault),
    }
}

async fn publication(visit: &Visit) -> Result<PublicPage, Fault> {
    let mut read = visit.read();
    let products = read.list_products().await?;
    let terms = read.list_terms().await?.into_iter().map(|(version, added_at)| TermsLink {
        path: format!("{}/terms/{version}", visit.root()),
        version,
        from: added_at.day(),
    });
    Ok(PublicPage {
        frame: visit.frame(),
        as_of: visit.institution.partners_as_of,
        partners: partners(visit, &products),
        terms: terms.collect(),
        my_login_path: format!("{}/my/login", visit.root()),
    })
}

/// The partner table: one line for each company with its products, in the registry's order; ended ones are gone.
fn partners(visit: &Visit, products: &[Product]) -> Vec<PublicPartner> {
    let stands =
        |product: &&Product| product.state != PartnerState::Ended && product.partner.state != PartnerState::Ended;
    let mut lines: Vec<(String, PublicPartner)> = Vec::new();
    for product in products.iter().filter(stands) {
        let name = visit.pick(&product.name, &product.name_en).to_owned();
        match lines.iter_mut().find(|(key, _)| *key == product.partner.key) {
            Some((_, line)) => line.products.push(name),
            None => {
                let line = PublicPartner {
                    company: visit.pick(&product.partner.name, &product.partner.name_en).to_owned(),
                    products: vec![name],
                    domain: product.partner.domain.clone(),
                    registration: product.partner.registration.clone().unwrap_or_default(),
                };
                lines.push((product.partner.key.clone(), line));
            }
        }
    }
    lines.into_iter().map(|(_, line)| line).collect()
}

/// `GET /{institution}/terms/{version}`: API利用規定, any version there ever was.
pub async fn terms(visit: Visit) -> Response {
    let version = visit.path.get("version").cloned().unwrap_or_default();
    let found = visit.read().find_terms(&version).await;
    match found {
        Ok(Some(terms)) => {
            let page = TermsPage {
                frame: visit.frame(),
                kind: TermsKind::Terms,
                version: terms.version,
                from: None,
                clauses: clauses(&terms.text),
            };
            visit.page(StatusCode::OK, page.render())
        }
        Ok(None) => visit.not_found(),
        Err(error) => visit.failure(&error.into()),
    }
}

/// `GET /{institution}/privacy`: where the institution's privacy policy stands. Shown as text: pages lead nowhere else.
pub async fn privacy(visit: Visit) -> Response {
    let Some(address) = visit.institution.privacy_url.clone() else {
        return visit.not_found();
    };
    let page = TermsPage {
        frame: visit.frame(),
        kind: TermsKind::Privacy,
        version: String::new(),
        from: None,
        clauses: vec![Clause { heading: String::new(), paragraphs: vec![address] }],
    };
    visit.page(StatusCode::OK, page.render())
}

/// Plain text as articles: blank lines part paragraphs, and a paragraph of one line that counts an article (第…条)
/// heads those after it.
fn clauses(text: &str) -> Vec<Clause> {
    let mut clauses: Vec<Clause> = Vec::new();
    let text = text.replace("\r\n", "\n");
    for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let (first, rest) = block.split_once('\n').unwrap_or((block, ""));
        let is_heading = first.starts_with('第') && first.contains('条') && first.chars().count() <= 40;
        let paragraph = if is_heading { rest.trim() } else { block };
        if is_heading || clauses.is_empty() {
            let heading = if is_heading { first.to_owned() } else { String::new() };
            clauses.push(Clause { heading, paragraphs: Vec::new() });
        }
        if let Some(clause) = clauses.last_mut().filter(|_| !paragraph.is_empty()) {
            clause.paragraphs.push(paragraph.to_owned());
        }
    }
    clauses
}

/// A stylesheet's name changes with its content, so browsers may keep it for ever.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// `GET /style-{hash}.css`.
pub async fn style() -> Response {
    stylesheet(STYLE.to_owned())
}

/// `GET /accent-{rrggbb}.css`: the two shades made from an institution's colour; `GET /{institution}`: on to its page,
/// for whoever types an issuer.
pub async fn at_root(Path(file): Path<String>, bare: Bare) -> Response {
    if let Ok(institution) = file.parse::<InstitutionCode>() {
        return see_other(&format!("/{institution}/"));
    }
    let colour = file.strip_prefix("accent-").and_then(|rest| rest.strip_suffix(".css"));
    match colour.and_then(|colour| format!("#{colour}").parse::<Accent>().ok()) {
        Some(accent) => stylesheet(accent.css()),
        None => not_found(bare).await,
    }
}

fn stylesheet(css: String) -> Response {
    let mut response = css.into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    set(&mut response, header::CONTENT_TYPE, "text/css; charset=utf-8");
    set(&mut response, header::CACHE_CONTROL, FOR_EVER);
    response
}

/// An address that leads nowhere.
pub async fn not_found(bare: Bare) -> Response {
    bare.not_found()
}

/// An address that exists, asked in a way it does not answer to.
pub async fn method_not_allowed(bare: Bare) -> Response {
    bare.end(Ending::MethodNotAllowed, StatusCode::METHOD_NOT_ALLOWED, None)
}
