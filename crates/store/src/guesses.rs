//! Counting a guess: at every guard it has to pass, and for its source and the whole institution, so that few guesses at
//! each of many identities are seen too.

use renkei_domain::audit::Record;
use renkei_domain::guard::{Guard, GuardPolicy, Locked, SpreadPolicy};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;

use crate::guards::Subject;
use crate::{Ended, Random, Session, Step, Store, StoreError, Unit, params, values};

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
/// What each guard and each source may is decided by conditional writes, whoever tries at the same time. The
/// institution's tries are only counted, and looked at again once this one is among them, so that of many at once the
/// last one raises the alarm.
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
    let count_spread = async || match &guess.spread {
        Some(spread) => store.read(institution).count_spread(spread, now).await.map(Some),
        None => Ok(None),
    };
    loop {
        let before = count_spread().await?;
        let is_new = before.as_ref().is_some_and(|before| !before.is_known);
        let mut unit = Unit::new(institution);
        if let (Some(spread), Some(before)) = (&guess.spread, &before) {
            if is_new && before.with_one_more().is_too_many(spread.policy) {
                return Ok(Err(NotNow::Spread));
            }
            unit.claim_spread(spread, before, now);
        }
        match look_at_guards(store, institution, guess, now).await? {
            Ok(moves) => unit.claim_guards(&moves, now),
            Err((subject, name, locked)) => {
                // As much as for one that is looked at, so that time tells neither.
                note_refused(store, institution, subject, name).await?;
                count_spread().await?;
                return Ok(Err(NotNow::Locked(locked)));
            }
        }
        match store.leave(unit).await? {
            Ended::Done => {}
            Ended::Lost(SOURCE_CLAIM) if is_new => return Ok(Err(NotNow::Spread)),
            // Another try was counted between the read and the write: look again, one step further on.
            Ended::Lost(_) => continue,
        }
        let (Some(spread), Some(after)) = (&guess.spread, count_spread().await?) else { return Ok(Ok(false)) };
        let is_alarm =
            after.is_due(spread.policy) && raise(store, institution, spread.kind, alarm, now, random).await?;
        if is_new && after.is_too_many(spread.policy) {
            return Ok(Err(NotNow::Spread));
        }
        return Ok(Ok(is_alarm));
    }
}

/// A guard's subject, from where it stands, to where this try puts it.
type Move<'a> = (Subject, &'a str, Guard, Guard);

/// Where each guard goes with this try, or the one that is locked.
async fn look_at_guards<'a>(
    store: &Store,
    institution: &InstitutionCode,
    guess: &Guess<'a>,
    now: Timestamp,
) -> Result<Result<Vec<Move<'a>>, (Subject, &'a str, Locked)>, StoreError> {
    let mut moves = Vec::with_capacity(guess.guards.len());
    for (subject, name, policy) in guess.guards {
        let before = store.read(institution).find_guard(*subject, name).await?;
        match before.count(now, policy) {
            Ok(after) => moves.push((*subject, *name, before, after)),
            Err(locked) => return Ok(Err((*subject, *name, locked))),
        }
    }
    Ok(Ok(moves))
}

async fn note_refused(
    store: &Store,
    institution: &InstitutionCode,
    subject: Subject,
    name: &str,
) -> Result<(), StoreError> {
    let update = "UPDATE guards SET refused = refused + 1 WHERE institution = ?1 AND kind = ?2 AND subject = ?3";
    let mut unit = Unit::new(institution);
    unit.then(Step::new(update, values![subject.word(), name.to_owned()]));
    store.leave(unit).await.map(drop)
}

/// Records the alarm, if nobody has in this hour.
async fn raise(
    store: &Store,
    institution: &InstitutionCode,
    kind: Guessed,
    alarm: &Record,
    now: Timestamp,
    random: &dyn Random,
) -> Result<bool, StoreError> {
    let mut unit = Unit::new(institution);
    unit.claim(put_once(kind, hour(now), ALL, ALARM));
    unit.record(alarm, now, random);
    Ok(store.leave(unit).await? == Ended::Done)
}

