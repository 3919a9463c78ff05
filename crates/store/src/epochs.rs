//! What a restore from a backup ends. The backup shows an earlier instant; what was revoked, used up or guessed at since is
//! not in it. So nothing that was issued before the restore is accepted after it, and guesses count on from the worst.

use renkei_domain::guard::Guard;
use renkei_domain::time::Timestamp;

use crate::db::DUE_NOW;
use crate::guards::Subject;
use crate::params;
use crate::{Session, StoreError, Tx};

/// A span of an institution's history between two restores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// When the restore was made that began it; also its name.
    pub began_at: Timestamp,
    /// The instant the restored backup shows.
    pub taken_at: Timestamp,
}

impl Session {
    /// The latest restore of this institution's rows; `None`: there was none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_epoch(&mut self) -> Result<Option<Epoch>, StoreError> {
        let select = "SELECT epoch, taken_at FROM epochs WHERE institution = ?1 ORDER BY epoch DESC LIMIT 1";
        let row = self.row(select, &[]).await?;
        row.map(|mut row| Ok(Epoch { began_at: row.get(0)?, taken_at: row.get(1)? })).transpose()
    }
}

impl Tx {
    /// Begins an epoch: from here on nothing counts that was issued before it. Tokens are revoked, codes and pushed requests
    /// used up, browser sessions ended, and with them every walk. Keys that partners publish are read anew.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_epoch(&mut self, epoch: &Epoch, archive: &[u8]) -> Result<(), StoreError> {
        let insert = "INSERT INTO epochs (institution, epoch, taken_at, archive) VALUES (?1, ?2, ?3, ?4)";
        self.execute(insert, params![epoch.began_at, epoch.taken_at, archive]).await?;
        let ends = [
            "UPDATE refresh_tokens SET revoked_at = ?2 WHERE institution = ?1 AND revoked_at IS NULL",
            "UPDATE access_tokens SET revoked_at = ?2 WHERE institution = ?1 AND revoked_at IS NULL",
            "UPDATE client_tokens SET revoked_at = ?2 WHERE institution = ?1 AND revoked_at IS NULL",
            "UPDATE codes SET redeemed_at = ?2 WHERE institution = ?1 AND redeemed_at IS NULL",
            "UPDATE requests SET consumed_at = ?2 WHERE institution = ?1 AND consumed_at IS NULL",
            "UPDATE sessions SET ended_at = ?2 WHERE institution = ?1 AND ended_at IS NULL",
        ];
        for end in ends {
            self.execute(end, params![epoch.began_at]).await?;
        }
        self.execute("DELETE FROM partner_key_sets WHERE institution = ?1", &[]).await?;
        // What these rows have to do at the commit is done now: so many take longer than a commit may.
        self.define(DUE_NOW).await
    }

    /// Raises the guards of the inquiry PINs of all accounts to at least this state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn raise_guards_of_accounts(&mut self, least: Guard) -> Result<(), StoreError> {
        let insert = "INSERT INTO guards (institution, kind, subject, failures, locked_until) \
             SELECT institution, 'pin', account_id, CAST(?2 AS BIGINT), CAST(?3 AS BIGINT) FROM accounts \
             WHERE institution = ?1 ON CONFLICT (institution, kind, subject) DO NOTHING";
        self.execute(insert, params![least.failures, least.locked_until]).await?;
        self.raise_guards(Subject::Pin, least).await
    }

    /// Raises the guards of what each user tries to at least this state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn raise_guards_of_users(&mut self, least: Guard) -> Result<(), StoreError> {
        let insert = "INSERT INTO guards (institution, kind, subject, failures, locked_until) \
             SELECT institution, 'pin_user', user_id, CAST(?2 AS BIGINT), CAST(?3 AS BIGINT) FROM users \
             WHERE institution = ?1 ON CONFLICT (institution, kind, subject) DO NOTHING";
        self.execute(insert, params![least.failures, least.locked_until]).await?;
        self.raise_guards(Subject::PinUser, least).await
    }

    /// Raises the guards of these logins, and of all known devices that failed, to at least this state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn raise_guards_of_logins(&mut self, names: &[String], least: Guard) -> Result<(), StoreError> {
        let insert = "INSERT INTO guards (institution, kind, subject, failures, locked_until) \
             VALUES (?1, 'login', ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        for name in names {
            self.execute(insert, params![name, least.failures, least.locked_until]).await?;
        }
        self.raise_guards(Subject::Login, least).await?;
        self.raise_guards(Subject::LoginDevice, least).await
    }

    async fn raise_guards(&mut self, subject: Subject, least: Guard) -> Result<(), StoreError> {
        let failures = "UPDATE guards SET failures = ?3 WHERE institution = ?1 AND kind = ?2 AND failures < ?3";
        self.execute(failures, params![subject.word(), least.failures]).await?;
        let locked = "UPDATE guards SET locked_until = ?3 \
             WHERE institution = ?1 AND kind = ?2 AND COALESCE(locked_until, 0) < ?3";
        match least.locked_until {
            Some(until) => self.execute(locked, params![subject.word(), until]).await.map(|_| ()),
            None => Ok(()),
        }
    }
}
