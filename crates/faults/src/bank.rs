//! An installation made by the program's own commands, and nodes that serve it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use renkei_oauth::jose::SigningKey;
use renkei_store::{Store, StoreConfig};
use rustix::process::{Pid, Signal, kill_process};

use crate::partner::{BACK, INSTITUTION, Partner, http_client, new_key};
use crate::{Trouble, trouble};

/// The password of every user.
pub const PASSWORD: &str = "aozora-2026-haru";
/// The filed PIN of every account.
pub const PIN: &str = "7391";
/// Longest wait for a node to be ready, on a busy machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a node is asked whether it is ready.
const LOOK: Duration = Duration::from_millis(10);

/// Where the program is: named by `RENKEI_BINARY`, or beside this one.
///
/// # Errors
/// When it is in neither place.
pub fn binary() -> Result<PathBuf, Trouble> {
    if let Some(path) = std::env::var_os("RENKEI_BINARY") {
        return Ok(path.into());
    }
    let own = std::env::current_exe().map_err(trouble("the own path"))?;
    let beside = own.ancestors().skip(1).take(3).map(|folder| folder.join("renkei")).find(|path| path.is_file());
    beside.ok_or_else(|| "no program `renkei`: build it, or name it in RENKEI_BINARY".into())
}

/// A data folder with an institution, a product and customers.
pub struct Bank {
    folder: tempfile::TempDir,
    /// What the program is told is its data folder.
    pub data: PathBuf,
    url: Option<String>,
    /// Under which address partners and browsers know it.
    pub origin: String,
    client_id: String,
    key: Arc<SigningKey>,
    binary: PathBuf,
}

impl Bank {
    /// A new one with this many users, each with one account, behind this port; on PostgreSQL where a URL is named.
    ///
    /// # Errors
    /// When a command fails.
    pub fn new(binary: &Path, url: Option<&str>, users: usize, port: u16) -> Result<Bank, Trouble> {
        Bank::with_data(binary, url, users, port, None)
    }

    /// The same with its data folder elsewhere.
    ///
    /// # Errors
    /// As [`Bank::new`].
    pub fn with_data(
        binary: &Path,
        url: Option<&str>,
        users: usize,
        port: u16,
        data: Option<&Path>,
    ) -> Result<Bank, Trouble> {
        let folder = tempfile::tempdir().map_err(trouble("a folder"))?;
        let mut bank = Bank {
            data: data.unwrap_or(folder.path()).to_owned(),
            folder,
            url: url.map(str::to_owned),
            origin: format!("http://127.0.0.1:{port}"),
            client_id: String::new(),
            key: new_key()?,
            binary: binary.to_owned(),
        };
        bank.write("registry.toml", &bank.registry()?)?;
        let file = bank.path("registry.toml").display().to_string();
        let report = bank.run(&["apply", &file, "--yes", "--json"])?;
        let report: serde_json::Value = serde_json::from_str(&report).map_err(trouble("the report of apply"))?;
        let client_id = report.pointer("/institutions/0/products/0/client_id").and_then(|id| id.as_str());
        client_id.ok_or("no client_id in the report of apply")?.clone_into(&mut bank.client_id);
        bank.import(users)?;
        Ok(bank)
    }

