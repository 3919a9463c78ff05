//! The linkage flow from the partner's side: begin, complete, refresh, revoke.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use reqwest::Url;
use serde::Deserialize;

use crate::error::Error;
use crate::grant::{Grant, Tokens};
use crate::http::Answer;
use crate::jwt::{self, Proof};
use crate::key::{AssertionKey, DpopKey};
use crate::metadata::{Metadata, safe_url};
use crate::outside::Outside;
use crate::pending::{Callback, Pending};
use crate::secret::Secret;
use crate::signed::{self, Expected, Published};

/// The type of a client assertion (RFC 7523 section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Who the partner is at one institution.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The `client_id` the institution has given.
    pub client_id: String,
    /// The private key whose public half is registered there.
    pub key: AssertionKey,
    /// The registered address the browser comes back to.
    pub redirect_uri: String,
    /// What is signed beside, as the institution has registered it.
    pub signing: MessageSigning,
}

/// What of FAPI 2.0 Message Signing a product keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MessageSigning {
    /// Nothing: plain requests and plain answers.
    #[default]
    None,
    /// It signs its authorization requests (RFC 9101).
    Requests,
    /// It signs them, and takes no answers but signed ones (JARM).
    RequestsAndAnswers,
}

/// A partner product at one institution. Share it: all methods take `&self`.
pub struct Client {
    pub(crate) issuer: String,
    metadata: Metadata,
    config: ClientConfig,
    pub(crate) outside: Outside,
    nonces: Mutex<Nonces>,
}

/// The last nonce of each kind of server; they are not interchangeable (RFC 9449 section 8.2).
#[derive(Default)]
struct Nonces {
    authorization: Option<String>,
    api: Option<String>,
}

/// To whom a request with a proof goes.
#[derive(Clone, Copy)]
pub(crate) enum Server {
    Authorization,
    Api,
}

/// The answer to a pushed authorization request (RFC 9126 section 2.2).
#[derive(Deserialize)]
struct Pushed {
    request_uri: String,
    expires_in: u64,
}

impl Client {
    /// Reads the institution's metadata (RFC 8414) and checks that it is this issuer's.
    ///
    /// # Errors
    /// [`Error::Insecure`] when an address is neither https nor loopback, [`Error::Issuer`] when the
    /// metadata names another issuer, and whatever reading it can bring.
    pub async fn discover(issuer: &str, config: ClientConfig, outside: Outside) -> Result<Self, Error> {
        let metadata = Metadata::read(issuer, &outside.http).await?;
        let nonces = Mutex::default();
        Ok(Self { issuer: issuer.to_owned(), metadata, config, outside, nonces })
    }

