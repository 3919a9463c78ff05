//! Who calls the account API: the access token, the proof that the caller holds its key, and the linkage behind both.

use axum::http::{HeaderMap, Method, header};
use renkei_domain::id::AccountId;
use renkei_domain::institution::InstitutionCode;
use renkei_domain::linkage::{Reason, standing};
use renkei_domain::operation::{Operation, Operations};
use renkei_domain::ticket::Ticket;
use renkei_domain::time::Timestamp;
use renkei_domain::token::Binding;
use renkei_oauth::authorization::access_token;
use renkei_oauth::client_auth::certificate::thumbprint;
use renkei_oauth::dpop::{self, DpopFault, Proof, Target};
use renkei_oauth::error::{OAuthError, ResourceError};
use renkei_oauth::token::TokenType;
use renkei_store::ledger::ReadableAccount;
use renkei_store::linkages::Linkage;
use renkei_store::tokens::AccessToken;
use renkei_store::{Moment, StoreError, Unit};
use subtle::ConstantTimeEq as _;

use crate::app::App;
use crate::certificates::PeerCertificate;
use crate::error::Fault;
use crate::http::connection::Connection;
use crate::http::nonces::{self, Audience};

/// A caller with a token that holds, for a linkage that may be used now.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The linkage: client, user, operations with their ends.
    pub linkage: Linkage,
    /// The token: its identifier, scope and key.
    pub token: AccessToken,
    /// What the token may do, before the ends of the linkage's operations are looked at.
    pub scope: Operations,
    /// The account that is asked for, if linkage and token give it, or what hindered the look-up.
    pub account: Result<Option<ReadableAccount>, StoreError>,
    proof: Option<Proof>,
}

/// Why a call to the account API was refused, whatever it asks for.
#[derive(Debug)]
pub enum Refusal {
    /// No token, or one that does not hold, or not with the proof it needs.
    Call(ResourceError),
    /// Token and proof hold, but the linkage may not be used now.
    Linkage(Reason, Box<Caller>),
    /// Token and proof hold, but the login behind the linkage is too weak for the institution.
    Login(Box<Caller>),
    /// The proof lacks the nonce that the institution demands.
    Nonce(OAuthError),
    /// A failure on this side.
    Fault(Fault),
}

impl From<ResourceError> for Refusal {
    fn from(error: ResourceError) -> Refusal {
        Refusal::Call(error)
    }
}

impl From<DpopFault> for Refusal {
    fn from(fault: DpopFault) -> Refusal {
        Refusal::Call(fault.into())
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Refusal {
        Refusal::Fault(fault)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        Refusal::Fault(error.into())
    }
}

impl Caller {
    /// Whether the operation is in the token's scope and the customer's permission for it has not ended.
    #[must_use]
    pub fn permits(&self, operation: Operation, now: Timestamp) -> bool {
        let in_force = self.linkage.operations.iter().any(|own| own.operation == operation && now < own.ends_at);
        in_force && self.scope.contains(operation)
    }

    /// Whether the token is for this account, if the linkage is.
    #[must_use]
    pub fn is_for(&self, account: AccountId) -> bool {
        self.token.accounts.as_ref().is_none_or(|accounts| accounts.contains(&account))
    }

    /// Uses the proof up, if it was one, with what the call writes. Where that is lost, the proof was used before and the
    /// call is refused with [`dpop::REPLAYED`].
    pub fn claim_proof(&self, unit: &mut Unit, now: Timestamp) {
        if let Some(Proof { replay, .. }) = &self.proof {
            unit.claim_replay(&replay.digest, Timestamp::from_seconds(replay.remember_until), now);
        }
    }
}

/// A request as far as it says who calls.
#[derive(Clone, Copy)]
pub struct Sent<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its path as it came; a proof must name it below the listener's origin.
    pub path: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// What it came over.
    pub connection: &'a Connection,
}

