//! Which lines of a statement are new to the ledger.
//!
//! A statement file carries no key for its lines, files overlap and are sent twice, and two equal lines of one day
//! are two entries. So the statement is read twice. The first time through, [`Survey`] compares it with what the
//! ledger holds and decides how it is to be read ([`Reading`]), or refuses it. The second time, [`Posting`] picks
//! the lines that are new, in the file's order, and numbers them. Both hold no more than the fingerprints the ledger
//! has within the statement's days.

use std::collections::HashMap;

use crate::statement::Fingerprint;
use crate::time::Day;

/// The most entries of one account the ledger may hold within the days of one statement; their fingerprints are
/// held in memory, some 50 bytes each. A statement over more is to be sent in shorter periods.
pub const KNOWN_LINES_MAX: usize = 1_000_000;

/// What the ledger holds of an account that has had a statement before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The first day the ledger covers.
    pub first_on: Day,
    /// The latest booking day of any entry; `None` while there are no entries.
    pub last_booked_on: Option<Day>,
    /// The balance after the last entry, in yen.
    pub balance: i64,
    /// The number of the last entry; 0 while there are none.
    pub last_seq: i64,
    /// The balance the ledger gives for the beginning of the statement's first day: the opening balance and every
    /// entry booked before that day, in yen.
    pub balance_before: i64,
}

/// The entries the ledger holds within a statement's days, as fingerprints; equal ones are counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownLines {
    counts: HashMap<Fingerprint, u32>,
    lines: usize,
}

/// More than [`KNOWN_LINES_MAX`] entries lie within the statement's days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ledger holds more than {KNOWN_LINES_MAX} entries within the statement's days: send shorter periods")]
pub struct TooManyKnown;

impl KnownLines {
    /// Notes an entry the ledger holds.
    ///
    /// # Errors
    /// [`TooManyKnown`] beyond [`KNOWN_LINES_MAX`].
    pub fn add(&mut self, fingerprint: Fingerprint) -> Result<(), TooManyKnown> {
        if self.lines >= KNOWN_LINES_MAX {
            return Err(TooManyKnown);
        }
        self.lines += 1;
        *self.counts.entry(fingerprint).or_default() += 1;
        Ok(())
    }

    /// Takes one such line out; whether there was one.
    fn take(&mut self, fingerprint: Fingerprint) -> bool {
        match self.counts.get_mut(&fingerprint) {
            Some(count) if *count > 0 => {
                *count -= 1;
                self.lines -= 1;
                true
            }
            _ => false,
        }
    }
}

/// What a statement says before its first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heading {
    /// The record it stands in, counted from 1.
    pub record: u64,
    /// 勘定日(自).
    pub from: Day,
    /// 勘定日(至).
    pub to: Day,
    /// 取引前残高, in yen.
    pub opening: i64,
}

/// What the ledger needs to know of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The record it stands in, counted from 1.
    pub record: u64,
    /// Equal for equal lines.
    pub fingerprint: Fingerprint,
    /// 勘定日.
    pub booked_on: Day,
    /// What it does to the balance, in yen.
    pub signed_amount: i64,
}

/// How a statement is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The very same statement was imported before: nothing is new.
    ImportedBefore,
    /// The account's first statement: it sets the opening balance and every line is new.
    First,
    /// All lines of whole days: what the ledger lacks of them is new.
    FullDays,
    /// It goes on exactly where the ledger ends: every line is new.
    Continuation,
}

/// What importing a statement will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How the statement is read.
    pub reading: Reading,
    /// How many of its lines are new.
    pub new_lines: i64,
    /// The ledger's balance before the first new line, in yen.
    pub balance_before: i64,
    /// The ledger's balance once they are posted, in yen.
    pub balance_after: i64,
    /// The number of the ledger's last entry before the first new line.
    pub last_seq: i64,
}

