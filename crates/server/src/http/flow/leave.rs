//! The ways out: leaving on any screen, more time, and what is shown after the end.

use axum::extract::RawQuery;
use axum::http::{HeaderName, StatusCode};
use axum::response::Response;
use renkei_domain::flow::{Closed, Screen, Stage};
use renkei_oauth::error::ErrorCode;
use renkei_oauth::jarm::{self, SignedResponse};
use renkei_oauth::redirect::{Outcome, response_url, signed_response_url};
use renkei_oauth::request::ResponseMode;
use renkei_screens::{Ending, WayOn};

use super::Walk;
use super::walk::{self, OrPage, Sent};
use crate::error::Fault;
use crate::http::browser::{Visit, see_other, set};
use crate::http::form::Form;
use crate::signing;

/// Said by the address of the page after leaving: send the browser on to the partner, this once.
const ONWARD: &str = "onward";

/// `POST /{institution}/link/{flow}/cancel`: leaving, on any screen. The page that follows sends the browser on, so
/// that screens on which secrets are typed need not let their forms lead anywhere but here.
pub async fn cancel(visit: Visit, form: Form) -> OrPage<Response> {
    let walk = Walk::load(visit).await?;
    // An old tab may leave, too: it is the same flow, and leaving is what its user wants.
    walk.check(form)?;
    if !walk.flow.stage.is_open() {
        return Ok(walk.to_current());
    }
    walk.leave(Closed::Cancelled).await.map_err(|fault| walk.visit.failure(&fault))
}

/// `POST /{institution}/link/{flow}/extend`: more time, once.
pub async fn extend(visit: Visit, form: Form) -> OrPage<Response> {
    let walk = Walk::load(visit).await?;
    let Sent::Current(_) = walk.check(form)? else { return Ok(walk.to_current()) };
    walk.take_extension().await.map_err(|fault| walk.visit.failure(&fault))?;
    Ok(walk.to_current())
}

/// `GET /{institution}/link/{flow}/ended`.
pub async fn ended(visit: Visit, RawQuery(query): RawQuery) -> OrPage<Response> {
    let walk = Walk::load(visit).await?.on(Screen::Ended)?;
    let onward = query.is_some_and(|query| query.split('&').any(|part| part == ONWARD));
    walk.ended_page(onward).await.map_err(|fault| walk.visit.failure(&fault))
}

impl Walk {
    /// Ends the flow without a permission and leads to the page that sends the browser on.
    ///
    /// # Errors
    /// [`Fault`] when the store is away.
    pub(super) async fn leave(&self, why: Closed) -> Result<Response, Fault> {
        self.close(why).await?;
        Ok(see_other(&format!("{}?{ONWARD}", self.path(Screen::Ended))))
    }

    /// Takes the one extension, if it was not taken before.
    pub(super) async fn take_extension(&self) -> Result<(), Fault> {
        if let Some(clock) = self.flow.clock.extended(self.visit.now) {
            let mut next = self.flow.clone();
            next.clock = clock;
            let mut tx = self.visit.begin().await?;
            if tx.save_flow(&next).await? {
                tx.commit().await?;
            }
        }
        Ok(())
    }

    /// How the flow ended, and the way back to the partner, which is told the reason.
    async fn ended_page(&self, onward: bool) -> Result<Response, Fault> {
        let Stage::Closed { why } = self.flow.stage else {
            return Ok(self.already_done());
        };
        let url = match why {
            Closed::AnsweredElsewhere => None,
            why => Some(self.refusal_url(why).await?),
        };
        let ending = match why {
            Closed::Cancelled => Ending::Cancelled,
            Closed::Declined => Ending::Declined,
            Closed::TimedOut => Ending::TimedOut,
            Closed::UserChanged => Ending::UserChanged,
            Closed::CertificateLapsed => Ending::CertificateLapsed,
            Closed::NotAllowed | Closed::GrantNotYours => Ending::NotAllowed,
            Closed::LoginNotMet => Ending::LoginNotMet,
            Closed::AnsweredElsewhere => Ending::AnsweredElsewhere,
        };
        let way = url.clone().map(WayOn::Partner);
        let mut response = self.visit.forgotten(self.visit.end(ending, StatusCode::OK, self.frame(), way));
        if let Some(url) = url.filter(|_| onward) {
            set(&mut response, HeaderName::from_static("refresh"), &format!("0; url={url}"));
        }
        Ok(response)
    }

    /// Where the browser goes after a flow without permission (RFC 6749 §4.1.2.1, RFC 9207).
    ///
    /// # Errors
    /// [`Fault`] when the stored redirect URI is none that could have been registered, or the answer can't be signed.
    pub async fn refusal_url(&self, why: Closed) -> Result<String, Fault> {
        let code = match why {
            Closed::GrantNotYours => ErrorCode::InvalidGrantId,
            Closed::LoginNotMet => ErrorCode::UnmetAuthenticationRequirements,
            _ => ErrorCode::AccessDenied,
        };
        self.answer_url(Outcome::Error(code, why.word())).await
    }

    /// The address that takes an answer to the partner, in the form it asked for. Every answer goes through here.
    ///
    /// # Errors
    /// As [`Walk::refusal_url`].
    pub async fn answer_url(&self, outcome: Outcome<'_>) -> Result<String, Fault> {
        let Visit { app, now, .. } = &self.visit;
        let issuer = app.site.issuer(self.visit.code());
        let (redirect_uri, state) = (&self.request.redirect_uri, self.request.state.as_deref());
        let url = match self.request.response_mode {
            ResponseMode::Query => response_url(redirect_uri, true, outcome, state, &issuer),
            ResponseMode::Jwt => {
                let claims = SignedResponse::new(outcome, state, &issuer, &self.request.client_id, now.seconds());
                let response = signing::sign(app, self.visit.code(), jarm::TYP, &claims, *now).await?;
                signed_response_url(redirect_uri, true, &response)
            }
        };
        url.map_err(|fault| walk::not_registrable(&fault))
    }
}
