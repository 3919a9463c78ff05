//! `POST /{institution}/revoke`: the partner gives a token back (RFC 7009).
//!
//! A refresh token is the partner's hold on the linkage: giving it back ends the linkage. An access token is only itself.
//! What is unknown, another's or gone already is answered alike, and nothing changes.

use axum::http::StatusCode;
use axum::response::Response;
use renkei_domain::audit::{Action, Record};
use renkei_domain::linkage::EndedBy;
use renkei_domain::notice::Happened;
use renkei_domain::ticket::Ticket;
use renkei_oauth::token::read_revocation;
use renkei_store::{StoreError, Tx};

use super::answer::{Answered, Refusal, secret};
use super::call::{Call, Client};
use crate::http::limits::{INSTITUTION_TOKENS, PRODUCT_TOKEN_CARE};

/// Takes a token back. 200 whatever the token was.
pub async fn revoke(call: Call) -> Answered {
    let (client, token) = call.authenticate(|form| read_revocation(form).map(str::to_owned)).await?;
    call.pace(&client, &PRODUCT_TOKEN_CARE, &INSTITUTION_TOKENS)?;
    let mut tx = call.begin(&client, None).await?;
    let record = match Ticket::parse(&token) {
        Ok(ticket) => take_back(&call, &mut tx, &client, &ticket).await?,
        Err(_) => client.did(Action::TokenRevoked).with("unknown token"),
    };
    call.commit(tx, record).await?;
    Ok::<Response, Refusal>(secret(StatusCode::OK, String::new()))
}

/// Finds out what the ticket is and ends it; tells what to record.
async fn take_back(call: &Call, tx: &mut Tx, client: &Client, ticket: &Ticket) -> Result<Record, StoreError> {
    let client_id = &client.product.client_id;
    let refresh = tx.find_refresh_token(ticket).await?;
    let refresh = refresh.filter(|(token, _)| token.client_id == *client_id && token.revoked_at.is_none());
    if let Some((token, linkage)) = refresh {
        if tx.end_linkage(token.linkage, EndedBy::Partner, call.now).await? {
            tx.delete_unused_pins(token.linkage, call.now).await?;
            let told = Happened::Ended(EndedBy::Partner, token.client_id);
            tx.add_notice(linkage.user, &told, call.now, call.app.random.as_ref()).await?;
            return Ok(client.did(Action::LinkageEnded).on(token.linkage).with(EndedBy::Partner.word()));
        }
        return Ok(client.did(Action::TokenRevoked).on(token.linkage).with("the linkage had ended"));
    }
    let access = tx.find_access_token(ticket).await?;
    if let Some((token, _)) = access.filter(|(token, _)| token.client_id == *client_id)
        && tx.revoke_access_token(token.id, call.now).await?
    {
        return Ok(client.did(Action::TokenRevoked).on(token.linkage).with("access token"));
    }
    let managing = tx.find_client_token(ticket).await?;
    if let Some(token) = managing.filter(|token| token.client_id == *client_id)
        && tx.revoke_client_token(token.id, call.now).await?
    {
        return Ok(client.did(Action::TokenRevoked).with("client token"));
    }
    Ok(client.did(Action::TokenRevoked).with("unknown token"))
}
