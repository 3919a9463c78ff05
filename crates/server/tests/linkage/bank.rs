//! The bank: a router over a fresh store, two institutions, two products, customers, and what a test may look up.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use renkei_domain::id::{AccountId, LinkageId};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::pin::{InquiryPin, SealedPin};
use renkei_domain::time::{Clock, Timestamp};
use renkei_oauth::pkce::CodeChallenge;
use renkei_oauth::request::{GrantRequest, PushedRequest, REQUEST_URI_PREFIX, ResponseMode};
use renkei_server::app::{App, Site};
use renkei_server::core_banking;
use renkei_server::http::source::Source;
use renkei_server::http::{certificate_router, oauth::Memory, router};
use renkei_server::keys::{Keys, Purpose};
use renkei_server::outbound::Outbound;
use renkei_server::passwords;
use renkei_store::codes::Code;
use renkei_store::linkages::Linkage;
use renkei_store::{Step, params};
use renkei_testing::seed::{self, KAKEIBO, Who};
use renkei_testing::{FreshStore, SystemRandom, aoi, fresh_postgres, fresh_sqlite, midori};
use tokio::net::TcpListener;
use zeroize::Zeroizing;

use crate::browser::{Browser, SOURCE_HEADER};

/// When every test begins: 2026-11-22, 09:00 in Japan.
pub const START: Timestamp = Timestamp::from_seconds(1_795_305_600);
/// The partner's address; kakeibo's product has fixed operations.
pub const BACK: &str = "https://kakeibo.example/back";
/// The `client_id` of a product of the same partner that leaves the customer a choice.
pub const CHOICE: &str = "kakeibo-choice";
/// What every user of the tests types; a test about secrets looks for it everywhere.
pub const PASSWORD: &str = "aozora-2026-haru-canary";
/// The PIN filed for every account; likewise.
pub const PIN: &str = "7391";
/// RFC 7636 appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub const STATE: &str = "st~te 1";

/// A clock that stands still until it is moved.
pub struct ManualClock(AtomicI64);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

pub struct Bank {
    pub app: Arc<App>,
    pub clock: Arc<ManualClock>,
    pub address: String,
    /// The listener that asks browsers for a certificate, without the TLS that would ask.
    pub certificate_address: String,
    pub http: reqwest::Client,
    pub fresh: FreshStore,
    numbers: AtomicU64,
}

/// Does what a listener does, with the address the test names.
async fn place_source(mut request: Request, next: Next) -> Response {
    let named = request.headers().get(SOURCE_HEADER).map(|value| value.to_str().unwrap().parse().unwrap());
    if let Some(address) = named {
        request.extensions_mut().insert(Source::of(address));
    }
    next.run(request).await
}

impl Bank {
    /// Over a new SQLite file, reached over plain HTTP on loopback.
    pub async fn open() -> Bank {
        Bank::over(fresh_sqlite().await, None).await
    }

    /// With hanako and an account whose PIN is in force.
    pub async fn with_hanako() -> (Bank, Who, AccountId) {
        let bank = Bank::open().await;
        let hanako = bank.user("hanako").await;
        let account = bank.ready_account(&hanako).await;
        (bank, hanako, account)
    }

    /// With room for a thousand visits from one place, for tests that go everywhere.
    pub async fn spacious() -> Bank {
        Bank::with(fresh_sqlite().await, None, Memory::of_size(100), Outbound::default()).await
    }

    /// With what a node remembers.
    pub async fn with_memory(memory: Memory) -> Bank {
        Bank::with(fresh_sqlite().await, None, memory, Outbound::default()).await
    }

    /// As if behind TLS: browsers know it by this origin.
    pub async fn secure(origin: &str) -> Bank {
        Bank::over(fresh_sqlite().await, Some(origin)).await
    }

    /// Over PostgreSQL, where the environment names a server.
    pub async fn on_postgres() -> Option<Bank> {
        Some(Bank::over(fresh_postgres().await?, None).await)
    }

    async fn over(fresh: FreshStore, origin: Option<&str>) -> Bank {
        Bank::with(fresh, origin, Memory::default(), Outbound::default()).await
    }

