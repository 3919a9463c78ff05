//! PostgreSQL: pooled connections, one transaction each.
//!
//! The URL may name several servers; the one that writes is used, for reads too. What a commit led to is told in three
//! words: done, not done, not known.

mod leads;
mod look_ups;
mod many;
mod shared;
mod units;
mod wire;

use std::collections::HashMap;
use std::error::Error;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Object, Pool, PoolError};
use futures_util::TryStreamExt;
use futures_util::stream::FuturesOrdered;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::mpsc;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut};

use super::unit::Asked;
use super::value::{Param, Row, Value};
use super::{Bound, ClientIdentity, PoolState, StoreError};
use look_ups::LookUps;
use shared::Shared;
use wire::{Wire, Wires};

/// For a free connection, when all are in use.
const WAIT: Duration = Duration::from_secs(5);
/// For one statement. Less than a request has, so that whoever asked is told.
const STATEMENT: Duration = Duration::from_secs(20);
/// For the answer to a `COMMIT`. After it the outcome is told as unknown; the commit is left to itself, not cancelled.
const COMMIT: Duration = Duration::from_secs(10);
/// For a rollback; after it the connection is closed, which rolls back too.
const ROLLBACK: Duration = Duration::from_secs(5);

/// Every statement is short and finds its rows by key, so one plan for all values is the best, and compiling it is none.
/// A plan made while a table was small is kept when it has grown, until the server's statistics are renewed: so none is made
/// that reads a table from end to end where there is an index, or that puts one in memory to join it. Rows weigh as much as
/// pages, which are in memory: then the whole key looks better than its first column as soon as a table has some hundred.
const PLANNING: &str = "-cplan_cache_mode=force_generic_plan -cjit=off \
     -cenable_seqscan=off -cenable_hashjoin=off -cenable_mergejoin=off \
     -crandom_page_cost=1 -ccpu_tuple_cost=1 -ccpu_index_tuple_cost=1";

/// The tables of the schema that have pages, as a statement names them. Of a table that was never looked at the server
/// supposes ten, which is nearer to what it will be than nothing: of one known to be empty any index will do.
const TABLES: &str = "SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND pg_relation_size(oid) > 0 \
     AND relnamespace = CAST(current_schema() AS regnamespace) ORDER BY relname";

/// Statements sent before the first answer is waited for: bounds what is held of them and of their answers.
const SENT_TOGETHER: usize = 512;

#[derive(Clone)]
pub(super) struct Engine {
    pool: Pool<Wires>,
    reads: Arc<Shared>,
    look_ups: Arc<LookUps>,
    texts: Arc<Texts>,
    /// Where units are left; none for whoever writes them.
    units: Option<mpsc::UnboundedSender<Asked>>,
}