    /// Where a file of the installation is.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Trouble> {
        fs::write(self.path(name), text).map_err(trouble("a file of the installation"))
    }

    fn registry(&self) -> Result<String, Trouble> {
        let jwks = serde_json::json!({ "keys": [self.key.to_public_jwk().to_json()] });
        self.write("jwks.json", &jwks.to_string())?;
        Ok(format!(
            "[[institutions]]\ncode = \"{INSTITUTION}\"\nkind = \"shinkin\"\nname = \"あおい信用金庫\"\n\
             name_en = \"Aoi Bank\"\naccent = \"#14518b\"\ntelephone = \"0120-299-000\"\nhours = \"平日\"\n\
             hours_en = \"Weekdays\"\nperiod_days = 180\n\
             terms = {{ version = \"1\", text = \"第1条\", text_en = \"1.\" }}\n\
             branches = [{{ code = \"001\", name = \"本店\", name_en = \"Head Office\" }}]\n\n\
             [[partners]]\nkey = \"kakeibo\"\ninstitutions = \"all\"\nname = \"株式会社かけいぼ\"\n\
             name_en = \"Kakeibo Inc.\"\ndomain = \"kakeibo.example\"\n\n\
             [[partners.products]]\nkey = \"cloud\"\nname = \"家計簿\"\nname_en = \"Cloud\"\npurpose = \"会計\"\n\
             purpose_en = \"Books\"\nsigning_alg = \"ES256\"\noperations = [\"balances\", \"transactions\"]\n\
             redirect_uris = [\"{BACK}\"]\njwks_file = \"jwks.json\"\n"
        ))
    }

    /// Customers `user0` …, each with an account whose PIN is filed and not registered.
    fn import(&self, users: usize) -> Result<(), Trouble> {
        let mut files = [
            ("customers.csv", "customer,name,contract\n".to_owned()),
            ("users.csv", "customer,login_id,name,kind,method,operations,state,password\n".to_owned()),
            ("accounts.csv", "customer,branch,type,number,holder,pin,state\n".to_owned()),
            ("user-accounts.csv", "login_id,branch,type,number\n".to_owned()),
        ];
        for user in 0..users {
            let number = 2_000_000 + user;
            let [(_, customers), (_, login), (_, accounts), (_, rights)] = &mut files;
            let _ = writeln!(customers, "c{user},青井商会{user},active");
            let _ = writeln!(login, "c{user},user{user},花子,master,password,balances transactions,active,{PASSWORD}");
            let _ = writeln!(accounts, "c{user},001,普通,{number},青井商会,{PIN},active");
            let _ = writeln!(rights, "user{user},001,普通,{number}");
        }
        let mut words = vec!["import".to_owned(), "customers".into(), "--institution".into(), INSTITUTION.into()];
        for (name, text) in &files {
            self.write(name, text)?;
            words.push(self.path(name).display().to_string());
        }
        self.run(&words.iter().map(String::as_str).collect::<Vec<_>>()).map(drop)
    }

    fn command(&self, binary: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(binary);
        command.args(words).arg("--data").arg(&self.data).env_remove("RENKEI_STORE").stdin(Stdio::null());
        if let Some(url) = &self.url {
            command.env("RENKEI_STORE", url);
        }
        command
    }

    /// Runs a command of the program on the installation, and tells what it printed.
    ///
    /// # Errors
    /// When it fails; its words are passed on.
    pub fn run(&self, words: &[&str]) -> Result<String, Trouble> {
        printed(words, self.command(&self.binary, words).output())
    }

    /// A file of this name in its folder.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Runs a command of the program and gives what it printed, while others go on.
    ///
    /// # Errors
    /// What the command said.
    pub async fn run_aside(&self, words: &[&str]) -> Result<String, Trouble> {
        let mut command = self.command(&self.binary, words);
        let ran = tokio::task::spawn_blocking(move || command.output()).await.map_err(trouble("the program"))?;
        printed(words, ran)
    }

    /// An empty installation of the same program on SQLite, with the same master key.
    ///
    /// # Errors
    /// When the key can't be copied.
    pub fn beside(&self) -> Result<Bank, Trouble> {
        let folder = tempfile::tempdir().map_err(trouble("a folder"))?;
        let bank = Bank {
            data: folder.path().to_owned(),
            folder,
            url: None,
            origin: self.origin.clone(),
            client_id: self.client_id.clone(),
            key: Arc::clone(&self.key),
            binary: self.binary.clone(),
        };
        fs::create_dir(bank.path("keys")).map_err(trouble("a folder"))?;
        let copied = fs::copy(self.path("keys/master.key"), bank.path("keys/master.key"));
        copied.map_err(trouble("the master key"))?;
        Ok(bank)
    }

    /// Exports the audit trail and verifies it offline; tells how many entries it has. None yet is none.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn verify_trail(&self) -> Result<u64, Trouble> {
        let (folder, keys) = (self.path("trail"), self.path("trail.keys"));
        self.run_aside(&["audit", "export", "--institution", INSTITUTION, "--to", &self.file("trail")]).await?;
        if !folder.join("checkpoint").exists() {
            return Ok(0);
        }
        fs::write(&keys, self.run_aside(&["audit", "keys", "--institution", INSTITUTION]).await?)
            .map_err(trouble("the keys"))?;
        let trust = renkei_audit_verify::Trust {
            keys: renkei_audit_verify::read_keys(&keys)?,
            ..renkei_audit_verify::Trust::default()
        };
        let report = renkei_audit_verify::verify(&folder, &trust).map_err(|fault| format!("the trail: {fault}"))?;
        Ok(report.size)
    }

    /// The partner, reaching the installation at this address.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn partner(&self, address: &str) -> Result<Partner, Trouble> {
        Ok(Partner {
            client_id: self.client_id.clone(),
            key: Arc::clone(&self.key),
            dpop: new_key()?,
            origin: self.origin.clone(),
            address: address.to_owned(),
            signed_answers: false,
            http: http_client()?,
            ahead: Arc::default(),
        })
    }

    /// The rows, looked at beside the nodes.
    ///
    /// # Errors
    /// When they can't be reached.
    pub async fn store(&self) -> Result<Store, Trouble> {
        let config = match &self.url {
            Some(url) => StoreConfig::Postgres { url: url.clone(), connections: 2, ca: None, identity: None },
            None => StoreConfig::Sqlite { path: self.data.join("renkei.db") },
        };
        Store::connect(&config).await.map_err(trouble("the store"))
    }

    /// Starts a node that listens on this port; it may not be ready yet.
    ///
    /// # Errors
    /// When the process can't be started.
    pub fn start(&self, port: u16) -> Result<Node, Trouble> {
        self.start_binary(&self.binary, port)
    }

    /// The same with another version of the program.
    ///
    /// # Errors
    /// As [`Bank::start`].
    pub fn start_binary(&self, binary: &Path, port: u16) -> Result<Node, Trouble> {
        self.start_with(binary, port, &[])
    }

    /// The same with these variables in its environment.
    ///
    /// # Errors
    /// As [`Bank::start`].
    pub fn start_with(&self, binary: &Path, port: u16, variables: &[(&str, &str)]) -> Result<Node, Trouble> {
        self.start_configured(binary, port, "", variables)
    }

    /// The same with more in its configuration.
    ///
    /// # Errors
    /// As [`Bank::start`].
    pub fn start_configured(
        &self,
        binary: &Path,
        port: u16,
        more: &str,
        variables: &[(&str, &str)],
    ) -> Result<Node, Trouble> {
        let name = format!("node-{port}.toml");
        let text =
            format!("origin = \"{}\"\nlisten = \"127.0.0.1:{port}\"\n[limits]\nfactor = 100\n{more}", self.origin);
        self.write(&name, &text)?;
        let log = File::options().create(true).append(true).open(self.path(&format!("node-{port}.log")));
        let mut command = self.command(binary, &["serve"]);
        command.arg("--config").arg(self.path(&name)).env("RUST_LOG", "info").env("NO_COLOR", "1");
        let log = log.map_err(trouble("a log"))?;
        command.stdout(Stdio::null()).stderr(log).envs(variables.iter().copied());
        let process = command.spawn().map_err(trouble("a node"))?;
        Ok(Node { process, port, log: self.path(&format!("node-{port}.log")) })
    }

    /// The program it is made with.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.binary
    }

    /// Runs a command on this installation, and tells its exit code and what it printed.
    ///
    /// # Errors
    /// When it can't be run.
    pub fn ask(&self, words: &[&str]) -> Result<(Option<i32>, String), Trouble> {
        let output = self.command(&self.binary, words).output().map_err(trouble("the program"))?;
        Ok((output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()))
    }

    /// Keeps the folder after the end, for whoever looks into a failure, and says where it is.
    #[must_use]
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