/// The claim that fails when a source has tried too many identities; the identity's own is before it.
const SOURCE_CLAIM: usize = 1;

/// Where the counts of an hour and the one before stand; any hour on the clock lies within the two.
struct Counts {
    /// Whether the source has tried this identity in this hour.
    is_known: bool,
    /// Identities the source has tried.
    subjects: i64,
    /// Tries at the institution.
    tries: i64,
    /// Whether nobody has tried anything at the institution in this hour.
    is_first: bool,
    /// Whether the alarm was raised in this hour.
    is_alarmed: bool,
}

impl Counts {
    /// With one more identity, tried once.
    fn with_one_more(&self) -> Counts {
        Counts { subjects: self.subjects.saturating_add(1), tries: self.tries.saturating_add(1), ..*self }
    }

    /// Whether the identities are more than a source may try. The try that makes the institution's too many is still
    /// taken, so that the alarm stands.
    fn is_too_many(&self, policy: &SpreadPolicy) -> bool {
        let in_alarm = self.tries > policy.institution_tries_max;
        self.subjects > if in_alarm { policy.source_subjects_in_alarm } else { policy.source_subjects_max }
    }

    fn is_due(&self, policy: &SpreadPolicy) -> bool {
        !self.is_alarmed && self.tries >= policy.institution_tries_max
    }
}

impl Session {
    async fn count_spread(&mut self, spread: &Spread<'_>, now: Timestamp) -> Result<Counts, StoreError> {
        // What stands for all subjects, and for the alarm, is written out: '' is `ALL`, '!' is `ALARM`.
        const OF: &str = "(SELECT tries FROM guesses WHERE institution = ?1 AND kind = ?2 AND hour = ";
        let select = const_format::concatcp!(
            "SELECT ",
            OF,
            "?3 AND source = ?5 AND subject = ?6), ",
            OF,
            "?3 AND source = ?5 AND subject = ''), ",
            OF,
            "?4 AND source = ?5 AND subject = ''), ",
            OF,
            "?3 AND source = '' AND subject = ''), ",
            OF,
            "?4 AND source = '' AND subject = ''), ",
            OF,
            "?3 AND source = '' AND subject = '!')"
        );
        let hour = hour(now);
        let row = self.row(select, params![spread.kind.word(), hour, hour - 1, spread.source, spread.subject]).await?;
        let mut row = row.ok_or_else(|| StoreError::Statement("a row of counts is always there".into()))?;
        let mut count = |column| row.get::<Option<i64>>(column);
        let (known, source, source_before) = (count(0)?, count(1)?, count(2)?);
        let (all, all_before, alarm) = (count(3)?, count(4)?, count(5)?);
        let sum = |now: Option<i64>, before: Option<i64>| now.unwrap_or(0).saturating_add(before.unwrap_or(0));
        Ok(Counts {
            is_known: known.is_some(),
            subjects: sum(source, source_before),
            tries: sum(all, all_before),
            is_first: all.is_none(),
            is_alarmed: alarm.is_some(),
        })
    }
}

impl Unit {
    /// Counts for the source, if it had not tried this identity in this hour, and for the institution.
    fn claim_spread(&mut self, spread: &Spread<'_>, before: &Counts, now: Timestamp) {
        let (kind, hour) = (spread.kind, hour(now));
        if !before.is_known {
            self.claim(put_once(kind, hour, spread.source, spread.subject));
            self.claim(count_one(kind, hour, spread.source, spread.policy.source_subjects_max));
            self.otherwise(forget(kind, hour, spread.source, spread.subject));
        }
        self.tally(COUNT_ALL, values![kind.word(), hour], 1);
        if before.is_first {
            let delete = "DELETE FROM guesses WHERE institution = ?1 AND kind = ?2 AND hour < ?3";
            self.then(Step::new(delete, values![kind.word(), hour - 1]));
        }
    }

