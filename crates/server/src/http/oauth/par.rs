//! `POST /{institution}/par`: the partner pushes an authorization request (RFC 9126).
//!
//! Everything that can be refused without knowing the customer is refused here.

use axum::http::StatusCode;
use renkei_domain::audit::Action;
use renkei_domain::id::LinkageId;
use renkei_domain::operation::Operation;
use renkei_domain::partner::SenderConstraint;
use renkei_domain::token::REQUEST_SECONDS;
use renkei_oauth::authorization_details;
use renkei_oauth::dpop::Proof;
use renkei_oauth::error::{ErrorCode, OAuthError};
use renkei_oauth::form::Form;
use renkei_oauth::jose::Jws;
use renkei_oauth::request::{
    ClientPolicy, GrantRequest, Parameters, PushedRequest, PushedResponse, REQUEST_URI_PREFIX, check_pushed_request,
};
use renkei_oauth::request_object::{self, Signer, take_parameters};
use renkei_store::Step;

use super::answer::{Answered, Refusal, secret, to_json};
use super::call::{Call, Client, Denial};
use super::policy;
use crate::http::acr;
use crate::http::limits::{INSTITUTION_PUSHES, PRODUCT_PUSHES};

/// Takes a request in and hands out its `request_uri`.
pub async fn push(call: Call) -> Answered {
    let (client, ()) = call.authenticate(check_details(&call.form).map(std::future::ready)).await?;
    call.pace(&client, &PRODUCT_PUSHES, &INSTITUTION_PUSHES)?;
    let checked = check(&call, &client).await;
    let proof = checked.as_ref().ok().and_then(|(_, proof)| proof.as_ref());
    let mut act = call.begin(&client, proof);
    let request = match checked {
        Ok((request, _)) => request,
        Err(denial) => return Err(call.deny(act, &client, Action::RequestPushed, denial).await),
    };
    let ticket = call.app.new_ticket(call.now);
    let expires_at = call.now.plus_seconds(REQUEST_SECONDS);
    act.add(Step::add_request(&ticket, &request.client_id, to_json(&request)?, expires_at));
    call.commit(act, client.did(Action::RequestPushed).on(ticket.id())).await?;
    let request_uri = format!("{REQUEST_URI_PREFIX}{}", ticket.reveal());
    let response = PushedResponse { request_uri, expires_in: REQUEST_SECONDS };
    Ok::<_, Refusal>(secret(StatusCode::CREATED, to_json(&response)?))
}

/// The limits of a plain request's authorization details, before anything is looked up. Those of a signed one are limited
/// with it, and what stands beside it is not looked at.
fn check_details(form: &Form) -> Result<(), OAuthError> {
    let plain = form.get(request_object::PARAMETER).is_none();
    authorization_details::check_shape(form.get("authorization_details").filter(|_| plain))
}

async fn check(call: &Call, client: &Client) -> Result<(PushedRequest, Option<Proof>), Denial> {
    let proof = call.proof().map_err(OAuthError::from)?;
    let offered = client.product.offer();
    let known = Operation::ALL.into_iter().filter(|operation| offered.operations().contains(*operation));
    let scopes: Vec<String> = known.map(|operation| operation.word().to_owned()).collect();
    let policy = ClientPolicy {
        client_id: &client.product.client_id,
        redirect_uris: &client.product.redirect_uris,
        scopes: &scopes,
        resources: &call.app.site.resources(&call.institution),
        strongest: acr::strongest(&call.app, client.certificates),
    };
    let parameters = parameters(call, client).await?;
    let request = check_pushed_request(&parameters, &policy, proof.as_ref().map(|proof| proof.jkt.as_str()))?;
    policy::check_request(&client.product, &request)?;
    check_binding(client, &request)?;
    check_grant(call, &request).await?;
    Ok((request, proof))
}

/// What is asked for: in the form, or in a request object of the client's.
async fn parameters(call: &Call, client: &Client) -> Result<Parameters, Denial> {
    let signed = call.form.get("request").and_then(|text| Jws::parse(text).ok());
    let kid = signed.as_ref().and_then(|jws| jws.header.key_id.as_deref());
    let (keys, algorithm) = call.signing_keys(&client.product, kid).await?;
    let signer = Signer { client_id: &client.product.client_id, keys: &keys, algorithm };
    let issuer = call.app.site.issuer(&call.institution);
    Ok(take_parameters(&call.form, &signer, &issuer, call.now.seconds())?)
}

/// A code can be bound to a key only where the key is shown again when it is redeemed. To forget about the binding would
/// leave the client believing in it.
fn check_binding(client: &Client, request: &PushedRequest) -> Result<(), Denial> {
    const UNBOUND: OAuthError =
        OAuthError::invalid_request("access tokens of this client are bound to its certificate: push no DPoP key");
    let names_key = request.dpop_jkt.is_some();
    let by_certificate = client.product.sender_constraint == SenderConstraint::Mtls;
    if names_key && by_certificate { Err(UNBOUND.into()) } else { Ok(()) }
}

/// A linkage that is named must be the client's own and not have been ended; whose it is on the customer's side shows
/// at the login.
async fn check_grant(call: &Call, request: &PushedRequest) -> Result<(), Denial> {
    const UNKNOWN: OAuthError = OAuthError::new(ErrorCode::InvalidGrantId, "no such grant of this client");
    const ENDED: OAuthError = OAuthError::new(ErrorCode::InvalidGrantId, "the grant was ended, begin a new one");
    let grant_id = match &request.grant {
        GrantRequest::Create => return Ok(()),
        GrantRequest::Replace { grant_id } | GrantRequest::Merge { grant_id } => grant_id,
    };
    let id: LinkageId = grant_id.parse().map_err(|_| UNKNOWN)?;
    let linkage = call.app.store.read(&call.institution).find_linkage(id).await?;
    let own = linkage.filter(|linkage| linkage.client_id == request.client_id).ok_or(UNKNOWN)?;
    match own.ended_at {
        _ if own.has_lapsed(call.now) => Err(UNKNOWN.into()),
        None => Ok(()),
        Some(_) => Err(ENDED.into()),
    }
}
