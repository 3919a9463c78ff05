//! 監査証跡 as evidence: what acts have recorded is chained, hashed into a tree and signed, and taken elsewhere.
//!
//! Acts only write their records. What this module does happens afterwards and beside them, so no act waits for another
//! one's place in a chain; docs/decisions.md says what that leaves open for how long.

pub mod anchor;
pub mod export;
pub mod sealer;
pub mod service;
pub mod signer;
pub mod trail;
pub mod witness;

use renkei_store::StoreError;

use crate::keys::KeyError;

/// Why the trail could not be sealed, signed or exported.
#[derive(Debug, thiserror::Error)]
pub enum AuditFault {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signing key does not open or can't be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The trail's own tables do not fit together: somebody changed them.
    #[error("the audit trail was changed: {0}")]
    Broken(String),
    /// The trail does not go on from a checkpoint that was signed: rows were taken back, or others put in their place.
    #[error("the audit trail does not go on from what was signed: {0}")]
    Forked(String),
    /// A file could not be read or written.
    #[error("{0}")]
    File(String),
}
