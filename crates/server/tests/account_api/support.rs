//! A bank with two institutions, a partner with a key, and calls with tokens and proofs.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use aws_lc_rs::rand::SystemRandom as KeyRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use base64ct::{Base64UrlUnpadded, Encoding};
use http_body_util::BodyExt;
use renkei_domain::id::{AccountId, LinkageId};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::statement::{Direction, EntryKind, StatementLine};
use renkei_domain::time::{Clock, Day, Timestamp};
use renkei_domain::token::Binding;
use renkei_server::app::{App, Site};
use renkei_server::core_banking::pin_place;
use renkei_server::http::oauth::Memory;
use renkei_server::keys::{Keys, Purpose, sha256};
use renkei_server::ledger::entry::{EntryBody, Place};
use renkei_server::outbound::Outbound;
use renkei_store::tokens::{AccessToken, RefreshToken};
use renkei_store::{Step, Store, params};
use renkei_testing::seed::{self, KAKEIBO, Line, Who};
use renkei_testing::{SystemRandom, aoi, midori};
use serde_json::{Value, json};
use tower::ServiceExt;

/// 2027-01-15 17:00 in Japan.
pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// Where the bank is reached.
pub const ORIGIN: &str = "https://link.example.jp";
/// The PIN filed and registered for every account.
const PIN: &[u8] = b"7391";

/// A clock moved by hand, and by so many microseconds with each look at it.
pub struct HandClock(AtomicI64, AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(self.1.load(Ordering::SeqCst), Ordering::SeqCst))
    }
}

/// The running program over a store.
pub struct Bank {
    pub store: Store,
    pub app: Arc<App>,
    clock: Arc<HandClock>,
    router: Router,
}

/// A partner product with a token for one linkage.
pub struct Partner {
    pub institution: InstitutionCode,
    pub linkage: LinkageId,
    token: String,
    key: EcdsaKeyPair,
}

/// An answer.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Status and code of a refusal.
    pub fn refusal(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["error"].as_str().unwrap_or_default().to_owned())
    }

    /// Everything but what differs with every request.
    pub fn without_reference(&self) -> (StatusCode, HeaderMap, Value) {
        let mut headers = self.headers.clone();
        assert!(headers.remove("x-request-id").is_some());
        assert!(headers.remove("x-fapi-interaction-id").is_some());
        let mut body = self.json();
        assert!(body.as_object_mut().unwrap().remove("reference").is_some());
        (self.status, headers, body)
    }
}

pub fn day(text: &str) -> Day {
    text.parse().unwrap()
}

