//! Tokens of a client for itself (RFC 6749 §4.4): for the management of its grants and for nothing else.

use axum::http::StatusCode;
use renkei_domain::audit::Action;
use renkei_domain::token::ACCESS_TOKEN_SECONDS;
use renkei_oauth::token::ClientTokenResponse;

use super::answer::{Answered, Refusal, secret, to_json};
use super::call::{Call, Client};
use super::mint;
use super::possession::Possession;

/// Issues one, bound to what the client was seen to hold.
pub async fn issue(call: &Call, client: &Client, held: &Possession, asked: Option<&str>) -> Answered {
    let mut act = call.begin(client, held.proof());
    let (ticket, token) = match mint::client_token(call, &mut act, &client.product, held, asked) {
        Ok(issued) => issued,
        Err(denial) => return Err(call.deny(act, client, Action::ClientTokenIssued, denial).await),
    };
    call.commit(act, client.did(Action::ClientTokenIssued).with(token.scope.clone())).await?;
    let response = ClientTokenResponse::new(ticket.reveal(), held.token_type(), ACCESS_TOKEN_SECONDS, token.scope);
    Ok::<_, Refusal>(secret(StatusCode::OK, to_json(&response)?))
}
