//! 取込: bank files into the embedded ledger, everything of a run or nothing.
//!
//! A run holds the institution's import lease, so no other run is under way. Each of its files is read twice. The first
//! reading ([`survey`]) checks the whole file and decides for each account what is new; the second ([`posting`]) writes
//! the new entries in small transactions. Nobody sees them: they lie beyond their account's last entry in force. Later
//! files of the run are read against what earlier ones brought. Then one transaction ([`finish`]) puts everything in
//! force, together with the records of the imports and the audit trail.
//!
//! Whatever goes wrong before that transaction leaves the accounts as they were. What a refused run has written it
//! removes; what an interrupted one has written the next run removes.

mod account;
mod correction;
mod failure;
mod finish;
mod lease;
mod posting;
mod report;
mod source;
mod survey;

use std::path::PathBuf;

use renkei_domain::audit::{Action, Actor, Outcome, Record};
use renkei_domain::id::{ImportId, time_ordered};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::{Clock, Timestamp};
use renkei_store::db::to_json;
use renkei_store::imports::{ImportKind, NewImport};
use renkei_store::{Random, Store};

use account::Ledgers;
pub use failure::{Failure, Place, Reason, Refused};
use lease::Lease;
pub use report::{AccountReport, FileReport, Report};
use source::Source;

/// Entries deleted in one transaction when a run is taken back; keeps the writer free for the server in between.
const DISCARD_AT_ONCE: u32 = 2_000;

/// What an import works with.
pub struct Importer<'a> {
    /// The rows.
    pub store: &'a Store,
    /// Whose files they are.
    pub institution: &'a InstitutionCode,
    /// Where the time comes from.
    pub clock: &'a dyn Clock,
    /// Where identifiers come from.
    pub random: &'a dyn Random,
    /// Who answers for it in the audit trail.
    pub operator: &'a str,
    /// Where this runs, in words: what another importer is told while this one is under way.
    pub host: &'a str,
    /// Whether accounts that no customer list has named are made, belonging to nobody yet.
    pub create_accounts: bool,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    /// The file's name.
    pub file: &'a str,
    /// Which reading this is.
    pub pass: Pass,
    /// Records read in this pass.
    pub records: u64,
    /// Bytes read in this pass.
    pub bytes: u64,
    /// The file's length in bytes.
    pub of_bytes: u64,
}

/// One of the two readings of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// The file is checked and compared with the ledger.
    Check,
    /// New entries are written.
    Write,
}

/// Who watches an import.
pub trait Progress: Send {
    /// Is told every so often how far it is.
    fn step(&mut self, step: Step<'_>);
}

impl Importer<'_> {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn new_import_id(&self) -> ImportId {
        ImportId(time_ordered(self.now(), &self.random.bytes()))
    }

    fn record(&self, import: ImportId, outcome: Outcome, detail: String) -> Record {
        let actor = Actor::Operator(self.operator.to_owned());
        Record { outcome, ..Record::done(actor, Action::FileImported).on(import).with(detail) }
    }
}

/// One file of a run, read twice.
struct FileImport {
    id: ImportId,
    report: FileReport,
}

/// What a run has done so far. Nothing of it is in force.
#[derive(Default)]
struct Run {
    ledgers: Ledgers,
    /// Files whose first reading has begun.
    begun: usize,
    /// Files whose first reading has ended well.
    files: Vec<FileImport>,
}

/// Imports statement files (type 03) in the order given: all of them, or none.
///
/// # Errors
/// [`Failure`]. The accounts are then as they were, and the ledger has nothing of any of the files.
pub async fn import_entries(
    at: &Importer<'_>,
    files: &[PathBuf],
    progress: &mut dyn Progress,
) -> Result<Report, Failure> {
    let mut lease = Lease::claim(at).await?;
    let mut run = Run::default();
    match import_all(at, &mut lease, &mut run, files, progress).await {
        Ok(()) => {
            let files = run.files.into_iter().map(|file| file.report).collect();
            Ok(Report { institution: at.institution.clone(), files })
        }
        Err(failure) => {
            if let Err(error) = take_back(at, &mut lease, run, files, &failure).await {
                tracing::warn!(%error, "what the failed import has written is left to the next one to remove");
            }
            Err(failure)
        }
    }
}

