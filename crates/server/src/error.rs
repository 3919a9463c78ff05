//! What can go wrong that is nobody's fault at the other end.

use renkei_store::StoreError;

use crate::keys::KeyError;

/// A failure on this side. The world is told only that it happened and a reference; the reason goes to the log, once,
/// where the answer is made.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The store is away, full, failing or broken: worth trying again, once somebody has mended it.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// It may have been done or not, and nobody can tell now.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// More is asked for at once than can be done: worth trying again soon.
    #[error("busy: {0}")]
    Busy(&'static str),
    /// A defect of this program or of the data.
    #[error("defect: {0}")]
    Defect(String),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        match error {
            StoreError::Unavailable(_) | StoreError::Full(_) | StoreError::Conflict(_) | StoreError::Unusable(_) => {
                Fault::Unavailable(error.to_string())
            }
            StoreError::Unknown(reason) => Fault::Unknown(reason),
            other => Fault::Defect(other.to_string()),
        }
    }
}

impl From<KeyError> for Fault {
    fn from(error: KeyError) -> Fault {
        Fault::Defect(error.to_string())
    }
}
