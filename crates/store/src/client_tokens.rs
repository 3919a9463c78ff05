//! Access tokens of clients for themselves: no customer's permission stands behind them, and no account can be read with
//! one. They manage the client's own grants.

use renkei_domain::partner::SenderConstraint;
use renkei_domain::ticket::Ticket;
use renkei_domain::time::Timestamp;
use renkei_domain::token::Binding;
use uuid::Uuid;

use crate::ticket;
use crate::{Session, Step, StoreError, params, values};

/// A token of a client for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientToken {
    /// First part of its ticket.
    pub id: Uuid,
    /// The client it belongs to.
    pub client_id: String,
    /// What it may do: scope words.
    pub scope: String,
    /// What it is bound to.
    pub binding: Binding,
    /// It is worthless from this instant on.
    pub expires_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Session {
    /// The token of this ticket, whatever has become of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_client_token(&mut self, ticket: &Ticket) -> Result<Option<ClientToken>, StoreError> {
        let select = "SELECT hash, token_id, client_id, scope, bound_by, bound_to, expires_at, revoked_at \
             FROM client_tokens WHERE institution = ?1 AND token_id = ?2";
        let Some(mut row) = self.row(select, params![ticket.id()]).await? else { return Ok(None) };
        if !ticket::is(ticket, &row.get(0)?) {
            return Ok(None);
        }
        Ok(Some(ClientToken {
            id: row.get(1)?,
            client_id: row.get(2)?,
            scope: row.get(3)?,
            binding: Binding::new(row.word(4, SenderConstraint::from_word)?, row.get(5)?),
            expires_at: row.get(6)?,
            revoked_at: row.get(7)?,
        }))
    }
}

impl Step {
    /// Adds a token. Its `id` is the ticket's.
    #[must_use]
    pub fn add_client_token(ticket: &Ticket, token: &ClientToken) -> Step {
        let insert = "INSERT INTO client_tokens \
             (institution, token_id, hash, client_id, scope, bound_by, bound_to, expires_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let (client_id, scope, expires_at) = (token.client_id.clone(), token.scope.clone(), token.expires_at);
        let (bound_by, bound_to) = (token.binding.constraint().word(), token.binding.thumbprint().to_owned());
        let hash = ticket::hash(ticket);
        Step::new(insert, values![ticket.id(), hash, client_id, scope, bound_by, bound_to, expires_at])
    }

    /// Revokes one. Changes nothing when it was revoked before.
    #[must_use]
    pub fn revoke_client_token(id: Uuid, now: Timestamp) -> Step {
        let update = "UPDATE client_tokens SET revoked_at = ?2 \
             WHERE institution = ?1 AND token_id = ?3 AND revoked_at IS NULL";
        Step::new(update, values![now, id])
    }
}