async fn import_all(
    at: &Importer<'_>,
    lease: &mut Lease,
    run: &mut Run,
    files: &[PathBuf],
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    remove_leftovers(at, lease).await?;
    for path in files {
        let source = Source::open(path)?;
        run.begun += 1;
        let plan = survey::survey(at, lease, &mut run.ledgers, &source, progress).await?;
        let id = at.new_import_id();
        let report = FileReport::new(id, &source.name, &plan, &run.ledgers)?;
        run.files.push(FileImport { id, report });
        begin(at, lease, id, &source.name, plan.digest).await?;
        posting::post(at, lease, &mut run.ledgers, &source, (id, &plan), progress).await?;
    }
    finish::finish(at, lease, run).await
}

/// Notes that a file's import begins, before its first entry is written.
async fn begin(
    at: &Importer<'_>,
    lease: &mut Lease,
    id: ImportId,
    file_name: &str,
    file_digest: [u8; 32],
) -> Result<(), Failure> {
    let mut tx = at.store.begin(at.institution).await?;
    lease.hold(&mut tx, at).await?;
    let (kind, file_name) = (ImportKind::Entries, file_name.to_owned());
    tx.begin_import(&NewImport { id, kind, file_name, file_digest, begun_at: at.now() }).await?;
    Ok(tx.commit().await?)
}

/// Removes what interrupted runs have written, and closes their records.
async fn remove_leftovers(at: &Importer<'_>, lease: &mut Lease) -> Result<(), Failure> {
    if !at.store.read(at.institution).has_open_imports(ImportKind::Entries).await? {
        return Ok(());
    }
    discard_pending(at, lease).await?;
    let mut tx = at.store.begin(at.institution).await?;
    lease.hold(&mut tx, at).await?;
    let interrupted = tx.end_interrupted_imports(ImportKind::Entries, at.now()).await?;
    tx.commit().await?;
    tracing::info!(interrupted, "removed what interrupted imports had left behind");
    Ok(())
}

/// Removes all entries that are not in force, in small transactions.
async fn discard_pending(at: &Importer<'_>, lease: &mut Lease) -> Result<(), Failure> {
    for account in at.store.read(at.institution).list_pending_accounts().await? {
        loop {
            let mut tx = at.store.begin(at.institution).await?;
            lease.hold(&mut tx, at).await?;
            let removed = tx.discard_pending_entries(account, DISCARD_AT_ONCE).await?;
            tx.commit().await?;
            if removed < u64::from(DISCARD_AT_ONCE) {
                break;
            }
        }
    }
    Ok(())
}

/// Undoes a run that failed: removes its entries, notes why the files were refused, and gives the lease back. Of a run
/// that was overtaken everything is the other's.
async fn take_back(
    at: &Importer<'_>,
    lease: &mut Lease,
    run: Run,
    files: &[PathBuf],
    failure: &Failure,
) -> Result<(), Failure> {
    if matches!(failure, Failure::Overtaken) {
        return Ok(());
    }
    discard_pending(at, lease).await?;
    let mut tx = at.store.begin(at.institution).await?;
    lease.hold(&mut tx, at).await?;
    let mut ids: Vec<ImportId> = run.files.iter().map(|file| file.id).collect();
    if let Some(path) = files.get(ids.len()..run.begun).and_then(<[PathBuf]>::first) {
        let source = Source::open(path)?;
        let (id, kind) = (at.new_import_id(), ImportKind::Entries);
        let (file_name, file_digest) = (source.name.clone(), source.digest()?);
        tx.begin_import(&NewImport { id, kind, file_name, file_digest, begun_at: at.now() }).await?;
        ids.push(id);
    }
    for (position, id) in (1..).zip(ids) {
        // The run stopped at the last file it had begun; the others are refused with it.
        let word = if position == run.begun { failure.word() } else { "other_file" };
        let report = to_json(&serde_json::json!({ "reason": word, "message": failure.to_string() }))?;
        tx.end_import(id, Outcome::Refused, &report, at.now()).await?;
        tx.record(&at.record(id, Outcome::Refused, word.to_owned()), at.now(), at.random).await?;
    }
    lease.release(&mut tx).await?;
    Ok(tx.commit().await?)
}
