//! A bank whose customers log in by certificate, over real TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use rcgen::{CertificateParams, KeyPair, SerialNumber, date_time_ymd};
use renkei_domain::time::Timestamp;
use renkei_oauth::request::GrantRequest;
use renkei_server::certificates::Fingerprint;
use renkei_server::http::certificate_router;
use renkei_server::http::oauth::Memory;
use renkei_server::listener::tls::ClientCertificates;
use renkei_server::listener::{self, Limits, Transport};
use renkei_server::outbound::{Outbound, Reach, Resolve, Trust};
use renkei_server::system::SystemClock;
use renkei_store::params;
use renkei_testing::seed::{KAKEIBO, Who};
use renkei_testing::{aoi, fresh_sqlite};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::authority::Authority;
use crate::bank::Bank;
use crate::browser::{Answer, Browser};

/// How long a responder has in these tests.
pub const DEADLINE: Duration = Duration::from_millis(700);
/// The serial number of hanako's certificate.
pub const SERIAL: u64 = 7;

pub struct CertificateBank {
    pub bank: Bank,
    pub authority: Authority,
    /// The certificate's holder.
    pub hanako: Who,
    /// Hanako's certificate, DER.
    pub leaf: Vec<u8>,
    /// The listener for certificates.
    pub door: String,
    /// A client that shows hanako's certificate where it is asked for one.
    pub http: reqwest::Client,
    _stop: watch::Sender<bool>,
}

/// Every name leads to this machine.
struct Inside;

impl Resolve for Inside {
    fn resolve(&self, _: String, port: u16) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]) })
    }
}

/// In force whenever these tests happen.
pub fn in_force(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2040, 12, 31);
}

/// The present moment: what `openssl` signs is dated by the system's clock.
pub fn present() -> Timestamp {
    renkei_domain::time::Clock::now(&SystemClock)
}

impl CertificateBank {
    /// Its clock shows the present, and its revocation list was written today.
    pub async fn open() -> CertificateBank {
        CertificateBank::open_with(in_force).await
    }

    /// With something about hanako's certificate changed.
    pub async fn open_with(change: impl FnOnce(&mut CertificateParams)) -> CertificateBank {
        CertificateBank::open_for(KeyPair::generate().unwrap(), change).await
    }

    /// With this key for hanako's certificate.
    pub async fn open_for(key: KeyPair, change: impl FnOnce(&mut CertificateParams)) -> CertificateBank {
        let outbound = Outbound::new(Reach::default(), Trust::System, Arc::new(SystemClock));
        let bank =
            Bank::with(fresh_sqlite().await, None, Memory::default(), outbound.with(Arc::new(Inside), DEADLINE)).await;
        bank.forward(present().seconds() - bank.now().seconds());
        let authority = Authority::new();
        let leaf = authority.user_of(&key, |params| {
            in_force(params);
            params.serial_number = Some(SerialNumber::from(SERIAL));
            change(params);
        });
        let hanako = bank.user("hanako").await;
        let (door, stop) = open_door(&bank, &authority).await;
        let http = client(&authority, &leaf, &key);
        let bank = CertificateBank { bank, authority, hanako, leaf, door, http, _stop: stop };
        bank.trust(&bank.authority.issuer.pem(), &bank.list(0, |_| ())).await;
        bank.give(&bank.hanako, &bank.leaf).await;
        bank
    }

    /// A revocation list written so many days ago.
    pub fn list(&self, days: i32, change: impl FnOnce(&mut rcgen::CertificateRevocationListParams)) -> String {
        // Days begin in Japan nine hours before they do in UTC.
        let day = self.bank.now().plus_seconds(-9 * 3_600).day().plus_days(-days).to_string();
        let mut parts = day.split('-').map(|part| part.parse::<i32>().unwrap());
        let (year, month, day) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        self.authority.list(|list| {
            list.this_update = date_time_ymd(year, month as u8, day as u8);
            list.next_update = date_time_ymd(2040, 1, 1);
            change(list);
        })
    }

    /// Registers authority and revocation list of users.
    async fn trust(&self, authority: &str, list: &str) {
        let update = "UPDATE institutions SET user_ca = ?2, user_crl = ?3 WHERE institution = ?1";
        self.write(update, params![authority, list]).await;
    }

    /// Registers a revocation list.
    pub async fn publish(&self, list: &str) {
        self.write("UPDATE institutions SET user_crl = ?2 WHERE institution = ?1", params![list]).await;
    }

    /// Registers an OCSP responder.
    pub async fn ask_at(&self, url: &str) {
        self.write("UPDATE institutions SET user_ocsp = ?2 WHERE institution = ?1", params![url]).await;
    }

