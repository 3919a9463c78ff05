//! An installation as it would run, filled like the demo: its folder, its database, its server.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use renkei_domain::time::Clock;
use renkei_server::keys::Keys;
use renkei_store::{Store, StoreConfig};
use renkei_testing::SystemRandom;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use serde_json::Value;

use crate::Problem;
use crate::cpu::Clocks;
use crate::load::{Meter, Rest};
use crate::postgres::Postgres;
use crate::wire::{Door, Wire, get};

/// The institution that is measured.
pub const INSTITUTION: &str = "2990";
/// Budgets are no part of what is measured.
const LIMITS_FACTOR: u32 = 1_000;
/// How long the server may take to answer at all.
const PATIENCE: Duration = Duration::from_secs(60);
/// Connections the bench itself opens to a PostgreSQL server.
const CONNECTIONS: usize = 4;

/// The tables of the schema in which something was written.
const USED_TABLES: &str = "SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND pg_relation_size(oid) > 0 \
     AND relnamespace = CAST(current_schema() AS regnamespace)";

/// Which engine holds the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// SQLite, in the server's process.
    Sqlite,
    /// A PostgreSQL server of our own.
    Postgresql,
}

impl Engine {
    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Engine::Sqlite => "SQLite",
            Engine::Postgresql => "PostgreSQL",
        }
    }
}

/// What `renkei demo --json` says, as far as it is needed here.
#[derive(Debug, Deserialize)]
pub struct Ready {
    ca: PathBuf,
    users: Vec<UserLine>,
    clients: Vec<ClientLine>,
}

/// A user of the demo.
#[derive(Debug, Deserialize)]
pub struct UserLine {
    institution: String,
    /// What to type.
    pub login_id: String,
    /// What to type; none for certificate users.
    pub password: Option<String>,
    /// What the user sees.
    pub accounts: Vec<AccountLine>,
}

/// An account of a user.
#[derive(Debug, Deserialize)]
pub struct AccountLine {
    /// 店番.
    pub branch: String,
}

