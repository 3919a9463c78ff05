//! Where an installation keeps what it has: the data folder, the store and the keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use renkei_domain::time::Clock;
use renkei_store::{ClientIdentity, Random, Store, StoreConfig};

use super::CommandError;
use super::server_url::ServerUrl;
use crate::app::{App, Site};
use crate::config::{self, Config, Postgres};
use crate::http::oauth::Memory;
use crate::keys::Keys;
use crate::keys::hsm::Hsm;
use crate::listener::tls::{read_certificates, read_key};
use crate::outbound::Outbound;
use crate::shared_clock;
use crate::system::{SystemClock, SystemRandom, node_name};

/// The data folder where none is named.
const DEFAULT_FOLDER: &str = "renkei-data";
/// The SQLite file in the data folder.
const DATABASE_FILE: &str = "renkei.db";
/// The master key in the data folder. Keep it apart from backups of the database.
const MASTER_KEY_FILE: &str = "keys/master.key";
/// Why a certificate for PostgreSQL is refused without TLS.
const SHOWN_IN_TLS_ONLY: &str = "a certificate is shown to PostgreSQL in TLS only: add sslmode=verify-full to its URL";
/// Why one of certificate and key alone is refused.
const BOTH_OR_NONE: &str = "PostgreSQL is shown a certificate with its key: name both, or neither";
/// Where a node remembers what it signed of the audit trails, in the data folder.
pub(super) const ANCHORS_FOLDER: &str = "audit";
/// Connections kept to PostgreSQL: about what its own group commit makes use of on one node.
const POSTGRES_CONNECTIONS: usize = 16;

/// The arguments that say where the data is; every command has them.
#[derive(Debug, Clone, clap::Args)]
pub struct DataArgs {
    /// The data folder: holds renkei.toml, renkei.db and keys/master.key
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER)]
    pub data: PathBuf,
    /// The configuration file; without it renkei.toml in the data folder
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the rows are: a postgres:// URL; without it what the configuration says, else renkei.db in the data folder
    #[arg(long, value_name = "URL", env = "RENKEI_STORE", hide_env_values = true)]
    pub store: Option<StoreUrl>,
}

/// A connection URL. Holds a password, so it shows nothing of itself.
#[derive(Clone)]
pub struct StoreUrl(String);

impl std::str::FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<StoreUrl, String> {
        let known = text.starts_with("postgres://") || text.starts_with("postgresql://");
        if known { Ok(StoreUrl(text.to_owned())) } else { Err("it must begin with postgres://".into()) }
    }
}

impl std::fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreUrl(…)")
    }
}

impl StoreUrl {
    /// The URL itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An installation, opened: what every command works with.
pub struct Data {
    /// The rows, their tables up to date.
    pub store: Store,
    /// The keys.
    pub keys: Keys,
    /// The clock of this process.
    pub clock: Arc<dyn Clock>,
    /// The operating system's generator.
    pub random: Arc<dyn Random>,
    /// The way to partners' servers.
    pub outbound: Outbound,
    /// The hardware module, where there is one.
    pub hsm: Option<Hsm>,
}

impl DataArgs {
    /// Opens store and keys, making the data folder and both when they are missing.
    ///
    /// # Errors
    /// When the configuration, the folder, the key file or the store can't be used.
    pub async fn open(&self) -> Result<Data, CommandError> {
        make_folder(&self.data)?;
        let config = self.read_config()?;
        self.open_with(config.as_ref()).await
    }

    /// Opens an installation that must already be there, with its configuration: for serving. A missing master key is
    /// an error here: a fresh one could not open what the old one sealed.
    ///
    /// # Errors
    /// As [`DataArgs::open`], and when configuration or key file are missing.
    pub async fn open_to_serve(&self) -> Result<(Data, Config), CommandError> {
        let config = Config::read(&self.config_path())?;
        let key = self.master_key_path();
        if !key.exists() {
            let path = key.display();
            let message = format!("{path} is missing: restore it, or make a new installation with `renkei migrate`");
            return Err(CommandError::Setup(message));
        }
        Ok((self.open_with(Some(&config)).await?, config))
    }

    /// Opens an installation that must have been set up, changing nothing: for backups and reports.
    ///
    /// # Errors
    /// As [`DataArgs::open_as_it_is`], and when the database has no tables yet.
    pub async fn open_to_read(&self) -> Result<Data, CommandError> {
        let data = self.open_as_it_is().await?;
        if !data.store.has_tables().await? {
            let message =
                "the database has no tables: make them with `renkei migrate`, or fill it with `renkei restore`";
            return Err(CommandError::Setup(message.into()));
        }
        Ok(data)
    }

    /// Opens an installation that must already be there as it is, changing nothing: for examinations.
    ///
    /// # Errors
    /// As [`DataArgs::open`], and when key file or database file are missing.
    pub async fn open_as_it_is(&self) -> Result<Data, CommandError> {
        let config = self.read_config()?;
        let store = self.store_config(config.as_ref().and_then(|config| config.postgres.as_ref()))?;
        for path in [Some(&self.master_key_path()), database_file(&store)].into_iter().flatten() {
            if !path.exists() {
                return Err(CommandError::Setup(format!("{} is missing", path.display())));
            }
        }
        let keys = self.load_keys(config.as_ref())?;
        self.data(keys, Store::connect(&store).await?, config.as_ref())
    }

