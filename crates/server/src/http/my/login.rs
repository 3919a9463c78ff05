//! Logging in to look at linkages, by password or by certificate, and out again.

use axum::http::{HeaderName, StatusCode};
use axum::response::Response;
use renkei_domain::audit::{Action, Actor, Record};
use renkei_screens::{CertificatePage, Ending, Frame, LoginError, LoginPage, LoginPurpose, WayOn};
use renkei_store::customers::User;
use renkei_store::sessions::{BrowserSession, Purpose};
use renkei_store::{Ended, Step};

use super::{Member, forms};
use crate::certificates::{PeerCertificate, describe};
use crate::error::Fault;
use crate::http::browser::{Visit, see_other, set};
use crate::http::flow::certificate::Shown;
use crate::http::form::Form;
use crate::http::login::Proof;
use crate::http::{device, login};
use crate::keys::sha256;

/// `GET /{institution}/my/login`.
pub async fn show(visit: Visit) -> Response {
    match anonymous(&visit).await {
        Ok((session, cookie)) => with_cookie(login_page(&visit, &session, String::new(), None), cookie),
        Err(fault) => visit.failure(&fault),
    }
}

/// `POST /{institution}/my/login`.
pub async fn act(visit: Visit, form: Form) -> Response {
    match submitted(&visit, &form).await {
        Ok(response) => response,
        Err(fault) => visit.failure(&fault),
    }
}

/// `POST /{institution}/my/logout`.
pub async fn logout(visit: Visit, form: Form) -> Result<Response, Response> {
    let member = Member::load(visit).await?;
    member.check(&form)?;
    let done = async {
        let mut tx = member.visit.begin().await?;
        tx.end_session(member.session.id, member.visit.now).await?;
        member.record(&mut tx, member.did(Action::LoggedOut)).await?;
        tx.commit().await?;
        let mut gone = member.visit.forgotten(see_other(&format!("{}/login", member.base())));
        let (name, value) = member.visit.no_cookie(Purpose::My);
        set(&mut gone, name, &value);
        Ok::<_, Fault>(gone)
    };
    done.await.map_err(|fault| member.visit.failure(&fault))
}

/// `GET /{institution}/my/certificate`, on the listener that asks for one.
pub async fn show_certificate(visit: Visit, shown: Shown) -> Response {
    let peer = shown.map(|shown| shown.0);
    let page = async {
        let (session, cookie) = anonymous(&visit).await?;
        Ok::<_, Fault>(match login::by_certificate(&visit, peer.as_ref()).await? {
            Some((user, peer)) => with_cookie(certificate_page(&visit, &session, &user, peer), cookie),
            None => certificate_refused(&visit),
        })
    };
    page.await.unwrap_or_else(|fault| visit.failure(&fault))
}

/// `POST /{institution}/my/certificate`.
pub async fn act_certificate(visit: Visit, shown: Shown, form: Form) -> Response {
    let peer = shown.map(|shown| shown.0);
    let done = async {
        let Some(session) = ours(&visit, &form).await? else { return Ok(form_refused(&visit)) };
        Ok::<_, Fault>(match login::by_certificate(&visit, peer.as_ref()).await? {
            Some((user, peer)) => logged_in(&visit, &session, &user, Proof::Certificate(peer)).await?,
            None => certificate_refused(&visit),
        })
    };
    done.await.unwrap_or_else(|fault| visit.failure(&fault))
}

async fn submitted(visit: &Visit, form: &Form) -> Result<Response, Fault> {
    let Some(session) = ours(visit, form).await? else { return Ok(form_refused(visit)) };
    let typed = form.get("login_id").trim().to_owned();
    let missing = login::left_empty(form);
    if missing.is_some() {
        return Ok(login_page(visit, &session, typed, missing));
    }
    match login::by_password(visit, form).await? {
        Some((user, passed)) => logged_in(visit, &session, &user, Proof::Password(&passed)).await,
        None => Ok(login_page(visit, &session, typed, Some(LoginError::Refused))),
    }
}

/// The session a login form was shown to, if the form is ours.
async fn ours(visit: &Visit, form: &Form) -> Result<Option<BrowserSession>, Fault> {
    let session = visit.session(Purpose::My).await?;
    Ok(session.filter(|session| visit.check_form(session, &forms(session), 0, form.get("csrf")).is_ok()))
}

