//! An installation made by the program's own commands, and nodes that serve it.

use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use renkei_domain::institution::InstitutionCode;
use renkei_store::{Store, StoreConfig};
use renkei_testing::{FreshStore, aoi, fresh_postgres, midori};
use serde_json::Value;

use crate::bank::{PASSWORD, PIN};
pub use crate::node::Node;
use crate::support::{ORIGIN, Partner, REDIRECT_URI, new_key};

/// The host of the origin, for which the nodes have a certificate; clients find them on loopback.
const HOST: &str = "link.example";
/// Longer than a node takes to answer, on a busy machine; reaching it is a failure.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often something is looked at that is waited for.
pub const LOOK: Duration = Duration::from_millis(20);

/// A data folder with institutions, products and customers.
pub struct Installation {
    folder: tempfile::TempDir,
    store: Option<(String, FreshStore)>,
    authority: String,
    /// What the configuration says besides: sections of their own.
    pub sections: &'static str,
    /// The product of kakeibo at aoi, with the keys it was registered with.
    pub kakeibo: Registered,
    /// The same partner's product at midori.
    pub at_midori: Registered,
    /// The product of another partner at aoi.
    pub stranger: Registered,
}

/// A product as an institution knows it; which node it talks to is said later.
#[derive(Clone)]
pub struct Registered {
    pub institution: InstitutionCode,
    pub client_id: String,
    pub key: Arc<renkei_oauth::jose::SigningKey>,
}

impl Installation {
    /// On SQLite, with this many customers `user0` … of aoi, an account each.
    pub fn on_sqlite(users: usize) -> Installation {
        Installation::over(None, users)
    }

    /// On PostgreSQL, for more than one node; nothing where the environment names no server.
    pub async fn on_postgres(users: usize) -> Option<Installation> {
        let fresh = fresh_postgres().await?;
        let StoreConfig::Postgres { url, .. } = &fresh.config else { panic!("a PostgreSQL store") };
        let url = url.clone();
        tokio::task::spawn_blocking(move || Installation::over(Some((url, fresh)), users)).await.ok()
    }

    fn over(store: Option<(String, FreshStore)>, users: usize) -> Installation {
        let folder = tempfile::tempdir().unwrap();
        let authority = write_certificates(folder.path());
        let keys = [new_key(), new_key(), new_key()];
        let registered = |institution: InstitutionCode, key: &Arc<_>| Registered {
            institution,
            client_id: String::new(),
            key: Arc::clone(key),
        };
        let mut installation = Installation {
            folder,
            store,
            authority,
            sections: "",
            kakeibo: registered(aoi(), &keys[0]),
            at_midori: registered(midori(), &keys[1]),
            stranger: registered(aoi(), &keys[2]),
        };
        installation.write_config(1, 2);
        installation.apply("active");
        installation.import(users);
        installation
    }

    /// A file of the data folder.
    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write_config(&self, port: u16, metrics: u16) {
        let text = format!(
            "origin = \"{ORIGIN}\"\nlisten = \"127.0.0.1:{port}\"\n[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n\
             [metrics]\nlisten = \"127.0.0.1:{metrics}\"\n{}",
            self.sections
        );
        fs::write(self.path("renkei.toml"), text).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_renkei"));
        command.args(words).arg("--data").arg(self.folder.path()).env_remove("RENKEI_STORE").env("RUST_LOG", "warn");
        if let Some((url, _)) = &self.store {
            command.env("RENKEI_STORE", url);
        }
        command
    }

