//! An institution of a few lines on loopback, with accounts that never were. It checks nothing a real one
//! checks; it is there to be linked and read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::extract::{Form, Path, Query, State};
use axum::http::header::{HeaderName, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64ct::{Base64, Encoding};
use renkei_client::{AssertionKey, Outside};
use renkei_partner_app::{InstitutionConfig, PartnerAppConfig};
use serde_json::{Value, json};

type Fields = HashMap<String, String>;

/// What an institution remembers and how it behaves.
#[derive(Default)]
pub struct Ledger {
    /// The pushed requests by `request_uri`.
    pushed: HashMap<String, Fields>,
    /// The transactions of each account, in posting order.
    pub accounts: Vec<(Value, Vec<Value>)>,
    /// With this the customer gives no permission.
    pub refuse: Option<(&'static str, &'static str)>,
    /// With this every read ends in a problem.
    pub problem: Option<(u16, &'static str)>,
    pub revoked: Vec<String>,
    pub linkages: u32,
    /// Seconds until the linkage ends.
    pub period: u64,
}

/// The institution.
#[derive(Clone)]
pub struct Bank {
    pub issuer: String,
    code: &'static str,
    name: &'static str,
    pub ledger: Arc<Mutex<Ledger>>,
}

impl Bank {
    /// Opens on a free port with no account.
    pub async fn open(code: &'static str, name: &'static str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/{code}", listener.local_addr().unwrap());
        let bank = Self { issuer, code, name, ledger: Arc::default() };
        bank.ledger.lock().unwrap().period = 180 * 24 * 60 * 60;
        let api = format!("/{code}/api/v1");
        let router = Router::new()
            .route("/.well-known/oauth-authorization-server/{code}", get(metadata))
            .route(&format!("/{code}/par"), post(par))
            .route(&format!("/{code}/authorize"), get(authorize))
            .route(&format!("/{code}/token"), post(token))
            .route(&format!("/{code}/revoke"), post(revoke))
            .route(&format!("{api}/linkage"), get(linkage))
            .route(&format!("{api}/accounts"), get(accounts))
            .route(&format!("{api}/accounts/{{id}}/balances"), get(balances))
            .route(&format!("{api}/accounts/{{id}}/transactions"), get(transactions))
            .with_state(bank.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        bank
    }

    /// How the site is registered here.
    pub fn offer(&self, product: &str) -> InstitutionConfig {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let text = Base64::encode_string(pair.to_pkcs8v1().unwrap().as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        InstitutionConfig {
            code: self.code.to_owned(),
            name: self.name.to_owned(),
            name_en: format!("{} in English", self.code),
            issuer: self.issuer.clone(),
            product: product.to_owned(),
            product_en: format!("{product} in English"),
            client_id: "kakeibo".to_owned(),
            key: AssertionKey::from_pem(&pem, None).unwrap(),
            scope: "balances transactions".to_owned(),
            signing: renkei_client::MessageSigning::None,
        }
    }

    /// Adds an account; gives its place.
    pub fn add_account(&self, branch: &str, number: &str, memo: Option<&str>, state: &str) -> usize {
        let mut ledger = self.ledger.lock().unwrap();
        let place = ledger.accounts.len();
        let account = json!({
            "account_id": format!("{}-{}", self.code, place + 1),
            "institution": {"code": self.code, "name": self.name}, "branch": {"code": "001", "name": branch, "name_en": "Main"},
            "type": {"code": "1", "name": "普通"}, "number": number, "holder": "株式会社 青井商会",
            "holder_kana": "カ）アオイシヨウカイ", "currency": "JPY", "memo": memo, "state": state,
            "history_from": "2026-04-01",
        });
        ledger.accounts.push((account, Vec::new()));
        place
    }

    /// Posts a transaction to the account at that place; a negative amount is a debit.
    pub fn book(&self, place: usize, day: &str, kind: &str, description: &str, amount: i64) {
        let mut ledger = self.ledger.lock().unwrap();
        let (account, lines) = &mut ledger.accounts[place];
        let sequence = lines.len() + 1;
        lines.push(json!({
            "transaction_id": format!("{}-{sequence}", account["account_id"].as_str().unwrap()),
            "sequence": sequence, "booked_on": day, "value_on": day,
            "direction": if amount < 0 { "debit" } else { "credit" }, "kind": {"code": "11", "name": kind},
            "amount": amount.abs(), "uncleared": 0, "description": description,
            "description_normalised": description, "remitter": null, "bank": null, "branch": null, "edi": null,
        }));
    }
}

/// The site's configuration at these institutions, living in memory.
pub fn config(base_url: &str, institutions: Vec<InstitutionConfig>) -> PartnerAppConfig {
    let outside = Outside::system().unwrap();
    PartnerAppConfig { base_url: base_url.to_owned(), institutions, state_file: None, outside }
}

async fn metadata(State(bank): State<Bank>) -> Json<Value> {
    let issuer = &bank.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "pushed_authorization_request_endpoint": format!("{issuer}/par"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "authorization_response_iss_parameter_supported": true,
    }))
}

async fn par(State(bank): State<Bank>, Form(fields): Form<Fields>) -> Response {
    let mut ledger = bank.ledger.lock().unwrap();
    let request_uri = format!("urn:ietf:params:oauth:request_uri:{}", ledger.pushed.len());
    ledger.pushed.insert(request_uri.clone(), fields);
    (StatusCode::CREATED, Json(json!({"request_uri": request_uri, "expires_in": 90}))).into_response()
}

/// Permits, or refuses, without a question.
async fn authorize(State(bank): State<Bank>, Query(query): Query<Fields>) -> Response {
    let ledger = bank.ledger.lock().unwrap();
    let pushed = &ledger.pushed[&query["request_uri"]];
    let answer = match ledger.refuse {
        None => format!("code={}", pushed.get("grant_id").map_or("new", String::as_str)),
        Some((error, description)) => format!("error={error}&error_description={description}"),
    };
    let iss = bank.issuer.replace(':', "%3A").replace('/', "%2F");
    let back = format!("{}?{answer}&state={}&iss={iss}", pushed["redirect_uri"], pushed["state"]);
    (StatusCode::SEE_OTHER, [(LOCATION, back)]).into_response()
}

async fn token(State(bank): State<Bank>, Form(fields): Form<Fields>) -> Json<Value> {
    let mut ledger = bank.ledger.lock().unwrap();
    let grant_id = match fields.get("code").map(String::as_str) {
        Some("new") => {
            ledger.linkages += 1;
            format!("linkage-{}-{}", bank.code, ledger.linkages)
        }
        Some(renewed) => renewed.to_owned(),
        None => fields["refresh_token"].clone(),
    };
    Json(json!({
        "access_token": "access", "token_type": "DPoP", "expires_in": 300, "refresh_token": grant_id,
        "scope": "balances transactions", "grant_id": grant_id, "authorization_expires_in": ledger.period,
    }))
}

async fn revoke(State(bank): State<Bank>, Form(fields): Form<Fields>) -> StatusCode {
    bank.ledger.lock().unwrap().revoked.push(fields["token"].clone());
    StatusCode::OK
}

/// The problem every read ends in, when there is one.
fn problem(ledger: &Ledger) -> Option<Response> {
    let (status, error) = ledger.problem?;
    let retry_after = HeaderName::from_static("retry-after");
    let body = Json(json!({"status": status, "error": error}));
    Some((StatusCode::from_u16(status).unwrap(), [(retry_after, "1800")], body).into_response())
}

async fn linkage(State(bank): State<Bank>) -> Response {
    let ledger = bank.ledger.lock().unwrap();
    if let Some(problem) = problem(&ledger) {
        return problem;
    }
    let period = jiff::SignedDuration::from_secs(i64::try_from(ledger.period).unwrap());
    let end = (jiff::Timestamp::now() + period).strftime("%Y-%m-%d").to_string();
    Json(json!({
        "linkage_id": "linkage-1", "state": "active", "started_at": "2026-11-22T09:00:00+09:00",
        "operations": [{"operation": "balances", "until": end}, {"operation": "transactions", "until": end}],
        "ends_at": format!("{end}T23:59:59+09:00"),
    }))
    .into_response()
}

async fn accounts(State(bank): State<Bank>) -> Response {
    let ledger = bank.ledger.lock().unwrap();
    if let Some(problem) = problem(&ledger) {
        return problem;
    }
    let accounts: Vec<&Value> = ledger.accounts.iter().map(|(account, _)| account).collect();
    Json(json!({ "accounts": accounts })).into_response()
}

fn lines_of(ledger: &Ledger, id: &str) -> Vec<Value> {
    let found = ledger.accounts.iter().find(|(account, _)| account["account_id"] == id);
    found.map(|(_, lines)| lines.clone()).unwrap_or_default()
}

fn total(lines: &[Value]) -> i64 {
    let signed = |line: &Value| {
        let amount = line["amount"].as_i64().unwrap();
        if line["direction"] == "debit" { -amount } else { amount }
    };
    lines.iter().map(signed).sum()
}

async fn balances(State(bank): State<Bank>, Path(id): Path<String>) -> Response {
    let ledger = bank.ledger.lock().unwrap();
    if let Some(problem) = problem(&ledger) {
        return problem;
    }
    let balance = total(&lines_of(&ledger, &id));
    Json(json!({
        "account_id": id, "book_balance": balance, "available_balance": balance, "uncleared": 0,
        "overdraft_limit": 0, "previous_day_balance": balance - 12_800, "previous_month_end_balance": 2_417_336,
        "as_of": "2026-11-22T16:05:00+09:00", "day_closed": false,
    }))
    .into_response()
}

/// The mark is the number of lines read; the tag is the mark, as long as nothing is new.
async fn transactions(
    State(bank): State<Bank>,
    Path(id): Path<String>,
    Query(query): Query<Fields>,
    headers: HeaderMap,
) -> Response {
    let ledger = bank.ledger.lock().unwrap();
    if let Some(problem) = problem(&ledger) {
        return problem;
    }
    let lines = lines_of(&ledger, &id);
    let after: usize = query.get("after").map_or(0, |mark| mark.parse().unwrap());
    let limit: usize = query["limit"].parse().unwrap();
    let end = lines.len().min(after + limit);
    let tag = format!("\"{end}\"");
    if headers.get("if-none-match").is_some_and(|sent| sent == tag.as_str()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let opening = total(&lines[..after]);
    let page = &lines[after..end];
    let body = json!({
        "account_id": id, "opening_balance": opening, "closing_balance": opening + total(page),
        "count": page.len(), "transactions": page, "next_mark": end.to_string(), "more": end < lines.len(),
    });
    ([("etag", tag)], Json(body)).into_response()
}
