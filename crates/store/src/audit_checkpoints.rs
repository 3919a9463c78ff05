//! Checkpoints of the audit trail, the keys they are signed with, and who signed them.

use renkei_audit_trail::Hash;
use renkei_audit_trail::checkpoint::Checkpoint;
use renkei_domain::time::Timestamp;

use crate::audit_sealing::{number, signed};
use crate::db::Row;
use crate::params;
use crate::{Session, StoreError, Tx};

/// The key a trail is signed with. The private half is sealed under a key outside the database, for the place
/// `institution/origin`.
#[derive(Clone, PartialEq, Eq)]
pub struct AuditKey {
    /// The trail's name, and the key's.
    pub origin: String,
    /// The public half as a verifier key of C2SP signed-note.
    pub verifier: String,
    /// The private half (PKCS#8), sealed.
    pub sealed_key: Vec<u8>,
    /// When it was made.
    pub made_at: Timestamp,
}

impl std::fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditKey").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

/// A checkpoint that is to be signed, or is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// When it was made.
    pub made_at: Timestamp,
    /// Signature lines, in the order they came.
    pub signatures: Vec<String>,
}

impl Session {
    /// The keys of the institution's trail; the one that signs is the last.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_audit_keys(&mut self) -> Result<Vec<AuditKey>, StoreError> {
        let select = "SELECT origin, verifier, sealed_key, made_at FROM audit_keys WHERE institution = ?1 \
             ORDER BY made_at, origin";
        let rows = self.rows(select, &[]).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(AuditKey {
                    origin: row.get(0)?,
                    verifier: row.get(1)?,
                    sealed_key: row.get(2)?,
                    made_at: row.get(3)?,
                })
            })
            .collect()
    }

    /// The largest checkpoint under this name, signed or about to be.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest_checkpoint(&mut self, origin: &str) -> Result<Option<StoredCheckpoint>, StoreError> {
        let select = "SELECT origin, size, root, made_at FROM audit_checkpoints \
             WHERE institution = ?1 AND origin = ?2 ORDER BY size DESC LIMIT 1";
        let Some(row) = self.row(select, params![origin]).await? else { return Ok(None) };
        let mut stored = checkpoint(row)?;
        let lines = "SELECT line FROM audit_signatures WHERE institution = ?1 AND origin = ?2 AND size = ?3 \
             ORDER BY made_at, signer";
        for mut row in self.rows(lines, params![origin, signed(stored.checkpoint.size)]).await? {
            stored.signatures.push(row.get(0)?);
        }
        Ok(Some(stored))
    }

    /// The largest size of a trail that this signer has signed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest_cosigned(&mut self, origin: &str, signer: &str) -> Result<Option<u64>, StoreError> {
        let select = "SELECT size FROM audit_signatures WHERE institution = ?1 AND origin = ?2 AND signer = ?3 \
             ORDER BY size DESC LIMIT 1";
        self.row(select, params![origin, signer]).await?.map(|mut row| number(&mut row, 0)).transpose()
    }

    /// Signed checkpoints beyond a size, smallest first, each with its signatures; so many at the most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_signed_checkpoints(
        &mut self,
        beyond: u64,
        limit: u32,
    ) -> Result<Vec<StoredCheckpoint>, StoreError> {
        let select = "SELECT c.origin, c.size, c.root, c.made_at FROM audit_checkpoints c \
             WHERE c.institution = ?1 AND c.size > ?2 AND EXISTS (SELECT 1 FROM audit_signatures s \
             WHERE s.institution = ?1 AND s.origin = c.origin AND s.size = c.size) \
             ORDER BY c.size, c.made_at LIMIT ?3";
        let rows = self.rows(select, params![signed(beyond), limit]).await?;
        let mut all = rows.into_iter().map(checkpoint).collect::<Result<Vec<_>, _>>()?;
        let Some(last) = all.last().map(|last| last.checkpoint.size) else { return Ok(all) };
        let lines = "SELECT origin, size, line FROM audit_signatures WHERE institution = ?1 AND size > ?2 \
             AND size <= ?3 ORDER BY made_at, signer";
        for mut row in self.rows(lines, params![signed(beyond), signed(last)]).await? {
            let (origin, size): (String, u64) = (row.get(0)?, number(&mut row, 1)?);
            let same =
                |stored: &&mut StoredCheckpoint| stored.checkpoint.size == size && stored.checkpoint.origin == origin;
            if let Some(stored) = all.iter_mut().find(same) {
                stored.signatures.push(row.get(2)?);
            }
        }
        Ok(all)
    }
}

impl Tx {
    /// Adds a key; it signs from now on.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when there is one of this name; the rest of [`StoreError`].
    pub async fn add_audit_key(&mut self, key: &AuditKey) -> Result<(), StoreError> {
        let insert = "INSERT INTO audit_keys (institution, origin, verifier, sealed_key, made_at) \
             VALUES (?1, ?2, ?3, ?4, ?5)";
        let values = params![&key.origin, &key.verifier, &key.sealed_key, key.made_at];
        self.execute(insert, values).await.map(|_| ())
    }

    /// Keeps for ever what is about to be signed.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when this size has a root already; the rest of [`StoreError`].
    pub async fn add_checkpoint(&mut self, checkpoint: &Checkpoint, now: Timestamp) -> Result<(), StoreError> {
        let insert = "INSERT INTO audit_checkpoints (institution, origin, size, root, made_at) \
             VALUES (?1, ?2, ?3, ?4, ?5)";
        let values = params![&checkpoint.origin, signed(checkpoint.size), &checkpoint.root, now];
        self.execute(insert, values).await.map(|_| ())
    }

    /// Adds a signature to a checkpoint.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when this signer's is there; the rest of [`StoreError`].
    pub async fn add_checkpoint_signature(
        &mut self,
        checkpoint: &Checkpoint,
        signer: &str,
        line: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let insert = "INSERT INTO audit_signatures (institution, origin, size, signer, line, made_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let values = params![&checkpoint.origin, signed(checkpoint.size), signer, line, now];
        self.execute(insert, values).await.map(|_| ())
    }
}

fn checkpoint(mut row: Row) -> Result<StoredCheckpoint, StoreError> {
    let (origin, size, root): (String, u64, Hash) = (row.get(0)?, number(&mut row, 1)?, row.get(2)?);
    Ok(StoredCheckpoint { checkpoint: Checkpoint { origin, size, root }, made_at: row.get(3)?, signatures: Vec::new() })
}
