//! Step 1: API連携認証（利用登録）, who is it?

use axum::http::StatusCode;
use axum::response::Response;
use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::customer::{LoginMethod, Person};
use renkei_domain::flow::{Begun, Closed, Event, Screen};
use renkei_domain::operation::Operations;
use renkei_domain::partner::Offer;
use renkei_domain::pin::PinStatus;
use renkei_oauth::request::GrantRequest;
use renkei_screens::{LoginError, LoginPage, LoginPurpose};
use renkei_store::customers::User;
use renkei_store::linkages::Linkage;
use renkei_store::sessions::Purpose;
use renkei_store::{Ended, Step};

use super::Walk;
use super::walk::{OrPage, Sent, renewable};
use crate::error::Fault;
use crate::http::browser::{Visit, see_other, set};
use crate::http::device;
use crate::http::form::Form;
use crate::http::login::{self, Proof};
use crate::keys::sha256;

/// `GET /{institution}/link/{flow}/login`.
pub async fn show(visit: Visit) -> OrPage<Response> {
    let walk = Walk::load(visit).await?.on(Screen::Login)?;
    Ok(walk.login_page(String::new(), None))
}

/// `POST /{institution}/link/{flow}/login`.
pub async fn act(visit: Visit, form: Form) -> OrPage<Response> {
    let walk = Walk::load(visit).await?;
    let Sent::Current(form) = walk.check(form)? else { return Ok(walk.to_current()) };
    let walk = walk.on(Screen::Login)?;
    if walk.needs_certificate() {
        return walk.leave(Closed::LoginNotMet).await.map_err(|fault| walk.visit.failure(&fault));
    }
    let typed = form.get("login_id").trim().to_owned();
    let missing = login::left_empty(&form);
    if missing.is_some() {
        return Ok(walk.login_page(typed, missing));
    }
    let outcome = match login::by_password(&walk.visit, &form).await {
        Ok(Some((user, passed))) => walk.logged_in(&user, Proof::Password(&passed)).await,
        Ok(None) => return Ok(walk.login_page(typed, Some(LoginError::Refused))),
        Err(fault) => Err(fault),
    };
    outcome.map_err(|fault| walk.visit.failure(&fault))
}

impl Walk {
    fn login_page(&self, login_id: String, error: Option<LoginError>) -> Response {
        let certificates = self.visit.institution.user_ca.is_some();
        let origin = self.visit.app.site.certificate_origin.as_ref().filter(|_| certificates);
        let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        let page = LoginPage {
            frame: self.frame(),
            purpose: LoginPurpose::Linkage,
            action: self.path(Screen::Login),
            certificate_only: self.needs_certificate(),
            certificate_url: origin.map(|origin| format!("{origin}{}/certificate", self.base())),
            disclaimer: None,
            login_id,
            error,
        };
        self.visit.page(status, page.render())
    }

    /// Goes on with this person: the session's secret rotates, and the flow learns who walks it. Whoever had logged in
    /// in this browser before has no open flow any more, because the session is somebody else's now.
    ///
    /// # Errors
    /// [`Fault`] when the store is away.
    pub async fn logged_in(&self, user: &User, proof: Proof<'_>) -> Result<Response, Fault> {
        let method = proof.method();
        let (event, news) = tokio::try_join!(self.begun(user, method), login::news(&self.visit, user, proof.passed()))?;
        let Ok(stage) = self.flow.stage.advance(event) else { return Ok(self.to_current()) };
        let now = self.visit.now;
        let ticket = self.visit.app.new_ticket(now);
        let hash = sha256(ticket.bytes());
        let next = self.next(stage);
        let mut unit = self.visit.unit();
        unit.claim(Step::rotate_session(&self.session, &ticket, &hash, user.id, now));
        unit.claim(Step::save_flow(&next)?);
        unit.otherwise(Step::put_back_session(&self.session, &hash));
        unit.then_all(news);
        proof.settle(&self.visit, &mut unit, self.session.id);
        let record = Record::done(Actor::User(user.id), Action::LoginTried).on(self.flow.id).with(method.word());
        self.record(&mut unit, record);
        if let renkei_domain::flow::Stage::Closed { why } = next.stage {
            unit.then(Step::claim_request(self.flow.request, now));
            self.record(&mut unit, self.closed(why));
        }
        if self.visit.app.store.leave(unit).await? != Ended::Done {
            return Ok(self.to_newest().await);
        }
        let origin = &self.visit.app.site.origin;
        let mut response = see_other(&format!("{origin}{}/{}", self.base(), next.stage.screen().path()));
        let (name, value) = self.visit.session_cookie(Purpose::Link, &ticket);
        set(&mut response, name, &value);
        if proof.passed().is_some() {
            let (name, value) = device::remember(&self.visit, user.id);
            set(&mut response, name, &value);
        }
        Ok(response)
    }

    /// What is known of a person at login, as the event that goes on with it.
    async fn begun(&self, user: &User, method: LoginMethod) -> Result<Event, Fault> {
        let mut read = self.visit.read();
        let linkages = async { Ok(read.list_standings_of_user(user.id).await?) };
        let (accounts, linkages) = tokio::try_join!(self.list_accounts(user.id), linkages)?;
        let existing = renewable(&linkages, &self.product, self.visit.now);
        let named = match self.named_grant() {
            None => None,
            Some(name) => match existing.iter().find(|linkage| linkage.to_string() == name) {
                Some(linkage) => Some(*linkage),
                None => return Ok(Event::Closed(Closed::GrantNotYours)),
            },
        };
        let merged = match (&self.request.grant, named) {
            (GrantRequest::Merge { .. }, Some(linkage)) => read.find_linkage(linkage).await?,
            _ => None,
        };
        let is_ready = |status: PinStatus| status == PinStatus::Registered;
        let begun = Begun {
            person: Person { user: user.id, customer: user.customer, method, at: self.visit.now },
            ready: accounts.iter().filter(|account| is_ready(account.pin)).map(|account| account.id).collect(),
            missing: accounts.iter().filter(|account| !is_ready(account.pin)).map(|account| account.id).collect(),
            existing,
            named,
        };
        let offer = self.offer_to(user, merged.as_ref());
        // A user who may inquire nothing of what is asked for has nothing to permit.
        Ok(if offer.operations().is_empty() {
            Event::Closed(Closed::NotAllowed)
        } else {
            Event::LoggedIn(begun, offer)
        })
    }

    /// What this user can permit: what the product offers, cut to what was asked for, or is in the linkage that it is added
    /// to, and to what the user may inquire.
    fn offer_to(&self, user: &User, merged: Option<&Linkage>) -> Offer {
        let mut asked = Operations(self.request.scope.iter().filter_map(|word| word.parse().ok()).collect());
        asked.0.extend(merged.into_iter().flat_map(|linkage| &linkage.operations).map(|permitted| permitted.operation));
        let offer = self.product.offer();
        match offer {
            Offer::Fixed(all) => Offer::Fixed(all.intersection(&asked).intersection(&user.operations)),
            Offer::Choice(all) => Offer::Choice(all.intersection(&asked).intersection(&user.operations)),
        }
    }

    fn named_grant(&self) -> Option<&str> {
        match &self.request.grant {
            GrantRequest::Create => None,
            GrantRequest::Replace { grant_id } | GrantRequest::Merge { grant_id } => Some(grant_id),
        }
    }
}
