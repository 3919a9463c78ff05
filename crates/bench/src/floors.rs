//! What nothing can go below: the framework alone, the signatures, a point read, a shared commit. Measured in the same run
//! on the same machine, so that figures of different machines can be compared.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, ParsedPublicKey,
};
use futures_util::TryStreamExt;
use futures_util::stream::FuturesUnordered;
use serde::Serialize;

use crate::cpu::{self, Clocks};
use crate::load::{self, CONNECTIONS, Meter, Rest};
use crate::wire::{Door, Wire, get};
use crate::{Problem, bare, stage};

/// Rows of the table that points are read from.
const ROWS: i64 = 100_000;
/// Times each of the short ones is done.
const ROUNDS: usize = 3_000;

/// A floor.
#[derive(Debug, Serialize)]
pub struct Floor {
    /// What is done.
    pub what: &'static str,
    /// Processor time of it, in microseconds.
    pub micros: f64,
}

/// All that need no database server.
///
/// # Errors
/// When something fails.
pub async fn measure(folder: &Path, lasting: Duration) -> Result<Vec<Floor>, Problem> {
    let mut floors = signatures()?;
    for (what, bytes) in [("HTTP answer, 40 bytes (axum)", 40), ("HTTP answer, 25 kB (axum)", 25_000)] {
        let server = Bare::start(bytes)?;
        let asked = get("/", "");
        let own = async |wire: &mut Wire| wire.ask(&asked).await?.expect(200).map(drop);
        let figures = load::drive(&server.meter(), &server.door, lasting, own).await?;
        floors.push(Floor { what, micros: figures.cpu_micros });
    }
    floors.extend(sqlite(folder)?);
    Ok(floors)
}

fn signatures() -> Result<Vec<Floor>, Problem> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let (random, message) = (SystemRandom::new(), [7_u8; 300]);
    let signature = pair.sign(&random, &message)?;
    let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref())?;
    let verify = timed(ROUNDS, || Ok(public.verify_sig(&message, signature.as_ref())?))?;
    let sign = timed(ROUNDS, || Ok(pair.sign(&random, &message).map(drop)?))?;
    Ok(vec![Floor { what: "ES256 verify", micros: verify }, Floor { what: "ES256 sign", micros: sign }])
}

fn sqlite(folder: &Path) -> Result<Vec<Floor>, Problem> {
    let file = tempfile::Builder::new().suffix(".db").tempfile_in(folder)?;
    let connection = rusqlite::Connection::open(file.path())?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT);",
    )?;
    let fill = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
         INSERT INTO t SELECT i, printf('%0200d', i) FROM n";
    connection.execute(fill, [ROWS])?;
    let mut select = connection.prepare("SELECT body FROM t WHERE id = ?1")?;
    let mut id = 0;
    let read = timed(ROUNDS * 10, || {
        id = (id + 7_919) % ROWS + 1;
        let body: String = select.query_row([id], |row| row.get(0))?;
        if body.is_empty() { Err("an empty row".into()) } else { Ok(()) }
    })?;
    let mut insert = connection.prepare("INSERT INTO t (body) VALUES (?1)")?;
    let body = "b".repeat(200);
    let group = timed(ROUNDS / 10, || {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for _ in 0..CONNECTIONS {
            insert.execute([&body])?;
        }
        Ok(connection.execute_batch("COMMIT")?)
    })?;
    Ok(vec![
        Floor { what: "point read, SQLite held statement", micros: read },
        Floor { what: "durable insert, SQLite, 16 share a commit", micros: group / CONNECTIONS as f64 },
    ])
}

/// A point read and a durable insert on PostgreSQL over sixteen connections: the database's time alone.
///
/// # Errors
/// When the server refuses.
pub async fn postgresql(url: &str, process: u32, lasting: Duration) -> Result<Vec<Floor>, Problem> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let (client, link) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(link);
        clients.push(client);
    }
    let first = clients.first().ok_or("no connection")?;
    first
        .batch_execute(&format!(
            "CREATE TABLE floor (id BIGSERIAL PRIMARY KEY, body TEXT); \
             INSERT INTO floor (body) SELECT repeat('b', 200) FROM generate_series(1, {ROWS}); ANALYZE floor"
        ))
        .await?;
    let read = busy(&clients, process, lasting, "SELECT body FROM floor WHERE id = $1").await?;
    let write =
        busy(&clients, process, lasting, "INSERT INTO floor (body) VALUES (repeat('b', $1::BIGINT::INT % 2 + 200))")
            .await?;
    first.batch_execute("DROP TABLE floor").await?;
    Ok(vec![
        Floor { what: "point read, PostgreSQL alone", micros: read },
        Floor { what: "durable insert, PostgreSQL alone", micros: write },
    ])
}

async fn busy(clients: &[tokio_postgres::Client], process: u32, lasting: Duration, sql: &str) -> Result<f64, Problem> {
    let read = || Clocks::read(&cpu::family(process));
    let mut prepared = Vec::new();
    for client in clients {
        prepared.push((client, client.prepare(sql).await?));
    }
    let before = read();
    let until = Instant::now() + lasting;
    let tasks = prepared.iter().map(|(client, statement)| async move {
        let mut done = 0_i64;
        while Instant::now() < until {
            client.query(statement, &[&((done * 7_919) % ROWS + 1)]).await?;
            done += 1;
        }
        Ok::<_, Problem>(done)
    });
    let done: Vec<i64> = tasks.collect::<FuturesUnordered<_>>().try_collect().await?;
    Ok(read().since(&before).as_secs_f64() * 1e6 / done.iter().sum::<i64>().max(1) as f64)
}

/// Microseconds of this thread for each of so many rounds.
fn timed(rounds: usize, mut work: impl FnMut() -> Result<(), Problem>) -> Result<f64, Problem> {
    let before = cpu::own();
    for _ in 0..rounds {
        work()?;
    }
    Ok(cpu::own().saturating_sub(before).as_secs_f64() * 1e6 / rounds as f64)
}

/// The framework alone, in a process of its own.
struct Bare {
    child: Child,
    door: Door,
}

impl Bare {
    fn start(bytes: usize) -> Result<Bare, Problem> {
        let own = std::env::current_exe()?;
        let mut command = match stage::server_processor() {
            None => Command::new(own),
            Some(processor) => {
                let mut command = Command::new("taskset");
                command.args(["-c", processor]).arg(own);
                command
            }
        };
        let mut child = command.args([bare::COMMAND, &bytes.to_string()]).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        Ok(Bare { child, door: Door { address: line.trim().parse()?, tls: None } })
    }

    fn meter(&self) -> Meter {
        Meter { server: self.child.id(), threads: None, database: None, at_rest: Rest::default() }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
