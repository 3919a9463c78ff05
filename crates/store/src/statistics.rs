//! Daily figures of availability and speed, to which every node adds. Minutes are kept for two days and then only counted.

use renkei_domain::time::{Day, Timestamp};

use crate::params;
use crate::{Session, StoreError, Tx};

/// Minutes are kept this long one by one.
const MINUTES_KEPT: i64 = 2 * 1_440;
/// Days are kept this long.
const DAYS_KEPT: i32 = 800;
/// A minute in which more than one answer in so many was a server error was one of failure (more than 5 in 100).
const FAILURES_OF: i64 = 20;
/// Stands where an endpoint would: figures about minutes.
pub const MINUTES: &str = "minutes";
/// Minutes in which a node served, whatever it answered.
pub const SERVED: &str = "served";
/// Those of them in which too much failed.
pub const FAILING: &str = "failing";

/// One figure of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// What was asked.
    pub endpoint: String,
    /// What was counted.
    pub measure: String,
    /// How often.
    pub value: i64,
}

/// The minute an instant falls into.
#[must_use]
pub const fn minute_of(at: Timestamp) -> i64 {
    at.seconds().div_euclid(60)
}

/// Whether so many failures among so many answers make a minute one of failure.
#[must_use]
pub const fn is_failing(answers: i64, failures: i64) -> bool {
    failures * FAILURES_OF > answers
}

impl Tx {
    /// Adds to a figure of a day.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_figure(&mut self, day: Day, endpoint: &str, measure: &str, more: i64) -> Result<(), StoreError> {
        let upsert = "INSERT INTO statistics (institution, day, endpoint, measure, value) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (institution, day, endpoint, measure) DO UPDATE SET value = statistics.value + excluded.value";
        self.execute(upsert, params![day, endpoint, measure, more]).await.map(|_| ())
    }

    /// Notes that this node served in this minute, and what came of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_minute(&mut self, minute: i64, answers: i64, failures: i64) -> Result<(), StoreError> {
        let upsert = "INSERT INTO statistic_minutes (institution, minute, answers, failures) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (institution, minute) DO UPDATE SET answers = statistic_minutes.answers + excluded.answers, \
             failures = statistic_minutes.failures + excluded.failures";
        self.execute(upsert, params![minute, answers, failures]).await.map(|_| ())
    }

    /// Counts minutes that are old enough into their days, each once whichever node comes first, and forgets days that
    /// are too old.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fold_minutes(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let delete = "DELETE FROM statistic_minutes WHERE institution = ?1 AND minute < ?2 \
             RETURNING minute, answers, failures";
        let rows = self.rows(delete, params![minute_of(now) - MINUTES_KEPT]).await?;
        for mut row in rows {
            let day = Timestamp::from_seconds(row.get::<i64>(0)? * 60).day();
            self.add_figure(day, MINUTES, SERVED, 1).await?;
            if is_failing(row.get(1)?, row.get(2)?) {
                self.add_figure(day, MINUTES, FAILING, 1).await?;
            }
        }
        let delete = "DELETE FROM statistics WHERE institution = ?1 AND day < ?2";
        self.execute(delete, params![now.day().plus_days(-DAYS_KEPT)]).await.map(|_| ())
    }
}

impl Session {
    /// All figures of a day; minutes that still stand one by one are counted in.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn figures_of(&mut self, day: Day) -> Result<Vec<Figure>, StoreError> {
        let select = "SELECT endpoint, measure, value FROM statistics WHERE institution = ?1 AND day = ?2 \
             ORDER BY endpoint, measure";
        let mut figures = Vec::new();
        for mut row in self.rows(select, params![day]).await? {
            figures.push(Figure { endpoint: row.get(0)?, measure: row.get(1)?, value: row.get(2)? });
        }
        let select = "SELECT answers, failures FROM statistic_minutes \
             WHERE institution = ?1 AND minute >= ?2 AND minute < ?3";
        let (from, until) = (minute_of(day.begins_at()), minute_of(day.plus_days(1).begins_at()));
        for mut row in self.rows(select, params![from, until]).await? {
            let minute = |measure: &str| Figure { endpoint: MINUTES.into(), measure: measure.into(), value: 1 };
            figures.push(minute(SERVED));
            if is_failing(row.get(0)?, row.get(1)?) {
                figures.push(minute(FAILING));
            }
        }
        Ok(figures)
    }
}
