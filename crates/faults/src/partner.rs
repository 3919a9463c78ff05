//! The partner's side: requests signed as the protocol asks, kept so that the very same one can go out again.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use renkei_oauth::client_auth::ASSERTION_TYPE;
use renkei_oauth::jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::{Trouble, trouble};

/// Where the partner is sent back to.
pub const BACK: &str = "https://kakeibo.example/back";
/// The institution.
pub const INSTITUTION: &str = "1001";
/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// Longer than a request may take at a node, so that whoever hears nothing will hear nothing.
const PATIENCE: Duration = Duration::from_secs(40);

/// A fresh key.
///
/// # Errors
/// When the library refuses.
pub fn new_key() -> Result<Arc<SigningKey>, Trouble> {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(trouble("a key"))?;
    let key = SigningKey::from_pkcs8(Algorithm::Es256, pkcs8.as_ref());
    key.map(Arc::new).map_err(|fault| format!("a key: {fault}"))
}

/// A client that keeps no connection: what a node's end does to kept ones is the business of whoever keeps them.
///
/// # Errors
/// When it can't be made.
pub fn http_client() -> Result<reqwest::Client, Trouble> {
    let client = client_builder()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([])
        .pool_max_idle_per_host(0)
        .timeout(PATIENCE)
        .build();
    client.map_err(trouble("an HTTP client"))
}

/// A client at this address that keeps connections, for whoever asks so often that making them would be most of the work.
///
/// # Errors
/// As [`http_client`].
pub fn keeping_client(from: Ipv4Addr) -> Result<reqwest::Client, Trouble> {
    let builder = client_builder().redirect(reqwest::redirect::Policy::none()).tls_certs_only([]);
    let builder = builder.pool_max_idle_per_host(1_000).timeout(PATIENCE).local_address(IpAddr::from(from));
    builder.build().map_err(trouble("an HTTP client"))
}

/// Names the cryptography for TLS; the library asks for it even where nothing speaks TLS.
pub fn client_builder() -> reqwest::ClientBuilder {
    let _already_there = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder()
}

/// The claim of this name in a signed answer; whether the signature is right is another question.
pub fn claim(answer: &str, name: &str) -> Option<String> {
    let payload = Base64UrlUnpadded::decode_vec(answer.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    Some(claims.get(name)?.as_str()?.to_owned())
}

/// A product of a partner.
#[derive(Clone)]
pub struct Partner {
    /// As which client.
    pub client_id: String,
    /// The key of its assertions.
    pub key: Arc<SigningKey>,
    /// The key its tokens are bound to.
    pub dpop: Arc<SigningKey>,
    /// The installation's origin.
    pub origin: String,
    /// Where it connects: the origin, or one node of several.
    pub address: String,
    /// Whether it asks for signed authorization responses (JARM).
    pub signed_answers: bool,
    /// With what.
    pub http: reqwest::Client,
    /// How far its clock is ahead of this machine's, in seconds.
    pub ahead: Arc<AtomicI64>,
}

/// A request, ready to go out any number of times.
#[derive(Clone)]
pub struct Sealed {
    http: reqwest::Client,
    url: String,
    form: Option<Vec<(String, String)>>,
    headers: Vec<(&'static str, String)>,
}

impl Sealed {
    /// The request.
    pub fn request(&self) -> reqwest::RequestBuilder {
        let request = match &self.form {
            Some(form) => self.http.post(&self.url).form(form),
            None => self.http.get(&self.url),
        };
        self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value))
    }

    /// The request as it goes over the wire. It must be one with a form.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        let (host, path) = self.url.trim_start_matches("http://").split_once('/').unwrap_or_default();
        let mut form = form_urlencoded::Serializer::new(String::new());
        let body = form.extend_pairs(self.form.iter().flatten()).finish();
        let mut text = format!("POST /{path} HTTP/1.1\r\nhost: {host}\r\n");
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let kind = "content-type: application/x-www-form-urlencoded";
        let _ = write!(text, "{kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        text.into_bytes()
    }

    /// The same, to another address.
    #[must_use]
    pub fn at(mut self, from: &str, to: &str) -> Sealed {
        self.url = self.url.replacen(from, to, 1);
        self
    }
}