/// A test client at one institution.
#[derive(Debug, Clone, Deserialize)]
pub struct ClientLine {
    issuer: String,
    /// Its key in the registry.
    pub product: String,
    /// What it is called at the institution.
    pub client_id: String,
    /// Where browsers may be sent.
    pub redirect_uris: Vec<String>,
    /// Its private key.
    pub private_jwk: Value,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// The installation.
pub struct Stage {
    ready: Ready,
    listen: SocketAddr,
    partner_listen: SocketAddr,
    postgres: Option<Postgres>,
    folder: tempfile::TempDir,
}

impl Stage {
    /// Makes it, in a folder of its own below `parent`.
    ///
    /// # Errors
    /// When a program is missing or fails.
    pub fn set(engine: Engine, parent: &Path) -> Result<Stage, Problem> {
        let folder = tempfile::Builder::new().prefix("renkei-bench-").tempdir_in(parent)?;
        let postgres = match engine {
            Engine::Sqlite => None,
            Engine::Postgresql => Some(Postgres::start(parent)?),
        };
        let mut demo = Command::new(binary()?);
        demo.args(["demo", "--json", "--port", "0", "--partner-port", "0", "--certificate-port", "0", "--data"]);
        demo.arg(folder.path());
        if let Some(postgres) = &postgres {
            demo.args(["--store", &postgres.url()]);
        }
        let ready = serde_json::from_str(&first_line(demo)?)?;
        let free = || Ok::<_, Problem>(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)));
        let stage = Stage { ready, listen: free()?, partner_listen: free()?, postgres, folder };
        fs::write(stage.folder.path().join("renkei.toml"), stage.config())?;
        Ok(stage)
    }

    fn config(&self) -> String {
        let (main, partners) = (self.listen, self.partner_listen);
        format!(
            "origin = \"http://{main}\"\nlisten = \"{main}\"\n[limits]\nfactor = {LIMITS_FACTOR}\n\
             [partner_tls]\norigin = \"https://{partners}\"\nlisten = \"{partners}\"\n\
             ca = \"demo/partner-ca.pem\"\ncrl = \"demo/partner-crl.pem\"\n\
             [partner_tls.tls]\ncertificate = \"demo/server.pem\"\nkey = \"demo/server.key\"\n"
        )
    }

    /// The rows, opened beside the server.
    ///
    /// # Errors
    /// When they can't be.
    pub async fn store(&self) -> Result<Store, Problem> {
        let config = match &self.postgres {
            None => StoreConfig::Sqlite { path: self.folder.path().join("renkei.db") },
            Some(postgres) => {
                StoreConfig::Postgres { url: postgres.url(), connections: CONNECTIONS, ca: None, identity: None }
            }
        };
        Ok(Store::connect(&config).await?)
    }

    /// The URL of the PostgreSQL server, if that is the engine.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        self.postgres.as_ref().map(Postgres::url)
    }

    /// The first process of the database server, if there is one.
    #[must_use]
    pub fn database(&self) -> Option<u32> {
        self.postgres.as_ref().map(|own| own.process)
    }

    /// The program, about to run a command on the installation.
    ///
    /// # Errors
    /// When it is not built.
    pub fn command(&self, words: &[&str]) -> Result<Command, Problem> {
        let mut command = Command::new(binary()?);
        command.args(words).arg("--data").arg(self.folder.path());
        if let Some(postgres) = &self.postgres {
            command.env("RENKEI_STORE", postgres.url());
        }
        Ok(command)
    }

    /// The keys.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn keys(&self) -> Result<Keys, Problem> {
        let file = self.folder.path().join("keys/master.key");
        Ok(Keys::load_or_create(&file, None, renkei_server::system::SystemClock.now(), &SystemRandom)?)
    }

    /// The institution's issuer.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("{}/{INSTITUTION}", self.origin())
    }

    /// Where browsers and partners without certificates come.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// The client of this product at the institution.
    ///
    /// # Errors
    /// When there is none.
    pub fn client(&self, product: &str) -> Result<ClientLine, Problem> {
        let own = |line: &&ClientLine| line.product == product && line.issuer.ends_with(INSTITUTION);
        Ok(self.ready.clients.iter().find(own).ok_or("the demo lacks a client")?.clone())
    }

    /// A user of the institution who logs in by password.
    ///
    /// # Errors
    /// When there is none.
    pub fn user(&self) -> Result<&UserLine, Problem> {
        let fits =
            |user: &&UserLine| user.institution == INSTITUTION && user.password.is_some() && !user.accounts.is_empty();
        Ok(self.ready.users.iter().find(fits).ok_or("the demo lacks a user")?)
    }

    /// A branch of the institution.
    ///
    /// # Errors
    /// When there is none.
    pub fn branch(&self) -> Result<String, Problem> {
        Ok(self.user()?.accounts.first().ok_or("a user without accounts")?.branch.clone())
    }

    /// Lets a database server take note of what was added in bulk, as it would by itself in time; tables in which nothing
    /// was ever written it would leave alone.
    ///
    /// # Errors
    /// When it can't be reached.
    pub async fn settle(&self) -> Result<(), Problem> {
        let Some(url) = self.url() else { return Ok(()) };
        let (client, link) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
        tokio::spawn(link);
        let tables = client.query(USED_TABLES, &[]).await?;
        for table in tables.iter().map(|row| row.get::<_, String>(0)) {
            client.batch_execute(&format!("VACUUM ANALYZE {table}")).await?;
        }
        Ok(client.batch_execute("CHECKPOINT").await?)
    }

    /// The main listener.
    #[must_use]
    pub fn door(&self) -> Door {
        Door { address: self.listen, tls: None }
    }

    /// The partners' listener, with this client's certificate.
    ///
    /// # Errors
    /// When its files can't be read.
    pub fn partner_door(&self, client: &ClientLine) -> Result<Door, Problem> {
        let (Some(certificate), Some(key)) = (&client.certificate, &client.key) else {
            return Err("the client has no certificate".into());
        };
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.ready.ca)?)?;
        let chain = vec![CertificateDer::from_pem_file(certificate)?];
        let key = PrivateKeyDer::from_pem_file(key)?;
        let config = rustls::ClientConfig::builder().with_root_certificates(roots);
        let config = config.with_client_auth_cert(chain, key)?;
        Ok(Door { address: self.partner_listen, tls: Some(Arc::new(config)) })
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn serve(&self) -> Result<Server, Problem> {
        let mut command = match server_processor() {
            None => Command::new(binary()?),
            Some(processor) => {
                let mut command = Command::new("taskset");
                command.args(["-c", processor]).arg(binary()?);
                command
            }
        };
        command.args(["serve", "--data"]).arg(self.folder.path()).env("RUST_LOG", "warn");
        if let Some(postgres) = &self.postgres {
            command.env("RENKEI_STORE", postgres.url());
        }
        let begun = Instant::now();
        let child = command.stdout(Stdio::null()).spawn()?;
        let database = self.postgres.as_ref().map(|own| own.process);
        let mut server = Server { child, database, ready_after: Duration::ZERO, ready_with: Duration::ZERO };
        let asked = get(&format!("/{INSTITUTION}/jwks"), "");
        loop {
            if let Ok(mut wire) = Wire::connect(&self.door()).await {
                wire.ask(&asked).await?.expect(200)?;
                server.ready_after = begun.elapsed();
                server.ready_with = Clocks::read(&[server.child.id()]).since(&Clocks::default());
                return Ok(server);
            }
            if begun.elapsed() > PATIENCE || server.child.try_wait()?.is_some() {
                return Err("the server does not come up".into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// The server under test; ended when dropped.
pub struct Server {
    child: Child,
    database: Option<u32>,
    /// From its start to its first answer.
    pub ready_after: Duration,
    /// The processor time it used for that.
    pub ready_with: Duration,
}

impl Server {
    /// The same with those threads alone that are there now: those that hash passwords come with the first login, once
    /// the ones that had something to do at the start have gone.
    #[must_use]
    pub fn meter_of_present_threads(&self) -> Meter {
        Meter { threads: Some(Clocks::read(&[self.child.id()])), ..self.meter() }
    }

    /// The processes that count.
    #[must_use]
    pub fn meter(&self) -> Meter {
        Meter { server: self.child.id(), threads: None, database: self.database, at_rest: Rest::default() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program under test, beside this one.
///
/// # Errors
/// When it is not built.
pub fn binary() -> Result<PathBuf, Problem> {
    beside("renkei")
}

/// A program beside this one.
///
/// # Errors
/// When it is not built.
pub fn beside(name: &str) -> Result<PathBuf, Problem> {
    let binary = std::env::current_exe()?.with_file_name(name);
    if binary.exists() { Ok(binary) } else { Err(format!("cargo build --release --bin {name} comes first").into()) }
}

/// The processor of the server and its database; none where there is only one for all.
#[must_use]
pub fn server_processor() -> Option<&'static str> {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let count = processors.lines().filter(|line| line.starts_with("processor")).count();
    (count > 1).then_some("0")
}

/// A port nobody listens on.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16, Problem> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The first line a program prints; the program is ended.
fn first_line(mut command: Command) -> Result<String, Problem> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().ok_or("no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    child.kill()?;
    child.wait()?;
    if line.is_empty() { Err("the demo did not come up".into()) } else { Ok(line) }
}
