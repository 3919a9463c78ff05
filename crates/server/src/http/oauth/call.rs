//! One request to an endpoint that clients authenticate at: what every such endpoint reads and does alike.

mod act;
mod server;

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::{HeaderMap, header};
use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::linkage::Reason;
use renkei_domain::time::Timestamp;
use renkei_oauth::client_auth::{INVALID_CLIENT, Presented};
use renkei_oauth::dpop::{self, DpopFault, Proof, Target};
use renkei_oauth::error::OAuthError;
use renkei_oauth::form::{Form, MAX_FORM_BYTES};
use renkei_oauth::replay::Replay;
use renkei_store::partners::Product;
use renkei_store::{Moment, StoreError};

use super::answer::Refusal;
use crate::app::App;
use crate::error::Fault;
use crate::http::connection::Connection;
use crate::http::limits::{self, Budget, Party, Prefix};
use crate::http::nonces::{self, Audience};
use crate::http::observe;
use crate::http::request_id::RequestId;

pub use act::Act;
pub use server::Asker;

/// A request as it came, its form read and nothing else checked.
pub struct Call {
    /// The program.
    pub app: Arc<App>,
    /// Whose endpoint it is: the first part of the path.
    pub institution: InstitutionCode,
    /// When it came.
    pub now: Timestamp,
    /// Its parameters.
    pub form: Form,
    /// What it came over.
    pub connection: Connection,
    /// When the client is looked up, and what its request needs along with it.
    pub moment: Moment,
    source: Prefix,
    request_id: String,
    url: String,
    headers: HeaderMap,
}

/// A client that proved who it is and may act. An assertion is not used up yet: [`Call::begin`] does that.
pub struct Client {
    /// The product it authenticated as.
    pub product: Arc<Product>,
    /// Whether users of the institution may have certificates to log in with.
    pub certificates: bool,
    assertion: Option<Replay>,
}

impl Client {
    fn actor(&self) -> Actor {
        Actor::Product(self.product.client_id.clone())
    }

    /// The record of something this client did.
    pub fn did(&self, action: Action) -> Record {
        Record::done(self.actor(), action)
    }

    /// The record of something this client was refused.
    pub fn refused(&self, action: Action, why: &str) -> Record {
        Record::refused(self.actor(), action, why)
    }
}

/// Why an authenticated client does not get what it asked for.
pub enum Denial {
    /// It may not have it.
    Refused {
        /// What it is told.
        error: OAuthError,
        /// What the audit trail says.
        why: &'static str,
        /// The state its linkage is in, where that is why.
        reason: Option<Reason>,
    },
    /// A failure on this side.
    Fault(Fault),
}

impl Denial {
    /// A refusal of which the audit trail says more than the client is told.
    pub fn recorded_as(error: OAuthError, why: &'static str) -> Denial {
        Denial::Refused { error, why, reason: None }
    }
}

impl From<OAuthError> for Denial {
    fn from(error: OAuthError) -> Denial {
        Denial::recorded_as(error, error.description)
    }
}

impl From<Reason> for Denial {
    fn from(reason: Reason) -> Denial {
        let error = OAuthError::invalid_grant("the grant is not in force");
        Denial::Refused { error, why: reason.code(), reason: Some(reason) }
    }
}

impl From<Fault> for Denial {
    fn from(fault: Fault) -> Denial {
        Denial::Fault(fault)
    }
}

impl From<StoreError> for Denial {
    fn from(error: StoreError) -> Denial {
        Denial::Fault(error.into())
    }
}

impl FromRequest<Arc<App>> for Call {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Call, Refusal> {
        let (mut parts, body) = request.into_parts();
        let segment = Path::<String>::from_request_parts(&mut parts, app).await.map_err(|_| Refusal::NotFound)?;
        let institution = segment.parse().map_err(|_| Refusal::NotFound)?;
        let source = Prefix::of(parts.extensions.get());
        // Before anything is read: whoever sent this much that did not authenticate has to wait.
        app.memory.limits.look(Party::Source(source), &limits::SOURCE_STRANGERS, app.now())?;
        if !is_form(&parts.headers) {
            return Err(Refusal::MediaType);
        }
        let body = to_bytes(body, MAX_FORM_BYTES).await.map_err(|_| Refusal::TooLarge)?;
        let RequestId(request_id) =
            parts.extensions.get().cloned().ok_or_else(|| Fault::Defect("a request without identifier".into()))?;
        let connection = Connection::of(&parts.extensions, app);
        Ok(Call {
            app: Arc::clone(app),
            institution,
            now: app.now(),
            form: Form::parse(&body)?,
            moment: Moment::default(),
            source,
            request_id,
            url: connection.url(parts.uri.path()),
            connection,
            headers: parts.headers,
        })
    }
}

