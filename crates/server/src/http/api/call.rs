//! One call to the account API: who calls, and how it ends.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::id::AccountId;
use renkei_domain::institution::InstitutionCode;
use renkei_domain::linkage::standing;
use renkei_domain::operation::Operation;
use renkei_domain::time::{MICROS_PER_SECOND, Timestamp};
use renkei_oauth::dpop;
use renkei_oauth::error::ResourceError;
use renkei_store::ledger::ReadableAccount;
use renkei_store::{Ended, Step, Unit};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::etag;
use super::problem::Problem;
use crate::app::App;
use crate::error::Fault;
use crate::http::browser::set;
use crate::http::connection::Connection;
use crate::http::limits::{self, Over, Party, Prefix};
use crate::http::oauth::bearer::{self, Caller, Refusal, Sent};
use crate::http::observe;
use crate::http::request_id::RequestId;

/// Reads are noted on the linkage to the hour.
const HOUR_MICROS: i64 = 3_600 * MICROS_PER_SECOND;

/// The path of what belongs to one account.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct AccountPath {
    /// Four digits. 金融機関コード。
    #[param(example = "1001")]
    pub institution: String,
    /// `account_id`. 口座識別子。
    #[param(example = "5f0c6f0e-7a54-4b5d-9d0a-3a0b6c2f9a11")]
    pub account: String,
}

/// The path of what belongs to the linkage as a whole.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct LinkagePath {
    /// Four digits. 金融機関コード。
    #[param(example = "1001")]
    pub institution: String,
}

/// A call with a token that holds, of a linkage that may be used now.
pub struct Call {
    /// The running program.
    pub app: Arc<App>,
    /// The institution of the path.
    pub institution: InstitutionCode,
    /// Who calls.
    pub caller: Caller,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// What it came over.
    pub connection: Connection,
    /// Where it came from.
    pub source: Prefix,
    /// This request's identifier.
    pub request_id: String,
    /// The present instant: one for the whole request.
    pub now: Timestamp,
}

/// What was found.
pub struct Answer {
    /// What the audit trail says was done.
    pub action: Action,
    /// The identifier of what was read.
    pub object: String,
    /// Particulars for the audit trail.
    pub detail: Option<String>,
    /// The entity tag (RFC 9110 §8.8.3), quotes included.
    pub etag: Option<String>,
    /// What is given out.
    pub payload: Payload,
}

/// What is given out.
pub enum Payload {
    /// Nothing: the caller has it already.
    NotModified,
    /// JSON text.
    Json(String),
    /// A table for people.
    Csv {
        /// The table.
        text: String,
        /// The address of its continuation.
        next: Option<String>,
    },
}

/// The institution and the account that are named. What is no identifier of an account is looked up like one that does
/// not exist.
async fn place(parts: &mut Parts, app: &Arc<App>) -> Option<(InstitutionCode, Option<AccountId>)> {
    if let Ok(Path(AccountPath { institution, account })) = Path::from_request_parts(parts, app).await {
        return Some((institution.parse().ok()?, Some(account.parse().unwrap_or(AccountId(Uuid::nil())))));
    }
    let Path(LinkagePath { institution }) = Path::from_request_parts(parts, app).await.ok()?;
    Some((institution.parse().ok()?, None))
}

