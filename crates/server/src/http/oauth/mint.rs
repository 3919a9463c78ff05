//! The one place where access tokens are made, with every guard there is.

use renkei_domain::linkage::standing;
use renkei_domain::operation::Operations;
use renkei_domain::partner::SenderConstraint;
use renkei_domain::ticket::Ticket;
use renkei_domain::token::{ACCESS_TOKEN_SECONDS, access_token_ends_at};
use renkei_oauth::error::{ErrorCode, OAuthError};
use renkei_oauth::grant_management::{QUERY, REVOKE};
use renkei_oauth::scope;
use renkei_store::Step;
use renkei_store::client_tokens::ClientToken;
use renkei_store::codes::Code;
use renkei_store::linkages::Linkage;
use renkei_store::partners::Product;
use renkei_store::tokens::AccessToken;
use uuid::Uuid;

use super::call::{Act, Call, Denial};
use super::narrow::Wanted;
use super::policy;
use super::possession::Possession;

/// What a token is made on the ground of, compared with what is registered.
pub struct Ground<'a> {
    linkage: &'a Linkage,
    held: &'a Possession,
}

impl<'a> Ground<'a> {
    /// The ground for tokens of this product, as it is registered now: what the customer permitted, what the client was seen
    /// to hold, and the code that is redeemed (none at a refresh).
    ///
    /// # Errors
    /// Those of [`policy`], when the code's request or the binding is less than the registration demands.
    pub fn new(
        product: &Product,
        linkage: &'a Linkage,
        held: &'a Possession,
        code: Option<&Code>,
    ) -> Result<Ground<'a>, Denial> {
        policy::check_binding(product, held.binding())?;
        if let Some(code) = code {
            policy::check_code(product, code.request)?;
        }
        Ok(Ground { linkage, held })
    }

    /// What the customer permitted.
    pub const fn linkage(&self) -> &'a Linkage {
        self.linkage
    }

    /// How tokens of this ground are bound.
    pub const fn bound(&self) -> SenderConstraint {
        self.held.binding().constraint()
    }
}

/// An access token for a linkage in clear, on its way to its client.
pub struct Issued {
    /// The token.
    pub ticket: Ticket,
    /// What it may do.
    pub scope: Operations,
    /// How long it lives, in seconds: exactly until the instant that was stored.
    pub seconds: i64,
}

/// Adds an access token for what of `wanted` the linkage permits now, bound to what the client was seen to
/// hold: there is no token without it. It ends with the first of its operations at the latest.
///
/// # Errors
/// The linkage's reason when it may not be used, `invalid_scope` when nothing of `wanted` is permitted any more.
pub fn access_token(
    call: &Call,
    act: &mut Act,
    ground: &Ground<'_>,
    wanted: &Wanted,
    refresh: Uuid,
) -> Result<Issued, Denial> {
    let Ground { linkage, held } = ground;
    standing(&linkage.facts, call.now)?;
    let in_force = |seconds: i64| seconds > 0;
    let granted = linkage.operations.iter().filter(|own| wanted.scope.contains(own.operation));
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
        accounts: wanted.accounts.clone(),
        binding: held.binding().clone(),
        expires_at: call.now.plus_seconds(seconds),
        revoked_at: None,
    };
    act.add(Step::add_access_token(&ticket, &token)?);
    Ok(Issued { ticket, scope, seconds })
}

/// Adds an access token of a client for itself (RFC 6749 §4.4), bound as the product's tokens are: for the management of
/// its grants, and for what of that it asks for.
///
/// # Errors
/// Those of [`policy`]; `invalid_scope` for any other word.
pub fn client_token(
    call: &Call,
    act: &mut Act,
    product: &Product,
    held: &Possession,
    asked: Option<&str>,
) -> Result<(Ticket, ClientToken), Denial> {
    policy::check_binding(product, held.binding())?;
    let scope = scope::narrow(asked, &[QUERY.to_owned(), REVOKE.to_owned()])?.join(" ");
    let ticket = call.app.new_ticket(call.now);
    let token = ClientToken {
        id: ticket.id(),
        client_id: product.client_id.clone(),
        scope,
        binding: held.binding().clone(),
        expires_at: call.now.plus_seconds(ACCESS_TOKEN_SECONDS),
        revoked_at: None,
    };
    act.add(Step::add_client_token(&ticket, &token));
    Ok((ticket, token))
}
