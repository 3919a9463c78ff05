//! Trying inquiry PINs: shared by the flow and by mending an account later.
//!
//! Each row counts before it is looked at: once for the user over all accounts, once for the account. Neither counter is
//! the login's, and neither belongs to a flow, so starting over gives no fresh tries.

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::guard;
use renkei_domain::id::{AccountId, UserId};
use renkei_domain::pin::{InquiryPin, PinOutcome, SealedPin};
use renkei_store::guards::{Subject, count_try};

use super::browser::Visit;
use crate::core_banking;
use crate::error::Fault;

/// Tries one PIN for one account; what was accepted comes back sealed for it.
///
/// # Errors
/// [`Fault`] when the store is away.
pub async fn try_pin(
    visit: &Visit,
    user: UserId,
    account: AccountId,
    pin: &InquiryPin,
) -> Result<(PinOutcome, Option<SealedPin>), Fault> {
    let (store, now) = (&visit.app.store, visit.now);
    let by_user = user.to_string();
    let by_account = account.to_string();
    let counts = [(Subject::PinUser, &by_user, &guard::PIN_USER), (Subject::Pin, &by_account, &guard::PIN)];
    for (subject, name, policy) in counts {
        if count_try(store, visit.code(), subject, name, policy, now).await?.is_err() {
            record(visit, user, account, PinOutcome::Locked).await?;
            return Ok((PinOutcome::Locked, None));
        }
    }
    if !core_banking::accepts_pin(&visit.app, visit.code(), account, pin.reveal()).await? {
        record(visit, user, account, PinOutcome::Wrong).await?;
        return Ok((PinOutcome::Wrong, None));
    }
    let sealed = core_banking::seal_pin(&visit.app, visit.code(), account, pin)?;
    let mut tx = visit.begin().await?;
    tx.clear_guard(Subject::Pin, &by_account).await?;
    tx.uncount_try(Subject::PinUser, &by_user).await?;
    let record = Record::done(Actor::User(user), Action::PinTried).on(account).in_request(&visit.request_id);
    tx.record(&record, now, &*visit.app.random).await?;
    tx.commit().await?;
    Ok((PinOutcome::Staged, Some(sealed)))
}

async fn record(visit: &Visit, user: UserId, account: AccountId, outcome: PinOutcome) -> Result<(), Fault> {
    let reason = if outcome == PinOutcome::Locked { "locked" } else { "wrong_pin" };
    let record = Record::refused(Actor::User(user), Action::PinTried, reason).on(account).in_request(&visit.request_id);
    let mut tx = visit.begin().await?;
    tx.record(&record, visit.now, &*visit.app.random).await?;
    Ok(tx.commit().await?)
}

/// Tries left for an account before it is locked.
///
/// # Errors
/// [`Fault`] when the store is away.
pub async fn tries_left(visit: &Visit, account: AccountId) -> Result<u32, Fault> {
    let guard = visit.read().find_guard(Subject::Pin, &account.to_string()).await?;
    Ok(guard.tries_left(&guard::PIN))
}

/// Whether no PIN can be tried for an account now.
///
/// # Errors
/// [`Fault`] when the store is away.
pub async fn is_locked(visit: &Visit, account: AccountId) -> Result<bool, Fault> {
    let guard = visit.read().find_guard(Subject::Pin, &account.to_string()).await?;
    Ok(guard.count(visit.now, &guard::PIN).is_err())
}
