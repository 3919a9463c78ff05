//! Pushed authorization requests (RFC 9126): read as often as a browser loads the page, claimed once.

use std::sync::Arc;

use renkei_domain::ticket::Ticket;
use renkei_domain::time::Timestamp;
use uuid::Uuid;

use crate::db::Row;
use crate::kept::VERSION;
use crate::partners::Product;
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

impl Session {
    /// The request of this ticket, open or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_request(&mut self, ticket: &Ticket) -> Result<Option<Request>, StoreError> {
        let select = "SELECT hash, request_id, client_id, body, expires_at, consumed_at FROM requests \
             WHERE institution = ?1 AND request_id = ?2";
        let Some(mut row) = self.row(select, params![ticket.id()]).await? else { return Ok(None) };
        if ticket::is(ticket, &row.get(0)?) { read(&mut row, 1).map(Some) } else { Ok(None) }
    }

    /// The request of this identifier, whoever asks, and the product that pushed it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_request_and_product(&mut self, id: Uuid) -> Result<Option<(Request, Arc<Product>)>, StoreError> {
        let select = const_format::concatcp!(
            "SELECT request_id, client_id, body, expires_at, consumed_at, ",
            VERSION,
            " FROM requests WHERE institution = ?1 AND request_id = ?2"
        );
        let Some(mut row) = self.row(select, params![id]).await? else { return Ok(None) };
        let request = read(&mut row, 0)?;
        // The version is of the same instant as the request.
        let version = row.get(FIELD_COUNT)?;
        let kept = self.kept(|known| &known.clients, request.client_id.clone());
        let client = match kept.filter(|kept| kept.is_of(&version)) {
            Some(kept) => Some(kept.found),
            None => self.find_client(&request.client_id).await?,
        };
        Ok(client.map(|client| (request, Arc::clone(&client.product))))
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
        Ok(self.apply(Step::claim_request(id, now)).await? == 1)
    }
}

impl Step {
    /// Consumes a request. Changes nothing when that was done before.
    #[must_use]
    pub fn claim_request(id: Uuid, now: Timestamp) -> Step {
        let update = "UPDATE requests SET consumed_at = ?2 \
             WHERE institution = ?1 AND request_id = ?3 AND consumed_at IS NULL";
        Step::new(update, values![now, id])
    }

    /// Gives a request back that the same unit has consumed.
    #[must_use]
    pub fn put_back_request(id: Uuid) -> Step {
        let update = "UPDATE requests SET consumed_at = NULL WHERE institution = ?1 AND request_id = ?2";
        Step::new(update, values![id])
    }
}

/// How many columns a request has.
const FIELD_COUNT: usize = 5;

/// Reads a request from this column on.
fn read(row: &mut Row, first: usize) -> Result<Request, StoreError> {
    Ok(Request {
        id: row.get(first)?,
        client_id: row.get(first + 1)?,
        body: row.get(first + 2)?,
        expires_at: row.get(first + 3)?,
        consumed_at: row.get(first + 4)?,
    })
}
