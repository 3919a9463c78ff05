//! What one access token is for: all that was granted, or what of it the request names by `scope` and
//! `authorization_details` (RFC 6749 §6, RFC 9396 §6). It may narrow and never widens.

use renkei_domain::id::AccountId;
use renkei_domain::operation::{Operation, Operations};
use renkei_domain::partner::SenderConstraint;
use renkei_oauth::authorization_details::{self, AskedAccount, Granted};
use renkei_oauth::error::{ErrorCode, OAuthError};
use renkei_oauth::scope;
use renkei_store::ledger::LinkedAccount;
use renkei_store::linkages::Linkage;

use super::call::{Call, Denial};
use super::mint::Issued;
use crate::error::Fault;

const BEYOND: OAuthError = beyond("an account is not one of the grant");

/// What one request wants.
pub struct Wanted {
    /// The operations.
    pub scope: Operations,
    /// The accounts; `None`: all of the linkage.
    pub accounts: Option<Vec<AccountId>>,
    /// Whether the answer tells the details.
    pub detailed: bool,
}

/// Reads what a token request asks for, out of what was granted.
///
/// # Errors
/// `invalid_scope` or `invalid_authorization_details` for anything beyond it.
pub async fn wanted(call: &Call, linkage: &Linkage, granted: &Granting<'_>) -> Result<Wanted, Denial> {
    let allowed = words(&stored_scope(granted.scope)?);
    let locations = call.app.site.resources(&call.institution);
    let asked = authorization_details::read(call.form.get("authorization_details"), &allowed, &locations)?;
    let actions = asked.as_ref().map(|asked| asked.actions.as_slice());
    let scope = stored_scope(&scope::combined(granted.asked_scope, actions, &allowed)?.join(" "))?;
    let detailed = granted.detailed || asked.is_some();
    let limits = asked.map(|asked| asked.limits).unwrap_or_default();
    if limits.period_days.is_some() {
        return Err(beyond("a period is asked for when the grant is").into());
    }
    let accounts = match limits.accounts {
        None => None,
        Some(asked) => {
            Some(pick(&asked, &call.app.store.read(&call.institution).list_linked_accounts(linkage.id).await?)?)
        }
    };
    Ok(Wanted { scope, accounts, detailed })
}

/// What stands behind a token request.
pub struct Granting<'a> {
    /// The scope words that were permitted.
    pub scope: &'a str,
    /// Whether they were asked for in detail.
    pub detailed: bool,
    /// `scope` of the token request, where it may have one.
    pub asked_scope: Option<&'a str>,
}

fn pick(asked: &[AskedAccount], linked: &[LinkedAccount]) -> Result<Vec<AccountId>, OAuthError> {
    let find = |asked: &AskedAccount| linked.iter().find(|account| is(account, asked));
    asked.iter().map(|asked| find(asked).map(|account| account.id).ok_or(BEYOND)).collect()
}

fn is(account: &LinkedAccount, asked: &AskedAccount) -> bool {
    asked.is(&account.id.to_string(), account.branch.as_str(), account.kind.code(), account.number.as_str())
}

/// The details of an access token that was just issued and is bound like this, if its answer tells them: the accounts as
/// they stand now.
///
/// # Errors
/// [`Fault`] when the store is away.
pub async fn details(
    call: &Call,
    linkage: &Linkage,
    wanted: &Wanted,
    issued: &Issued,
    bound: SenderConstraint,
) -> Result<Option<Granted>, Fault> {
    if !wanted.detailed {
        return Ok(None);
    }
    let accounts = call.app.store.read(&call.institution).list_linked_accounts(linkage.id).await?;
    let resource = call.app.site.resource(&call.institution, bound);
    let accounts = accounts.iter().map(|account| &account.id);
    Ok(Some(granted(resource, &issued.scope, accounts, wanted.accounts.as_deref())))
}

/// These operations on the linked accounts, or on those of them that a token is for.
pub fn granted<'a>(
    api: String,
    scope: &Operations,
    linked: impl Iterator<Item = &'a AccountId>,
    only: Option<&[AccountId]>,
) -> Granted {
    let told = linked.filter(|account| only.is_none_or(|only| only.contains(account)));
    Granted::new(words(scope), api, told.map(AccountId::to_string))
}

/// The scope words of these operations.
pub fn words(operations: &Operations) -> Vec<String> {
    let known = Operation::ALL.into_iter().filter(|operation| operations.contains(*operation));
    known.map(|operation| operation.word().to_owned()).collect()
}

/// A scope that was checked before it was stored.
///
/// # Errors
/// [`Fault::Defect`] when it was not.
pub fn stored_scope(scope: &str) -> Result<Operations, Fault> {
    Operations::from_scope(scope).map_err(|_| Fault::Defect("a stored scope has unknown words".into()))
}

const fn beyond(description: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidAuthorizationDetails, description)
}
