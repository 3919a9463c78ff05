//! A bank on loopback: the real router over a fresh store, a clock moved by hand, two institutions, and the partner
//! kakeibo, who can keep every rule and break each one.

// Each test binary uses its own part of this.
#![allow(dead_code, unused_imports)]

pub mod partner;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use renkei_domain::id::{AccountId, LinkageId};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::partner::PartnerState;
use renkei_domain::ticket::Ticket;
use renkei_domain::time::{Clock, Timestamp};
use renkei_oauth::jose::Jwk;
use renkei_oauth::json::Object;
use renkei_server::app::{App, Site};
use renkei_server::http::oauth::Memory;
use renkei_server::http::router;
use renkei_server::keys::Keys;
use renkei_server::outbound::Outbound;
use renkei_server::signing;
use renkei_store::codes::{Code, RequestFacts};
use renkei_store::resource_servers::ResourceServer;
use renkei_store::{Step, Store};
use renkei_testing::seed::{self, KAKEIBO};
use renkei_testing::{FreshStore, SystemRandom, aoi, fresh_sqlite, midori};
use serde_json::Value;
use tokio::net::TcpListener;

pub use partner::{Draft, Partner, new_key};

/// The address partners know; the listener on loopback stands behind it.
pub const ORIGIN: &str = "https://link.example";
/// When every test begins.
pub const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// How long the linkages of the tests last, in seconds.
pub const LINKAGE_SECONDS: i64 = 86_400;
pub const REDIRECT_URI: &str = "https://kakeibo.example/back";
/// RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// No two accounts of one run share a number.
static NUMBERS: AtomicI64 = AtomicI64::new(0);

/// A clock that stands still until it is moved.
pub struct ManualClock(AtomicI64);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

impl ManualClock {
    pub fn forward(&self, seconds: i64) {
        let now = self.now().plus_seconds(seconds);
        self.0.store(now.0, Ordering::SeqCst);
    }
}

/// The running bank.
pub struct Bank {
    pub app: Arc<App>,
    pub clock: Arc<ManualClock>,
    pub address: String,
    pub http: reqwest::Client,
    _fresh: Option<FreshStore>,
}

impl Bank {
    /// Over a new SQLite file.
    pub async fn open() -> Bank {
        Bank::open_with(None).await
    }

    /// Over a new SQLite file, with a listener for partners' certificates at this address.
    pub async fn open_with(partner_origin: Option<&str>) -> Bank {
        Bank::open_reaching(partner_origin, |_| Outbound::default()).await
    }

    /// The same, whose requests to partners' servers go this way.
    pub async fn open_reaching(
        partner_origin: Option<&str>,
        outbound: impl FnOnce(Arc<dyn Clock>) -> Outbound,
    ) -> Bank {
        let fresh = fresh_sqlite().await;
        let bank = Bank::at(fresh.store.clone(), partner_origin, outbound).await;
        Bank { _fresh: Some(fresh), ..bank }
    }

    /// Over a store of the test's own.
    pub async fn over(store: Store) -> Bank {
        Bank::at(store, None, |_| Outbound::default()).await
    }

    /// Over a store of the test's own; its requests to partners' servers go this way.
    pub async fn reaching(store: Store, outbound: impl FnOnce(Arc<dyn Clock>) -> Outbound) -> Bank {
        Bank::at(store, None, outbound).await
    }

