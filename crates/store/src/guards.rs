//! Guess guards: the count is made durable before a secret is looked at.

use renkei_domain::guard::Guard;
use renkei_domain::time::Timestamp;
use uuid::Uuid;

use crate::{Session, Step, StoreError, Tx, params, values};

/// Which secret a guard stands before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A login, by a keyed digest of the folded login id, whether or not such a user exists.
    Login,
    /// Logins of one user from one known device: the name of [`Subject::Login`], a slash and the device's.
    LoginDevice,
    /// The inquiry PIN of one account.
    Pin,
    /// The inquiry PINs one user tries, over all accounts.
    PinUser,
}

impl Subject {
    /// How it stands in the table.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Subject::Login => "login",
            Subject::LoginDevice => "login_device",
            Subject::Pin => "pin",
            Subject::PinUser => "pin_user",
        }
    }
}

/// A guard at which somebody failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedGuard {
    /// [`Subject::word`].
    pub kind: String,
    /// Whose: as the subject's documentation says.
    pub subject: String,
    /// Where it stands.
    pub guard: Guard,
    /// Tries that came while it was locked.
    pub refused: i64,
}

impl Session {
    /// Every guard at which somebody failed since the last success; the most failures first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_guards(&mut self) -> Result<Vec<CountedGuard>, StoreError> {
        let select = "SELECT kind, subject, failures, locked_until, refused FROM guards \
             WHERE institution = ?1 ORDER BY failures DESC, kind, subject";
        let rows = self.rows(select, &[]).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(CountedGuard {
                    kind: row.get(0)?,
                    subject: row.get(1)?,
                    guard: Guard { failures: row.get(2)?, locked_until: row.get(3)? },
                    refused: row.get(4)?,
                })
            })
            .collect()
    }

    /// Where a guard stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_guard(&mut self, subject: Subject, name: &str) -> Result<Guard, StoreError> {
        let select = "SELECT failures, locked_until FROM guards WHERE institution = ?1 AND kind = ?2 AND subject = ?3";
        match self.row(select, params![subject.word(), name]).await? {
            Some(mut row) => Ok(Guard { failures: row.get(0)?, locked_until: row.get(1)? }),
            None => Ok(Guard::default()),
        }
    }
}

impl Session {
    /// Logins that failed at a login's guard, or came while it was locked, since it was last cleared.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_failed_logins(&mut self, login: &str) -> Result<i64, StoreError> {
        let select = "SELECT failures + refused FROM guards WHERE institution = ?1 AND kind = ?2 AND subject = ?3";
        let row = self.row(select, params![Subject::Login.word(), login]).await?;
        row.map_or(Ok(0), |mut row| row.get(0))
    }

    /// Whether the guard behind a session or a code is locked now: somebody is guessing at that login, and what came of
    /// it has to wait as well.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_held_back(&mut self, holder: Uuid, now: Timestamp) -> Result<bool, StoreError> {
        let select = "SELECT 1 FROM passed_guards p \
             JOIN guards g ON g.institution = p.institution AND g.kind = p.kind AND g.subject = p.subject \
             WHERE p.institution = ?1 AND p.holder_id = ?2 AND g.locked_until > ?3";
        Ok(self.row(select, params![holder, now]).await?.is_some())
    }
}

impl Tx {
    /// Clears a guard when staff unlock it. `false`: there was nothing to clear.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear_guard(&mut self, subject: Subject, name: &str) -> Result<bool, StoreError> {
        Ok(self.apply(Step::clear_guard(subject, name)).await? == 1)
    }

    /// Clears the guards of all known devices of a login. `false`: there was nothing to clear.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear_device_guards(&mut self, login: &str) -> Result<bool, StoreError> {
        let delete = "DELETE FROM guards WHERE institution = ?1 AND kind = ?2 AND subject LIKE ?3";
        let devices = format!("{login}/%");
        Ok(self.execute(delete, params![Subject::LoginDevice.word(), devices.as_str()]).await? > 0)
    }
}

impl Step {
    /// Clears a guard after a success.
    #[must_use]
    pub fn clear_guard(subject: Subject, name: &str) -> Step {
        let delete = "DELETE FROM guards WHERE institution = ?1 AND kind = ?2 AND subject = ?3";
        Step::new(delete, values![subject.word(), name.to_owned()])
    }

    /// Notes which guard the login behind a session passed, in place of any before it.
    #[must_use]
    pub fn note_passed_guard(holder: Uuid, subject: Subject, name: &str) -> Step {
        let upsert = "INSERT INTO passed_guards (institution, holder_id, kind, subject) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (institution, holder_id) DO UPDATE SET kind = excluded.kind, subject = excluded.subject";
        Step::new(upsert, values![holder, subject.word(), name.to_owned()])
    }

    /// Notes that the login behind a session passed no guard: it was by certificate.
    #[must_use]
    pub fn forget_passed_guard(holder: Uuid) -> Step {
        let delete = "DELETE FROM passed_guards WHERE institution = ?1 AND holder_id = ?2";
        Step::new(delete, values![holder])
    }

    /// What came of a session's login stands behind the same guard.
    #[must_use]
    pub fn pass_on_guard(session: Uuid, holder: Uuid) -> Step {
        let insert = "INSERT INTO passed_guards (institution, holder_id, kind, subject) \
             SELECT institution, ?3, kind, subject FROM passed_guards WHERE institution = ?1 AND holder_id = ?2";
        Step::new(insert, values![session, holder])
    }

    /// Takes one try back that turned out right, and the wait it may have brought. Failures before it stay counted: who
    /// knows one PIN must not be able to wash away the wrong guesses at others with it.
    #[must_use]
    pub fn uncount_try(subject: Subject, name: &str) -> [Step; 2] {
        let update = "UPDATE guards SET failures = failures - 1, locked_until = NULL \
             WHERE institution = ?1 AND kind = ?2 AND subject = ?3";
        let delete = "DELETE FROM guards WHERE institution = ?1 AND kind = ?2 AND subject = ?3 AND failures <= 0";
        [update, delete].map(|sql| Step::new(sql, values![subject.word(), name.to_owned()]))
    }

    /// Puts a guard into this state if it is still in that one.
    pub(crate) fn replace_guard(subject: Subject, name: &str, before: Guard, after: Guard, now: Timestamp) -> Step {
        if before == Guard::default() {
            let insert = "INSERT INTO guards (institution, kind, subject, failures, locked_until, tried_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
            return Step::new(
                insert,
                values![subject.word(), name.to_owned(), after.failures, after.locked_until, now],
            );
        }
        let update = "UPDATE guards SET failures = ?4, locked_until = ?5, tried_at = ?7 \
             WHERE institution = ?1 AND kind = ?2 AND subject = ?3 AND failures = ?6";
        let values = values![subject.word(), name.to_owned(), after.failures, after.locked_until, before.failures, now];
        Step::new(update, values)
    }

    /// Puts a guard back that the same unit has put into this state.
    pub(crate) fn put_back_guard(subject: Subject, name: &str, before: Guard, after: Guard) -> Step {
        if before == Guard::default() {
            return Step::clear_guard(subject, name);
        }
        let update = "UPDATE guards SET failures = ?4, locked_until = ?5 \
             WHERE institution = ?1 AND kind = ?2 AND subject = ?3 AND failures = ?6";
        Step::new(
            update,
            values![subject.word(), name.to_owned(), before.failures, before.locked_until, after.failures],
        )
    }
}
