//! `POST /{institution}/introspect`: a resource server outside this program asks what a token is good for (RFC 7662),
//! and is answered in JSON or in a signed JWT (RFC 9701).
//!
//! What is told is what stands at each question, as in the account API. Whatever speaks against a token, nothing is said
//! but that it is not active; the reason is in the audit trail.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::Response;
use renkei_domain::audit::Action;
use renkei_domain::id::{AccountId, made_at};
use renkei_domain::linkage::standing;
use renkei_domain::operation::Operations;
use renkei_domain::ticket::Ticket;
use renkei_domain::time::Timestamp;
use renkei_domain::token::Binding;
use renkei_oauth::introspection::{self, Confirmation, Introspection, SignedIntrospection, TokenFacts};
use renkei_store::StoreError;
use renkei_store::linkages::Linkage;
use renkei_store::resource_servers::ResourceServer;
use renkei_store::tokens::AccessToken;

use super::answer::{Answered, Refusal, secret, to_json};
use super::call::{Asker, Call};
use super::narrow;
use crate::error::Fault;
use crate::http::acr;
use crate::signing;

/// What was found of a token.
struct Found {
    answer: Introspection,
    /// Why it is not active, or the linkage it is for.
    why: String,
    /// Whether answers about tokens of its product are signed, whoever asks (FAPI 2.0 Message Signing §5.5).
    must_be_signed: bool,
}

impl Found {
    fn inactive(why: &str) -> Found {
        Found { answer: Introspection::inactive(), why: why.to_owned(), must_be_signed: false }
    }
}

/// Answers.
pub async fn introspect(call: Call) -> Answered {
    let asked = introspection::read(&call.form).map(|token| look_up(&call, token));
    let (asker, known) = call.authenticate_server(asked).await?;
    call.pace_for(&asker)?;
    let found = find(&call, &asker.server, known?)?;
    let signed = asker.server.signed_introspection || found.must_be_signed || call.asks_for_jwt();
    let response = respond(&call, &asker, &found.answer, signed).await?;
    let activity = if found.answer.is_active() { "active" } else { "inactive" };
    let record = asker.did(Action::TokenIntrospected).on(found.why).with(activity);
    call.commit(call.begin_for(&asker), record).await?;
    Ok::<Response, Refusal>(response)
}

async fn respond(call: &Call, asker: &Asker, answer: &Introspection, signed: bool) -> Result<Response, Refusal> {
    if !signed {
        return Ok(secret(StatusCode::OK, to_json(answer)?));
    }
    let issuer = call.app.site.issuer(&call.institution);
    let claims = SignedIntrospection {
        iss: &issuer,
        aud: &asker.server.server_id,
        iat: call.now.seconds(),
        token_introspection: answer,
    };
    let jwt = signing::sign(&call.app, &call.institution, introspection::TYP, &claims, call.now).await?;
    let mut response = secret(StatusCode::OK, jwt);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(introspection::MEDIA_TYPE));
    Ok(response)
}

/// A token with its linkage, and the accounts of that or what hindered their look-up.
type Known = (AccessToken, Linkage, Result<Arc<Vec<AccountId>>, StoreError>);

async fn look_up(call: &Call, token: &str) -> Result<Option<Known>, Fault> {
    let Ok(ticket) = Ticket::parse(token) else { return Ok(None) };
    let [mut read, mut beside] = [(); 2].map(|()| call.app.store.read_within(&call.institution, &call.moment));
    let accounts = beside.list_accounts_of_token(ticket.id());
    let (found, accounts) = tokio::join!(read.find_access_token(&ticket), accounts);
    Ok(found?.map(|(token, linkage)| (token, linkage, accounts)))
}

/// What is to be told of a token to this resource server.
fn find(call: &Call, server: &ResourceServer, known: Option<Known>) -> Result<Found, Fault> {
    let Some((token, linkage, accounts)) = known else { return Ok(Found::inactive("unknown")) };
    let bound = token.binding.constraint();
    let Some(aud) = call.app.site.audience(&call.institution, bound, server.resource.as_deref()) else {
        return Ok(Found::inactive("other audience"));
    };
    let resource = call.app.site.resource(&call.institution, bound);
    if let Err(why) = is_live(&token, &linkage, call.now) {
        return Ok(Found::inactive(why));
    }
    let scope = narrow::stored_scope(&token.scope)?.intersection(&in_force(&linkage, call.now));
    let facts = TokenFacts {
        iss: call.app.site.issuer(&call.institution),
        client_id: token.client_id,
        sub: call.app.keys.subject(&format!("{}/{}/{}", call.institution, server.server_id, linkage.user)),
        authorization_details: vec![narrow::granted(resource, &scope, accounts?.iter(), token.accounts.as_deref())],
        scope: scope.to_scope(),
        aud,
        iat: made_at(token.id).seconds(),
        exp: token.expires_at.seconds(),
        cnf: confirmation(token.binding),
        acr: acr::of(linkage.login_method),
        auth_time: linkage.login_at.seconds(),
        grant_id: linkage.id.to_string(),
    };
    let must_be_signed = linkage.profile.signs_responses();
    Ok(Found { answer: Introspection::active(facts), why: linkage.id.to_string(), must_be_signed })
}

/// What the account API asks of a token before it answers anything.
fn is_live(token: &AccessToken, linkage: &Linkage, now: Timestamp) -> Result<(), &'static str> {
    if token.revoked_at.is_some() {
        return Err("revoked");
    }
    if now >= token.expires_at {
        return Err("expired");
    }
    standing(&linkage.facts, now).map_err(renkei_domain::linkage::Reason::code)
}

/// The operations whose own period is not over.
pub fn in_force(linkage: &Linkage, now: Timestamp) -> Operations {
    let own = linkage.operations.iter().filter(|own| now < own.ends_at);
    Operations(own.map(|own| own.operation).collect())
}

fn confirmation(binding: Binding) -> Confirmation {
    match binding {
        Binding::Dpop(thumbprint) => Confirmation::Key(thumbprint),
        Binding::Certificate(thumbprint) => Confirmation::Certificate(thumbprint),
    }
}