    /// Opens an installation for a restore: whose tables may be missing, under keys that may come from the archive.
    ///
    /// # Errors
    /// As [`DataArgs::open`].
    pub async fn open_for_restore(&self, keys: Keys) -> Result<Data, CommandError> {
        make_folder(&self.data)?;
        let config = self.read_config()?;
        let store = self.store_config(config.as_ref().and_then(|config| config.postgres.as_ref()))?;
        self.data(keys, Store::connect(&store).await?, config.as_ref())
    }

    /// Where the master key is.
    #[must_use]
    pub fn master_key_path(&self) -> PathBuf {
        self.data.join(MASTER_KEY_FILE)
    }

    /// The configuration, where there is one or one was named.
    ///
    /// # Errors
    /// When it is refused.
    pub fn read_config(&self) -> Result<Option<Config>, CommandError> {
        let path = self.config_path();
        let is_named = path.exists() || self.config.is_some();
        if is_named { Ok(Some(Config::read(&path)?)) } else { Ok(None) }
    }

    /// Where this node remembers what it signed of the audit trails.
    #[must_use]
    pub fn anchors(&self) -> PathBuf {
        self.data.join(ANCHORS_FOLDER)
    }

    /// Where the configuration is.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| self.data.join(config::FILE_NAME))
    }

    async fn open_with(&self, config: Option<&Config>) -> Result<Data, CommandError> {
        let keys = self.load_keys(config)?;
        let store = Store::open(&self.store_config(config.and_then(|config| config.postgres.as_ref()))?).await?;
        shared_clock::look(&store).await?;
        self.data(keys, store, config)
    }

    fn load_keys(&self, config: Option<&Config>) -> Result<Keys, CommandError> {
        let hsm = config.and_then(|config| config.hsm.as_ref());
        Ok(Keys::load_or_create(&self.master_key_path(), hsm, SystemClock.now(), &SystemRandom)?)
    }

    fn data(&self, keys: Keys, store: Store, config: Option<&Config>) -> Result<Data, CommandError> {
        renkei_store::audit::name_node(&node_name());
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let outbound = match config {
            Some(config) => Outbound::new(config.reach(), config.trust()?, Arc::clone(&clock)),
            None => Outbound::default(),
        };
        let hsm = config.and_then(|config| config.hsm.clone());
        Ok(Data { store, keys, clock, random, outbound, hsm })
    }

    /// Which store is meant.
    ///
    /// # Errors
    /// When the URL or a PEM file that it or the configuration names can't be used.
    pub fn store_config(&self, postgres: Option<&Postgres>) -> Result<StoreConfig, CommandError> {
        let named = self.store.as_ref().map(StoreUrl::as_str).or(postgres.map(|postgres| postgres.url.as_str()));
        let Some(url) = named else {
            return Ok(StoreConfig::Sqlite { path: self.data.join(DATABASE_FILE) });
        };
        let named = ServerUrl::read(url).map_err(CommandError::Setup)?;
        let or_else = |file: Option<PathBuf>, other: fn(&Postgres) -> Option<&PathBuf>| {
            file.or_else(|| postgres.and_then(other).cloned())
        };
        let ca = or_else(named.ca, |postgres| postgres.ca.as_ref());
        let certificate = or_else(named.certificate, |postgres| postgres.certificate.as_ref());
        let key = or_else(named.key, |postgres| postgres.key.as_ref());
        let identity = match (certificate, key) {
            (None, None) => None,
            (Some(certificate), Some(key)) if named.has_tls => {
                Some(Arc::new(ClientIdentity { chain: read_certificates(&certificate)?, key: read_key(&key)? }))
            }
            (Some(_), Some(_)) => return Err(CommandError::Setup(SHOWN_IN_TLS_ONLY.into())),
            _ => return Err(CommandError::Setup(BOTH_OR_NONE.into())),
        };
        let ca = ca.as_deref().map(read_text).transpose()?;
        Ok(StoreConfig::Postgres { url: named.url, connections: POSTGRES_CONNECTIONS, ca, identity })
    }
}

/// The file of a SQLite store.
fn database_file(store: &StoreConfig) -> Option<&PathBuf> {
    match store {
        StoreConfig::Sqlite { path } => Some(path),
        StoreConfig::Postgres { .. } => None,
    }
}

fn read_text(path: &Path) -> Result<String, CommandError> {
    std::fs::read_to_string(path).map_err(|error| CommandError::Setup(format!("{}: {error}", path.display())))
}

impl Data {
    /// Lets the store take note of what was loaded. What was loaded stands without it too.
    pub async fn settle(&self) {
        if let Err(error) = self.store.renew_statistics().await {
            tracing::warn!(%error, "statements may be slow until the database has renewed its statistics");
        }
    }

    /// The program that answers under these addresses, with budgets of so many times their figures.
    #[must_use]
    pub fn into_app(self, site: Site, limits_factor: u32) -> App {
        App {
            store: self.store,
            keys: self.keys,
            clock: self.clock,
            random: self.random,
            outbound: self.outbound,
            site,
            memory: Memory::of_size(limits_factor),
        }
    }
}

/// Makes the folder, for its owner alone, unless it is there.
fn make_folder(folder: &Path) -> Result<(), CommandError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| CommandError::Setup(format!("the data folder {}: {error}", folder.display())))
}
