//! 照会用暗証番号: no inquiry reaches core banking without the PIN the customer registered for the account.

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::linkage::Reason;
use renkei_domain::pin::{PinStatus, SealedPin};
use renkei_store::ledger::ReadableAccount;

use super::call::Call;
use super::problem::Problem;
use crate::core_banking;
use crate::error::Fault;

/// Refuses an account whose PIN is missing or known to be stale, without asking core banking: a partner's polling must
/// not lock the customer's account.
///
/// # Errors
/// [`Problem`]: the PIN is missing or stale.
pub fn refuse_known(account: &ReadableAccount) -> Result<(), Problem> {
    match account.pin {
        PinStatus::Missing | PinStatus::Staged => Err(Reason::PinMissing.into()),
        PinStatus::Stale => Err(Reason::PinStale.into()),
        PinStatus::Registered => Ok(()),
    }
}

/// Confirms with core banking the PIN of an account that passed [`refuse_known`]. One found stale is marked at once, so
/// that core banking is never asked with it again.
///
/// # Errors
/// [`Problem`]: the PIN is missing or stale.
pub async fn confirm(call: &Call, account: &ReadableAccount) -> Result<(), Problem> {
    let Some(sealed) = &account.sealed_pin else { return Err(Reason::PinMissing.into()) };
    if core_banking::accepts_registered_pin(&call.app, &call.institution, account.id, sealed).await? {
        return Ok(());
    }
    mark_stale(call, account, sealed).await?;
    Err(Reason::PinStale.into())
}

/// Marks the PIN, unless it was replaced meanwhile, and records that the server found it out.
async fn mark_stale(call: &Call, account: &ReadableAccount, pin: &SealedPin) -> Result<(), Fault> {
    let mut tx = call.app.store.begin(&call.institution).await?;
    if tx.mark_pin_stale(account.id, pin, call.now).await? {
        let record = Record::done(Actor::System, Action::PinFoundStale).on(account.id).in_request(&call.request_id);
        tx.record(&record, call.now, &*call.app.random).await?;
        tx.commit().await?;
    }
    Ok(())
}