impl FromRequestParts<Arc<App>> for Call {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Call, Response> {
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        let Some((institution, account)) = place(parts, app).await else {
            return Err(Problem::not_found().into_response(&app.site.origin, &request_id));
        };
        let now = app.now();
        let root = app.site.issuer(&institution);
        let limits = &app.memory.limits;
        let source = Prefix::of(parts.extensions.get());
        if let Err(over) = limits.look(Party::Source(source), &limits::SOURCE_STRANGERS, now) {
            return Err(Problem::from(over).into_response(&root, &request_id));
        }
        let connection = Connection::of(&parts.extensions, app);
        let sent =
            Sent { method: &parts.method, path: parts.uri.path(), headers: &parts.headers, connection: &connection };
        let caller = bearer::authenticate(app, &institution, sent, account, now).await;
        if let Ok(caller) = &caller {
            observe::is_of(app, &institution, &caller.linkage.client_id);
        }
        let headers = std::mem::take(&mut parts.headers);
        let call = |caller| Call {
            app: Arc::clone(app),
            institution: institution.clone(),
            caller,
            headers,
            connection,
            source,
            request_id: request_id.clone(),
            now,
        };
        let problem = match caller {
            Ok(caller) => match pace(app, &institution, &caller, now) {
                Ok(()) => return Ok(call(caller)),
                Err(over) => Problem::from(over),
            },
            Err(Refusal::Linkage(reason, caller)) => return Err(call(*caller).finish(Err(reason.into())).await),
            Err(Refusal::Login(caller)) => {
                let problem = Problem::from(ResourceError::insufficient_user_authentication());
                return Err(call(*caller).finish(Err(problem)).await);
            }
            Err(Refusal::Call(error)) => {
                // Over the budget already is as good as at its end: the next call is not looked at.
                let _ = limits.take(Party::Source(source), &limits::SOURCE_STRANGERS, now);
                let recorded =
                    limits::record_stranger(app, &institution, source, Action::ReadRefused, &error, &request_id, now)
                        .await;
                recorded.map_or_else(Problem::from, |()| Problem::from(error))
            }
            Err(Refusal::Nonce(error)) => Problem::from(ResourceError::Refused(error)),
            Err(Refusal::Fault(fault)) => Problem::from(fault),
        };
        let problem = problem.at(&Connection::of(&parts.extensions, app), &institution);
        Err(problem.into_response(&root, &request_id))
    }
}

/// Takes a call out of the budgets of its linkage, its product and the institution, the narrowest first. The proof is not
/// used up by a refusal.
fn pace(app: &App, institution: &InstitutionCode, caller: &Caller, now: Timestamp) -> Result<(), Over> {
    let (limits, linkage) = (&app.memory.limits, &caller.linkage);
    limits.take(Party::Linkage(institution, linkage.id), &limits::LINKAGE_READS, now)?;
    limits.take(Party::Product(institution, &linkage.client_id), &limits::PRODUCT_READS, now)?;
    limits.take(Party::Institution(institution), &limits::INSTITUTION_READS, now)
}

impl Call {
    /// The root of the institution's addresses on the listener that was called.
    #[must_use]
    pub fn root(&self) -> String {
        self.connection.root(&self.institution)
    }

    /// Reads of this institution.
    #[must_use]
    pub fn read(&self) -> renkei_store::Session {
        self.app.store.read(&self.institution)
    }

    /// Demands an operation.
    ///
    /// # Errors
    /// [`Problem`] when it is not in the scope, or its own period is over.
    pub fn demand(&self, operation: Operation) -> Result<(), Problem> {
        if self.caller.permits(operation, self.now) {
            Ok(())
        } else if self.caller.scope.contains(operation) {
            Err(Problem::operation_expired())
        } else {
            Err(Problem::insufficient_scope(operation))
        }
    }

