//! Counting a guess: at every guard it has to pass, and for its source and the whole institution, so that few guesses at
//! each of many identities are seen too.

use renkei_domain::audit::Record;
use renkei_domain::guard::{GuardPolicy, Locked, SpreadPolicy};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;

use crate::guards::Subject;
use crate::params;
use crate::{Random, Store, StoreError, Tx};

const HOUR_SECONDS: i64 = 3_600;
/// Stands where a subject would: the number of subjects of a source, of tries of the institution.
const ALL: &str = "";
/// Stands where a subject would: the institution's alarm was raised in this hour.
const ALARM: &str = "!";

/// What is guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guessed {
    /// Passwords.
    Login,
    /// Inquiry PINs.
    Pin,
}

impl Guessed {
    const fn word(self) -> &'static str {
        match self {
            Guessed::Login => "login",
            Guessed::Pin => "pin",
        }
    }
}

/// One guess that is about to be looked at.
#[derive(Debug, Clone, Copy)]
pub struct Guess<'a> {
    /// The guards it has to pass, each with its subject.
    pub guards: &'a [(Subject, &'a str, &'a GuardPolicy)],
    /// Whose and at what, over all guards; `None` where a guess can only be at one's own secret.
    pub spread: Option<Spread<'a>>,
}

/// Who guesses at what, among all guesses of an institution.
#[derive(Debug, Clone, Copy)]
pub struct Spread<'a> {
    /// What is guessed.
    pub kind: Guessed,
    /// An address or a /64.
    pub source: &'a str,
    /// The identity.
    pub subject: &'a str,
    /// How many are too many.
    pub policy: &'a SpreadPolicy,
}

/// Why a guess is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// One of its guards is locked.
    #[error("locked")]
    Locked(Locked),
    /// Its source tried too many identities.
    #[error("too many identities from one source")]
    Spread,
}

impl NotNow {
    /// What the audit trail says.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            NotNow::Locked(_) => "locked",
            NotNow::Spread => "source_tried_too_many",
        }
    }
}

/// Counts a guess and makes the count durable. Only after this returned may the secret be looked at.
///
/// The outer error is the store's; the inner one says that it must not be looked at. `true`: this is the guess that makes
/// the institution's tries too many, and `alarm` was recorded.
///
/// # Errors
/// [`StoreError`].
pub async fn count_guess(
    store: &Store,
    institution: &InstitutionCode,
    guess: &Guess<'_>,
    alarm: &Record,
    now: Timestamp,
    random: &dyn Random,
) -> Result<Result<bool, NotNow>, StoreError> {
    loop {
        let mut tx = store.begin(institution).await?;
        match tx.count_at_guards(guess, now).await? {
            AtGuards::Counted => {}
            AtGuards::Locked(subject, name, locked) => {
                drop(tx);
                note_refused(store, institution, subject, name).await?;
                return Ok(Err(NotNow::Locked(locked)));
            }
            // Another try was counted between the read and the write: look again, one step further on.
            AtGuards::Overtaken => continue,
        }
        let mut is_alarm = false;
        if let Some(spread) = &guess.spread {
            match tx.count_spread(spread, now).await? {
                AtSource::TooMany => return Ok(Err(NotNow::Spread)),
                AtSource::Counted => {}
                AtSource::CountedWithAlarm => {
                    tx.record(alarm, now, random).await?;
                    is_alarm = true;
                }
            }
        }
        tx.commit().await?;
        return Ok(Ok(is_alarm));
    }
}

/// A refused try writes as much as one that is looked at, so that time tells neither.
async fn note_refused(
    store: &Store,
    institution: &InstitutionCode,
    subject: Subject,
    name: &str,
) -> Result<(), StoreError> {
    let update = "UPDATE guards SET refused = refused + 1 WHERE institution = ?1 AND kind = ?2 AND subject = ?3";
    let mut tx = store.begin(institution).await?;
    tx.execute(update, params![subject.word(), name]).await?;
    tx.commit().await
}

enum AtGuards<'a> {
    Counted,
    Locked(Subject, &'a str, Locked),
    Overtaken,
}

enum AtSource {
    Counted,
    CountedWithAlarm,
    TooMany,
}