    /// With what it stands on, its address, what a node remembers, and its way to other servers.
    pub async fn with(fresh: FreshStore, origin: Option<&str>, memory: Memory, outbound: Outbound) -> Bank {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let for_certificates = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let certificate_address = format!("http://{}", for_certificates.local_addr().unwrap());
        let clock = Arc::new(ManualClock(AtomicI64::new(START.0)));
        let app = Arc::new(App {
            store: fresh.store.clone(),
            keys: Keys::from_master(&[7; 32]).unwrap(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            random: Arc::new(SystemRandom),
            site: Site {
                origin: origin.unwrap_or(&address).to_owned(),
                certificate_origin: Some(certificate_address.clone()),
                partner_origin: None,
            },
            outbound,
            memory,
        });
        let routes = router(Arc::clone(&app)).layer(from_fn(place_source));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let routes = certificate_router(Arc::clone(&app));
        tokio::spawn(async move { axum::serve(for_certificates, routes).await });
        // The client's own one follows no redirect.
        let http = renkei_client::http_client().unwrap();
        let bank = Bank { app, clock, address, certificate_address, http, fresh, numbers: AtomicU64::new(2_000_001) };
        for institution in [aoi(), midori()] {
            seed::institution(&bank.app.store, &institution, "{\"keys\":[]}").await;
            seed::product(&bank.app.store, &institution, CHOICE, "{\"keys\":[]}").await;
        }
        bank.change("UPDATE products SET choice = 'choice' WHERE institution = ?1 AND client_id = 'kakeibo-choice'")
            .await;
        bank
    }

    pub fn forward(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Users of aoi who may log in, hanako and shiro, and who may not: taro is suspended, jiro logs in by certificate, and
    /// saburo's contract is over.
    pub async fn users_of_every_standing(&self) {
        for login_id in ["hanako", "taro", "jiro", "saburo", "shiro"] {
            self.user(login_id).await;
        }
        self.change("UPDATE users SET state = 'suspended' WHERE institution = ?1 AND login_id = 'taro'").await;
        self.change("UPDATE users SET method = 'certificate' WHERE institution = ?1 AND login_id = 'jiro'").await;
        self.change(
            "UPDATE customers SET contract = 'ended' WHERE institution = ?1 AND customer_id = \
         (SELECT customer_id FROM users WHERE login_id = 'saburo')",
        )
        .await;
    }

    /// A user of aoi with the tests' password.
    pub async fn user(&self, login_id: &str) -> Who {
        self.user_at(&aoi(), login_id).await
    }

    pub async fn user_at(&self, institution: &InstitutionCode, login_id: &str) -> Who {
        let who = seed::customer(&self.app.store, institution, login_id).await;
        let password = Zeroizing::new(PASSWORD.to_owned());
        let hash = passwords::hash(&self.app.keys, password, &SystemRandom).await.unwrap();
        let mut tx = self.app.store.begin(institution).await.unwrap();
        let update = "UPDATE users SET password_hash = ?3 WHERE institution = ?1 AND user_id = ?2";
        assert_eq!(tx.execute(update, params![who.user, hash.0.as_str()]).await.unwrap(), 1);
        tx.commit().await.unwrap();
        who
    }

    /// An account of aoi whose PIN is filed at the branch and not registered.
    pub async fn account(&self, who: &Who) -> AccountId {
        self.account_at(&aoi(), who).await
    }

    pub async fn account_at(&self, institution: &InstitutionCode, who: &Who) -> AccountId {
        let number = self.numbers.fetch_add(1, Ordering::SeqCst).to_string();
        let account = seed::account(&self.app.store, institution, who, &number).await;
        let place = core_banking::pin_place(institution, account);
        let filed = self.app.keys.seal(Purpose::FiledPin, &place, PIN.as_bytes(), &SystemRandom).unwrap();
        let mut tx = self.app.store.begin(institution).await.unwrap();
        tx.file_pin(account, &SealedPin(filed)).await.unwrap();
        tx.commit().await.unwrap();
        account
    }

    /// Files the tests' PIN anew for an account of aoi.
    pub async fn refile_pin(&self, account: AccountId) {
        let place = core_banking::pin_place(&aoi(), account);
        let filed = self.app.keys.seal(Purpose::FiledPin, &place, PIN.as_bytes(), &SystemRandom).unwrap();
        let mut tx = self.app.store.begin(&aoi()).await.unwrap();
        tx.file_pin(account, &SealedPin(filed)).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// An account of aoi whose PIN is in force.
    pub async fn ready_account(&self, who: &Who) -> AccountId {
        let account = self.account(who).await;
        let pin = InquiryPin::from_typed(PIN).unwrap();
        let sealed = core_banking::seal_pin(&self.app, &aoi(), account, &pin).unwrap();
        let mut tx = self.app.store.begin(&aoi()).await.unwrap();
        tx.apply(Step::register_pin(account, &sealed, who.user, self.now())).await.unwrap();
        tx.commit().await.unwrap();
        account
    }

    /// A linkage of kakeibo's fixed product at aoi, given now for half a year.
    pub async fn linkage(&self, who: &Who, accounts: &[AccountId]) -> LinkageId {
        let period = (self.now(), self.now().plus_seconds(180 * 86_400));
        seed::linkage(&self.app.store, &aoi(), who, accounts, period).await
    }

    /// A request pushed to aoi, and the path its customer is sent to.
    pub async fn push(&self, client_id: &str, grant: GrantRequest) -> String {
        self.push_to(&aoi(), client_id, grant).await
    }

    pub async fn push_to(&self, institution: &InstitutionCode, client_id: &str, grant: GrantRequest) -> String {
        self.push_request(institution, &usual_request(client_id, grant)).await
    }

    /// A request pushed to aoi with something of it changed.
    pub async fn push_with(&self, client_id: &str, change: impl FnOnce(&mut PushedRequest)) -> String {
        let mut request = usual_request(client_id, GrantRequest::Create);
        change(&mut request);
        self.push_request(&aoi(), &request).await
    }

    async fn push_request(&self, institution: &InstitutionCode, request: &PushedRequest) -> String {
        let ticket = self.app.new_ticket(self.now());
        let body = serde_json::to_string(request).unwrap();
        let mut tx = self.app.store.begin(institution).await.unwrap();
        let expires_at = self.now().plus_seconds(300);
        tx.apply(Step::add_request(&ticket, &request.client_id, body, expires_at)).await.unwrap();
        tx.commit().await.unwrap();
        let reference = ticket.reveal();
        format!("/{institution}/authorize?client_id={}&request_uri={REQUEST_URI_PREFIX}{reference}", request.client_id)
    }

    pub fn browser(&self) -> Browser {
        Browser::new(&self.address, &self.app.site.origin, self.http.clone())
    }

    /// A browser on the first screen of a new flow of kakeibo's fixed product at aoi.
    pub async fn at_login(&self) -> Browser {
        self.at_login_for(KAKEIBO, GrantRequest::Create).await
    }

    pub async fn at_login_for(&self, client_id: &str, grant: GrantRequest) -> Browser {
        let path = self.push(client_id, grant).await;
        let mut browser = self.browser();
        browser.open(&path).await;
        browser.expect_screen("login");
        browser
    }

    /// Runs a statement of aoi that has no values.
    pub async fn change(&self, sql: &'static str) {
        let mut tx = self.app.store.begin(&aoi()).await.unwrap();
        assert!(tx.execute(sql, &[]).await.unwrap() > 0, "nothing changed: {sql}");
        tx.commit().await.unwrap();
    }

    /// A number that a statement of aoi counts.
    pub async fn count(&self, sql: &'static str) -> i64 {
        self.app.store.read(&aoi()).row(sql, &[]).await.unwrap().unwrap().get(0).unwrap()
    }

    pub async fn linkages(&self, who: &Who) -> Vec<Linkage> {
        self.app.store.read(&aoi()).list_linkages_of_user(who.user).await.unwrap()
    }

    pub async fn linkage_accounts(&self, id: LinkageId) -> Vec<AccountId> {
        self.app.store.read(&aoi()).list_linkage_accounts(id).await.unwrap()
    }

    /// How many flows of aoi hold this text.
    pub async fn flows_with(&self, text: &str) -> i64 {
        let select = "SELECT COUNT(*) FROM flows WHERE institution = ?1 AND body LIKE ?2";
        let like = format!("%{text}%");
        self.app.store.read(&aoi()).row(select, params![like.as_str()]).await.unwrap().unwrap().get(0).unwrap()
    }

    /// What a code stands for.
    pub async fn code(&self, code: &str) -> Code {
        let ticket = renkei_domain::ticket::Ticket::parse(code).unwrap();
        self.app.store.read(&aoi()).find_code(&ticket).await.unwrap().expect("a code of ours")
    }

    /// Audit records of aoi, newest first: action, outcome, detail.
    pub async fn records(&self) -> Vec<(String, String, String)> {
        let records = self.app.store.read(&aoi()).list_audit(500).await.unwrap();
        let parts = |record: renkei_store::audit::StoredRecord| {
            (record.action, record.outcome, record.detail.unwrap_or_default())
        };
        records.into_iter().map(parts).collect()
    }

    /// Nothing was permitted at aoi: no linkage, no consent, no code, no PIN in force but those the test put there.
    pub async fn expect_nothing_given(&self, pins: i64) {
        for table in [
            "SELECT COUNT(*) FROM linkages WHERE institution = ?1",
            "SELECT COUNT(*) FROM consents WHERE institution = ?1",
            "SELECT COUNT(*) FROM codes WHERE institution = ?1",
        ] {
            assert_eq!(self.count(table).await, 0, "{table}");
        }
        assert_eq!(self.count("SELECT COUNT(*) FROM pins WHERE institution = ?1").await, pins);
    }
}

fn usual_request(client_id: &str, grant: GrantRequest) -> PushedRequest {
    PushedRequest {
        client_id: client_id.to_owned(),
        redirect_uri: BACK.to_owned(),
        scope: vec!["balances".to_owned(), "transactions".to_owned()],
        state: Some(STATE.to_owned()),
        code_challenge: CodeChallenge::read(Some(CHALLENGE), Some("S256")).unwrap(),
        dpop_jkt: None,
        grant,
        acr: None,
        details: None,
        signed: false,
        response_mode: ResponseMode::Query,
    }
}
