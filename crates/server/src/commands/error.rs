//! Why a command failed, and what its caller sees of it.

use renkei_store::StoreError;

use crate::config::ConfigError;
use crate::error::Fault;
use crate::keys::KeyError;
use crate::listener::tls::TlsError;

/// A command's failure: a message for a person and an exit code for a script.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The input is wrong: a file, a registry, a value. Nothing was changed. Exit code 1.
    #[error("{0}")]
    Refused(String),
    /// The installation is not set up as it must be: configuration, keys, certificates, data folder. Exit code 2, as for
    /// a command line that can't be read.
    #[error("{0}")]
    Setup(String),
    /// Something this command needs is away or failing; trying again may help. Exit code 3.
    #[error("{0}")]
    Unavailable(String),
}

impl CommandError {
    /// What the process ends with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            CommandError::Refused(_) => 1,
            CommandError::Setup(_) => 2,
            CommandError::Unavailable(_) => 3,
        }
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> CommandError {
        match error {
            StoreError::Unusable(_) => CommandError::Setup(error.to_string()),
            other => CommandError::Unavailable(other.to_string()),
        }
    }
}

impl From<KeyError> for CommandError {
    fn from(error: KeyError) -> CommandError {
        CommandError::Setup(error.to_string())
    }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> CommandError {
        CommandError::Setup(error.to_string())
    }
}

impl From<TlsError> for CommandError {
    fn from(error: TlsError) -> CommandError {
        CommandError::Setup(error.to_string())
    }
}

impl From<Fault> for CommandError {
    fn from(fault: Fault) -> CommandError {
        CommandError::Unavailable(fault.to_string())
    }
}
