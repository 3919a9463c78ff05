//! Partners and their products.

use std::sync::Arc;

use renkei_domain::operation::{Operation, Operations};
use renkei_domain::partner::{AuthMethod, Offer, PartnerState, Profile, SenderConstraint, TlsSubject};
use serde::{Deserialize, Serialize};

use crate::db::{Row, to_json};
use crate::{Session, StoreError, Tx, kept, params};

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
    /// Its public keys, a JWK set as JSON text; without any where they are at `jwks_uri`, or not needed.
    pub jwks: String,
    /// Where its public keys are, if not in `jwks`.
    pub jwks_uri: Option<String>,
    /// The one algorithm of what it signs; none for one that signs nothing.
    pub signing_alg: Option<String>,
    /// The one way it authenticates.
    pub auth_method: AuthMethod,
    /// The name in its certificate; there for [`AuthMethod::TlsClientAuth`] and nothing else.
    pub tls_subject: Option<TlsSubject>,
    /// What its access tokens are bound to.
    pub sender_constraint: SenderConstraint,
    /// What it has to sign and is sent signed.
    pub profile: Profile,
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

/// A product with what its institution decides of its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The product.
    pub product: Arc<Product>,
    /// Whether every proof needs a nonce of this server.
    pub dpop_nonces: bool,
    /// Whether users may have certificates to log in with.
    pub certificates: bool,
}

/// What is read of a product, from `p` and its partner `c`.
pub(crate) const FIELDS: &str = "p.client_id, p.product, p.name, p.name_en, p.purpose, p.purpose_en, p.choice, \
     p.operations, p.redirect_uris, p.jwks, p.signing_alg, p.state, p.jwks_uri, p.auth_method, p.tls_subject, \
     p.sender_constraint, p.profile, \
     c.partner, c.name, c.name_en, c.registration, c.domain, c.state, c.position";
/// How many columns that is.
pub(crate) const FIELD_COUNT: usize = 24;
/// Where it is read from.
pub(crate) const JOINED: &str =
    " FROM products p JOIN partners c ON c.institution = p.institution AND c.partner = p.partner";
const OWN: &str = " WHERE p.institution = ?1";
const COLUMNS: &str = const_format::concatcp!("SELECT ", FIELDS, JOINED, OWN);

impl Session {
    /// The product that calls under this `client_id`, whatever its state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_client(&mut self, client_id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        let select = const_format::concatcp!(
            "SELECT ",
            FIELDS,
            ", i.dpop_nonces, CASE WHEN i.user_ca IS NULL THEN 0 ELSE 1 END, ",
            kept::VERSION,
            JOINED,
            " JOIN institutions i ON i.institution = p.institution",
            OWN,
            " AND p.client_id = ?2"
        );
        if let Some(kept) = self.recall(|known| &known.clients, client_id.to_owned()).await? {
            return Ok(Some(kept));
        }
        let Some(mut row) = self.row(select, params![client_id]).await? else { return Ok(None) };
        let version = row.get(FIELD_COUNT + 2)?;
        let client = Client {
            dpop_nonces: row.get::<i64>(FIELD_COUNT)? != 0,
            certificates: row.get::<i64>(FIELD_COUNT + 1)? != 0,
            product: Arc::new(read(row)?),
        };
        Ok(Some(self.keep(|known| &known.clients, client_id.to_owned(), version, client)))
    }

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

    /// Every product that authenticates by certificate.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_certified_products(&mut self) -> Result<Vec<Product>, StoreError> {
        let select = const_format::concatcp!(COLUMNS, " AND p.auth_method <> 'private_key_jwt'");
        self.rows(select, &[]).await?.into_iter().map(read).collect()
    }

    /// Every partner in the order of the published table, with or without products.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_partners(&mut self) -> Result<Vec<Partner>, StoreError> {
        let select = "SELECT partner, name, name_en, registration, domain, state, position FROM partners \
             WHERE institution = ?1 ORDER BY position, partner";
        self.rows(select, &[]).await?.into_iter().map(|mut row| read_partner(&mut row, 0)).collect()
    }
}