/// Finds out who calls, from what `Authorization` and `DPoP` say (RFC 9449 §7.1), or `Authorization` and the certificate
/// of the connection (RFC 8705 §3). What costs little comes first, the signature last but for the linkage's standing,
/// which is told to nobody but the holder of the key.
///
/// A proof is checked, not used up: [`Caller::claim_proof`] does that.
///
/// # Errors
/// [`Refusal`].
pub async fn authenticate(
    app: &App,
    institution: &InstitutionCode,
    sent: Sent<'_>,
    account: Option<AccountId>,
    now: Timestamp,
) -> Result<Caller, Refusal> {
    let headers = sent.headers.get_all(header::AUTHORIZATION).iter().map(|value| value.as_bytes());
    let (scheme, text) = access_token(headers)?;
    let shown = Shown::of(scheme, sent)?;
    let (token, linkage, account) = find(app, institution, text, account, now).await?;
    nonces::check(app, institution, Audience::AccountApi, linkage.dpop_nonces, sent.headers, now)
        .map_err(Refusal::Nonce)?;
    let proof = shown.check(&token.binding, text, sent, now)?;
    let scope = Operations::from_scope(&token.scope)
        .map_err(|_| Fault::Defect("an access token has a scope of unknown words".into()))?;
    let mut caller = Caller { linkage, token, scope, account: Ok(None), proof };
    caller.account = account.map(|found| found.filter(|account| caller.is_for(account.id)));
    match standing(&caller.linkage.facts, now) {
        Ok(()) if !caller.linkage.login_suffices() => Err(Refusal::Login(Box::new(caller))),
        Ok(()) => Ok(caller),
        Err(reason) => Err(Refusal::Linkage(reason, Box::new(caller))),
    }
}

/// What came with the token to show that the caller holds what it is bound to.
pub enum Shown<'a> {
    /// A proof of a key.
    Proof(&'a str),
    /// The certificate of the connection.
    Certificate(&'a PeerCertificate),
}

impl<'a> Shown<'a> {
    /// What a token sent by this scheme comes with.
    ///
    /// # Errors
    /// [`Refusal::Call`] when it comes with nothing.
    pub fn of(scheme: TokenType, sent: Sent<'a>) -> Result<Shown<'a>, Refusal> {
        match scheme {
            TokenType::Dpop => {
                let proof = dpop::header(sent.headers.get_all("dpop").iter().map(|value| value.as_bytes()))?;
                Ok(Shown::Proof(proof.ok_or(DpopFault::Missing)?))
            }
            TokenType::Bearer => Ok(Shown::Certificate(sent.connection.certificate().ok_or(NO_CERTIFICATE)?)),
        }
    }

    /// Checks it against what the token is bound to. A token of one kind is never good with what shows the other.
    ///
    /// # Errors
    /// [`Refusal::Call`].
    pub fn check(
        &self,
        binding: &Binding,
        token: &str,
        sent: Sent<'_>,
        now: Timestamp,
    ) -> Result<Option<Proof>, Refusal> {
        match self {
            Shown::Proof(proof) => {
                let url = sent.connection.url(sent.path);
                let target = Target { method: sent.method.as_str(), url: &url, access_token: Some(token) };
                let proof = dpop::check(proof, &target, now.seconds())?;
                let fits = matches!(binding, Binding::Dpop(jkt) if proof.is_by(jkt));
                if fits { Ok(Some(proof)) } else { Err(OTHER_KEY.into()) }
            }
            Shown::Certificate(certificate) => {
                let own = thumbprint(&certificate.leaf);
                match binding {
                    Binding::Dpop(_) => Err(NO_CERTIFICATE.into()),
                    Binding::Certificate(bound) if bool::from(own.as_bytes().ct_eq(bound.as_bytes())) => Ok(None),
                    Binding::Certificate(_) => Err(OTHER_CERTIFICATE.into()),
                }
            }
        }
    }
}

const NO_CERTIFICATE: ResourceError =
    ResourceError::invalid_token("a Bearer token is taken with the certificate it is bound to and no other way");
const OTHER_CERTIFICATE: ResourceError =
    ResourceError::invalid_token("the access token is bound to another certificate");
const OTHER_KEY: ResourceError = ResourceError::invalid_token("the access token is bound to another key");

async fn find(
    app: &App,
    institution: &InstitutionCode,
    text: &str,
    account: Option<AccountId>,
    now: Timestamp,
) -> Result<(AccessToken, Linkage, Result<Option<ReadableAccount>, StoreError>), Refusal> {
    const UNKNOWN: ResourceError = ResourceError::invalid_token("access token unknown or revoked");
    let ticket = Ticket::parse(text).map_err(|_| UNKNOWN)?;
    let moment = Moment::default();
    let [mut read, mut beside] = [(); 2].map(|()| app.store.read_within(institution, &moment));
    let account = async {
        match account {
            Some(account) => beside.find_account_of_token(ticket.id(), account).await,
            None => Ok(None),
        }
    };
    // The account is asked for first, which may tell enough of the token; whatever becomes of it, the token is judged first.
    let (account, found) = tokio::join!(account, read.find_access_token(&ticket));
    let (token, linkage) = found?.ok_or(UNKNOWN)?;
    // What dies with its linkage is told why; the linkage's standing refuses it in the end.
    if token.revoked_at.is_some() && linkage.facts.ended_by.is_none() {
        return Err(UNKNOWN.into());
    }
    if now >= token.expires_at {
        return Err(ResourceError::invalid_token("access token expired").into());
    }
    Ok((token, linkage, account))
}