impl Partner {
    /// Another, with a proof key of its own.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn with_new_proof_key(&self) -> Result<Partner, Trouble> {
        Ok(Partner { dpop: new_key()?, ..self.clone() })
    }

    /// The same, connecting elsewhere, with a clock of its own.
    #[must_use]
    pub fn at(&self, node: &str, ahead: i64) -> Partner {
        Partner { address: node.to_owned(), ahead: Arc::new(AtomicI64::new(ahead)), ..self.clone() }
    }

    /// The day's second, by its own clock.
    fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or_default() + self.ahead.load(Ordering::Relaxed)
    }

    fn assertion(&self) -> Result<String, Trouble> {
        let now = self.now();
        let issuer = format!("{}/{INSTITUTION}", self.origin);
        let claims = json!({
            "iss": self.client_id, "sub": self.client_id, "aud": issuer, "jti": jti(), "iat": now, "exp": now + 60,
        });
        let header = json!({ "alg": "ES256", "kid": self.key.to_public_jwk().key_id });
        self.key.sign_with_header(&header, &claims).map_err(trouble("an assertion"))
    }

    fn proof(&self, method: &str, path: &str, access_token: Option<&str>) -> Result<String, Trouble> {
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.dpop.to_public_jwk().to_json() });
        let url = format!("{}{path}", self.origin);
        let mut claims = json!({ "jti": jti(), "htm": method, "htu": url, "iat": self.now() });
        if let (Some(token), Some(claims)) = (access_token, claims.as_object_mut()) {
            let hash = Base64UrlUnpadded::encode_string(digest(&SHA256, token.as_bytes()).as_ref());
            claims.insert("ath".into(), Value::from(hash));
        }
        self.dpop.sign_with_header(&header, &claims).map_err(trouble("a proof"))
    }

    fn post(&self, endpoint: &str, fields: &[(&str, &str)], with_proof: bool) -> Result<Sealed, Trouble> {
        let path = format!("/{INSTITUTION}/{endpoint}");
        let assertion = self.assertion()?;
        let own = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str())];
        let form = fields.iter().chain(&own).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let headers = if with_proof { vec![("dpop", self.proof("POST", &path, None)?)] } else { Vec::new() };
        let url = format!("{}{path}", self.address);
        Ok(Sealed { http: self.http.clone(), url, form: Some(form.collect()), headers })
    }

    /// Pushes a request.
    ///
    /// # Errors
    /// When it can't be signed; so with all of these.
    pub fn push(&self) -> Result<Sealed, Trouble> {
        let mode = if self.signed_answers { "query.jwt" } else { "query" };
        let fields = [
            ("response_type", "code"),
            ("response_mode", mode),
            ("redirect_uri", BACK),
            ("scope", "balances transactions"),
            ("state", "s"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        self.post("par", &fields, false)
    }

    /// Redeems a code.
    ///
    /// # Errors
    /// As [`Partner::push`].
    pub fn redeem(&self, code: &str) -> Result<Sealed, Trouble> {
        let fields = [("grant_type", "authorization_code"), ("code", code), ("code_verifier", VERIFIER)];
        self.post("token", &fields, true)
    }

    /// Asks for a new access token.
    ///
    /// # Errors
    /// As [`Partner::push`].
    pub fn refresh(&self, token: &str) -> Result<Sealed, Trouble> {
        self.post("token", &[("grant_type", "refresh_token"), ("refresh_token", token)], true)
    }

    /// Gives a refresh token back, which ends the linkage.
    ///
    /// # Errors
    /// As [`Partner::push`].
    pub fn revoke(&self, token: &str) -> Result<Sealed, Trouble> {
        self.post("revoke", &[("token", token)], false)
    }

    /// Reads the accounts.
    ///
    /// # Errors
    /// As [`Partner::push`].
    pub fn read(&self, access_token: &str) -> Result<Sealed, Trouble> {
        let path = format!("/{INSTITUTION}/api/v1/accounts");
        let proof = self.proof("GET", &path, Some(access_token))?;
        let headers = vec![("authorization", format!("DPoP {access_token}")), ("dpop", proof)];
        Ok(Sealed { http: self.http.clone(), url: format!("{}{path}", self.address), form: None, headers })
    }

    /// Where the customer's browser is sent with a pushed request.
    #[must_use]
    pub fn authorize_path(&self, request_uri: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("client_id", &self.client_id).append_pair("request_uri", request_uri);
        format!("/{INSTITUTION}/authorize?{}", query.finish())
    }
}

fn jti() -> String {
    uuid::Uuid::new_v4().to_string()
}
