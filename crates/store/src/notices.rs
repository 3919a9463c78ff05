//! お知らせ: kept for each user, the newest only.

use renkei_domain::id::{UserId, time_ordered};
use renkei_domain::notice::{Happened, NOTICES_MAX};
use renkei_domain::time::Timestamp;

use crate::{Random, Session, Step, StoreError, Tx, params, values};

impl Tx {
    /// Tells a user something, in the transaction in which it happens; what is beyond the newest goes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_notice(
        &mut self,
        user: UserId,
        what: &Happened,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<(), StoreError> {
        for step in Step::add_notice(user, what, now, random) {
            self.apply(step).await?;
        }
        Ok(())
    }
}

impl Step {
    /// Tells a user something; what is beyond the newest goes.
    #[must_use]
    pub fn add_notice(user: UserId, what: &Happened, now: Timestamp, random: &dyn Random) -> [Step; 2] {
        let (kind, detail) = what.parts();
        let insert = "INSERT INTO notices (institution, user_id, notice_id, at, kind, detail) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let id = time_ordered(now, &random.bytes());
        let delete = "DELETE FROM notices WHERE institution = ?1 AND user_id = ?2 AND notice_id <= ( \
             SELECT notice_id FROM notices WHERE institution = ?1 AND user_id = ?2 \
             ORDER BY notice_id DESC LIMIT 1 OFFSET ?3)";
        [Step::new(insert, values![user, id, now, kind, detail]), Step::new(delete, values![user, NOTICES_MAX])]
    }
}

impl Session {
    /// What a user was told, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_notices(&mut self, user: UserId, limit: u32) -> Result<Vec<(Timestamp, Happened)>, StoreError> {
        let select = "SELECT at, kind, detail FROM notices WHERE institution = ?1 AND user_id = ?2 \
             ORDER BY notice_id DESC LIMIT ?3";
        let rows = self.rows(select, params![user, limit]).await?;
        let mut notices = Vec::with_capacity(rows.len());
        for mut row in rows {
            let (kind, detail): (String, String) = (row.get(1)?, row.get(2)?);
            // A node of a newer version may have told of more than this one knows.
            if let Some(what) = Happened::from_parts(&kind, &detail) {
                notices.push((row.get(0)?, what));
            }
        }
        Ok(notices)
    }
}