/// One `Content-Type`, and it is the form's; parameters such as a character set don't matter.
fn is_form(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(sent), None) = (types.next(), types.next()) else { return false };
    let media = sent.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    media.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

impl Call {
    /// Authenticates the client by the one method it is registered for. `asked` is what the form came to, read before any
    /// signature is and at no cost, and what it needs to have looked up: that goes along with the look-up of the client,
    /// and is handed back. It may be old by then, if the client's keys had to be fetched.
    ///
    /// # Errors
    /// The same `invalid_client`, after about the same work, for an unknown client, a bad key or certificate, another
    /// method and a suspended client.
    pub async fn authenticate<F: Future, E: Into<Refusal>>(
        &self,
        asked: Result<F, E>,
    ) -> Result<(Client, F::Output), Refusal> {
        let sent = match Presented::from_form(&self.form, self.headers.contains_key(header::AUTHORIZATION)) {
            Ok(sent) => sent,
            Err(fault) => return Err(self.refuse_client(None, &fault.to_string(), fault.into()).await),
        };
        let asked = asked.map_err(Into::into)?;
        let mut read = self.app.store.read_within(&self.institution, &self.moment);
        let (known, found) = tokio::join!(read.find_client(sent.unverified_client_id()), asked);
        let known = known?;
        let demanded = known.as_ref().is_some_and(|known| known.dpop_nonces);
        let (app, institution) = (&self.app, &self.institution);
        nonces::check(app, institution, Audience::AuthorizationServer, demanded, &self.headers, self.now)?;
        let certificates = known.as_ref().is_some_and(|known| known.certificates);
        let product = known.map(|known| Arc::clone(&known.product));
        match (self.prove(&sent, product.as_deref()).await?, product) {
            (Ok(assertion), Some(product)) if product.is_active() => {
                observe::is_of(&self.app, &self.institution, &product.client_id);
                Ok((Client { product, certificates, assertion }, found))
            }
            (proven, product) => {
                let why = proven.err().map_or_else(|| "not active".to_owned(), |unproven| unproven.to_string());
                Err(self.refuse_client(product.map(|known| known.client_id.clone()), &why, INVALID_CLIENT).await)
            }
        }
    }

    /// The one `DPoP` header, checked against this request. `None`: there is none.
    ///
    /// # Errors
    /// [`DpopFault`].
    pub fn proof(&self) -> Result<Option<Proof>, DpopFault> {
        let sent = dpop::header(self.headers.get_all("dpop").iter().map(|value| value.as_bytes()))?;
        let target = Target { method: "POST", url: &self.url, access_token: None };
        sent.map(|proof| dpop::check(proof, &target, self.now.seconds())).transpose()
    }

    /// Whether a `DPoP` header was sent, whatever it holds.
    pub fn has_proof(&self) -> bool {
        self.headers.contains_key("dpop")
    }

    /// Takes this request out of the budgets of an authenticated client and of the institution, in this order: a client
    /// that asks for too much uses up nothing but its own.
    ///
    /// # Errors
    /// [`Refusal::TooMany`]; nothing was used up of assertion and proof, so the same request may be sent again.
    pub fn pace(&self, client: &Client, own: &Budget, all: &Budget) -> Result<(), Refusal> {
        let limits = &self.app.memory.limits;
        limits.take(Party::Product(&self.institution, &client.product.client_id), own, self.now)?;
        Ok(limits.take(Party::Institution(&self.institution), all, self.now)?)
    }

    /// Refuses a client, known or not, with a record of its own as long as its source has sent few such requests.
    async fn refuse_client(&self, known: Option<String>, why: &str, error: OAuthError) -> Refusal {
        let actor = known.map_or(Actor::Visitor, Actor::Product);
        let record = Record::refused(actor, Action::ClientRefused, why);
        // Over the budget already is as good as at its end: the next request is not looked at.
        let _ = self.app.memory.limits.take(Party::Source(self.source), &limits::SOURCE_STRANGERS, self.now);
        match self.record_stranger(record.in_request(&self.request_id)).await {
            Ok(()) => error.into(),
            Err(refusal) => refusal,
        }
    }

    /// Nothing is recorded for an institution that does not exist.
    async fn record_stranger(&self, record: Record) -> Result<(), Refusal> {
        if self.app.store.read(&self.institution).find_institution().await?.is_none() {
            return Err(Refusal::NotFound);
        }
        Ok(limits::record_refusal(&self.app, &self.institution, self.source, record, self.now).await?)
    }
}
