//! What a partner sends: one value for each client, one method for each request.

use crate::Problem;
use crate::sign::Key;
use crate::stage::{ClientLine, INSTITUTION, Stage};
use crate::wire::{Answer, Door, Wire, get, post};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// What is asked for.
const SCOPE: &str = "balances transactions";
/// A PKCE verifier; the same for all, as nothing here is secret.
const VERIFIER: &str = "bench-bench-bench-bench-bench-bench-bench-bench";
/// Its S256 challenge.
const CHALLENGE: &str = "2MH3YjnyOl-lagcJc-zZbhwcSf84kouHR6DZ4HjAS0c";

/// A client of the institution.
pub struct Partner {
    /// Where it connects.
    pub door: Door,
    line: ClientLine,
    /// The origin of the main listener, which proofs name.
    origin: String,
    /// Signs its assertions and proofs; none for a client with a certificate.
    key: Option<(Key, Key)>,
}

impl Partner {
    /// The client of this product that signs.
    ///
    /// # Errors
    /// When there is none.
    pub fn signing(stage: &Stage, product: &str) -> Result<Partner, Problem> {
        let line = stage.client(product)?;
        let key = Some((Key::read(&line.private_jwk)?, Key::generate()?));
        Ok(Partner { door: stage.door(), line, origin: stage.origin(), key })
    }

    /// The client of this product that connects with its certificate.
    ///
    /// # Errors
    /// When there is none.
    pub fn certified(stage: &Stage, product: &str) -> Result<Partner, Problem> {
        let line = stage.client(product)?;
        let door = stage.partner_door(&line)?;
        Ok(Partner { door, line, origin: stage.origin(), key: None })
    }

    fn redirect_uri(&self) -> &str {
        self.line.redirect_uris.first().map_or("", String::as_str)
    }

    /// Sends a form to an endpoint with what authenticates the client.
    async fn send(
        &self,
        wire: &mut Wire,
        (institution, at): (&str, &str),
        with_proof: bool,
        fields: &[(&str, &str)],
    ) -> Result<Answer, Problem> {
        let target = format!("/{institution}/{at}");
        let mut all = vec![("client_id", self.line.client_id.as_str())];
        let (assertion, proof);
        let mut headers = String::new();
        if let Some((signing, proving)) = &self.key {
            assertion = signing.assertion(&self.line.client_id, &format!("{}/{institution}", self.origin))?;
            all.extend([("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str())]);
            if with_proof {
                proof = proving.proof("POST", &format!("{}{target}", self.origin), None)?;
                headers = format!("dpop: {proof}\r\n");
            }
        }
        all.extend_from_slice(fields);
        wire.ask(&post(&target, &headers, &all)).await
    }

    /// Pushes an authorization request; gives its `request_uri`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn push(&self, wire: &mut Wire) -> Result<String, Problem> {
        self.push_at(wire, INSTITUTION).await
    }

    /// The same at any institution where the client is the same.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn push_at(&self, wire: &mut Wire, institution: &str) -> Result<String, Problem> {
        let fields = [
            ("response_type", "code"),
            ("redirect_uri", self.redirect_uri()),
            ("scope", SCOPE),
            ("state", "bench"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        self.send(wire, (institution, "par"), false, &fields).await?.expect(201)?.member("request_uri")
    }

    /// The target of the authorization endpoint for a pushed request.
    #[must_use]
    pub fn authorization(&self, request_uri: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("client_id", self.line.client_id.as_str()), ("request_uri", request_uri)])
            .finish();
        format!("/{INSTITUTION}/authorize?{query}")
    }

    /// Exchanges a code; gives the refresh token.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn redeem(&self, wire: &mut Wire, code: &str) -> Result<String, Problem> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.redirect_uri()),
            ("code_verifier", VERIFIER),
        ];
        self.send(wire, (INSTITUTION, "token"), true, &fields).await?.expect(200)?.member("refresh_token")
    }

    /// Gets an access token.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn refresh(&self, wire: &mut Wire, refresh_token: &str) -> Result<String, Problem> {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        self.send(wire, (INSTITUTION, "token"), true, &fields).await?.expect(200)?.member("access_token")
    }

    /// Reads from the account API; `known` is the entity tag of what is there already. Gives the answer's tag.
    ///
    /// # Errors
    /// When it is refused, or the answer is not new where there is none known, or new where there is.
    pub async fn read(&self, wire: &mut Wire, token: &str, what: &str, known: Option<&str>) -> Result<String, Problem> {
        let status = if known.is_some() { 304 } else { 200 };
        let answer = self.try_to_read(wire, token, what, known).await?.expect(status)?;
        Ok(answer.header("etag").ok_or("an answer without tag")?.to_owned())
    }

    /// The same, whatever the answer is.
    ///
    /// # Errors
    /// When there is none.
    pub async fn try_to_read(
        &self,
        wire: &mut Wire,
        token: &str,
        what: &str,
        known: Option<&str>,
    ) -> Result<Answer, Problem> {
        let path = format!("/{INSTITUTION}/api/v1/{what}");
        let bare = path.split('?').next().unwrap_or_default();
        let mut headers = match &self.key {
            None => format!("authorization: Bearer {token}\r\n"),
            Some((_, proving)) => {
                let proof = proving.proof("GET", &format!("{}{bare}", self.origin), Some(token))?;
                format!("authorization: DPoP {token}\r\ndpop: {proof}\r\n")
            }
        };
        if let Some(tag) = known {
            headers.push_str(&format!("if-none-match: {tag}\r\n"));
        }
        wire.ask(&get(&path, &headers)).await
    }
}

/// Asks what a token is good for, as the resource server with this key.
///
/// # Errors
/// When it is refused.
pub async fn introspect(wire: &mut Wire, issuer: &str, id: &str, key: &Key, token: &str) -> Result<(), Problem> {
    let assertion = key.assertion(id, issuer)?;
    let fields = [
        ("client_id", id),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion.as_str()),
        ("token", token),
    ];
    let answer = wire.ask(&post(&format!("/{INSTITUTION}/introspect"), "", &fields)).await?.expect(200)?;
    let body = String::from_utf8_lossy(&answer.body);
    if body.contains("\"active\":true") { Ok(()) } else { Err(format!("a token that is not active: {body}").into()) }
}
