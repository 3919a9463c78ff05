//! Inquiry PINs in force, and those filed with the institution (core banking's side of the embedded ledger).

use renkei_domain::id::{AccountId, LinkageId, UserId};
use renkei_domain::pin::SealedPin;
use renkei_domain::time::Timestamp;
use renkei_domain::token::CODE_SECONDS;

use crate::linkages::TAKEN_AT;
use crate::{Session, Step, StoreError, Tx, params, values};

/// A registered PIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredPin {
    /// Sealed for its account.
    pub sealed: SealedPin,
    /// Since when core banking no longer accepts it.
    pub stale_at: Option<Timestamp>,
}

impl Session {
    /// The PIN registered for an account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_pin(&mut self, account: AccountId) -> Result<Option<RegisteredPin>, StoreError> {
        let select = "SELECT sealed, stale_at FROM pins WHERE institution = ?1 AND account_id = ?2";
        let row = self.row(select, params![account]).await?;
        row.map(|mut row| Ok(RegisteredPin { sealed: SealedPin(row.get(0)?), stale_at: row.get(1)? })).transpose()
    }

    /// The PIN filed with the institution for an account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_filed_pin(&mut self, account: AccountId) -> Result<Option<SealedPin>, StoreError> {
        let select = "SELECT sealed FROM filed_pins WHERE institution = ?1 AND account_id = ?2";
        let row = self.row(select, params![account]).await?;
        row.map(|mut row| row.get(0).map(SealedPin)).transpose()
    }
}

impl Tx {
    /// Files a PIN for an account on core banking's side, in place of any before it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn file_pin(&mut self, account: AccountId, sealed: &SealedPin) -> Result<(), StoreError> {
        let upsert = "INSERT INTO filed_pins (institution, account_id, sealed) VALUES (?1, ?2, ?3) \
             ON CONFLICT (institution, account_id) DO UPDATE SET sealed = excluded.sealed";
        self.execute(upsert, params![account, &sealed.0]).await.map(|_| ())
    }

    /// Marks a PIN as no longer accepted, so that core banking is not asked with it again. `false`: it was marked, or
    /// replaced, before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mark_pin_stale(
        &mut self,
        account: AccountId,
        sealed: &SealedPin,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = "UPDATE pins SET stale_at = ?2 \
             WHERE institution = ?1 AND account_id = ?3 AND sealed = ?4 AND stale_at IS NULL";
        self.claim(update, params![now, account, &sealed.0]).await
    }

    /// As [`Step::delete_unused_pins`]; tells how many went.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_unused_pins(&mut self, linkage: LinkageId, now: Timestamp) -> Result<u64, StoreError> {
        self.apply(Step::delete_unused_pins(linkage, now)).await
    }
}

impl Step {
    /// Puts a PIN in force for an account, in place of any before it.
    #[must_use]
    pub fn register_pin(account: AccountId, sealed: &SealedPin, user: UserId, now: Timestamp) -> Step {
        let upsert = "INSERT INTO pins (institution, account_id, sealed, registered_by, registered_at) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (institution, account_id) DO UPDATE SET \
             sealed = excluded.sealed, registered_by = excluded.registered_by, \
             registered_at = excluded.registered_at, stale_at = NULL";
        Step::new(upsert, values![account, sealed.0.clone(), user, now])
    }

    /// Deletes the PINs of a linkage's accounts that no linkage uses any more: a PIN is kept only as long as it serves.
    /// One whose code was not redeemed in time uses none. For a linkage that has ended.
    #[must_use]
    pub fn delete_unused_pins(linkage: LinkageId, now: Timestamp) -> Step {
        let delete = const_format::concatcp!(
            "DELETE FROM pins WHERE institution = ?1 \
             AND account_id IN (SELECT account_id FROM linkage_accounts WHERE institution = ?1 AND linkage_id = ?2) \
             AND NOT EXISTS (SELECT 1 FROM linkage_accounts m \
             JOIN linkages l ON l.institution = m.institution AND l.linkage_id = m.linkage_id \
             WHERE m.institution = pins.institution AND m.account_id = pins.account_id \
             AND l.ended_at IS NULL AND l.ends_at > ?3 AND (l.renewed_at > ?4 OR ",
            TAKEN_AT,
            " IS NOT NULL))"
        );
        Step::new(delete, values![linkage, now, now.plus_seconds(-CODE_SECONDS)])
    }
}