impl Engine {
    pub(super) async fn connect(
        url: &str,
        connections: usize,
        ca: Option<&str>,
        identity: Option<&ClientIdentity>,
    ) -> Result<Engine, StoreError> {
        let mut config: Config =
            url.parse().map_err(|_| StoreError::Unusable("the connection string can't be read".into()))?;
        let options = config.get_options().map_or(PLANNING.to_owned(), |own| format!("{PLANNING} {own}"));
        config.options(options);
        let roots = roots(ca.unwrap_or_default())?;
        refuse_open_link(&config, &roots)?;
        let tls = rustls::ClientConfig::builder().with_root_certificates(roots);
        let tls = match identity {
            None => tls.with_no_client_auth(),
            Some(own) => tls.with_client_auth_cert(own.chain.clone(), own.key.clone_key()).map_err(|error| {
                StoreError::Unusable(format!("the certificate for PostgreSQL can't be used: {error}"))
            })?,
        };
        let mut wires = Wires::new(&config, tokio_postgres_rustls::MakeRustlsConnect::new(tls));
        wires.watch_over_servers();
        let pool = Pool::builder(wires)
            .max_size(connections.max(1))
            .wait_timeout(Some(WAIT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Unusable(error.to_string()))?;
        let (units, queue) = mpsc::unbounded_channel();
        let engine =
            Engine { pool, reads: Arc::default(), look_ups: Arc::default(), texts: Arc::default(), units: None };
        drop(engine.client().await?);
        tokio::spawn(engine.clone().write_units(queue));
        Ok(Engine { units: Some(units), ..engine })
    }

    /// How its connections are used.
    pub(super) fn pool_state(&self) -> PoolState {
        let status = self.pool.status();
        let shared = self.reads.open();
        PoolState { open: status.size + shared, idle: status.available, wanted: status.waiting }
    }

    async fn client(&self) -> Result<Object<Wires>, StoreError> {
        self.pool.get().await.map_err(available)
    }

    pub(super) async fn begin(&self) -> Result<Write, StoreError> {
        self.begin_as("BEGIN").await
    }

    /// Reads of one instant: what others write meanwhile is not seen, and nobody waits.
    pub(super) async fn snapshot(&self) -> Result<Write, StoreError> {
        self.begin_as("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    async fn begin_as(&self, begin: &str) -> Result<Write, StoreError> {
        let client = self.client().await?;
        in_time(&client, client.ask(client.batch_execute(begin))).await?;
        Ok(Write::of(client, &self.texts))
    }

    /// Has the server look at every table of the schema again.
    pub(super) async fn analyze(&self) -> Result<(), StoreError> {
        let client = self.client().await?;
        let tables = client.ask(client.query(TABLES, &[])).await?;
        let names = tables.iter().map(|row| row.try_get::<_, String>(0)).collect::<Result<Vec<_>, _>>();
        let names = names.map_err(|error| translate(&error))?;
        if names.is_empty() {
            return Ok(());
        }
        client.ask(client.batch_execute(&format!("ANALYZE {}", names.join(", ")))).await
    }

    /// A read on its own goes over a connection that others read over at the same time.
    pub(super) async fn rows(&self, bound: &Bound<'_>) -> Result<Vec<Row>, StoreError> {
        let wire = self.reads.wire(&self.pool).await?;
        rows(&wire, &self.texts, bound).await
    }
}

/// Why there is no connection.
/// Gives way as long as others come along to wait, up to so many: a statement or a commit for more of them costs less.
async fn let_others(most: usize, waiting: impl Fn() -> usize) {
    let mut before = 0;
    loop {
        tokio::task::yield_now().await;
        let now = waiting();
        if now <= before || now >= most {
            return;
        }
        before = now;
    }
}

fn available(error: PoolError<StoreError>) -> StoreError {
    match error {
        PoolError::Backend(error) => error,
        other => StoreError::Unavailable(other.to_string()),
    }
}

/// Waits for an answer as long as one statement may take.
async fn in_time<T>(client: &Wire, answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(STATEMENT, answer).await.unwrap_or_else(|_| {
        client.distrust();
        Err(StoreError::Unavailable("the server did not answer a statement in time".into()))
    })
}

/// The authorities of this PEM text.
fn roots(pem: &str) -> Result<RootCertStore, StoreError> {
    let unreadable = || StoreError::Unusable("the PEM of the server's authority can't be read".into());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.map_err(|_| unreadable())?).map_err(|_| unreadable())?;
    }
    Ok(roots)
}

/// Passwords and customers' data cross this link: beyond this machine only under TLS, with a server whose name and
/// authority are checked.
fn refuse_open_link(config: &Config, roots: &RootCertStore) -> Result<(), StoreError> {
    let named_here = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        Host::Unix(_) => true,
    });
    let is_here = named_here && config.get_hostaddrs().iter().all(IpAddr::is_loopback);
    if is_here {
        return Ok(());
    }
    let refused = |reason: &str| Err(StoreError::Unusable(reason.to_owned()));
    if config.get_ssl_mode() != SslMode::Require {
        return refused("the PostgreSQL server is on another machine: add sslmode=require to its URL");
    }
    if roots.is_empty() {
        return refused(
            "the PostgreSQL server is on another machine: name the PEM file of the authority that issued its \
             certificate, or nobody knows whom the password goes to",
        );
    }
    Ok(())
}

/// Statements with `?1` rewritten to `$1`, each once.
#[derive(Default)]
struct Texts {
    own: Kept<Arc<str>>,
    look_ups: Kept<Arc<str>>,
    inserts: Kept<Option<Arc<str>>>,
}

