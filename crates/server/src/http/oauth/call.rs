//! One request to an endpoint that clients authenticate at: what every such endpoint reads and does alike.

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
use renkei_store::institutions::Institution;
use renkei_store::partners::Product;
use renkei_store::{StoreError, Tx};

use super::answer::Refusal;
use crate::app::App;
use crate::error::Fault;
use crate::http::connection::Connection;
use crate::http::limits::{self, Budget, Party, Prefix};
use crate::http::observe;
use crate::http::request_id::RequestId;

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
    source: Prefix,
    request_id: String,
    url: String,
    headers: HeaderMap,
}

/// A client that proved who it is and may act. An assertion is not used up yet: [`Call::begin`] does that.
pub struct Client {
    /// The product it authenticated as.
    pub product: Product,
    assertion: Option<Replay>,
}

impl Client {
    /// The record of something this client did.
    pub fn did(&self, action: Action) -> Record {
        Record::done(Actor::Product(self.product.client_id.clone()), action)
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
    /// Authenticates the client by the one method it is registered for. `readable`: a check of the form that costs
    /// nothing and is done before any signature is; its result is handed back.
    ///
    /// # Errors
    /// The same `invalid_client`, after about the same work, for an unknown client, a bad key or certificate, another
    /// method and a suspended client.
    pub async fn authenticate<T, E: Into<Refusal>>(
        &self,
        readable: impl FnOnce(&Form) -> Result<T, E>,
    ) -> Result<(Client, T), Refusal> {
        let sent = match Presented::from_form(&self.form, self.headers.contains_key(header::AUTHORIZATION)) {
            Ok(sent) => sent,
            Err(fault) => return Err(self.refuse_client(None, &fault.to_string(), fault.into()).await),
        };
        let read = readable(&self.form).map_err(Into::into)?;
        let product = self.app.store.read(&self.institution).find_product(sent.unverified_client_id()).await?;
        match (self.prove(&sent, product.as_ref()).await?, product) {
            (Ok(assertion), Some(product)) if product.is_active() => {
                observe::is_of(&self.app, &self.institution, &product.client_id);
                Ok((Client { product, assertion }, read))
            }
            (proven, product) => {
                let why = proven.err().map_or_else(|| "not active".to_owned(), |unproven| unproven.to_string());
                Err(self.refuse_client(product.map(|known| known.client_id), &why, INVALID_CLIENT).await)
            }
        }
    }

    /// The institution, if there is one of this code.
    ///
    /// # Errors
    /// A failure of the store.
    pub async fn existing(&self) -> Result<Option<Institution>, StoreError> {
        self.app.store.read(&self.institution).find_institution().await
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

    /// Begins the one transaction of the request. Its first statements use up the assertion and the proof: what was
    /// used before, here or on any other node, goes no further.
    ///
    /// # Errors
    /// `invalid_client` or `invalid_dpop_proof`; a failure of the store.
    pub async fn begin(&self, client: &Client, proof: Option<&Proof>) -> Result<Tx, Refusal> {
        let mut tx = self.app.store.begin(&self.institution).await?;
        let actor = Actor::Product(client.product.client_id.clone());
        if let Some(assertion) = &client.assertion
            && !self.claim(&mut tx, assertion).await?
        {
            let record = Record::refused(actor, Action::ClientRefused, "assertion already used");
            return Err(self.refuse(tx, record, INVALID_CLIENT).await);
        }
        if let Some(proof) = proof
            && !self.claim(&mut tx, &proof.replay).await?
        {
            let record = Record::refused(actor, Action::ClientRefused, "proof already used");
            return Err(self.refuse(tx, record, dpop::REPLAYED).await);
        }
        Ok(tx)
    }

    async fn claim(&self, tx: &mut Tx, replay: &Replay) -> Result<bool, StoreError> {
        tx.claim_replay(&replay.digest, Timestamp::from_seconds(replay.remember_until), self.now).await
    }

    /// Ends the transaction with this record.
    ///
    /// # Errors
    /// A failure of the store; nothing has happened then.
    pub async fn commit(&self, mut tx: Tx, record: Record) -> Result<(), StoreError> {
        let record = record.in_request(&self.request_id);
        tx.record(&record, self.now, self.app.random.as_ref()).await?;
        tx.commit().await
    }

    /// Ends the transaction of a client that is denied what it asked for. What was used up stays so; after a failure on
    /// this side nothing has happened at all.
    pub async fn deny(&self, tx: Tx, client: &Client, action: Action, denial: Denial) -> Refusal {
        let (error, why, reason) = match denial {
            Denial::Refused { error, why, reason } => (error, why, reason),
            Denial::Fault(fault) => return fault.into(),
        };
        let record = Record::refused(Actor::Product(client.product.client_id.clone()), action, why);
        match reason {
            Some(reason) => self.refuse(tx, record, Refusal::Linkage(error, reason)).await,
            None => self.refuse(tx, record, error).await,
        }
    }

    async fn refuse(&self, tx: Tx, record: Record, refusal: impl Into<Refusal>) -> Refusal {
        match self.commit(tx, record).await {
            Ok(()) => refusal.into(),
            Err(error) => error.into(),
        }
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