    /// The issuer this client speaks to.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Pushes an authorization request (RFC 9126) for the operations in `scope`, words separated by
    /// spaces. With `grant_id` that linkage is renewed; without, a new one begins.
    ///
    /// # Errors
    /// [`Error::Problem`] when the institution refuses the request, and whatever sending can bring.
    pub async fn begin(&self, scope: &str, grant_id: Option<&str>) -> Result<Pending, Error> {
        let random = self.outside.random.as_ref();
        let state = jwt::random_text(random)?;
        let verifier = jwt::random_text(random)?;
        let challenge = jwt::hash(&verifier);
        let dpop = DpopKey::generate()?;
        let mut form = vec![
            ("client_id", self.config.client_id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", self.config.redirect_uri.as_str()),
            ("scope", scope),
            ("state", state.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        if let Some(grant_id) = grant_id {
            form.extend([("grant_management_action", "replace"), ("grant_id", grant_id)]);
        }
        let signed_answer = self.config.signing == MessageSigning::RequestsAndAnswers;
        if signed_answer {
            form.push(("response_mode", "jwt"));
        }
        let object;
        if self.config.signing != MessageSigning::None {
            object = jwt::request_object(&self.config, &self.issuer, &form, &self.outside)?;
            form = vec![("client_id", self.config.client_id.as_str()), ("request", object.as_str())];
        }
        let endpoint = &self.metadata.pushed_authorization_request_endpoint;
        let answer = self.post(endpoint, &form, Some(&dpop)).await?;
        let pushed: Pushed = answer.json("pushed authorization response")?;
        let url = self.authorization_url(&pushed.request_uri)?;
        Ok(Pending {
            issuer: self.issuer.clone(),
            url,
            state: Secret::new(state),
            verifier: Secret::new(verifier),
            dpop,
            grant_id: grant_id.map(str::to_owned),
            signed_answer,
            expires_at: self.outside.clock.now().saturating_add(pushed.expires_in),
        })
    }

    /// Only the two parameters that count; the rest was pushed (RFC 9126 section 4).
    fn authorization_url(&self, request_uri: &str) -> Result<String, Error> {
        let mut url = safe_url(&self.metadata.authorization_endpoint)?;
        url.query_pairs_mut().append_pair("client_id", &self.config.client_id).append_pair("request_uri", request_uri);
        Ok(url.into())
    }

    /// Checks the query the browser came back with and exchanges its code. The browser must be the one
    /// that was sent out with `pending`; binding the two is the caller's part.
    ///
    /// # Errors
    /// [`Error::State`] and [`Error::Issuer`] when the answer isn't for this request, [`Error::Refused`]
    /// when the customer gave no permission, [`Error::Problem`] when the code is not accepted.
    pub async fn complete(&self, pending: &Pending, query: &str) -> Result<Grant, Error> {
        self.check_issuer(&pending.issuer)?;
        let code = pending.code(self.answer(pending, query).await?)?;
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", self.config.client_id.as_str()),
            ("code", code.reveal()),
            ("redirect_uri", self.config.redirect_uri.as_str()),
            ("code_verifier", pending.verifier.reveal()),
        ];
        let answer = self.post(&self.metadata.token_endpoint, &form, Some(&pending.dpop)).await?;
        let mut tokens = Tokens::read(&answer)?;
        let now = self.outside.clock.now();
        let missing = Error::Unreadable;
        Ok(Grant {
            issuer: self.issuer.clone(),
            grant_id: tokens.grant_id.take().ok_or(missing("token response: no grant_id"))?,
            scope: tokens.scope.take().ok_or(missing("token response: no scope"))?,
            ends_at: tokens.authorization_expires_in.map(|seconds| now.saturating_add(seconds)),
            refresh_token: tokens.refresh_token.take().ok_or(missing("token response: no refresh_token"))?,
            access: Some(tokens.access(now)),
            dpop: pending.dpop.clone(),
        })
    }

    /// What the browser brought back, verified where it has to be signed. The keys are read each time, so that a rotation
    /// at the institution changes nothing here.
    async fn answer(&self, pending: &Pending, query: &str) -> Result<Callback, Error> {
        if !pending.signed_answer {
            return Callback::read(query);
        }
        let response = signed::response(query)?;
        let address = self.metadata.jwks_uri.as_deref().ok_or(Error::Unreadable("metadata: no jwks_uri"))?;
        let answer = Answer::to(self.outside.http.get(safe_url(address)?)).await?;
        if !answer.is_success() {
            return Err(Error::Problem(answer.problem()));
        }
        let keys: Published = answer.json("the institution's keys")?;
        keys.verify(&response, &Expected { client_id: &self.config.client_id, now: self.outside.clock.now() })
    }

    /// Fetches a new access token. The reads do this by themselves when it is due.
    ///
    /// # Errors
    /// [`Error::Problem`] whose reason says why the linkage gives no more tokens.
    pub async fn refresh(&self, grant: &mut Grant) -> Result<(), Error> {
        self.check_issuer(&grant.issuer)?;
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", self.config.client_id.as_str()),
            ("refresh_token", grant.refresh_token.reveal()),
        ];
        let answer = self.post(&self.metadata.token_endpoint, &form, Some(&grant.dpop)).await?;
        grant.take(Tokens::read(&answer)?, self.outside.clock.now());
        Ok(())
    }

    /// Ends the linkage from the partner's side (RFC 7009). The grant is of no use afterwards; revoking
    /// what is already over succeeds.
    ///
    /// # Errors
    /// [`Error::Problem`] when the institution refuses, and whatever sending can bring; the linkage may
    /// then still stand.
    pub async fn revoke(&self, grant: &Grant) -> Result<(), Error> {
        self.check_issuer(&grant.issuer)?;
        let form = [
            ("client_id", self.config.client_id.as_str()),
            ("token", grant.refresh_token.reveal()),
            ("token_type_hint", "refresh_token"),
        ];
        self.post(&self.metadata.revocation_endpoint, &form, None).await.map(|_| ())
    }

    /// What was made with one institution is never sent to another.
    pub(crate) fn check_issuer(&self, found: &str) -> Result<(), Error> {
        if self.issuer == found {
            return Ok(());
        }
        Err(Error::Issuer { expected: self.issuer.clone(), found: found.to_owned() })
    }

    /// Posts a form with a fresh client assertion and, with a key, a DPoP proof; once more when the
    /// server asks for its nonce (RFC 9449 section 8).
    async fn post(&self, endpoint: &str, form: &[(&str, &str)], dpop: Option<&DpopKey>) -> Result<Answer, Error> {
        let mut retried = false;
        loop {
            let ClientConfig { key, client_id, .. } = &self.config;
            let assertion = jwt::assertion(key, client_id, &self.issuer, &self.outside)?;
            let mut fields = form.to_vec();
            fields.extend([("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion)]);
            let mut request = self.outside.http.post(safe_url(endpoint)?).form(&fields);
            if let Some(dpop) = dpop {
                let nonce = self.nonce(Server::Authorization);
                let proof = Proof { method: "POST", address: endpoint, token: None, nonce };
                request = request.header("DPoP", proof.sign(dpop, &self.outside)?);
            }
            let answer = Answer::to(request).await?;
            self.keep_nonce(Server::Authorization, &answer);
            if answer.is_success() {
                return Ok(answer);
            }
            if retried || !answer.wants_nonce() {
                return Err(Error::Problem(answer.problem()));
            }
            retried = true;
        }
    }

    /// Gets one resource with a token bound to `dpop`; once more when the server asks for its nonce.
    pub(crate) async fn get(
        &self,
        url: &Url,
        token: &str,
        dpop: &DpopKey,
        etag: Option<&str>,
    ) -> Result<Answer, Error> {
        let mut address = url.clone();
        address.set_query(None);
        let mut retried = false;
        loop {
            let nonce = self.nonce(Server::Api);
            let proof = Proof { method: "GET", address: address.as_str(), token: Some(token), nonce };
            let mut request = self
                .outside
                .http
                .get(url.clone())
                .header("Accept", "application/json")
                .header("Authorization", format!("DPoP {token}"))
                .header("DPoP", proof.sign(dpop, &self.outside)?);
            if let Some(etag) = etag {
                request = request.header("If-None-Match", etag);
            }
            let answer = Answer::to(request).await?;
            self.keep_nonce(Server::Api, &answer);
            if retried || !answer.wants_nonce() {
                return Ok(answer);
            }
            retried = true;
        }
    }

    fn nonce(&self, server: Server) -> Option<String> {
        let nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        match server {
            Server::Authorization => nonces.authorization.clone(),
            Server::Api => nonces.api.clone(),
        }
    }

    fn keep_nonce(&self, server: Server, answer: &Answer) {
        let Some(nonce) = answer.nonce.clone() else { return };
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        match server {
            Server::Authorization => nonces.authorization = Some(nonce),
            Server::Api => nonces.api = Some(nonce),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("issuer", &self.issuer).field("config", &self.config).finish()
    }
}
