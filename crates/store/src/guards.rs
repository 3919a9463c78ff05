//! Guess guards: the count is made durable before a secret is looked at.

use renkei_domain::guard::{Guard, GuardPolicy, Locked};
use renkei_domain::time::Timestamp;

use crate::params;
use crate::{Session, Store, StoreError, Tx};
use renkei_domain::institution::InstitutionCode;

/// Which secret a guard stands before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A login, by a keyed digest of the folded login id, whether or not such a user exists.
    Login,
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
            Subject::Pin => "pin",
            Subject::PinUser => "pin_user",
        }
    }
}

impl Session {
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

impl Tx {
    /// Clears a guard after a success, or when staff unlock it. `false`: there was nothing to clear.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear_guard(&mut self, subject: Subject, name: &str) -> Result<bool, StoreError> {
        let delete = "DELETE FROM guards WHERE institution = ?1 AND kind = ?2 AND subject = ?3";
        self.claim(delete, params![subject.word(), name]).await
    }

    /// Takes one try back that turned out right, and the wait it may have brought. Failures before it stay counted: who
    /// knows one PIN must not be able to wash away the wrong guesses at others with it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn uncount_try(&mut self, subject: Subject, name: &str) -> Result<(), StoreError> {
        let delete = "DELETE FROM guards WHERE institution = ?1 AND kind = ?2 AND subject = ?3 AND failures <= 1";
        if self.claim(delete, params![subject.word(), name]).await? {
            return Ok(());
        }
        let update = "UPDATE guards SET failures = failures - 1, locked_until = NULL \
             WHERE institution = ?1 AND kind = ?2 AND subject = ?3";
        self.execute(update, params![subject.word(), name]).await.map(|_| ())
    }

    /// Puts a guard into this state if it is still in that one.
    async fn replace_guard(
        &mut self,
        subject: Subject,
        name: &str,
        before: Guard,
        after: Guard,
    ) -> Result<bool, StoreError> {
        if before == Guard::default() {
            let insert = "INSERT INTO guards (institution, kind, subject, failures, locked_until) \
                 VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
            return self.claim(insert, params![subject.word(), name, after.failures, after.locked_until]).await;
        }
        let update = "UPDATE guards SET failures = ?4, locked_until = ?5 \
             WHERE institution = ?1 AND kind = ?2 AND subject = ?3 AND failures = ?6";
        let values = params![subject.word(), name, after.failures, after.locked_until, before.failures];
        self.claim(update, values).await
    }
}

/// Counts one try and makes the count durable. Only after this returned may the secret be looked at.
///
/// The outer error is the store's; the inner one says that no try is allowed now, and then nothing was counted.
///
/// # Errors
/// [`StoreError`].
pub async fn count_try(
    store: &Store,
    institution: &InstitutionCode,
    subject: Subject,
    name: &str,
    policy: &GuardPolicy,
    now: Timestamp,
) -> Result<Result<Guard, Locked>, StoreError> {
    loop {
        let mut tx = store.begin(institution).await?;
        let before = tx.find_guard(subject, name).await?;
        let after = match before.count(now, policy) {
            Ok(after) => after,
            Err(locked) => return Ok(Err(locked)),
        };
        if tx.replace_guard(subject, name, before, after).await? {
            tx.commit().await?;
            return Ok(Ok(after));
        }
        // Another try was counted between the read and the write: look again, one step further on.
    }
}