/// Why a statement does not fit the ledger. Nothing of its file may be posted. The text leaves out the record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The statement begins after the ledger's last entry with another balance: a statement between is missing.
    #[error(
        "the statement begins on {from} with {opening} yen, but the ledger ends with {balance} yen\
         {}: a statement between is missing", last_day(.last_booked_on)
    )]
    Gap {
        /// The header's record.
        record: u64,
        /// Its first day.
        from: Day,
        /// Its opening balance.
        opening: i64,
        /// The ledger's balance.
        balance: i64,
        /// The ledger's latest booking day.
        last_booked_on: Option<Day>,
    },
    /// The statement and the ledger disagree on the balance at the beginning of the statement's first day.
    #[error(
        "the statement begins on {from} with {opening} yen, but the ledger has {balance_before} yen \
         before that day and ends with {balance} yen"
    )]
    OpeningDiffers {
        /// The header's record.
        record: u64,
        /// Its first day.
        from: Day,
        /// Its opening balance.
        opening: i64,
        /// The ledger's balance before that day.
        balance_before: i64,
        /// The ledger's balance now.
        balance: i64,
    },
    /// Entries already delivered are not in a statement over their days.
    #[error(
        "{missing} entries the ledger holds between {from} and {to} are not in the statement; \
         what was delivered can't be taken back"
    )]
    EntriesMissing {
        /// The header's record.
        record: u64,
        /// The statement's first day.
        from: Day,
        /// Its last day.
        to: Day,
        /// How many entries are missing.
        missing: usize,
    },
    /// The statement goes on from the ledger's balance, yet a line is booked before the ledger's last entry.
    #[error("booked on {booked_on}, but the ledger already ends on {last_booked_on}")]
    BeforeLastEntry {
        /// The line's record.
        record: u64,
        /// Its booking day.
        booked_on: Day,
        /// The ledger's latest booking day.
        last_booked_on: Day,
    },
    /// A line is booked before the ledger's first day; history can't be put before what was delivered.
    #[error("booked on {booked_on}, but the ledger begins on {first_on}")]
    BeforeLedger {
        /// The line's record.
        record: u64,
        /// Its booking day.
        booked_on: Day,
        /// The ledger's first day.
        first_on: Day,
    },
    /// The lines do not lead from the statement's opening balance to its closing balance.
    #[error("the statement ends with {closing} yen on {to}, its lines lead to {reached} yen")]
    ClosingDiffers {
        /// The header's record.
        record: u64,
        /// The statement's last day.
        to: Day,
        /// Its closing balance.
        closing: i64,
        /// The balance its lines lead to.
        reached: i64,
    },
}

impl Misfit {
    /// The record at fault, counted from 1: a line, or the statement's header.
    #[must_use]
    pub const fn record(&self) -> u64 {
        match self {
            Misfit::Gap { record, .. }
            | Misfit::OpeningDiffers { record, .. }
            | Misfit::EntriesMissing { record, .. }
            | Misfit::BeforeLastEntry { record, .. }
            | Misfit::BeforeLedger { record, .. }
            | Misfit::ClosingDiffers { record, .. } => *record,
        }
    }

    /// The same for people who read Japanese, without the record.
    #[must_use]
    pub fn to_japanese(&self) -> String {
        match self {
            Misfit::Gap { from, opening, balance, last_booked_on, .. } => format!(
                "明細は{from}に残高{opening}円で始まりますが、元帳は{}残高{balance}円で終わっています。\
                 間の明細ファイルが不足しています",
                last_booked_on.map_or(String::new(), |day| format!("{day}に"))
            ),
            Misfit::OpeningDiffers { from, opening, balance_before, balance, .. } => format!(
                "明細は{from}に残高{opening}円で始まりますが、元帳のその日より前の残高は{balance_before}円、\
                 現在の残高は{balance}円です"
            ),
            Misfit::EntriesMissing { from, to, missing, .. } => format!(
                "元帳にある{from}から{to}までの明細のうち{missing}件がファイルにありません。\
                 一度提供した明細は取り消せません"
            ),
            Misfit::BeforeLastEntry { booked_on, last_booked_on, .. } => {
                format!("勘定日{booked_on}の明細ですが、元帳はすでに{last_booked_on}まであります")
            }
            Misfit::BeforeLedger { booked_on, first_on, .. } => {
                format!("勘定日{booked_on}の明細ですが、元帳は{first_on}から始まっています")
            }
            Misfit::ClosingDiffers { to, closing, reached, .. } => {
                format!("明細は{to}に残高{closing}円で終わりますが、明細から計算した残高は{reached}円です")
            }
        }
    }
}

fn last_day(last_booked_on: &Option<Day>) -> String {
    last_booked_on.map_or(String::new(), |day| format!(" on {day}"))
}

/// The first reading: compares a statement with the ledger, line by line.
#[derive(Debug)]
pub struct Survey {
    heading: Heading,
    standing: Option<Standing>,
    /// Entries of the ledger not yet met in the statement.
    unmet: KnownLines,
    lines: i64,
    sum: i64,
    /// Lines the ledger lacks, and their sum.
    new_lines: i64,
    new_sum: i64,
    /// The line booked first.
    earliest: Option<Line>,
}

impl Survey {
    /// Begins a statement. `standing` is `None` for an account without a statement yet; `known` holds the ledger's
    /// entries booked from the statement's first day to its last.
    #[must_use]
    pub const fn begin(heading: Heading, standing: Option<Standing>, known: KnownLines) -> Survey {
        Survey { heading, standing, unmet: known, lines: 0, sum: 0, new_lines: 0, new_sum: 0, earliest: None }
    }

    /// Looks at the next line.
    pub fn line(&mut self, line: Line) {
        self.lines += 1;
        self.sum = self.sum.saturating_add(line.signed_amount);
        if !self.unmet.take(line.fingerprint) {
            self.new_lines += 1;
            self.new_sum = self.new_sum.saturating_add(line.signed_amount);
        }
        if self.earliest.is_none_or(|earliest| line.booked_on < earliest.booked_on) {
            self.earliest = Some(line);
        }
    }