    /// The account that is asked for, if linkage and token give it. What does not exist and what is another's are answered
    /// alike.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn account(&self) -> Result<&ReadableAccount, Problem> {
        match &self.caller.account {
            Ok(account) => account.as_ref().ok_or_else(Problem::not_found),
            Err(error) => Err(Fault::from(error.clone()).into()),
        }
    }

    /// Whether the caller has this version already (`If-None-Match`, RFC 9110 §13.1.2).
    #[must_use]
    pub fn has(&self, tag: &str) -> bool {
        etag::is_known(&self.headers, tag)
    }

    /// Uses the proof up and leaves the record of what was read or refused, in one transaction; then answers.
    pub async fn finish(self, outcome: Result<Answer, Problem>) -> Response {
        let outcome = match outcome {
            Err(problem) if problem.is_fault() => Err(problem),
            outcome => match self.record(&outcome).await {
                Ok(true) => match outcome {
                    Ok(answer) => self.look_again().await.map(|()| answer),
                    refused => refused,
                },
                Ok(false) => Err(self.replayed().await),
                Err(fault) => Err(fault.into()),
            },
        };
        match outcome {
            Ok(answer) => respond(answer),
            Err(problem) => {
                let problem = problem.at(&self.connection, &self.institution);
                problem.into_response(&self.app.site.issuer(&self.institution), &self.request_id)
            }
        }
    }

    /// A read may have waited long: for core banking, for a commit. Whoever was told meanwhile that the linkage has ended
    /// was told that nothing more is handed over, so nothing is; the trail has the read and then its refusal.
    async fn look_again(&self) -> Result<(), Problem> {
        if !self.app.has_waited(self.now) {
            return Ok(());
        }
        let now = self.app.now();
        let linkage = self.read().find_linkage(self.caller.linkage.id).await.map_err(Fault::from)?;
        let linkage = linkage.ok_or_else(|| Fault::Defect("a token's linkage is gone".into()))?;
        let Err(reason) = standing(&linkage.facts, now) else { return Ok(()) };
        let actor = Actor::Product(linkage.client_id);
        let record = Record::refused(actor, Action::ReadRefused, reason.code()).on(linkage.id);
        let mut tx = self.app.store.begin(&self.institution).await.map_err(Fault::from)?;
        tx.record(&record.in_request(&self.request_id), now, &*self.app.random).await.map_err(Fault::from)?;
        tx.commit().await.map_err(Fault::from)?;
        Err(reason.into())
    }

    /// The proof was used before: whoever sends it need not be the one who made it.
    async fn replayed(&self) -> Problem {
        let error = ResourceError::Refused(dpop::REPLAYED);
        let Call { app, institution, source, request_id, now, .. } = self;
        let recorded =
            limits::record_stranger(app, institution, *source, Action::ReadRefused, &error, request_id, *now).await;
        recorded.map_or_else(Problem::from, |()| Problem::from(error))
    }

    /// `false`: the proof was used before; nothing was written.
    async fn record(&self, outcome: &Result<Answer, Problem>) -> Result<bool, Fault> {
        let linkage = &self.caller.linkage;
        let actor = Actor::Product(linkage.client_id.clone());
        let record = match outcome {
            Ok(answer) => {
                let detail = answer.detail.clone();
                Record { detail, ..Record::done(actor, answer.action).on(&answer.object) }
            }
            Err(problem) => Record::refused(actor, Action::ReadRefused, problem.kind.code).on(linkage.id),
        };
        let mut unit = Unit::new(&self.institution);
        self.caller.claim_proof(&mut unit, self.now);
        let hour = Timestamp(self.now.0 - self.now.0.rem_euclid(HOUR_MICROS));
        let is_first_of_hour = outcome.is_ok() && linkage.last_read_at.is_none_or(|last| last < hour);
        if is_first_of_hour {
            unit.then(Step::note_read(linkage.id, hour));
        }
        unit.record(&record.in_request(&self.request_id), self.now, &*self.app.random);
        let ended = self.app.store.leave(unit).await?;
        if is_first_of_hour {
            self.read().forget_access_token(self.caller.token.id);
        }
        Ok(ended == Ended::Done)
    }
}

fn respond(answer: Answer) -> Response {
    let mut response = match answer.payload {
        Payload::NotModified => StatusCode::NOT_MODIFIED.into_response(),
        Payload::Json(text) => typed(text, "application/json"),
        Payload::Csv { text, next } => {
            let mut response = typed(text, "text/csv; charset=utf-8; header=present");
            set(&mut response, header::CONTENT_DISPOSITION, "attachment; filename=\"transactions.csv\"");
            if let Some(next) = next {
                set(&mut response, header::LINK, &format!("<{next}>; rel=\"next\""));
            }
            response
        }
    };
    // The caller may keep it, and must ask each time whether it still holds.
    set(&mut response, header::CACHE_CONTROL, "private, no-cache");
    set(&mut response, header::VARY, "Accept, Authorization");
    if let Some(tag) = answer.etag {
        set(&mut response, header::ETAG, &tag);
    }
    response
}

fn typed(text: String, content_type: &str) -> Response {
    let mut response = text.into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    set(&mut response, header::CONTENT_TYPE, content_type);
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}
