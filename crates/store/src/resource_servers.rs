//! Resource servers outside this program: who may ask what a token is good for.

use std::sync::Arc;

use renkei_domain::partner::PartnerState;

use crate::db::Row;
use crate::params;
use crate::{Session, StoreError, Tx, kept};

/// A resource server outside this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceServer {
    /// What the wire calls it by; made by this server.
    pub server_id: String,
    /// Its key in the registry file.
    pub key: String,
    /// What it is called.
    pub name: String,
    /// The identifier of what it serves: it learns of tokens for this and no others. `None`: the account API.
    pub resource: Option<String>,
    /// Its public keys, a JWK set as JSON text.
    pub jwks: String,
    /// The one algorithm of its assertions.
    pub signing_alg: String,
    /// Whether it is answered in signed form, whatever it asks for.
    pub signed_introspection: bool,
    /// Whether it may ask.
    pub state: PartnerState,
}

impl ResourceServer {
    /// Whether it may ask.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state == PartnerState::Active
    }
}

const FIELDS: &str =
    "SELECT server_id, resource_server, name, resource, jwks, signing_alg, signed_introspection, state";
/// How many columns that is.
const FIELD_COUNT: usize = 8;
const FROM: &str = " FROM resource_servers WHERE institution = ?1";

impl Session {
    /// The resource server of this identifier, whatever its state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_resource_server(&mut self, server_id: &str) -> Result<Option<Arc<ResourceServer>>, StoreError> {
        let select = const_format::concatcp!(FIELDS, ", ", kept::VERSION, FROM, " AND server_id = ?2");
        if let Some(kept) = self.recall(|known| &known.resource_servers, server_id.to_owned()).await? {
            return Ok(Some(kept));
        }
        let Some(mut row) = self.row(select, params![server_id]).await? else { return Ok(None) };
        let version = row.get(FIELD_COUNT)?;
        Ok(Some(self.keep(|known| &known.resource_servers, server_id.to_owned(), version, read(row)?)))
    }

    /// Every resource server, by key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_resource_servers(&mut self) -> Result<Vec<ResourceServer>, StoreError> {
        let select = const_format::concatcp!(FIELDS, FROM, " ORDER BY resource_server");
        self.rows(select, &[]).await?.into_iter().map(read).collect()
    }
}

impl Tx {
    /// Adds or changes a resource server.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another one has this key.
    pub async fn save_resource_server(&mut self, server: &ResourceServer) -> Result<(), StoreError> {
        let upsert = "INSERT INTO resource_servers (institution, server_id, resource_server, name, resource, jwks, \
             signing_alg, signed_introspection, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
             ON CONFLICT (institution, server_id) DO UPDATE SET name = excluded.name, resource = excluded.resource, \
             jwks = excluded.jwks, signing_alg = excluded.signing_alg, \
             signed_introspection = excluded.signed_introspection, state = excluded.state";
        let values = params![
            &server.server_id,
            &server.key,
            &server.name,
            server.resource.as_deref(),
            &server.jwks,
            &server.signing_alg,
            i64::from(server.signed_introspection),
            server.state.word(),
        ];
        self.execute(upsert, values).await.map(|_| ())
    }
}

fn read(mut row: Row) -> Result<ResourceServer, StoreError> {
    Ok(ResourceServer {
        server_id: row.get(0)?,
        key: row.get(1)?,
        name: row.get(2)?,
        resource: row.get(3)?,
        jwks: row.get(4)?,
        signing_alg: row.get(5)?,
        signed_introspection: row.get::<i64>(6)? != 0,
        state: row.word(7, PartnerState::from_word)?,
    })
}
