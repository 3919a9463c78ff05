//! `GET` and `DELETE /{institution}/grants/{grant}`: what has become of a grant, and giving it back (Grant Management for
//! OAuth 2.0, draft). The grant is the linkage.
//!
//! The caller shows a token of its own ([`client_token`](super::client_token)). What is another client's, lapsed or
//! unknown is answered alike; what was ended is not there any more either, but its client is told why.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::id::LinkageId;
use renkei_domain::institution::InstitutionCode;
use renkei_domain::linkage::{EndedBy, Reason, standing};
use renkei_domain::notice::Happened;
use renkei_domain::ticket::Ticket;
use renkei_domain::time::Timestamp;
use renkei_oauth::authorization::access_token;
use renkei_oauth::client_auth::INVALID_CLIENT;
use renkei_oauth::dpop::{self, Proof};
use renkei_oauth::error::{ErrorCode, OAuthError, ResourceError};
use renkei_oauth::grant_management::{GrantStatus, GrantedScope, QUERY, REVOKE};
use renkei_store::client_tokens::ClientToken;
use renkei_store::linkages::Linkage;
use renkei_store::{StoreError, Tx};

use super::answer::{Refusal, secret, to_json, with_reason};
use super::bearer::{self, Sent, Shown};
use super::{introspect, narrow};
use crate::app::App;
use crate::error::Fault;
use crate::http::browser::set;
use crate::http::connection::Connection;
use crate::http::limits::{self, INSTITUTION_TOKENS, PRODUCT_TOKEN_CARE, Party, Prefix};
use crate::http::nonces::{self, Audience};
use crate::http::request_id::RequestId;

/// What is another client's, lapsed or not there at all.
const NO_GRANT: OAuthError = OAuthError::new(ErrorCode::InvalidGrantId, "no such grant of this client");
/// What was its own until somebody ended it, which it is told with the reason.
const ENDED: OAuthError = OAuthError::new(ErrorCode::InvalidGrantId, "the grant was ended");
/// A token that is not there, not in force, or of a client that may not act.
const UNKNOWN: ResourceError = ResourceError::invalid_token("access token unknown, expired or revoked");

/// A client with a token of its own that holds.
pub struct Manager {
    app: Arc<App>,
    institution: InstitutionCode,
    token: ClientToken,
    proof: Option<Proof>,
    takes_certificates: bool,
    request_id: String,
    now: Timestamp,
}

/// Why a grant is not told of or ended.
pub enum Denied {
    /// The token does not hold, or not for this.
    Token(ResourceError, bool),
    /// There is no such grant of this client.
    NoGrant,
    /// It was the client's, and it was ended.
    Ended(Reason),
    /// Any other refusal of a protocol endpoint.
    Other(Refusal),
}

impl<T: Into<Refusal>> From<T> for Denied {
    fn from(refusal: T) -> Denied {
        Denied::Other(refusal.into())
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        match self {
            Denied::Other(refusal) => refusal.into_response(),
            Denied::NoGrant => secret(StatusCode::NOT_FOUND, NO_GRANT.body()),
            Denied::Ended(reason) => secret(StatusCode::NOT_FOUND, with_reason(&ENDED, reason)),
            Denied::Token(error, takes_certificates) => {
                let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNAUTHORIZED);
                let body = match error {
                    ResourceError::NoToken => INVALID_CLIENT.body(),
                    ResourceError::Refused(refused) => refused.body(),
                };
                let mut response = secret(status, body);
                set(&mut response, header::WWW_AUTHENTICATE, &error.www_authenticate(""));
                let bearer = takes_certificates.then(|| error.bearer_challenge("").parse().ok()).flatten();
                bearer.and_then(|value| response.headers_mut().append(header::WWW_AUTHENTICATE, value).then_some(()));
                response
            }
        }
    }
}