    /// Puts each guard one step further on. Where one has moved meanwhile, those before it are put back.
    fn claim_guards(&mut self, moves: &[Move<'_>], now: Timestamp) {
        for (number, (subject, name, before, after)) in moves.iter().enumerate() {
            self.claim(Step::replace_guard(*subject, name, *before, *after, now));
            for (subject, name, before, after) in moves.iter().take(number) {
                self.otherwise(Step::put_back_guard(*subject, name, *before, *after));
            }
        }
    }

    /// Takes back a guess that turned out right: it was none.
    pub fn prove_guess(&mut self, kind: Guessed, source: &str, subject: &str, now: Timestamp) {
        let hour = hour(now);
        let uncount_source = "UPDATE guesses SET tries = tries - 1 \
             WHERE institution = ?1 AND kind = ?2 AND hour = ?3 AND source = ?4 AND subject = '' AND tries > 0 \
             AND EXISTS (SELECT 1 FROM guesses own WHERE own.institution = ?1 AND own.kind = ?2 AND own.hour = ?3 \
             AND own.source = ?4 AND own.subject = ?5)";
        self.then(Step::new(uncount_source, values![kind.word(), hour, source.to_owned(), subject.to_owned()]));
        self.then(forget(kind, hour, source, subject));
        self.tally(COUNT_ALL, values![kind.word(), hour], -1);
    }
}

/// Counts the institution's tries of an hour.
const COUNT_ALL: &str = "INSERT INTO guesses (institution, kind, hour, source, subject, tries) \
     VALUES (?1, ?2, ?3, '', '', CASE WHEN CAST(?4 AS BIGINT) > 0 THEN CAST(?4 AS BIGINT) ELSE 0 END) \
     ON CONFLICT (institution, kind, hour, source, subject) DO UPDATE SET tries = CASE \
     WHEN guesses.tries + CAST(?4 AS BIGINT) > 0 THEN guesses.tries + CAST(?4 AS BIGINT) ELSE 0 END";

/// Puts a row that nobody has put in this hour.
fn put_once(kind: Guessed, hour: i64, source: &str, subject: &str) -> Step {
    let insert = "INSERT INTO guesses (institution, kind, hour, source, subject, tries) \
         VALUES (?1, ?2, ?3, ?4, ?5, 1) ON CONFLICT DO NOTHING";
    Step::new(insert, values![kind.word(), hour, source.to_owned(), subject.to_owned()])
}

fn forget(kind: Guessed, hour: i64, source: &str, subject: &str) -> Step {
    let delete =
        "DELETE FROM guesses WHERE institution = ?1 AND kind = ?2 AND hour = ?3 AND source = ?4 AND subject = ?5";
    Step::new(delete, values![kind.word(), hour, source.to_owned(), subject.to_owned()])
}

/// Counts up as long as this hour's and the last hour's are together fewer than so many.
fn count_one(kind: Guessed, hour: i64, source: &str, most: i64) -> Step {
    let upsert = "INSERT INTO guesses (institution, kind, hour, source, subject, tries) \
         SELECT ?1, ?2, CAST(?3 AS BIGINT), ?4, '', 1 WHERE ?6 > COALESCE((SELECT b.tries FROM guesses b \
         WHERE b.institution = ?1 AND b.kind = ?2 AND b.hour = ?5 AND b.source = ?4 AND b.subject = ''), 0) \
         ON CONFLICT (institution, kind, hour, source, subject) DO UPDATE SET tries = guesses.tries + 1 \
         WHERE ?6 - COALESCE((SELECT b.tries FROM guesses b WHERE b.institution = ?1 AND b.kind = ?2 AND b.hour = ?5 \
         AND b.source = ?4 AND b.subject = ''), 0) > guesses.tries";
    Step::new(upsert, values![kind.word(), hour, source.to_owned(), hour - 1, most])
}

fn hour(now: Timestamp) -> i64 {
    now.seconds().div_euclid(HOUR_SECONDS)
}
