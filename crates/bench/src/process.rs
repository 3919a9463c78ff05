//! The processes under measurement, and what the kernel says of their processor time.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use crate::Problem;

/// Clock ticks per second in `/proc`; fixed on Linux for user space.
const TICKS_PER_SECOND: f64 = 100.0;

/// A server in a process of its own; ended when dropped.
pub struct Server {
    child: Child,
    /// Where it is reached.
    pub origin: String,
    /// What it said when it was ready.
    pub ready: Ready,
}

/// The line of `renkei demo --json`, as far as it is needed here.
#[derive(Debug, Default, Deserialize)]
pub struct Ready {
    /// Whom to log in as.
    pub users: Vec<UserLine>,
    /// Test clients with their keys.
    pub clients: Vec<ClientLine>,
}

/// A user of the demo.
#[derive(Debug, Deserialize)]
pub struct UserLine {
    /// 金融機関コード.
    pub institution: String,
    /// What to type.
    pub login_id: String,
    /// What to type; none for certificate users.
    pub password: Option<String>,
    /// The accounts the user sees.
    pub accounts: Vec<AccountLine>,
}

/// An account of a user.
#[derive(Debug, Deserialize)]
pub struct AccountLine {
    /// Whether its PIN is registered from the start.
    pub registered: bool,
}

/// A test client at one institution.
#[derive(Debug, Deserialize)]
pub struct ClientLine {
    /// The institution's issuer.
    pub issuer: String,
    /// What it is called there.
    pub client_id: String,
    /// The algorithm of its assertions.
    pub alg: String,
    /// Whether the customer chooses the operations.
    pub choice: bool,
    /// Where browsers may be sent.
    pub redirect_uris: Vec<String>,
    /// Its private key.
    pub private_jwk: serde_json::Value,
}

impl Server {
    /// Processor time used so far, user and system, of all its threads.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn cpu(&self) -> Result<Duration, Problem> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let after_name = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
        Ok(Duration::from_secs_f64((ticks(11) + ticks(12)) / TICKS_PER_SECOND))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the demo on free ports with a data folder of its own.
///
/// # Errors
/// When it does not come up.
pub fn demo() -> Result<Server, Problem> {
    let binary = std::env::current_exe()?.with_file_name("renkei");
    if !binary.exists() {
        return Err(format!("{} is not built; cargo build --release --bin renkei", binary.display()).into());
    }
    let mut child = Command::new(binary)
        .args(["demo", "--json", "--port", "0", "--partner-port", "0", "--certificate-port", "0"])
        // What is measured is the work, not the pace.
        .args(["--limits-factor", "1000"])
        .stdout(Stdio::piped())
        .spawn()?;
    let line = first_line(&mut child)?;
    let ready: Ready = serde_json::from_str(&line)?;
    Ok(Server { child, origin: String::new(), ready })
}

/// Starts a bare server that answers with these bytes.
///
/// # Errors
/// When it does not come up.
pub fn bare(body: &[u8]) -> Result<Server, Problem> {
    let mut child =
        Command::new(std::env::current_exe()?).arg("bare").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().ok_or("no input")?.write_all(body)?;
    let origin = first_line(&mut child)?;
    Ok(Server { child, origin: origin.trim().to_owned(), ready: Ready::default() })
}

fn first_line(child: &mut Child) -> Result<String, Problem> {
    let output = child.stdout.take().ok_or("no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    if line.is_empty() { Err("the server did not come up".into()) } else { Ok(line) }
}
