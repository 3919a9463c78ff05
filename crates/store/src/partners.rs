//! Partners and their products.

use renkei_domain::operation::{Operation, Operations};
use renkei_domain::partner::{Offer, PartnerState};
use serde::{Deserialize, Serialize};

use crate::db::Row;
use crate::params;
use crate::{Session, StoreError};

/// API連携先: the outside company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// Its key in the registry file.
    pub key: String,
    /// Legal name.
    pub name: String,
    /// Legal name in English.
    pub name_en: String,
    /// 電子決済等代行業者の登録番号.
    pub registration: Option<String>,
    /// Registered domain.
    pub domain: String,
    /// Whether it may act.
    pub state: PartnerState,
    /// Order in the published table, from 1.
    pub position: i64,
}

/// One operation a product may be permitted, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedOperation {
    /// What.
    pub operation: Operation,
    /// Linkage period in days.
    pub days: u16,
}

/// A partner product: what a customer links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// What the wire calls it by; made by this server.
    pub client_id: String,
    /// Its key in the registry file.
    pub key: String,
    /// The company behind it.
    pub partner: Partner,
    /// Its name.
    pub name: String,
    /// Its name in English.
    pub name_en: String,
    /// What the data is for.
    pub purpose: String,
    /// The same in English.
    pub purpose_en: String,
    /// Whether the customer picks from the operations.
    pub choice: bool,
    /// What it may be permitted.
    pub operations: Vec<OfferedOperation>,
    /// Where customers may be sent back to: exact strings.
    pub redirect_uris: Vec<String>,
    /// Its public keys, a JWK set as JSON text.
    pub jwks: String,
    /// The one algorithm of its assertions.
    pub signing_alg: String,
    /// Whether it may act.
    pub state: PartnerState,
}

impl Product {
    /// What a customer is asked.
    #[must_use]
    pub fn offer(&self) -> Offer {
        let operations = Operations(self.operations.iter().map(|offered| offered.operation).collect());
        if self.choice { Offer::Choice(operations) } else { Offer::Fixed(operations) }
    }

    /// Whether both the product and its company may act.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state == PartnerState::Active && self.partner.state == PartnerState::Active
    }
}

const COLUMNS: &str = "SELECT p.client_id, p.product, p.name, p.name_en, p.purpose, p.purpose_en, p.choice, \
     p.operations, p.redirect_uris, p.jwks, p.signing_alg, p.state, \
     c.partner, c.name, c.name_en, c.registration, c.domain, c.state, c.position \
     FROM products p JOIN partners c ON c.institution = p.institution AND c.partner = p.partner \
     WHERE p.institution = ?1";

impl Session {
    /// The product of this `client_id`, whatever its state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_product(&mut self, client_id: &str) -> Result<Option<Product>, StoreError> {
        let select = const_format::concatcp!(COLUMNS, " AND p.client_id = ?2");
        self.row(select, params![client_id]).await?.map(read).transpose()
    }

    /// Every product in the order of the published table.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_products(&mut self) -> Result<Vec<Product>, StoreError> {
        let select = const_format::concatcp!(COLUMNS, " ORDER BY c.position, p.product");
        self.rows(select, &[]).await?.into_iter().map(read).collect()
    }
}

fn read(mut row: Row) -> Result<Product, StoreError> {
    Ok(Product {
        client_id: row.get(0)?,
        key: row.get(1)?,
        name: row.get(2)?,
        name_en: row.get(3)?,
        purpose: row.get(4)?,
        purpose_en: row.get(5)?,
        choice: row.word(6, |word| match word {
            "choice" => Some(true),
            "fixed" => Some(false),
            _ => None,
        })?,
        operations: row.json(7)?,
        redirect_uris: row.json(8)?,
        jwks: row.get(9)?,
        signing_alg: row.get(10)?,
        state: row.word(11, PartnerState::from_word)?,
        partner: Partner {
            key: row.get(12)?,
            name: row.get(13)?,
            name_en: row.get(14)?,
            registration: row.get(15)?,
            domain: row.get(16)?,
            state: row.word(17, PartnerState::from_word)?,
            position: row.get(18)?,
        },
    })
}
