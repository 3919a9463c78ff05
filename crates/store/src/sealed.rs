//! Sealed values, over all institutions: for moving them on to a newer master key while others use them.

use crate::params;
use crate::{Session, Store, StoreError};

/// What there is of sealed values that stay. Those in walks through the screens live for minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Inquiry PINs in force.
    Pins,
    /// Inquiry PINs filed with the institution.
    FiledPins,
    /// Private signing keys.
    SigningKeys,
    /// Private keys that audit trails are signed with.
    AuditKeys,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 4] = [Kind::Pins, Kind::FiledPins, Kind::SigningKeys, Kind::AuditKeys];

    const fn list(self) -> &'static str {
        match self {
            Kind::Pins => {
                "SELECT institution, account_id, sealed FROM pins \
                 WHERE (institution, account_id) > (?1, ?2) ORDER BY institution, account_id LIMIT ?3"
            }
            Kind::FiledPins => {
                "SELECT institution, account_id, sealed FROM filed_pins \
                 WHERE (institution, account_id) > (?1, ?2) ORDER BY institution, account_id LIMIT ?3"
            }
            Kind::SigningKeys => {
                "SELECT institution, kid, sealed_key FROM signing_keys \
                 WHERE (institution, kid) > (?1, ?2) ORDER BY institution, kid LIMIT ?3"
            }
            Kind::AuditKeys => {
                "SELECT institution, origin, sealed_key FROM audit_keys \
                 WHERE (institution, origin) > (?1, ?2) ORDER BY institution, origin LIMIT ?3"
            }
        }
    }

    const fn replace(self) -> &'static str {
        match self {
            Kind::Pins => "UPDATE pins SET sealed = ?4 WHERE institution = ?1 AND account_id = ?2 AND sealed = ?3",
            Kind::FiledPins => {
                "UPDATE filed_pins SET sealed = ?4 WHERE institution = ?1 AND account_id = ?2 AND sealed = ?3"
            }
            Kind::SigningKeys => {
                "UPDATE signing_keys SET sealed_key = ?4 WHERE institution = ?1 AND kid = ?2 AND sealed_key = ?3"
            }
            Kind::AuditKeys => {
                "UPDATE audit_keys SET sealed_key = ?4 WHERE institution = ?1 AND origin = ?2 AND sealed_key = ?3"
            }
        }
    }
}

/// One sealed value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SealedValue {
    /// Whose.
    pub institution: String,
    /// The account or key it belongs to.
    pub name: String,
    /// As it stands.
    pub sealed: Vec<u8>,
}

impl SealedValue {
    /// The place it is sealed for.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}/{}", self.institution, self.name)
    }
}

impl Session {
    /// The values of all institutions after this one, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_sealed(
        &mut self,
        kind: Kind,
        after: &SealedValue,
        limit: u32,
    ) -> Result<Vec<SealedValue>, StoreError> {
        let rows = self.rows(kind.list(), params![&after.institution, &after.name, limit]).await?;
        rows.into_iter()
            .map(|mut row| Ok(SealedValue { institution: row.get(0)?, name: row.get(1)?, sealed: row.get(2)? }))
            .collect()
    }
}

impl Store {
    /// Puts other sealed forms in place of these, each if it still stands; tells how many did.
    ///
    /// # Errors
    /// [`StoreError`]; nothing has changed then.
    pub async fn replace_sealed(&self, kind: Kind, values: &[(SealedValue, Vec<u8>)]) -> Result<u64, StoreError> {
        let mut tx = self.begin_all().await?;
        let mut replaced = 0;
        for (old, new) in values {
            let values = params![&old.institution, &old.name, &old.sealed, new];
            replaced += tx.execute(kind.replace(), values).await?;
        }
        tx.commit().await?;
        Ok(replaced)
    }
}