impl Bank {
    /// Both institutions with the partner kakeibo.
    pub async fn open(store: Store) -> Bank {
        for institution in [aoi(), midori()] {
            seed::institution(&store, &institution, "{\"keys\":[]}").await;
        }
        let clock = Arc::new(HandClock(AtomicI64::new(NOW.0), AtomicI64::new(0)));
        let app = Arc::new(App {
            store: store.clone(),
            keys: Keys::from_master(&[7; 32]).unwrap(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            random: Arc::new(SystemRandom),
            site: Site { origin: ORIGIN.to_owned(), certificate_origin: None, partner_origin: None },
            outbound: Outbound::default(),
            memory: Memory::default(),
        });
        let router = renkei_server::http::router(Arc::clone(&app));
        Bank { store, app, clock, router }
    }

    pub fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// From now on so much time passes between two looks at the clock, as if everything waited for something.
    pub fn drag(&self, seconds: i64) {
        self.clock.1.store(seconds * 1_000_000, Ordering::SeqCst);
    }

    pub async fn customer(&self, institution: &InstitutionCode, login_id: &str) -> Who {
        seed::customer(&self.store, institution, login_id).await
    }

    /// An account without a statement whose PIN is filed and registered.
    pub async fn account(&self, institution: &InstitutionCode, who: &Who, number: &str) -> AccountId {
        let account = seed::account(&self.store, institution, who, number).await;
        let (filed, registered) = (
            self.sealed(institution, account, Purpose::FiledPin, PIN),
            self.sealed(institution, account, Purpose::Pin, PIN),
        );
        seed::pin(&self.store, institution, who, account, &filed, &registered).await;
        account
    }

    fn sealed(&self, institution: &InstitutionCode, account: AccountId, purpose: Purpose, pin: &[u8]) -> Vec<u8> {
        self.app.keys.seal(purpose, &pin_place(institution, account), pin, &SystemRandom).unwrap()
    }

    /// The customer files another PIN at the branch.
    pub async fn file_pin(&self, institution: &InstitutionCode, account: AccountId, pin: &[u8]) {
        let sealed = self.sealed(institution, account, Purpose::FiledPin, pin);
        let update = "UPDATE filed_pins SET sealed = ?2 WHERE institution = ?1 AND account_id = ?3";
        let mut tx = self.store.begin(institution).await.unwrap();
        tx.execute(update, params![&sealed, account]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Runs a statement of one institution.
    pub async fn change(&self, institution: &InstitutionCode, sql: &'static str) {
        let mut tx = self.store.begin(institution).await.unwrap();
        tx.execute(sql, &[]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Changes a table itself.
    pub async fn define(&self, sql: &'static str) {
        let mut tx = self.store.begin_all().await.unwrap();
        tx.execute(sql, &[]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Posts a statement of these lines (booking day, what it does to the balance).
    pub async fn post(&self, institution: &InstitutionCode, account: AccountId, opening: i64, lines: &[(&str, i64)]) {
        let lines: Vec<Line> =
            lines.iter().map(|(on, amount)| Line { booked_on: day(on), signed_amount: *amount }).collect();
        let body = |seq: i64, line: &Line, balance_after: i64| {
            let place = Place { account, seq, balance_after, corrects: None };
            EntryBody::new(&place, &statement_line(line)).to_json().unwrap()
        };
        seed::post(&self.store, institution, account, opening, &lines, &body).await;
    }

    /// A linkage of these accounts for 180 days, with a token for both operations.
    pub async fn link(&self, institution: &InstitutionCode, who: &Who, accounts: &[AccountId]) -> Partner {
        let period = (NOW, NOW.plus_seconds(180 * 86_400));
        let linkage = seed::linkage(&self.store, institution, who, accounts, period).await;
        self.token(institution, linkage, "balances transactions").await
    }

    /// A token of this linkage with this scope that outlives the test.
    pub async fn token(&self, institution: &InstitutionCode, linkage: LinkageId, scope: &str) -> Partner {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (ticket, refresh_ticket) = (self.app.new_ticket(NOW), self.app.new_ticket(NOW));
        let refresh = RefreshToken {
            id: refresh_ticket.id(),
            linkage,
            client_id: KAKEIBO.to_owned(),
            code: uuid::Uuid::now_v7(),
            scope: scope.to_owned(),
            detailed: false,
            revoked_at: None,
        };
        let access = AccessToken {
            id: ticket.id(),
            linkage,
            client_id: KAKEIBO.to_owned(),
            refresh: refresh.id,
            scope: scope.to_owned(),
            accounts: None,
            binding: Binding::Dpop(thumbprint(&key)),
            expires_at: NOW.plus_seconds(1_000 * 86_400),
            revoked_at: None,
        };
        let mut tx = self.store.begin(institution).await.unwrap();
        tx.apply(Step::add_refresh_token(&refresh_ticket, &refresh, NOW)).await.unwrap();
        tx.apply(Step::add_access_token(&ticket, &access).unwrap()).await.unwrap();
        tx.commit().await.unwrap();
        Partner { institution: institution.clone(), linkage, token: ticket.reveal(), key }
    }

    /// A call of the partner below `/api/v1` of its institution.
    pub async fn get(&self, partner: &Partner, path: &str) -> Reply {
        self.get_with(partner, path, &[]).await
    }

    pub async fn get_with(&self, partner: &Partner, path: &str, headers: &[(&str, &str)]) -> Reply {
        let path = format!("/{}/api/v1{path}", partner.institution);
        let proof = partner.proof(self.clock.now(), "GET", &path);
        let authorization = format!("DPoP {}", partner.token);
        let own = [("authorization", authorization.as_str()), ("dpop", proof.as_str())];
        self.send("GET", &path, &[own.as_slice(), headers].concat()).await
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Reply { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// Actions with their outcome and detail, oldest first.
    pub async fn audit(&self, institution: &InstitutionCode) -> Vec<(String, String, Option<String>)> {
        let mut records = self.store.read(institution).list_audit(10_000).await.unwrap();
        records.reverse();
        records.into_iter().map(|record| (record.action, record.outcome, record.detail)).collect()
    }
}

impl Partner {
    /// A fresh proof for a call of this path, query or not.
    pub fn proof(&self, now: Timestamp, method: &str, path: &str) -> String {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let path = path.split('?').next().unwrap();
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk(&self.key) });
        let claims = json!({
            "jti": format!("proof-{}", COUNT.fetch_add(1, Ordering::Relaxed)), "htm": method,
            "htu": format!("{ORIGIN}{path}"), "iat": now.seconds(), "ath": encode(&sha256(self.token.as_bytes())),
        });
        let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = self.key.sign(&KeyRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", encode(signature.as_ref()))
    }

    /// The headers of one call.
    pub fn headers(&self, now: Timestamp, path: &str) -> [(&'static str, String); 2] {
        [("authorization", format!("DPoP {}", self.token)), ("dpop", self.proof(now, "GET", path))]
    }
}

/// A line as a statement has it.
pub fn statement_line(line: &Line) -> StatementLine {
    let credit = line.signed_amount > 0;
    StatementLine {
        inquiry_number: None,
        booked_on: line.booked_on,
        value_on: line.booked_on,
        direction: if credit { Direction::Credit } else { Direction::Debit },
        kind: Some(EntryKind::Transfer),
        amount: line.signed_amount.abs(),
        uncleared: 0,
        presented_on: None,
        returned_on: None,
        bill_kind: None,
        bill_number: None,
        other_branch: None,
        remitter_code: None,
        party: if credit { "ﾔﾏﾀﾞ ﾀﾛｳ".into() } else { String::new() },
        bank_name: "ﾐﾄﾞﾘ".into(),
        branch_name: "ﾎﾝﾃﾝ".into(),
        description: "ﾌﾘｺﾐ".into(),
        edi: String::new(),
    }
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn jwk(key: &EcdsaKeyPair) -> Value {
    // 0x04, then both coordinates.
    let (x, y) = key.public_key().as_ref()[1..].split_at(32);
    json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
}

/// RFC 7638.
fn thumbprint(key: &EcdsaKeyPair) -> String {
    let jwk = jwk(key);
    let (x, y) = (jwk["x"].as_str().unwrap(), jwk["y"].as_str().unwrap());
    encode(&sha256(format!("{{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"{x}\",\"y\":\"{y}\"}}").as_bytes()))
}
