//! The one place where access tokens are made, with every guard there is.

use renkei_domain::linkage::standing;
use renkei_domain::operation::Operations;
use renkei_domain::ticket::Ticket;
use renkei_domain::token::access_token_ends_at;
use renkei_oauth::error::{ErrorCode, OAuthError};
use renkei_store::Tx;
use renkei_store::linkages::Linkage;
use renkei_store::tokens::AccessToken;
use uuid::Uuid;

use super::call::{Call, Denial};
use super::possession::Possession;

/// An access token in clear, on its way to its client.
pub struct Issued {
    /// The token.
    pub ticket: Ticket,
    /// What it may do.
    pub scope: Operations,
    /// How long it lives, in seconds: exactly until the instant that was stored.
    pub seconds: i64,
}

/// Adds an access token for what of `asked` the linkage permits now, bound to what the client was seen to
/// hold: there is no token without it. It ends with the first of its operations at the latest.
///
/// # Errors
/// The linkage's reason when it may not be used, `invalid_scope` when nothing of `asked` is permitted any more.
pub async fn access_token(
    call: &Call,
    tx: &mut Tx,
    linkage: &Linkage,
    asked: &Operations,
    refresh: Uuid,
    held: &Possession,
) -> Result<Issued, Denial> {
    standing(&linkage.facts, call.now)?;
    let in_force = |seconds: i64| seconds > 0;
    let granted = linkage.operations.iter().filter(|own| asked.contains(own.operation));
    let granted: Vec<_> = granted.filter(|own| in_force(call.now.seconds_until(own.ends_at))).collect();
    let Some(first_end) = granted.iter().map(|own| own.ends_at).min() else {
        return Err(OAuthError::new(ErrorCode::InvalidScope, "nothing of the scope is permitted any more").into());
    };
    let seconds = call.now.seconds_until(access_token_ends_at(call.now, first_end));
    let scope = Operations(granted.iter().map(|own| own.operation).collect());
    let ticket = call.app.new_ticket(call.now);
    let token = AccessToken {
        id: ticket.id(),
        linkage: linkage.id,
        client_id: linkage.client_id.clone(),
        refresh,
        scope: scope.to_scope(),
        binding: held.binding().clone(),
        expires_at: call.now.plus_seconds(seconds),
        revoked_at: None,
    };
    tx.add_access_token(&ticket, &token).await?;
    Ok(Issued { ticket, scope, seconds })
}
