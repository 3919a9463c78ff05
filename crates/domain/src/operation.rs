//! What can be permitted, and for how long.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::time::{Day, Timestamp};

/// 認可業務: one thing a customer may let a partner do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// 残高照会: balance inquiry.
    Balances,
    /// 入出金明細照会: transaction inquiry.
    Transactions,
}

impl Operation {
    /// Every operation there is, in the order screens list them.
    pub const ALL: [Operation; 2] = [Operation::Balances, Operation::Transactions];

    /// The word that stands for it in an OAuth `scope` and in tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Operation::Balances => "balances",
            Operation::Transactions => "transactions",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The word names no operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such operation; known are balances and transactions")]
pub struct NoSuchOperation;

impl FromStr for Operation {
    type Err = NoSuchOperation;

    fn from_str(word: &str) -> Result<Operation, NoSuchOperation> {
        Operation::ALL.into_iter().find(|operation| operation.word() == word).ok_or(NoSuchOperation)
    }
}

/// A set of operations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Operations(pub BTreeSet<Operation>);

impl Operations {
    /// The set of these operations.
    #[must_use]
    pub fn of(operations: &[Operation]) -> Operations {
        Operations(operations.iter().copied().collect())
    }

    /// Reads a space-separated scope (RFC 6749 §3.3).
    ///
    /// # Errors
    /// [`NoSuchOperation`] when a word names none.
    pub fn from_scope(scope: &str) -> Result<Operations, NoSuchOperation> {
        scope.split(' ').filter(|word| !word.is_empty()).map(str::parse).collect::<Result<_, _>>().map(Operations)
    }

    /// The scope words, space-separated, in a fixed order.
    #[must_use]
    pub fn to_scope(&self) -> String {
        self.0.iter().map(|operation| operation.word()).collect::<Vec<_>>().join(" ")
    }

    /// Whether nothing is permitted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the operation is in the set.
    #[must_use]
    pub fn contains(&self, operation: Operation) -> bool {
        self.0.contains(&operation)
    }

    /// Whether every one of these is also in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Operations) -> bool {
        self.0.is_subset(&other.0)
    }

    /// Those in both.
    #[must_use]
    pub fn intersection(&self, other: &Operations) -> Operations {
        Operations(self.0.intersection(&other.0).copied().collect())
    }
}

/// 認可期間: from the permission to the end of its last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// First day, the day of the permission.
    pub from: Day,
    /// Last day on which the permission holds, all day.
    pub until: Day,
}

impl Period {
    /// The shortest and longest period that may be registered, in days.
    pub const DAYS_RANGE: std::ops::RangeInclusive<u16> = 1..=1830;

    /// The period that begins now and lasts so many days.
    #[must_use]
    pub fn starting(now: Timestamp, days: u16) -> Period {
        let from = now.day();
        Period { from, until: from.plus_days(i32::from(days)) }
    }

    /// The instant from which the permission no longer holds: the end of the last day in Japan.
    #[must_use]
    pub fn ends_at(self) -> Timestamp {
        self.until.plus_days(1).begins_at()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_named_by_days_and_ends_with_the_last_one() {
        let now = "2026-11-22".parse::<Day>().unwrap().begins_at().plus_seconds(3600 * 23);
        let period = Period::starting(now, 180);
        assert_eq!(period.until.to_japanese(), "2027年5月21日");
        assert_eq!(period.ends_at().to_rfc3339(), "2027-05-22T00:00:00+09:00");
    }

    #[test]
    fn scope_words_read_back_and_strangers_are_refused() {
        let both = Operations::of(&Operation::ALL);
        assert_eq!(Operations::from_scope("transactions balances"), Ok(both.clone()));
        assert_eq!(both.to_scope(), "balances transactions");
        assert_eq!(Operations::from_scope("balances openid"), Err(NoSuchOperation));
    }
}
