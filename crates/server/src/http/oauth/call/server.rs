//! Authentication of resource servers outside this program, by signed assertion as clients are.
//!
//! Their identifiers and keys are a register of their own: a client is no resource server, whatever it can sign.

use std::sync::Arc;

use axum::http::header;
use renkei_domain::audit::{Action, Actor, Record};
use renkei_oauth::client_auth::{INVALID_CLIENT, PresentedAssertion};
use renkei_oauth::introspection::asks_for_jwt;
use renkei_oauth::jose::{Algorithm, KeySet};
use renkei_oauth::replay::Replay;
use renkei_store::resource_servers::ResourceServer;

use super::{Act, Call, Refusal};
use crate::error::Fault;
use crate::http::limits::{INSTITUTION_TOKENS, PRODUCT_TOKEN_CARE, Party};

/// A resource server whose assertion holds and who may ask. The assertion is not used up yet: [`Call::begin_for`] does
/// that.
pub struct Asker {
    /// Who it is.
    pub server: Arc<ResourceServer>,
    assertion: Replay,
}

impl Asker {
    fn actor(&self) -> Actor {
        Actor::ResourceServer(self.server.server_id.clone())
    }

    /// The record of something it did.
    pub fn did(&self, action: Action) -> Record {
        Record::done(self.actor(), action)
    }
}

impl Call {
    /// Authenticates a resource server. `asked` is what the form came to, read at no cost, and what it needs to have
    /// looked up: that goes along with the look-up of the server.
    ///
    /// # Errors
    /// The same `invalid_client`, after about the same work, for whoever is no resource server in force.
    pub async fn authenticate_server<F: Future, E: Into<Refusal>>(
        &self,
        asked: Result<F, E>,
    ) -> Result<(Asker, F::Output), Refusal> {
        let sent = match PresentedAssertion::from_form(&self.form, self.headers.contains_key(header::AUTHORIZATION)) {
            Ok(sent) => sent,
            Err(fault) => return Err(self.refuse_client(None, &fault.to_string(), fault.into()).await),
        };
        let asked = asked.map_err(Into::into)?;
        let mut read = self.app.store.read_within(&self.institution, &self.moment);
        let (server, found) = tokio::join!(read.find_resource_server(sent.unverified_client_id()), asked);
        let server = server?;
        let (keys, algorithm) = self.keys_of(server.as_deref())?;
        let issuer = self.app.site.issuer(&self.institution);
        let verified = sent.verify(&keys, algorithm, &issuer, self.now.seconds());
        match (server, verified) {
            (Some(server), Ok(verified)) if server.is_active() => {
                Ok((Asker { server, assertion: verified.replay }, found))
            }
            (_, verified) => {
                let why = verified.err().map_or_else(|| "not active".to_owned(), |fault| fault.to_string());
                Err(self.refuse_client(None, &format!("resource server: {why}"), INVALID_CLIENT).await)
            }
        }
    }

    fn keys_of(&self, server: Option<&ResourceServer>) -> Result<(Arc<KeySet>, Option<Algorithm>), Fault> {
        let Some(server) = server else { return Ok((Arc::default(), None)) };
        let id = &server.server_id;
        let algorithm = Algorithm::parse(&server.signing_alg)
            .ok_or_else(|| Fault::Defect(format!("resource server {id} has an unknown algorithm")))?;
        Ok((self.app.memory.keys(&self.institution, id, &server.jwks)?, Some(algorithm)))
    }

    /// Takes this request out of the budgets of the resource server and of the institution.
    ///
    /// # Errors
    /// [`Refusal::TooMany`]; the assertion was not used up.
    pub fn pace_for(&self, asker: &Asker) -> Result<(), Refusal> {
        let limits = &self.app.memory.limits;
        let own = Party::Product(&self.institution, &asker.server.server_id);
        limits.take(own, &PRODUCT_TOKEN_CARE, self.now)?;
        Ok(limits.take(Party::Institution(&self.institution), &INSTITUTION_TOKENS, self.now)?)
    }

    /// Begins what its request writes.
    pub fn begin_for(&self, asker: &Asker) -> Act {
        self.begin_as(asker.actor(), Some(&asker.assertion), None)
    }

    /// Whether the answer is asked for in signed form.
    pub fn asks_for_jwt(&self) -> bool {
        asks_for_jwt(self.headers.get_all(header::ACCEPT).iter().map(|value| value.as_bytes()))
    }
}