    async fn write(&self, sql: &'static str, values: &[renkei_store::db::Param<'_>]) {
        let mut tx = self.bank.app.store.begin(&aoi()).await.unwrap();
        assert_eq!(tx.execute(sql, values).await.unwrap(), 1);
        tx.commit().await.unwrap();
    }

    /// From now on this user logs in by this certificate.
    async fn give(&self, who: &Who, leaf: &[u8]) {
        let update =
            "UPDATE users SET method = 'certificate', password_hash = NULL WHERE institution = ?1 AND user_id = ?2";
        self.write(update, params![who.user]).await;
        let insert =
            "INSERT INTO user_certificates (institution, fingerprint, user_id, added_at) VALUES (?1, ?2, ?3, 0)";
        self.write(insert, params![Fingerprint::of(leaf).as_str(), who.user]).await;
    }

    /// A look at the certificate's page: 200 with a good certificate, 403 with any other.
    pub async fn look(&self) -> u16 {
        Answer::to(self.http.get(format!("{}/1001/my/certificate", self.door))).await.status
    }

    /// The same browser on the listener for certificates.
    fn at_door(&self, browser: &Browser) -> Browser {
        let mut there = Browser::new(&self.door, &self.bank.app.site.origin, self.http.clone());
        there.cookies.clone_from(&browser.cookies);
        there
    }

    /// A browser whose user has logged in by certificate in a new flow of kakeibo's.
    pub async fn linking(&self) -> Browser {
        let path = self.bank.push(KAKEIBO, GrantRequest::Create).await;
        let mut browser = Browser::new(&self.bank.address, &self.bank.app.site.origin, self.http.clone());
        browser.open(&path).await;
        let login = format!("{}/certificate", browser.base());
        self.log_in(&mut browser, &login).await;
        browser
    }

    /// A browser whose user has logged in by certificate to look at linkages.
    pub async fn looking(&self) -> Browser {
        let mut browser = Browser::new(&self.bank.address, &self.bank.app.site.origin, self.http.clone());
        self.log_in(&mut browser, "/1001/my/certificate").await;
        browser
    }

    async fn log_in(&self, browser: &mut Browser, path: &str) {
        let mut there = self.at_door(browser);
        let page = there.get(path).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let version = if page.text.contains("name=\"version\"") { page.hidden("version") } else { String::new() };
        let answer = there.post_raw(path, &[("csrf", &page.hidden("csrf")), ("version", &version)]).await;
        browser.cookies.clone_from(&there.cookies);
        browser.open(answer.location().strip_prefix(&self.bank.app.site.origin).unwrap()).await;
        assert_eq!(browser.page.status, 200, "{}", browser.page.text);
    }

    /// Puts hanako's certificate on the revocation list.
    pub async fn revoke(&self) {
        self.publish(&self.list(0, |list| list.revoked_certs[0].serial_number = SERIAL.into())).await;
    }

    /// Why the newest session of a certificate ended.
    pub async fn lapsed(&self) -> Option<String> {
        self.bank.records().await.into_iter().find(|(action, ..)| action == "certificate_lapsed").map(|found| found.2)
    }

    /// The reason of the newest refused login.
    pub async fn reason(&self) -> Option<String> {
        let records = self.bank.records().await;
        records
            .into_iter()
            .find(|(action, outcome, _)| action == "login_tried" && outcome == "refused")
            .map(|found| found.2)
    }
}

async fn open_door(bank: &Bank, authority: &Authority) -> (String, watch::Sender<bool>) {
    let folder = tempfile::tempdir().unwrap();
    let files = authority.server(folder.path(), in_force);
    let config = files.load("localhost", &ClientCertificates::Asked(vec![]), bank.now()).unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let door = format!("https://localhost:{}", socket.local_addr().unwrap().port());
    let (stop, stopped) = watch::channel(false);
    let transport = Transport::Tls(Arc::new(ArcSwap::from_pointee(config)));
    let router = certificate_router(Arc::clone(&bank.app));
    tokio::spawn(listener::serve(socket, transport, router, Limits::STANDARD, stopped));
    (door, stop)
}

fn client(authority: &Authority, leaf: &[u8], key: &KeyPair) -> reqwest::Client {
    let mut roots = RootCertStore::empty();
    roots.add(authority.issuer.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let chain = vec![CertificateDer::from(leaf.to_vec())];
    let config = builder.with_root_certificates(roots).with_client_auth_cert(chain, key).unwrap();
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    builder.tls_backend_preconfigured(config).build().unwrap()
}