/// What a command printed.
fn printed(words: &[&str], output: std::io::Result<Output>) -> Result<String, Trouble> {
    let output = output.map_err(trouble("the program"))?;
    if !output.status.success() {
        return Err(format!("renkei {words:?}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(trouble("what the program prints"))
}

/// A port of loopback that nobody has.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16, Trouble> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(trouble("a port"))?;
    listener.local_addr().map(|address| address.port()).map_err(trouble("a port"))
}

/// A process that serves; killed when dropped.
pub struct Node {
    process: Child,
    /// Where it listens.
    pub port: u16,
    log: PathBuf,
}

impl Node {
    /// Waits until it wants requests, and tells how long that took.
    ///
    /// # Errors
    /// When the process ends, or is not ready in a minute.
    pub async fn ready(&mut self) -> Result<Duration, Trouble> {
        let begun = Instant::now();
        let http = http_client()?;
        while begun.elapsed() < PATIENCE {
            if is_ready(&http, self.port).await {
                return Ok(begun.elapsed());
            }
            if let Ok(Some(status)) = self.process.try_wait() {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                return Err(format!("a node ended with {status}: {log}"));
            }
            tokio::time::sleep(LOOK).await;
        }
        Err("a node was not ready in a minute".into())
    }

    /// Ends it at once, as a failing machine would, and takes it away.
    pub fn kill(mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// Waits until it answers at all, ready or not.
    ///
    /// # Errors
    /// When it ends, or does not in a minute.
    pub async fn answers(&mut self) -> Result<(), Trouble> {
        let (begun, http) = (Instant::now(), http_client()?);
        let url = format!("http://127.0.0.1:{}/health", self.port);
        while begun.elapsed() < PATIENCE && !self.has_ended() {
            if http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(format!("a node does not answer: {}", self.log()))
    }

    /// Waits until it ends by itself, and tells its exit code; `None`: a signal ended it.
    ///
    /// # Errors
    /// When it does not in a minute.
    pub async fn ended(&mut self) -> Result<Option<i32>, Trouble> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.process.try_wait().map_err(trouble("a node"))? {
                return Ok(status.code());
            }
            tokio::time::sleep(LOOK).await;
        }
        Err("a node did not end in a minute".into())
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to end.
    ///
    /// # Errors
    /// When it is gone.
    pub fn terminate(&self) -> Result<(), Trouble> {
        self.signal(Signal::TERM)
    }

    /// Tells it to read its files again.
    ///
    /// # Errors
    /// When it is gone.
    pub fn hang_up(&self) -> Result<(), Trouble> {
        self.signal(Signal::HUP)
    }

    fn signal(&self, signal: Signal) -> Result<(), Trouble> {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw).ok_or("no process")?;
        kill_process(pid, signal).map_err(trouble("a signal"))
    }

    /// Waits for its end and tells how long that took.
    ///
    /// # Errors
    /// When it does not end within a minute, or not well.
    pub async fn end(mut self) -> Result<Duration, Trouble> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match self.process.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(begun.elapsed()),
                Ok(Some(status)) => return Err(format!("a node ended with {status}")),
                _ => tokio::time::sleep(LOOK).await,
            }
        }
        Err("a node did not end in a minute".into())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether the node at this port wants requests.
pub async fn is_ready(http: &reqwest::Client, port: u16) -> bool {
    let asked = http.get(format!("http://127.0.0.1:{port}/ready")).timeout(Duration::from_secs(5)).send().await;
    asked.is_ok_and(|answer| answer.status().is_success())
}
