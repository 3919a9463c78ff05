//! Trying inquiry PINs: shared by the flow and by mending an account later.
//!
//! Each row counts before it is looked at: for the user over all accounts, for the account, for the source over all
//! accounts it tries, and for the institution. None of these is the login's, and none belongs to a session or a flow, so
//! starting over gives no fresh tries.

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::guard;
use renkei_domain::id::{AccountId, UserId};
use renkei_domain::pin::{InquiryPin, PinOutcome, SealedPin};
use renkei_store::guards::Subject;
use renkei_store::guesses::{Guess, Guessed, Spread};
use renkei_store::{Step, Unit};

use super::browser::Visit;
use super::limits::count_guess;
use crate::core_banking;
use crate::error::Fault;

/// A PIN that core banking accepted. The try stays counted until [`Accepted::settle`]d.
pub struct Accepted {
    user: UserId,
    /// The account it is of.
    pub account: AccountId,
    /// The PIN, sealed for its account.
    pub sealed: SealedPin,
}

impl Accepted {
    /// Adds to a unit that the try was none, with its record.
    pub fn settle(&self, visit: &Visit, unit: &mut Unit) {
        let by_account = self.account.to_string();
        unit.then(Step::clear_guard(Subject::Pin, &by_account));
        unit.then_all(Step::uncount_try(Subject::PinUser, &self.user.to_string()));
        unit.prove_guess(Guessed::Pin, &visit.source.to_string(), &by_account, visit.now);
        let record = Record::done(Actor::User(self.user), Action::PinTried).on(self.account);
        unit.record(&record.in_request(&visit.request_id), visit.now, &*visit.app.random);
    }
}

/// Settles what was accepted, if anything was, with nothing else.
///
/// # Errors
/// [`Fault`] when the store is away.
pub async fn settle(visit: &Visit, accepted: Option<&Accepted>) -> Result<(), Fault> {
    let Some(accepted) = accepted else { return Ok(()) };
    let mut unit = visit.unit();
    accepted.settle(visit, &mut unit);
    visit.app.store.leave(unit).await?;
    Ok(())
}

/// Tries one PIN for one account. What was accepted is still to be settled.
///
/// # Errors
/// [`Fault`] when the store is away.
pub async fn try_pin(
    visit: &Visit,
    user: UserId,
    account: AccountId,
    pin: &InquiryPin,
) -> Result<(PinOutcome, Option<Accepted>), Fault> {
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
    Ok((PinOutcome::Staged, Some(Accepted { user, account, sealed })))
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
