//! Pushed authorization requests (RFC 9126): read as often as a browser loads the page, claimed once.

use renkei_domain::ticket::Ticket;
use renkei_domain::time::Timestamp;
use uuid::Uuid;

use crate::db::Row;
use crate::ticket;
use crate::{Session, Step, StoreError, Tx, params, values};

/// A pushed request as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// First part of its `request_uri`'s ticket.
    pub id: Uuid,
    /// The client that pushed it.
    pub client_id: String,
    /// What was pushed, checked: JSON of the protocol's own type.
    pub body: String,
    /// It can't be opened from this instant on.
    pub expires_at: Timestamp,
    /// When a code or a final error was issued for it.
    pub consumed_at: Option<Timestamp>,
}

impl Request {
    /// Whether a browser may open it: neither over nor expired.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.consumed_at.is_none() && now < self.expires_at
    }
}

const COLUMNS: &str = "SELECT hash, request_id, client_id, body, expires_at, consumed_at FROM requests \
     WHERE institution = ?1 AND request_id = ?2";

impl Session {
    /// The request of this ticket, open or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_request(&mut self, ticket: &Ticket) -> Result<Option<Request>, StoreError> {
        let Some(mut row) = self.row(COLUMNS, params![ticket.id()]).await? else { return Ok(None) };
        if ticket::is(ticket, &row.get(0)?) { read(row).map(Some) } else { Ok(None) }
    }

    /// The request a flow began with.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_request_of_flow(&mut self, id: Uuid) -> Result<Option<Request>, StoreError> {
        self.row(COLUMNS, params![id]).await?.map(read).transpose()
    }
}

impl Step {
    /// Adds a request; `body` is JSON.
    #[must_use]
    pub fn add_request(ticket: &Ticket, client_id: &str, body: String, expires_at: Timestamp) -> Step {
        let insert = "INSERT INTO requests (institution, request_id, hash, client_id, body, expires_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        Step::new(insert, values![ticket.id(), ticket::hash(ticket), client_id.to_owned(), body, expires_at])
    }
}

impl Tx {
    /// Consumes a request, in the transaction that issues its code or its final error. `false`: that was done before.
    /// Its expiry does not count here: it had to be opened in time, and a customer may take longer over the screens.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_request(&mut self, id: Uuid, now: Timestamp) -> Result<bool, StoreError> {
        let update = "UPDATE requests SET consumed_at = ?2 \
             WHERE institution = ?1 AND request_id = ?3 AND consumed_at IS NULL";
        self.claim(update, params![now, id]).await
    }
}

fn read(mut row: Row) -> Result<Request, StoreError> {
    Ok(Request {
        id: row.get(1)?,
        client_id: row.get(2)?,
        body: row.get(3)?,
        expires_at: row.get(4)?,
        consumed_at: row.get(5)?,
    })
}