impl FromRequestParts<Arc<App>> for Manager {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Manager, Denied> {
        let Extension(RequestId(request_id)) = Extension::from_request_parts(parts, app)
            .await
            .map_err(|_| Fault::Defect("a request without identifier".into()))?;
        let segment = parts.uri.path().split('/').nth(1).unwrap_or_default();
        let institution = segment.parse::<InstitutionCode>().map_err(|_| Refusal::NotFound)?;
        let now = app.now();
        let source = Prefix::of(parts.extensions.get());
        app.memory.limits.look(Party::Source(source), &limits::SOURCE_STRANGERS, now)?;
        let connection = Connection::of(&parts.extensions, app);
        let sent =
            Sent { method: &parts.method, path: parts.uri.path(), headers: &parts.headers, connection: &connection };
        let takes_certificates = connection.takes_certificates();
        let (token, proof) = match authenticate(app, &institution, sent, now).await {
            Ok(found) => found,
            Err(bearer::Refusal::Call(error)) => {
                // Over the budget already is as good as at its end: the next request is not looked at.
                let _ = app.memory.limits.take(Party::Source(source), &limits::SOURCE_STRANGERS, now);
                limits::record_stranger(app, &institution, source, Action::ClientRefused, &error, &request_id, now)
                    .await?;
                return Err(Denied::Token(error, takes_certificates));
            }
            Err(bearer::Refusal::Nonce(error)) => {
                return Err(Denied::Token(ResourceError::Refused(error), takes_certificates));
            }
            Err(bearer::Refusal::Fault(fault)) => return Err(fault.into()),
            Err(bearer::Refusal::Linkage(..) | bearer::Refusal::Login(_)) => {
                return Err(Denied::Token(UNKNOWN, takes_certificates));
            }
        };
        let limits = &app.memory.limits;
        limits.take(Party::Product(&institution, &token.client_id), &PRODUCT_TOKEN_CARE, now)?;
        limits.take(Party::Institution(&institution), &INSTITUTION_TOKENS, now)?;
        Ok(Manager { app: Arc::clone(app), institution, token, proof, takes_certificates, request_id, now })
    }
}

/// The token that was shown, of a client that may act, with the proof to be used up. A token for the account API is none.
async fn authenticate(
    app: &App,
    institution: &InstitutionCode,
    sent: Sent<'_>,
    now: Timestamp,
) -> Result<(ClientToken, Option<Proof>), bearer::Refusal> {
    let headers = sent.headers.get_all(header::AUTHORIZATION).iter().map(|value| value.as_bytes());
    let (scheme, text) = access_token(headers)?;
    let shown = Shown::of(scheme, sent)?;
    let ticket = Ticket::parse(text).map_err(|_| UNKNOWN)?;
    let mut read = app.store.read(institution);
    let token = read.find_client_token(&ticket).await?.ok_or(UNKNOWN)?;
    let client =
        read.find_client(&token.client_id).await?.filter(|client| client.product.is_active()).ok_or(UNKNOWN)?;
    if token.revoked_at.is_some() || now >= token.expires_at {
        return Err(UNKNOWN.into());
    }
    nonces::check(app, institution, Audience::GrantManagement, client.dpop_nonces, sent.headers, now)
        .map_err(bearer::Refusal::Nonce)?;
    let proof = shown.check(&token.binding, text, sent, now)?;
    Ok((token, proof))
}

/// `GET`: what has become of a grant.
pub async fn query(manager: Manager, Path((_, grant)): Path<(String, String)>) -> Result<Response, Denied> {
    let mut tx = manager.begin().await?;
    let linkage = match manager.find(&mut tx, QUERY, &grant).await {
        Ok(linkage) => linkage,
        Err(denied) => return Err(manager.deny(tx, Action::GrantQueried, &grant, denied).await),
    };
    let status = manager.status(&mut tx, &linkage).await?;
    manager.commit(tx, manager.did(Action::GrantQueried).on(linkage.id)).await?;
    Ok(secret(StatusCode::OK, to_json(&status)?))
}

/// `DELETE`: the client gives a grant back. When the answer comes, none of its tokens works any more.
pub async fn end(manager: Manager, Path((_, grant)): Path<(String, String)>) -> Result<Response, Denied> {
    let mut tx = manager.begin().await?;
    let linkage = match manager.find(&mut tx, REVOKE, &grant).await {
        Ok(linkage) => linkage,
        Err(denied) => return Err(manager.deny(tx, Action::LinkageEnded, &grant, denied).await),
    };
    // Somebody may have ended it between the two statements: then it is not there any more, as a moment later.
    if !tx.end_linkage(linkage.id, EndedBy::Partner, manager.now).await? {
        let now_ended = manager.find(&mut tx, REVOKE, &grant).await.err().unwrap_or(Denied::NoGrant);
        return Err(manager.deny(tx, Action::LinkageEnded, &grant, now_ended).await);
    }
    tx.delete_unused_pins(linkage.id, manager.now).await?;
    let told = Happened::Ended(EndedBy::Partner, linkage.client_id);
    tx.add_notice(linkage.user, &told, manager.now, manager.app.random.as_ref()).await?;
    let record = manager.did(Action::LinkageEnded).on(linkage.id).with(EndedBy::Partner.word());
    manager.commit(tx, record).await?;
    let mut response = secret(StatusCode::NO_CONTENT, "");
    response.headers_mut().remove(header::CONTENT_TYPE);
    Ok(response)
}