    /// Decides, once every line was looked at. `closing` is 取引後残高; `imported_before` says whether the ledger
    /// has a statement with the same digest. Where a statement can be read both as whole days and as a
    /// continuation, it is read as whole days: the ledger's lines are all in it.
    ///
    /// # Errors
    /// [`Misfit`], when the statement fits the ledger in no way.
    pub fn finish(self, closing: i64, imported_before: bool) -> Result<Plan, Misfit> {
        let Heading { record, to, opening, .. } = self.heading;
        let reached = opening.saturating_add(self.sum);
        if reached != closing {
            return Err(Misfit::ClosingDiffers { record, to, closing, reached });
        }
        let Some(standing) = self.standing else {
            return Ok(plan(Reading::First, self.lines, self.sum, opening, 0));
        };
        let Standing { balance, last_seq, .. } = standing;
        if imported_before {
            return Ok(plan(Reading::ImportedBefore, 0, 0, balance, last_seq));
        }
        match self.misfit(&standing) {
            None if self.is_full_days(&standing) => {
                Ok(plan(Reading::FullDays, self.new_lines, self.new_sum, balance, last_seq))
            }
            None => Ok(plan(Reading::Continuation, self.lines, self.sum, balance, last_seq)),
            Some(misfit) => Err(misfit),
        }
    }

    /// Whether the statement begins where the ledger stood before its first day, and has all the ledger has since.
    const fn is_full_days(&self, standing: &Standing) -> bool {
        self.heading.opening == standing.balance_before && self.unmet.lines == 0
    }

    /// Why the statement can be read neither as whole days nor as a continuation, if so.
    fn misfit(&self, standing: &Standing) -> Option<Misfit> {
        let Heading { record, from, to, opening } = self.heading;
        let Standing { first_on, last_booked_on, balance, balance_before, .. } = *standing;
        if let Some(line) = self.earliest.filter(|line| line.booked_on < first_on) {
            return Some(Misfit::BeforeLedger { record: line.record, booked_on: line.booked_on, first_on });
        }
        if self.is_full_days(standing) {
            return None;
        }
        let early = self.earliest.zip(last_booked_on).filter(|(line, last)| line.booked_on < *last);
        match early {
            None if opening == balance => None,
            _ if opening == balance_before => {
                Some(Misfit::EntriesMissing { record, from, to, missing: self.unmet.lines })
            }
            Some((line, last_booked_on)) if opening == balance => {
                Some(Misfit::BeforeLastEntry { record: line.record, booked_on: line.booked_on, last_booked_on })
            }
            _ if last_booked_on.is_none_or(|last| last < from) => {
                Some(Misfit::Gap { record, from, opening, balance, last_booked_on })
            }
            _ => Some(Misfit::OpeningDiffers { record, from, opening, balance_before, balance }),
        }
    }
}

const fn plan(reading: Reading, new_lines: i64, new_sum: i64, balance_before: i64, last_seq: i64) -> Plan {
    Plan { reading, new_lines, balance_before, balance_after: balance_before.saturating_add(new_sum), last_seq }
}

/// A new entry's place in its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posted {
    /// Its number: one more than the entry before it.
    pub seq: i64,
    /// The balance once it is posted, in yen.
    pub balance_after: i64,
}

/// The second reading did not find what the first had found: the file or the ledger changed in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file or the ledger changed while the statement was read")]
pub struct PlanBroken;

/// The second reading: picks the new lines and numbers them.
#[derive(Debug)]
pub struct Posting {
    plan: Plan,
    unmet: KnownLines,
    posted: i64,
    last: Posted,
}

impl Posting {
    /// Begins the statement again. `known` holds the same entries as before; only [`Reading::FullDays`] looks at it.
    #[must_use]
    pub const fn begin(plan: Plan, known: KnownLines) -> Posting {
        let last = Posted { seq: plan.last_seq, balance_after: plan.balance_before };
        Posting { plan, unmet: known, posted: 0, last }
    }

    /// The place of the next line if it is new, `None` if the ledger has it.
    pub fn line(&mut self, fingerprint: Fingerprint, signed_amount: i64) -> Option<Posted> {
        let is_new = match self.plan.reading {
            Reading::ImportedBefore => false,
            Reading::First | Reading::Continuation => true,
            Reading::FullDays => !self.unmet.take(fingerprint),
        };
        if !is_new {
            return None;
        }
        self.posted += 1;
        self.last = Posted {
            seq: self.last.seq.saturating_add(1),
            balance_after: self.last.balance_after.saturating_add(signed_amount),
        };
        Some(self.last)
    }

    /// Ends the statement: the account's last number and its balance, which must be those of the plan.
    ///
    /// # Errors
    /// [`PlanBroken`]: nothing posted may come into force.
    pub fn finish(self) -> Result<Posted, PlanBroken> {
        let as_planned = self.posted == self.plan.new_lines && self.last.balance_after == self.plan.balance_after;
        if as_planned { Ok(self.last) } else { Err(PlanBroken) }
    }
}
