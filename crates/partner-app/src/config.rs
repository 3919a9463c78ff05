//! What the site has to be told before it can start.

use std::path::PathBuf;

use renkei_client::{AssertionKey, MessageSigning, Outside};

/// One institution (金融機関) at which the site is registered as a partner product.
#[derive(Debug, Clone)]
pub struct InstitutionConfig {
    /// The four-digit institution code.
    pub code: String,
    /// The institution's name, as the site shows it.
    pub name: String,
    /// The same on English pages.
    pub name_en: String,
    /// The issuer, byte for byte.
    pub issuer: String,
    /// The name of the partner product under which it is registered there.
    pub product: String,
    /// The same on English pages.
    pub product_en: String,
    /// The `client_id` given by the institution.
    pub client_id: String,
    /// The private key whose public half is registered there.
    pub key: AssertionKey,
    /// The operations asked for, as scope words separated by spaces.
    pub scope: String,
    /// What is signed beside, as the institution has registered it.
    pub signing: MessageSigning,
}

/// The whole configuration of the site.
#[derive(Debug, Clone)]
pub struct PartnerAppConfig {
    /// Where browsers reach the site: scheme, host and port, without a path.
    pub base_url: String,
    /// The institutions it offers, in this order.
    pub institutions: Vec<InstitutionConfig>,
    /// Where to keep the linkages over a restart. The file holds refresh tokens and keys, and is
    /// readable by its owner alone. Without it everything lives in memory.
    pub state_file: Option<PathBuf>,
    /// Connections, time and randomness.
    pub outside: Outside,
}

impl PartnerAppConfig {
    /// The address to register at each institution.
    #[must_use]
    pub fn redirect_uri(&self) -> String {
        format!("{}/callback", self.base_url.trim_end_matches('/'))
    }
}

/// Why the site can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state file is there and can't be read.
    #[error("the state file can't be read: {0}")]
    Read(#[from] std::io::Error),
    /// The state file is not what this site wrote.
    #[error("the state file is not understood: {0}")]
    Understand(#[from] serde_json::Error),
}