/// The browser's session, or a new one in which nobody has logged in, with the cookie it needs.
async fn anonymous(visit: &Visit) -> Result<(BrowserSession, Option<(HeaderName, String)>), Fault> {
    if let Some(session) = visit.session(Purpose::My).await? {
        return Ok((session, None));
    }
    let id = visit.app.new_id(visit.now);
    let ticket = visit.app.new_ticket(visit.now);
    let hash = sha256(ticket.bytes());
    let mut unit = visit.unit();
    unit.add(Step::add_session(id, &ticket, hash, Purpose::My, None, visit.now));
    visit.app.store.leave(unit).await?;
    let (ticket_id, used_at, created_at) = (ticket.id(), visit.now, visit.now);
    let session = BrowserSession { id, hash, ticket: ticket_id, user: None, used_at, created_at, certificate: None };
    Ok((session, Some(visit.session_cookie(Purpose::My, &ticket))))
}

async fn logged_in(visit: &Visit, session: &BrowserSession, user: &User, proof: Proof<'_>) -> Result<Response, Fault> {
    let method = proof.method();
    let ticket = visit.app.new_ticket(visit.now);
    let mut unit = visit.unit();
    unit.claim(Step::rotate_session(session, &ticket, &sha256(ticket.bytes()), user.id, visit.now));
    unit.then_all(login::news(visit, user, proof.passed()).await?);
    proof.settle(visit, &mut unit, session.id);
    let record = Record::done(Actor::User(user.id), Action::LoginTried).on("my").with(method.word());
    unit.record(&record.in_request(&visit.request_id), visit.now, &*visit.app.random);
    if visit.app.store.leave(unit).await? != Ended::Done {
        return Ok(see_other(&format!("{}/my/login", visit.root())));
    }
    let response = see_other(&format!("{}{}/my/linkages", visit.app.site.origin, visit.root()));
    let response = with_cookie(response, Some(visit.session_cookie(Purpose::My, &ticket)));
    Ok(with_cookie(response, proof.passed().map(|_| device::remember(visit, user.id))))
}

fn with_cookie(mut response: Response, cookie: Option<(HeaderName, String)>) -> Response {
    if let Some((name, value)) = cookie {
        set(&mut response, name, &value);
    }
    response
}

fn frame(visit: &Visit, session: &BrowserSession) -> Frame {
    Frame { csrf: visit.form_token(session, &forms(session), 0), ..visit.frame() }
}

fn login_page(visit: &Visit, session: &BrowserSession, login_id: String, error: Option<LoginError>) -> Response {
    let certificates = visit.institution.user_ca.is_some();
    let origin = visit.app.site.certificate_origin.as_ref().filter(|_| certificates);
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = LoginPage {
        certificate_only: false,
        frame: frame(visit, session),
        purpose: LoginPurpose::MyLinkages,
        action: format!("{}/my/login", visit.root()),
        certificate_url: origin.map(|origin| format!("{origin}{}/my/certificate", visit.root())),
        disclaimer: None,
        login_id,
        error,
    };
    visit.page(status, page.render())
}

fn certificate_page(visit: &Visit, session: &BrowserSession, user: &User, peer: &PeerCertificate) -> Response {
    let about = describe(peer);
    let (serial, valid_until) = about.map_or((String::new(), visit.now), |about| (about.serial, about.valid_until));
    let page = CertificatePage {
        frame: frame(visit, session),
        purpose: LoginPurpose::MyLinkages,
        action: format!("{}/my/certificate", visit.root()),
        customer_name: user.customer_name.clone(),
        login_id: user.login_id.clone(),
        serial,
        valid_until,
        back_url: password_login(visit),
    };
    visit.page_leading_to(page.render(), &visit.app.site.origin)
}

fn password_login(visit: &Visit) -> String {
    format!("{}{}/my/login", visit.app.site.origin, visit.root())
}

fn certificate_refused(visit: &Visit) -> Response {
    let way = Some(WayOn::Login(password_login(visit)));
    visit.end(Ending::CertificateRefused, StatusCode::FORBIDDEN, visit.frame(), way)
}

fn form_refused(visit: &Visit) -> Response {
    let way = Some(WayOn::Login(password_login(visit)));
    visit.end(Ending::FormNotValid, StatusCode::FORBIDDEN, visit.frame(), way)
}
