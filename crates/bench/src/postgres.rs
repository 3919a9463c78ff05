//! A PostgreSQL server of our own, from the distribution's binaries, on one processor with the server under test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Problem, stage};

/// Where Debian puts PostgreSQL, one folder for each major version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Whom the server runs as when we are root, which it refuses to be.
const USER: &str = "postgres";

/// A running server; stopped, and its files gone, when dropped.
pub struct Postgres {
    binaries: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    /// Its first process.
    pub process: u32,
}

impl Postgres {
    /// Makes a cluster with PostgreSQL's own defaults, flushes included, and starts it.
    ///
    /// # Errors
    /// When there are no binaries or the server does not come up.
    pub fn start(parent: &Path) -> Result<Postgres, Problem> {
        let binaries = newest()?;
        let folder = tempfile::Builder::new().prefix("pg-").tempdir_in(parent)?;
        if is_root()? {
            succeed(Command::new("chown").arg(USER).arg(folder.path()))?;
        }
        let data = folder.path().join("data");
        let mut initdb = as_user(&binaries.join("initdb"))?;
        initdb.args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--username=postgres", "-D"]).arg(&data);
        succeed(&mut initdb)?;
        let port = stage::free_port()?;
        let settings = format!("-c listen_addresses=127.0.0.1 -c port={port} -k {}", folder.path().display());
        let mut start = as_user(&binaries.join("pg_ctl"))?;
        start.args(["-w", "-s", "-l"]).arg(folder.path().join("log")).arg("-D").arg(&data).args(["-o", &settings]);
        succeed(start.arg("start"))?;
        let process = fs::read_to_string(data.join("postmaster.pid"))?;
        let process: u32 = process.lines().next().unwrap_or_default().trim().parse()?;
        if let Some(processor) = stage::server_processor() {
            succeed(Command::new("taskset").args(["-cp", processor, &process.to_string()]))?;
        }
        Ok(Postgres { binaries, folder, port, process })
    }

    /// How to connect to it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let stop = as_user(&self.binaries.join("pg_ctl")).and_then(|mut stop| {
            succeed(stop.args(["-w", "-s", "-m", "immediate", "-D"]).arg(self.folder.path().join("data")).arg("stop"))
        });
        if let Err(problem) = stop {
            eprintln!("renkei-bench: PostgreSQL stays: {problem}");
        }
    }
}

fn newest() -> Result<PathBuf, Problem> {
    let folders = fs::read_dir(DEBIAN).map_err(|error| format!("{DEBIAN}: {error}; apt-get install postgresql"))?;
    let versions = folders.flatten().filter_map(|folder| folder.file_name().to_str()?.parse::<u32>().ok());
    let version = versions.max().ok_or("no PostgreSQL is installed: apt-get install postgresql")?;
    Ok(Path::new(DEBIAN).join(version.to_string()).join("bin"))
}

fn is_root() -> Result<bool, Problem> {
    Ok(fs::read_to_string("/proc/self/status")?.lines().any(|line| line.starts_with("Uid:\t0\t")))
}

fn as_user(program: &Path) -> Result<Command, Problem> {
    let mut command = if is_root()? {
        let mut command = Command::new("runuser");
        command.args(["-u", USER, "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
    Ok(command)
}

fn succeed(command: &mut Command) -> Result<(), Problem> {
    let status = command.stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}").into()) }
}