/// What was made of a statement.
#[derive(Default)]
struct Kept<T>(RwLock<HashMap<&'static str, T>>);

impl Texts {
    fn of(&self, sql: &'static str) -> Arc<str> {
        self.own.get(sql, || numbered(sql))
    }

    /// [`many::look_up`] for lists of values of these types.
    fn look_up(&self, sql: &'static str, types: &[Type]) -> Arc<str> {
        self.look_ups.get(sql, || numbered(&many::look_up(sql, types)))
    }

    /// [`many::insert`] for lists of values of these types.
    fn insert(&self, sql: &'static str, types: &[Type]) -> Option<Arc<str>> {
        self.inserts.get(sql, || many::insert(sql, types).as_deref().map(numbered))
    }
}

impl<T: Clone> Kept<T> {
    fn get(&self, sql: &'static str, make: impl FnOnce() -> T) -> T {
        if let Some(made) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(sql) {
            return made.clone();
        }
        let made = make();
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(sql, made.clone());
        made
    }
}

fn numbered(sql: &str) -> Arc<str> {
    sql.replace('?', "$").into()
}

/// A write transaction: a connection between `BEGIN` and `COMMIT`.
pub(super) struct Write {
    client: Option<Box<Object<Wires>>>,
    texts: Arc<Texts>,
    /// Whether a statement failed: the server then takes `COMMIT` for a rollback, without a word.
    failed: bool,
}

impl Write {
    fn of(client: Object<Wires>, texts: &Arc<Texts>) -> Write {
        Write { client: Some(Box::new(client)), texts: Arc::clone(texts), failed: false }
    }

    fn client(&self) -> Result<&Object<Wires>, StoreError> {
        self.client.as_deref().ok_or_else(|| StoreError::Statement("the transaction is over".into()))
    }

    pub(super) async fn rows(&mut self, bound: &Bound<'_>) -> Result<Vec<Row>, StoreError> {
        let read = rows(self.client()?, &self.texts, bound).await;
        self.failed |= read.is_err();
        read
    }

    pub(super) async fn each_row<E: From<StoreError>>(
        &self,
        sql: &str,
        take: &mut (dyn FnMut(&[Value]) -> Result<(), E> + Send),
    ) -> Result<(), E> {
        let failed = |error| translate(&error);
        let none: [&Param<'_>; 0] = [];
        let mut rows = pin!(self.client()?.query_raw(sql, none).await.map_err(failed)?);
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            take(&read(&row)?.0)?;
        }
        Ok(())
    }

    pub(super) async fn execute(&mut self, bound: &Bound<'_>) -> Result<u64, StoreError> {
        let client = self.client()?;
        let changed = in_time(client, async {
            let statement = client.ask(client.prepare_cached(&self.texts.of(bound.sql))).await?;
            client.ask(client.execute_raw(&statement, bound.values())).await
        });
        let changed = changed.await;
        self.failed |= changed.is_err();
        changed
    }

    /// Sends many of them before it waits for the first answer.
    pub(super) async fn execute_each(&mut self, all: &[Bound<'_>]) -> Result<(), StoreError> {
        let Some(first) = all.first() else { return Ok(()) };
        for some in all.chunks(SENT_TOGETHER) {
            let client = self.client()?;
            let done = in_time(client, async {
                let statement = client.ask(client.prepare_cached(&self.texts.of(first.sql))).await?;
                let sent = some.iter().map(|bound| client.ask(client.execute_raw(&statement, bound.values())));
                sent.collect::<FuturesOrdered<_>>().try_collect::<Vec<u64>>().await
            });
            let done = done.await;
            self.failed |= done.is_err();
            done?;
        }
        Ok(())
    }

    pub(super) async fn define(&mut self, sql: &str) -> Result<(), StoreError> {
        let client = self.client()?;
        let defined = client.ask(client.batch_execute(&super::super::migrate::for_postgres(sql))).await;
        self.failed |= defined.is_err();
        defined
    }

    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::Unavailable("a statement of the transaction failed".into()));
        }
        let client = self.client.take().ok_or_else(|| StoreError::Statement("the transaction is over".into()))?;
        let mut sent = Sent(Some(Box::pin(async move { client.commit().await })));
        let late = |_| Err(StoreError::Unknown("no answer to the commit in time".into()));
        tokio::time::timeout(COMMIT, std::future::poll_fn(|context| sent.poll(context))).await.unwrap_or_else(late)
    }
}