/// The endpoint itself names no grant.
pub async fn nameless(_: Manager) -> Refusal {
    OAuthError::invalid_request("name the grant in the path").into()
}

impl Manager {
    /// Begins the transaction of the request, which uses up the proof.
    async fn begin(&self) -> Result<Tx, Denied> {
        let mut tx = self.app.store.begin(&self.institution).await?;
        let Some(Proof { replay, .. }) = &self.proof else { return Ok(tx) };
        let until = Timestamp::from_seconds(replay.remember_until);
        if tx.claim_replay(&replay.digest, until, self.now).await? {
            return Ok(tx);
        }
        Err(Denied::Token(ResourceError::Refused(dpop::REPLAYED), self.takes_certificates))
    }

    /// The linkage of this name, if the token has the word for what is asked and it is this client's.
    async fn find(&self, tx: &mut Tx, word: &str, grant: &str) -> Result<Linkage, Denied> {
        const TOO_SMALL: ResourceError = ResourceError::insufficient_scope("the token is for another action");
        if !self.token.scope.split(' ').any(|own| own == word) {
            return Err(Denied::Token(TOO_SMALL, self.takes_certificates));
        }
        let id: LinkageId = grant.parse().map_err(|_| Denied::NoGrant)?;
        let found = tx.find_linkage(id).await?;
        let own = found.filter(|linkage| linkage.client_id == self.token.client_id && !linkage.has_lapsed(self.now));
        let own = own.ok_or(Denied::NoGrant)?;
        match (own.ended_at, standing(&own.facts, self.now)) {
            (Some(_), Err(reason)) => Err(Denied::Ended(reason)),
            _ => Ok(own),
        }
    }

    async fn status(&self, tx: &mut Tx, linkage: &Linkage) -> Result<GrantStatus, StoreError> {
        let reason = standing(&linkage.facts, self.now).err();
        let mut status = GrantStatus {
            reason: reason.map(Reason::code),
            scopes: Vec::new(),
            authorization_details: Vec::new(),
            created_at: linkage.begun_at.seconds(),
            last_updated_at: linkage.renewed_at.seconds(),
            expires_at: linkage.facts.ends_at.seconds(),
        };
        if reason.is_none() {
            let scope = introspect::in_force(linkage, self.now);
            let resource = self.app.site.resource(&self.institution, self.token.binding.constraint());
            let accounts = tx.list_linked_accounts(linkage.id).await?;
            status.scopes.push(GrantedScope { scope: scope.to_scope(), resource: [resource.clone()] });
            let accounts = accounts.iter().map(|account| &account.id);
            status.authorization_details.push(narrow::granted(resource, &scope, accounts, None));
        }
        Ok(status)
    }

    fn did(&self, action: Action) -> Record {
        Record::done(self.actor(), action)
    }

    fn actor(&self) -> Actor {
        Actor::Product(self.token.client_id.clone())
    }

    /// Ends the transaction of a client that does not get what it asked for; its proof stays used up.
    async fn deny(&self, tx: Tx, action: Action, grant: &str, denied: Denied) -> Denied {
        let why = match &denied {
            Denied::NoGrant => NO_GRANT.description,
            Denied::Ended(reason) => reason.code(),
            Denied::Token(ResourceError::Refused(error), _) => error.description,
            Denied::Token(ResourceError::NoToken, _) | Denied::Other(_) => return denied,
        };
        let record = Record::refused(self.actor(), action, why);
        let named: Option<LinkageId> = grant.parse().ok();
        match self.commit(tx, Record { object: named.map(|id| id.to_string()), ..record }).await {
            Ok(()) => denied,
            Err(error) => error.into(),
        }
    }

    async fn commit(&self, mut tx: Tx, record: Record) -> Result<(), StoreError> {
        let record = record.in_request(&self.request_id);
        tx.record(&record, self.now, self.app.random.as_ref()).await?;
        tx.commit().await
    }
}
