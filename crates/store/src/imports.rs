//! 取込: which files were imported or refused, when, and with what result.

use renkei_domain::audit::Outcome;
use renkei_domain::id::ImportId;
use renkei_domain::time::Timestamp;

use crate::params;
use crate::{Session, StoreError, Tx};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportKind {
    /// Customers, their users and accounts.
    Customers,
    /// Entries of accounts.
    Entries,
}

impl ImportKind {
    /// How it stands in the table.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            ImportKind::Customers => "customers",
            ImportKind::Entries => "entries",
        }
    }
}

/// A file whose import begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewImport {
    /// Its identifier.
    pub id: ImportId,
    /// What it holds.
    pub kind: ImportKind,
    /// Its name without its folder.
    pub file_name: String,
    /// SHA-256 of the file.
    pub file_digest: [u8; 32],
    /// When the import began.
    pub begun_at: Timestamp,
}

impl Tx {
    /// Notes that an import begins. Until [`Tx::end_import`] it counts as running, or interrupted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_import(&mut self, import: &NewImport) -> Result<(), StoreError> {
        let insert = "INSERT INTO imports (institution, import_id, kind, file_name, file_digest, begun_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let values = params![import.id, import.kind.word(), &import.file_name, &import.file_digest, import.begun_at];
        self.execute(insert, values).await.map(|_| ())
    }

    /// Notes how an import ended; `report` is JSON. `false`: it had ended before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_import(
        &mut self,
        import: ImportId,
        outcome: Outcome,
        report: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = "UPDATE imports SET ended_at = ?5, outcome = ?3, report = ?4 \
             WHERE institution = ?1 AND import_id = ?2 AND ended_at IS NULL";
        self.claim(update, params![import, outcome.word(), report, now]).await
    }

    /// Ends the imports of this kind that were interrupted, without an outcome. Tells how many there were. Only for who
    /// holds the import lease: nobody else's import is running then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_interrupted_imports(&mut self, kind: ImportKind, now: Timestamp) -> Result<u64, StoreError> {
        let update = "UPDATE imports SET ended_at = ?3 WHERE institution = ?1 AND kind = ?2 AND ended_at IS NULL";
        self.execute(update, params![kind.word(), now]).await
    }
}

impl Session {
    /// Whether an import of this kind is running or was interrupted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn has_open_imports(&mut self, kind: ImportKind) -> Result<bool, StoreError> {
        let select = "SELECT import_id FROM imports WHERE institution = ?1 AND kind = ?2 AND ended_at IS NULL LIMIT 1";
        Ok(self.row(select, params![kind.word()]).await?.is_some())
    }
}