impl Tx {
    async fn count_at_guards<'a>(&mut self, guess: &Guess<'a>, now: Timestamp) -> Result<AtGuards<'a>, StoreError> {
        for (subject, name, policy) in guess.guards {
            let before = self.find_guard(*subject, name).await?;
            let after = match before.count(now, policy) {
                Ok(after) => after,
                Err(locked) => return Ok(AtGuards::Locked(*subject, name, locked)),
            };
            if !self.replace_guard(*subject, name, before, after, now).await? {
                return Ok(AtGuards::Overtaken);
            }
        }
        Ok(AtGuards::Counted)
    }

    /// Counts for the source, if it had not tried this identity in this hour, and for the institution. The institution's
    /// row is the last to be written, so that guesses wait for one another as briefly as can be.
    async fn count_spread(&mut self, spread: &Spread<'_>, now: Timestamp) -> Result<AtSource, StoreError> {
        let (kind, policy, hour) = (spread.kind, spread.policy, hour(now));
        let is_new = self.put_once(kind, hour, spread.source, spread.subject).await?;
        let subjects = if is_new { self.add_one(kind, hour, spread.source).await? } else { 0 };
        let tries = self.add_one(kind, hour, ALL).await?;
        // The try that makes them too many is still taken, so that the alarm stands.
        let is_alarmed = tries > policy.institution_tries_max;
        let most = if is_alarmed { policy.source_subjects_in_alarm } else { policy.source_subjects_max };
        if subjects > most {
            return Ok(AtSource::TooMany);
        }
        if tries >= policy.institution_tries_max && self.put_once(kind, hour, ALL, ALARM).await? {
            return Ok(AtSource::CountedWithAlarm);
        }
        Ok(AtSource::Counted)
    }

    async fn put_once(&mut self, kind: Guessed, hour: i64, source: &str, subject: &str) -> Result<bool, StoreError> {
        let insert = "INSERT INTO guesses (institution, kind, hour, source, subject, tries) \
             VALUES (?1, ?2, ?3, ?4, ?5, 1) ON CONFLICT DO NOTHING";
        self.claim(insert, params![kind.word(), hour, source, subject]).await
    }

    /// Counts up, and tells the sum of this hour and the last: any hour on the clock lies within the two.
    async fn add_one(&mut self, kind: Guessed, hour: i64, source: &str) -> Result<i64, StoreError> {
        let upsert = "INSERT INTO guesses (institution, kind, hour, source, subject, tries) \
             VALUES (?1, ?2, ?3, ?4, ?5, 1) ON CONFLICT (institution, kind, hour, source, subject) \
             DO UPDATE SET tries = guesses.tries + 1 RETURNING tries, COALESCE((SELECT b.tries FROM guesses b \
             WHERE b.institution = ?1 AND b.kind = ?2 AND b.hour = ?6 AND b.source = ?4 AND b.subject = ?5), 0)";
        let row = self.row(upsert, params![kind.word(), hour, source, ALL, hour - 1]).await?;
        let (tries, before): (i64, i64) = row.map_or(Ok((0, 0)), |mut row| Ok((row.get(0)?, row.get(1)?)))?;
        if tries == 1 {
            let delete = "DELETE FROM guesses WHERE institution = ?1 AND kind = ?2 AND hour < ?3";
            self.execute(delete, params![kind.word(), hour - 1]).await?;
        }
        Ok(tries.saturating_add(before))
    }

    /// Takes back a guess that turned out right: it was none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn prove_guess(
        &mut self,
        kind: Guessed,
        source: &str,
        subject: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let hour = hour(now);
        let delete = "DELETE FROM guesses \
             WHERE institution = ?1 AND kind = ?2 AND hour = ?3 AND source = ?4 AND subject = ?5";
        let was_counted = self.claim(delete, params![kind.word(), hour, source, subject]).await?;
        let counts = [was_counted.then_some(source), Some(ALL)];
        for source in counts.into_iter().flatten() {
            let update = "UPDATE guesses SET tries = tries - 1 \
                 WHERE institution = ?1 AND kind = ?2 AND hour = ?3 AND source = ?4 AND subject = ?5 AND tries > 0";
            self.execute(update, params![kind.word(), hour, source, ALL]).await?;
        }
        Ok(())
    }
}

fn hour(now: Timestamp) -> i64 {
    now.seconds().div_euclid(HOUR_SECONDS)
}
