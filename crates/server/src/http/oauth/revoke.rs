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
use renkei_store::{Step, StoreError};

use super::answer::{Answered, Refusal, secret};
use super::call::{Act, Call, Client};
use crate::http::limits::{INSTITUTION_TOKENS, PRODUCT_TOKEN_CARE};

/// Takes a token back. 200 whatever the token was.
pub async fn revoke(call: Call) -> Answered {
    let asked = read_revocation(&call.form);
    let (client, token) = call.authenticate(asked.map(std::future::ready)).await?;
    call.pace(&client, &PRODUCT_TOKEN_CARE, &INSTITUTION_TOKENS)?;
    let mut act = call.begin(&client, None);
    let record = match Ticket::parse(token) {
        Ok(ticket) => take_back(&call, &mut act, &client, &ticket).await?,
        Err(_) => unknown(&client),
    };
    call.commit(act, record).await?;
    Ok::<Response, Refusal>(secret(StatusCode::OK, String::new()))
}

fn unknown(client: &Client) -> Record {
    client.did(Action::TokenRevoked).with("unknown token")
}

/// Finds out what the ticket is and ends it; tells what to record. What somebody else ends at the same time is recorded as
/// what it is then.
async fn take_back(call: &Call, act: &mut Act, client: &Client, ticket: &Ticket) -> Result<Record, StoreError> {
    let client_id = &client.product.client_id;
    let mut read = call.app.store.read(&call.institution);
    let refresh = read.find_refresh_token(ticket).await?;
    let refresh = refresh.filter(|(token, _)| token.client_id == *client_id && token.revoked_at.is_none());
    if let Some((token, linkage)) = refresh {
        let over = client.did(Action::TokenRevoked).on(token.linkage).with("the linkage had ended");
        call.claim(act, Step::end_linkage(token.linkage, EndedBy::Partner, call.now), over, None);
        act.then(Step::delete_unused_pins(token.linkage, call.now));
        let told = Happened::Ended(EndedBy::Partner, token.client_id);
        let notice = Step::add_notice(linkage.user, &told, call.now, call.app.random.as_ref());
        notice.into_iter().for_each(|step| act.then(step));
        return Ok(client.did(Action::LinkageEnded).on(token.linkage).with(EndedBy::Partner.word()));
    }
    let access = read.find_access_token(ticket).await?;
    if let Some((token, _)) = access.filter(|(token, _)| token.client_id == *client_id) {
        call.claim(act, Step::revoke_access_token(token.id, call.now), unknown(client), None);
        return Ok(client.did(Action::TokenRevoked).on(token.linkage).with("access token"));
    }
    let managing = read.find_client_token(ticket).await?;
    if let Some(token) = managing.filter(|token| token.client_id == *client_id) {
        call.claim(act, Step::revoke_client_token(token.id, call.now), unknown(client), None);
        return Ok(client.did(Action::TokenRevoked).with("client token"));
    }
    Ok(unknown(client))
}
