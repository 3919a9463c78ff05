//! Trying inquiry PINs: shared by the flow and by mending an account later.
//!
//! Each row counts before it is looked at: for the user over all accounts, for the account, for the source over all
//! accounts it tries, and for the institution. None of these is the login's, and none belongs to a session or a flow, so
//! starting over gives no fresh tries.

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::guard;
use renkei_domain::id::{AccountId, UserId};
use renkei_domain::pin::{InquiryPin, PinOutcome, SealedPin};
use renkei_store::Step;
use renkei_store::guards::Subject;
use renkei_store::guesses::{Guess, Guessed, Spread};

use super::browser::Visit;
use super::limits::count_guess;
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
    let by_user = user.to_string();
    let by_account = account.to_string();
    let source = visit.source.to_string();
    let guess = Guess {
        guards: &[(Subject::PinUser, &by_user, &guard::PIN_USER), (Subject::Pin, &by_account, &guard::PIN)],
        spread: Some(Spread { kind: Guessed::Pin, source: &source, subject: &by_account, policy: &guard::PIN_SPREAD }),
    };
    if let Err(refused) = count_guess(visit, &guess, "inquiry PINs").await? {
        record(visit, user, account, refused.word()).await?;
        return Ok((PinOutcome::Locked, None));
    }
    if !core_banking::accepts_pin(&visit.app, visit.code(), account, pin.reveal()).await? {
        record(visit, user, account, "wrong_pin").await?;
        return Ok((PinOutcome::Wrong, None));
    }
    let sealed = core_banking::seal_pin(&visit.app, visit.code(), account, pin)?;
    let mut unit = visit.unit();
    unit.then(Step::clear_guard(Subject::Pin, &by_account));
    unit.then_all(Step::uncount_try(Subject::PinUser, &by_user));
    unit.prove_guess(Guessed::Pin, &source, &by_account, visit.now);
    let record = Record::done(Actor::User(user), Action::PinTried).on(account).in_request(&visit.request_id);
    unit.record(&record, visit.now, &*visit.app.random);
    visit.app.store.leave(unit).await?;
    Ok((PinOutcome::Staged, Some(sealed)))
}

async fn record(visit: &Visit, user: UserId, account: AccountId, reason: &str) -> Result<(), Fault> {
    let record = Record::refused(Actor::User(user), Action::PinTried, reason).on(account).in_request(&visit.request_id);
    Ok(visit.app.store.record(visit.code(), &record, visit.now, &*visit.app.random).await?)
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