    /// Runs a command that succeeds.
    pub fn run(&self, words: &[&str]) -> Output {
        let output = self.output(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Runs a command that may fail.
    pub fn output(&self, words: &[&str]) -> Output {
        self.command(words).stdin(Stdio::null()).output().unwrap()
    }

    /// Applies the registry with the partner kakeibo in this state, and learns the client identifiers.
    pub fn apply(&mut self, state: &str) {
        fs::write(self.path("registry.toml"), self.registry(state)).unwrap();
        let file = self.path("registry.toml");
        let output = self.run(&["apply", file.to_str().unwrap(), "--yes", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let client_id = |institution: usize, product: &str| {
            let products = report["institutions"][institution]["products"].as_array().unwrap();
            let found = products.iter().find(|found| found["product"] == product).unwrap();
            found["client_id"].as_str().unwrap().to_owned()
        };
        self.kakeibo.client_id = client_id(0, "cloud");
        self.stranger.client_id = client_id(0, "strange");
        self.at_midori.client_id = client_id(1, "cloud-midori");
    }

    /// Has an operator of aoi end a linkage.
    pub fn end_linkage(&self, linkage: &str) {
        self.run(&["linkages", "end", "--institution", "1001", linkage, "--reason", "asked by the customer"]);
    }

    fn registry(&self, state: &str) -> String {
        let mut text = String::new();
        for (code, name) in [("1001", "あおい信用組合"), ("1002", "みどり信用金庫")] {
            let _ = write!(
                text,
                "[[institutions]]\ncode = \"{code}\"\nkind = \"shinkin\"\nname = \"{name}\"\nname_en = \"Bank {code}\"\n\
                 accent = \"#14518b\"\ntelephone = \"0120-299-000\"\nhours = \"平日\"\nhours_en = \"Weekdays\"\n\
                 period_days = 180\nterms = {{ version = \"1\", text = \"第1条\", text_en = \"1.\" }}\n\
                 branches = [{{ code = \"001\", name = \"本店\", name_en = \"Head Office\" }}]\n\n"
            );
        }
        let partners = [
            ("kakeibo", state, vec![("cloud", "1001", &self.kakeibo), ("cloud-midori", "1002", &self.at_midori)]),
            ("stranger", "active", vec![("strange", "1001", &self.stranger)]),
        ];
        for (partner, state, products) in partners {
            let _ = write!(
                text,
                "[[partners]]\nkey = \"{partner}\"\ninstitutions = \"all\"\nname = \"株式会社{partner}\"\n\
                 name_en = \"{partner} Inc.\"\ndomain = \"{partner}.example\"\nstate = \"{state}\"\n\n"
            );
            for (key, institution, product) in products {
                let jwks = product.key.to_public_jwk().to_json().to_string();
                let jwks_file = format!("{key}.jwks.json");
                fs::write(self.path(&jwks_file), format!("{{\"keys\":[{jwks}]}}")).unwrap();
                let _ = write!(
                    text,
                    "[[partners.products]]\nkey = \"{key}\"\ninstitutions = [\"{institution}\"]\nname = \"{key}\"\n\
                     name_en = \"{key}\"\npurpose = \"会計\"\npurpose_en = \"Books\"\nsigning_alg = \"ES256\"\n\
                     operations = [\"balances\", \"transactions\"]\nredirect_uris = [\"{REDIRECT_URI}\"]\n\
                     jwks_file = \"{jwks_file}\"\n\n"
                );
            }
        }
        text
    }

    /// Customers of aoi `user0` …, each with an account whose PIN is filed and not registered; `user0` of midori too.
    fn import(&self, users: usize) {
        for (institution, users) in [("1001", users), ("1002", 1)] {
            let mut files = [
                "customer,name,contract\n".to_owned(),
                "customer,login_id,name,kind,method,operations,state,password\n".to_owned(),
                "customer,branch,type,number,holder,pin,state\n".to_owned(),
                "login_id,branch,type,number\n".to_owned(),
            ];
            for user in 0..users {
                let number = 2_000_000 + user;
                let lines = [
                    format!("c{user},青井商会{user},active\n"),
                    format!("c{user},user{user},花子,master,password,balances transactions,active,{PASSWORD}\n"),
                    format!("c{user},001,普通,{number},青井商会,{PIN},active\n"),
                    format!("user{user},001,普通,{number}\n"),
                ];
                for (file, line) in files.iter_mut().zip(lines) {
                    file.push_str(&line);
                }
            }
            let names = ["customers.csv", "users.csv", "accounts.csv", "user-accounts.csv"];
            for (name, text) in names.iter().zip(&files) {
                fs::write(self.path(name), text).unwrap();
            }
            let paths = names.map(|name| self.path(name).to_str().unwrap().to_owned());
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            self.run(&[&["import", "customers", "--institution", institution], paths.as_slice()].concat());
        }
    }

    /// The store, looked into beside the nodes.
    pub async fn store(&self) -> Store {
        match &self.store {
            Some((_, fresh)) => fresh.store.clone(),
            None => Store::open(&StoreConfig::Sqlite { path: self.path("renkei.db") }).await.unwrap(),
        }
    }

    /// Nodes and commands work as this role of the database from now on.
    pub fn serve_as(&mut self, role: &str) {
        let (url, _) = self.store.as_mut().unwrap();
        *url = url.replacen("://postgres@", &format!("://{role}@"), 1);
        assert!(url.contains(role), "the tests' server is named with its user");
    }

    /// A connection of its own, as the role that nodes work as.
    pub async fn client(&self) -> tokio_postgres::Client {
        let (client, link) =
            tokio_postgres::connect(&self.store.as_ref().unwrap().0, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(link);
        client
    }

    /// A number that a statement of aoi counts.
    pub async fn count(&self, sql: &'static str) -> i64 {
        self.store().await.read(&aoi()).row(sql, &[]).await.unwrap().unwrap().get(0).unwrap()
    }

    /// All audit records of an institution, as text.
    pub async fn records(&self, institution: &str) -> String {
        let records = self.store().await.read(&institution.parse().unwrap()).list_audit(10_000).await.unwrap();
        records.iter().map(|record| format!("{record:?}\n")).collect()
    }

    /// Whether this text stands in a file of the data folder that the program wrote.
    pub fn wrote(&self, text: &str) -> bool {
        let written = |name: &str| name.starts_with("renkei.db") || name == "log.json";
        let names = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap());
        let files: Vec<_> = names.filter(|entry| written(&entry.file_name().to_string_lossy())).collect();
        assert!(files.len() >= 2, "database and log");
        let holds = |bytes: Vec<u8>| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        files.into_iter().any(|entry| holds(fs::read(entry.path()).unwrap()))
    }

    /// The database's files, copied elsewhere while nodes run.
    pub fn copy_database(&self, to: &Path) {
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().to_string_lossy().starts_with("renkei.db") {
                fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
    }

    /// Starts a node and waits until it answers.
    pub async fn start(&self) -> Node {
        self.start_with(|| self.command(&["serve"])).await
    }

    /// The same with everything it can log in a file, as JSON.
    pub async fn start_logging(&self) -> (Node, std::path::PathBuf) {
        let log = self.path("log.json");
        let command = || {
            let mut command = self.command(&["--log", "json", "serve"]);
            command.env("RUST_LOG", "debug").stderr(fs::File::create(&log).unwrap());
            command
        };
        (self.start_with(command).await, log)
    }

    async fn start_with(&self, command: impl Fn() -> Command) -> Node {
        for _ in 0..5 {
            let (port, metrics) = (free_port(), free_port());
            self.write_config(port, metrics);
            let process = command().spawn().unwrap();
            let node = Node { process, port, metrics, http: self.http(port) };
            if let Some(node) = node.ready().await {
                return node;
            }
        }
        panic!("no node came up");
    }

    /// A client that trusts the installation's authority alone and finds its host at this port.
    fn http(&self, port: u16) -> reqwest::Client {
        let _already_there = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let roots = reqwest::Certificate::from_pem_bundle(self.authority.as_bytes()).unwrap();
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only(roots)
            .resolve(HOST, SocketAddr::from(([127, 0, 0, 1], port)))
            .timeout(PATIENCE)
            .build()
            .unwrap()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The authority's certificate in PEM; the server's and its key as files.
fn write_certificates(folder: &Path) -> String {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, "Tests");
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec![HOST.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    fs::write(folder.join("server.pem"), server.pem()).unwrap();
    fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
    fs::set_permissions(folder.join("server.key"), fs::Permissions::from_mode(0o600)).unwrap();
    issuer.pem()
}

/// The account list of the partner's institution.
pub fn accounts_of(partner: &Partner) -> String {
    format!("/{}/api/v1/accounts", partner.institution)
}

/// How many rounds a race is run: more where somebody has the time for it.
pub fn rounds() -> usize {
    number_from("RENKEI_ATTACK_ROUNDS", 20)
}

/// A number of the environment.
pub fn number_from(variable: &str, usual: usize) -> usize {
    std::env::var(variable).ok().map_or(usual, |text| text.parse().expect("a number"))
}