    async fn at(store: Store, partner_origin: Option<&str>, outbound: impl FnOnce(Arc<dyn Clock>) -> Outbound) -> Bank {
        let clock = Arc::new(ManualClock(AtomicI64::new(START.0)));
        let app = Arc::new(App {
            store,
            keys: Keys::from_master(&[7; 32]).unwrap(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            random: Arc::new(SystemRandom),
            site: Site {
                origin: ORIGIN.to_owned(),
                certificate_origin: None,
                partner_origin: partner_origin.map(str::to_owned),
            },
            outbound: outbound(Arc::clone(&clock) as Arc<dyn Clock>),
            memory: Memory::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = router(Arc::clone(&app));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Bank { app, clock, address, http: renkei_client::http_client().unwrap(), _fresh: None }
    }

    /// Institution aoi with the partner kakeibo, whose product has a fresh key.
    pub async fn with_kakeibo() -> (Bank, Partner) {
        let bank = Bank::open().await;
        let kakeibo = bank.join(&aoi()).await;
        (bank, kakeibo)
    }

    /// Adds an institution with the partner kakeibo.
    pub async fn join(&self, code: &InstitutionCode) -> Partner {
        let partner = Partner::new(self, code, KAKEIBO);
        seed::institution(&self.app.store, code, &partner.jwks()).await;
        partner
    }

    /// Adds another product of the institution aoi, with a key of its own.
    pub async fn join_product(&self, client_id: &str) -> Partner {
        let partner = Partner::new(self, &aoi(), client_id);
        seed::product(&self.app.store, &aoi(), client_id, &partner.jwks()).await;
        partner
    }

    /// Adds a resource server of an institution, with a key of its own, changed as the test wants it.
    pub async fn join_server(&self, code: &InstitutionCode, change: impl FnOnce(&mut ResourceServer)) -> Partner {
        let asker = Partner::new(self, code, "rs-gateway");
        let mut server = ResourceServer {
            server_id: asker.client_id.clone(),
            key: "gateway".to_owned(),
            name: "API gateway".to_owned(),
            resource: None,
            jwks: asker.jwks(),
            signing_alg: "ES256".to_owned(),
            signed_introspection: false,
            state: PartnerState::Active,
        };
        change(&mut server);
        let mut tx = self.app.store.begin(code).await.unwrap();
        tx.save_resource_server(&server).await.unwrap();
        tx.commit().await.unwrap();
        Partner { client_id: server.server_id, ..asker }
    }

    /// Gives an institution a signing key and tells its public half.
    pub async fn signing_key(&self, code: &InstitutionCode) -> Jwk {
        let key = signing::new_key(&self.app.keys, code, START, START, &SystemRandom).unwrap();
        let mut tx = self.app.store.begin(code).await.unwrap();
        tx.add_signing_key(&key).await.unwrap();
        tx.commit().await.unwrap();
        Jwk::read(&Object::parse(key.public_jwk.as_bytes()).unwrap()).unwrap()
    }

    /// A linkage with two accounts, and a code for it that was asked for in detail.
    pub async fn detailed(&self) -> (LinkageId, [AccountId; 2], String) {
        let who = seed::customer(&self.app.store, &aoi(), &format!("user{}", self.app.new_id(START))).await;
        let mut accounts = [AccountId(uuid::Uuid::nil()); 2];
        for account in &mut accounts {
            let number = (NUMBERS.fetch_add(1, Ordering::SeqCst) + 3_000_000).to_string();
            *account = seed::account(&self.app.store, &aoi(), &who, &number).await;
        }
        let period = (self.now(), self.now().plus_seconds(LINKAGE_SECONDS));
        let linkage = seed::linkage(&self.app.store, &aoi(), &who, &accounts, period).await;
        (linkage, accounts, self.code(linkage, |code| code.detailed = true).await)
    }

    /// Both institutions; the partner has another key with each.
    pub async fn with_two_institutions() -> (Bank, Partner, Partner) {
        let (bank, at_aoi) = Bank::with_kakeibo().await;
        let at_midori = bank.join(&midori()).await;
        (bank, at_aoi, at_midori)
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A linkage of the product kakeibo at the institution aoi, given now by a new user.
    pub async fn linkage(&self) -> LinkageId {
        let who = seed::customer(&self.app.store, &aoi(), &format!("user{}", self.app.new_id(START))).await;
        let period = (self.now(), self.now().plus_seconds(LINKAGE_SECONDS));
        seed::linkage(&self.app.store, &aoi(), &who, &[], period).await
    }

    /// A code for a linkage, changed as the test wants it.
    pub async fn code(&self, linkage: LinkageId, change: impl FnOnce(&mut Code)) -> String {
        let ticket = self.app.new_ticket(self.now());
        let mut code = Code {
            id: ticket.id(),
            linkage,
            client_id: KAKEIBO.to_owned(),
            redirect_uri: REDIRECT_URI.to_owned(),
            code_challenge: CHALLENGE.to_owned(),
            dpop_jkt: None,
            request: RequestFacts::default(),
            scope: "balances transactions".to_owned(),
            detailed: false,
            expires_at: self.now().plus_seconds(60),
        };
        change(&mut code);
        let mut tx = self.app.store.begin(&aoi()).await.unwrap();
        tx.apply(Step::add_code(&ticket, &code)).await.unwrap();
        tx.commit().await.unwrap();
        ticket.reveal()
    }

    /// A new linkage and a code for it.
    pub async fn linkage_with_code(&self) -> (LinkageId, String) {
        let linkage = self.linkage().await;
        (linkage, self.code(linkage, |_| ()).await)
    }

    /// A linkage whose code kakeibo has redeemed.
    pub async fn linked(&self, kakeibo: &Partner) -> Linked {
        let (linkage, code) = self.linkage_with_code().await;
        let answer = kakeibo.redeem(&code).send().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        Linked { linkage, code, access: answer.text("access_token"), refresh: answer.text("refresh_token") }
    }

    /// Runs a statement of the institution aoi that has no values.
    pub async fn change(&self, sql: &'static str) {
        let mut tx = self.app.store.begin(&aoi()).await.unwrap();
        assert!(tx.execute(sql, &[]).await.unwrap() > 0, "nothing changed: {sql}");
        tx.commit().await.unwrap();
    }

    /// A number an institution's statement counts.
    pub async fn count(&self, institution: &InstitutionCode, sql: &'static str) -> i64 {
        self.app.store.read(institution).row(sql, &[]).await.unwrap().unwrap().get(0).unwrap()
    }

    /// How many audit records of the institution aoi say exactly this. Records of one instant have no order.
    pub async fn recorded(&self, action: &str, outcome: &str, detail: &str) -> usize {
        let records = self.app.store.read(&aoi()).list_audit(1_000).await.unwrap();
        let same = records.iter().filter(|record| {
            let said = (record.action.as_str(), record.outcome.as_str(), record.detail.as_deref().unwrap_or_default());
            said == (action, outcome, detail)
        });
        same.count()
    }

    /// Whether an access token of the institution aoi could be used, its key and proof aside.
    pub async fn is_live(&self, access: &str) -> bool {
        let ticket = Ticket::parse(access).unwrap();
        let found = self.app.store.read(&aoi()).find_access_token(&ticket).await.unwrap();
        found.is_some_and(|(token, linkage)| {
            token.revoked_at.is_none()
                && self.now() < token.expires_at
                && renkei_domain::linkage::standing(&linkage.facts, self.now()).is_ok()
        })
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(self.http.get(format!("{}{path}", self.address))).await
    }
}

/// What kakeibo holds of a linkage.
pub struct Linked {
    pub linkage: LinkageId,
    pub code: String,
    pub access: String,
    pub refresh: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Answer {
    pub async fn to(request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer { status, headers, text, body }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub fn text(&self, member: &str) -> String {
        self.body[member].as_str().unwrap_or_else(|| panic!("no {member} in {}", self.body)).to_owned()
    }

    /// Status and `error`.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status, self.body["error"].as_str().unwrap_or_default())
    }
}
