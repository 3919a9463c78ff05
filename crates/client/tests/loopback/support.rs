//! An institution of a few lines on loopback. It answers what the test tells it to, and keeps what it was
//! asked, so that a test can look at every byte the client sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use renkei_client::{AssertionKey, Client, ClientConfig, Clock, Error, MessageSigning, Outside, Random, http_client};
use serde_json::{Value, json};

/// 2026-10-31T00:00:00Z.
pub const NOW: u64 = 1_793_404_800;
pub const CALLBACK: &str = "https://kakeibo.example/callback";

/// What the institution was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub form: Vec<(String, String)>,
}

impl Asked {
    pub fn field(&self, name: &str) -> &str {
        let found = self.form.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

/// Header and claims of a JWT.
pub fn open(jwt: &str) -> (Value, Value) {
    let mut parts = jwt.split('.').map(|part| Base64UrlUnpadded::decode_vec(part).unwrap());
    let mut next = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (next(), next())
}

/// One prepared answer.
pub struct Prepared {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Value,
}

pub fn answer(status: u16, body: Value) -> Prepared {
    Prepared { status, headers: Vec::new(), body }
}

impl Prepared {
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

#[derive(Default)]
struct Book {
    asked: Vec<Asked>,
    prepared: VecDeque<Prepared>,
}

/// The institution.
#[derive(Clone)]
pub struct Bank {
    pub issuer: String,
    metadata: Arc<Mutex<Value>>,
    book: Arc<Mutex<Book>>,
}

impl Bank {
    pub async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/1001", listener.local_addr().unwrap());
        let metadata = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "pushed_authorization_request_endpoint": format!("{issuer}/par"),
            "revocation_endpoint": format!("{issuer}/revoke"),
            "authorization_response_iss_parameter_supported": true,
        });
        let bank = Self { issuer, metadata: Arc::new(Mutex::new(metadata)), book: Arc::default() };
        let router = Router::new().fallback(serve).with_state(bank.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        bank
    }

    /// Changes one member of the metadata.
    pub fn publish(&self, member: &str, value: Value) {
        self.metadata.lock().unwrap()[member] = value;
    }

    /// Prepares the next answer; they are given in this order.
    pub fn prepare(&self, answer: Prepared) {
        self.book.lock().unwrap().prepared.push_back(answer);
    }

    /// Everything asked so far but the metadata.
    pub fn asked(&self) -> Vec<Asked> {
        self.book.lock().unwrap().asked.clone()
    }

    pub async fn client(&self) -> Result<Client, Error> {
        self.client_that_signs(MessageSigning::None).await
    }

    pub async fn client_that_signs(&self, signing: MessageSigning) -> Result<Client, Error> {
        let (key, redirect_uri) = (assertion_key(), CALLBACK.to_owned());
        let config = ClientConfig { client_id: "kakeibo".to_owned(), key, redirect_uri, signing };
        Client::discover(&self.issuer, config, outside()).await
    }

    pub fn callback(&self, state: &str, rest: &str) -> String {
        let iss = self.issuer.replace(':', "%3A").replace('/', "%2F");
        format!("{rest}&state={state}&iss={iss}")
    }
}

async fn serve(State(bank): State<Bank>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if parts.uri.path() == "/.well-known/oauth-authorization-server/1001" {
        return bank.metadata.lock().unwrap().to_string().into_response();
    }
    let body: Bytes = axum::body::to_bytes(body, 100_000).await.unwrap();
    let query = String::from_utf8(body.to_vec()).unwrap();
    let form = axum::extract::Query::try_from_uri(&format!("/?{query}").parse().unwrap()).unwrap().0;
    let asked = Asked {
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        form,
    };
    let mut book = bank.book.lock().unwrap();
    book.asked.push(asked);
    let prepared = book.prepared.pop_front().expect("an answer was prepared");
    let mut response = (StatusCode::from_u16(prepared.status).unwrap(), prepared.body.to_string()).into_response();
    for (name, value) in prepared.headers {
        response.headers_mut().append(name, HeaderValue::from_str(&value).unwrap());
    }
    response
}

pub fn assertion_key() -> AssertionKey {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let text = Base64::encode_string(pair.to_pkcs8v1().unwrap().as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    AssertionKey::from_pem(&pem, Some("kakeibo-1")).unwrap()
}

struct Still;

impl Clock for Still {
    fn now(&self) -> u64 {
        NOW
    }
}

/// Counts up, so that each text is different and the same in each run.
struct Counting(Mutex<u8>);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        let mut count = self.0.lock().unwrap();
        *count += 1;
        bytes.fill(*count);
        Ok(())
    }
}

pub fn outside() -> Outside {
    Outside { http: http_client().unwrap(), clock: Arc::new(Still), random: Arc::new(Counting(Mutex::new(0))) }
}

pub fn pushed() -> Prepared {
    answer(201, json!({ "request_uri": "urn:ietf:params:oauth:request_uri:abc", "expires_in": 90 }))
}

/// A token answer; the access token lives for `seconds`.
pub fn tokens(access: &str, seconds: u64) -> Prepared {
    answer(
        200,
        json!({
            "access_token": access, "token_type": "DPoP", "expires_in": seconds, "refresh_token": "refresh-of-aoi",
            "scope": "balances transactions", "grant_id": "linkage-1", "authorization_expires_in": 1_000,
        }),
    )
}

pub fn no_accounts() -> Prepared {
    answer(200, json!({ "accounts": [] }))
}