impl Tx {
    /// Adds a partner, or changes it to this.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_partner(&mut self, partner: &Partner) -> Result<(), StoreError> {
        let upsert = "INSERT INTO partners (institution, partner, name, name_en, registration, domain, state, position) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (institution, partner) DO UPDATE SET \
             name = excluded.name, name_en = excluded.name_en, registration = excluded.registration, \
             domain = excluded.domain, state = excluded.state, position = excluded.position";
        let values = params![
            &partner.key,
            &partner.name,
            &partner.name_en,
            partner.registration.as_deref(),
            &partner.domain,
            partner.state.word(),
            partner.position,
        ];
        self.execute(upsert, values).await.map(|_| ())
    }

    /// Adds a product under its `client_id`, or changes the one of this `client_id` to this. Its partner is to be there.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another product has its key; the rest of [`StoreError`].
    pub async fn save_product(&mut self, product: &Product) -> Result<(), StoreError> {
        let upsert = "INSERT INTO products (institution, client_id, partner, product, name, name_en, purpose, \
             purpose_en, choice, operations, redirect_uris, jwks, signing_alg, state, jwks_uri, auth_method, \
             tls_subject, sender_constraint, profile) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19) \
             ON CONFLICT (institution, client_id) DO UPDATE SET partner = excluded.partner, \
             product = excluded.product, name = excluded.name, name_en = excluded.name_en, \
             purpose = excluded.purpose, purpose_en = excluded.purpose_en, choice = excluded.choice, \
             operations = excluded.operations, redirect_uris = excluded.redirect_uris, jwks = excluded.jwks, \
             signing_alg = excluded.signing_alg, state = excluded.state, jwks_uri = excluded.jwks_uri, \
             auth_method = excluded.auth_method, tls_subject = excluded.tls_subject, \
             sender_constraint = excluded.sender_constraint, profile = excluded.profile";
        let values = params![
            &product.client_id,
            &product.partner.key,
            &product.key,
            &product.name,
            &product.name_en,
            &product.purpose,
            &product.purpose_en,
            if product.choice { "choice" } else { "fixed" },
            to_json(&product.operations)?,
            to_json(&product.redirect_uris)?,
            &product.jwks,
            product.signing_alg.as_deref().unwrap_or_default(),
            product.state.word(),
            product.jwks_uri.as_deref(),
            product.auth_method.word(),
            product.tls_subject.as_ref().map(to_json).transpose()?,
            product.sender_constraint.word(),
            product.profile.word(),
        ];
        self.execute(upsert, values).await.map(|_| ())
    }
}

/// A partner from seven columns that begin with this one.
fn read_partner(row: &mut Row, first: usize) -> Result<Partner, StoreError> {
    Ok(Partner {
        key: row.get(first)?,
        name: row.get(first + 1)?,
        name_en: row.get(first + 2)?,
        registration: row.get(first + 3)?,
        domain: row.get(first + 4)?,
        state: row.word(first + 5, PartnerState::from_word)?,
        position: row.get(first + 6)?,
    })
}

/// Reads [`FIELDS`], which stand first in the row.
pub(crate) fn read(mut row: Row) -> Result<Product, StoreError> {
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
        // The column cannot be null; a product that signs nothing has an empty text there.
        signing_alg: Some(row.get::<String>(10)?).filter(|algorithm| !algorithm.is_empty()),
        state: row.word(11, PartnerState::from_word)?,
        jwks_uri: row.get(12)?,
        auth_method: row.word(13, AuthMethod::from_word)?,
        tls_subject: read_subject(&mut row, 14)?,
        sender_constraint: row.word(15, SenderConstraint::from_word)?,
        profile: row.word(16, Profile::from_word)?,
        partner: read_partner(&mut row, 17)?,
    })
}

fn read_subject(row: &mut Row, column: usize) -> Result<Option<TlsSubject>, StoreError> {
    let text: Option<String> = row.get(column)?;
    let read = |text: String| {
        serde_json::from_str(&text)
            .map_err(|_| StoreError::Corrupt { column, found: "no name of a certificate".into() })
    };
    text.map(read).transpose()
}