/// A `COMMIT` under way. If nobody waits for it any more it goes on by itself and keeps its place in the pool, so that no
/// more commits can be waiting for a standby than there are connections.
struct Sent(Option<Commit>);

type Commit = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

impl Sent {
    fn poll(&mut self, context: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), StoreError>> {
        let Some(commit) = &mut self.0 else {
            return std::task::Poll::Ready(Err(StoreError::Statement("the transaction is over".into())));
        };
        let answer = commit.as_mut().poll(context);
        if answer.is_ready() {
            self.0 = None;
        }
        answer
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if let (Some(commit), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(commit);
        }
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        // The connection goes back to the pool only after the rollback, or not at all.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let rolled_back = tokio::time::timeout(ROLLBACK, client.ask(client.batch_execute("ROLLBACK"))).await;
                if !matches!(rolled_back, Ok(Ok(()))) {
                    drop(Object::take(*client));
                }
            });
        } else {
            drop(Object::take(*client));
        }
    }
}

async fn rows(client: &Wire, texts: &Texts, bound: &Bound<'_>) -> Result<Vec<Row>, StoreError> {
    let rows = in_time(client, async {
        let statement = client.ask(client.prepare_cached(&texts.of(bound.sql))).await?;
        client
            .ask(async {
                let stream = client.query_raw(&statement, bound.values()).await?;
                stream.try_collect::<Vec<tokio_postgres::Row>>().await
            })
            .await
    });
    rows.await?.iter().map(read).collect()
}

fn read(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let mut values = Vec::with_capacity(row.len());
    for (column, description) in row.columns().iter().enumerate() {
        let corrupt = |error: tokio_postgres::Error| StoreError::Corrupt { column, found: error.to_string() };
        let value = match *description.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(column).map_err(corrupt)?.map(Value::Int),
            Type::INT4 => row.try_get::<_, Option<i32>>(column).map_err(corrupt)?.map(|n| Value::Int(n.into())),
            Type::TEXT => row.try_get::<_, Option<String>>(column).map_err(corrupt)?.map(Value::Text),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(column).map_err(corrupt)?.map(Value::Bytes),
            ref other => return Err(StoreError::Corrupt { column, found: format!("type {other}") }),
        };
        values.push(value.unwrap_or_default());
    }
    Ok(Row(values))
}

impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Param::Null => Ok(IsNull::Yes),
            Param::Int(number) if *ty == Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
            Param::Int(number) => number.to_sql(ty, out),
            Param::Text(text) => text.as_ref().to_sql(ty, out),
            Param::Bytes(bytes) => bytes.as_ref().to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::INT4, Type::TEXT, Type::BYTEA].contains(ty)
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        if !Self::accepts(ty) {
            return Err(format!("no column of ours has the type {ty}").into());
        }
        self.to_sql(ty, out)
    }
}

impl std::fmt::Debug for Param<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value, not shown")
    }
}

/// A table or a column is gone, or the right to it.
const LACKING: [SqlState; 3] =
    [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_COLUMN, SqlState::INSUFFICIENT_PRIVILEGE];

fn translate(error: &tokio_postgres::Error) -> StoreError {
    match error.code() {
        Some(code) if *code == SqlState::UNIQUE_VIOLATION => StoreError::Taken,
        Some(code) if [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code) => {
            StoreError::Conflict(describe(error))
        }
        Some(code) if LACKING.contains(code) => StoreError::Unusable(describe(error)),
        Some(code) if code.code().starts_with("42") || code.code().starts_with("22") => {
            StoreError::Statement(describe(error))
        }
        Some(_) | None => StoreError::Unavailable(describe(error)),
    }
}

/// The server's words without the values in its detail.
fn describe(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |db| format!("{} ({})", db.message(), db.code().code()))
}
