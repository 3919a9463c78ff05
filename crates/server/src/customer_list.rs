//! The customer list: which customers, users, certificates and accounts an institution has, as CSV files tell.
//!
//! Each file holds rows of one kind and is known by its header. All files of a run are taken, or none: everything that is
//! wrong is told with file, line and column, and nothing is changed. The same files again change nothing.

mod cells;
mod hashing;
mod rows;
mod sheet;
mod write;

use std::fmt;
use std::path::PathBuf;

use renkei_domain::audit::{Action, Actor, Outcome, Record};
use renkei_domain::id::{ImportId, time_ordered};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use renkei_store::imports::{ImportKind, NewImport};
use renkei_store::{Random, Store, StoreError, Tx};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::keys::{KeyError, Keys, sha256};

pub use sheet::Kind;

/// Most bytes of one file.
pub const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One file of a run. May hold passwords and PINs: overwritten when dropped, never printed.
pub struct ListFile {
    /// How it is called in messages.
    pub name: String,
    /// Where the certificates it names are.
    pub folder: PathBuf,
    /// UTF-8, with or without a byte order mark.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// What is wrong with a row, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The line, from 1; the header is line 1. 0: the file as a whole.
    pub line: u64,
    /// The column by its name; empty for the row as a whole.
    pub column: String,
    /// What is wrong. Never holds what stood in the column.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        if !self.column.is_empty() {
            write!(f, "{}: ", self.column)?;
        }
        f.write_str(&self.reason)
    }
}

/// What became of the rows of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// The file.
    pub file: String,
    /// What its rows are.
    pub kind: Kind,
    /// Rows that brought something new.
    pub added: usize,
    /// Rows that changed something.
    pub changed: usize,
    /// Rows that took a right or a certificate away.
    pub removed: usize,
    /// Rows that say what was there already.
    pub unchanged: usize,
}

impl fmt::Display for FileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FileReport { file, kind, added, changed, removed, unchanged } = self;
        let kind = kind.word();
        write!(f, "{file}: {kind}: {added} added, {changed} changed, {removed} removed, {unchanged} unchanged")
    }
}

/// Why a customer list was not taken. Nothing has changed, but for the record that it was refused.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The files are wrong; everything that is wrong with them.
    #[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Wrong(Vec<Problem>),
    /// There is no such institution.
    #[error("there is no institution {0}; apply a registry that has it first")]
    NoInstitution(InstitutionCode),
    /// Another import wrote the same rows at the same time.
    #[error("another import changed the same rows at the same time; try again")]
    Overtaken,
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
    /// Something was wrong on this side.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<StoreError> for ListError {
    fn from(error: StoreError) -> ListError {
        match error {
            StoreError::Taken => ListError::Overtaken,
            other => ListError::Store(other),
        }
    }
}

impl From<KeyError> for ListError {
    fn from(error: KeyError) -> ListError {
        ListError::Fault(error.into())
    }
}

/// Who imports, for whom, when, and with which keys and chance.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// The rows.
    pub store: &'a Store,
    /// The keys of passwords and PINs.
    pub keys: &'a Keys,
    /// Whose customers they are.
    pub institution: &'a InstitutionCode,
    /// Who answers for it in the audit trail.
    pub operator: &'a str,
    /// The present instant.
    pub now: Timestamp,
    /// Where random bytes come from.
    pub random: &'a dyn Random,
}

/// Takes all files of a run, or none.
///
/// # Errors
/// Any [`ListError`].
pub async fn import(run: Run<'_>, files: &[ListFile]) -> Result<Vec<FileReport>, ListError> {
    if run.store.read(run.institution).find_institution().await?.is_none() {
        return Err(ListError::NoInstitution(run.institution.clone()));
    }
    let outcome = take(run, files).await;
    if let Err(ListError::Wrong(problems)) = &outcome {
        let mut tx = run.store.begin(run.institution).await?;
        let report = serde_json::json!({ "problems": problems.len() }).to_string();
        for file in files {
            note(&mut tx, run, file, Outcome::Refused, &report).await?;
        }
        let detail = format!("customers files={} problems={}", files.len(), problems.len());
        let record = Record::refused(operator(run), Action::FileImported, &detail);
        tx.record(&record, run.now, run.random).await?;
        tx.commit().await?;
    }
    outcome
}

/// Everything that is wrong with the files of a run by themselves. Nothing is taken.
#[must_use]
pub fn check(files: &[ListFile]) -> Vec<Problem> {
    let mut problems = Vec::new();
    rows::read(files, &mut problems);
    problems
}

async fn take(run: Run<'_>, files: &[ListFile]) -> Result<Vec<FileReport>, ListError> {
    let mut problems = Vec::new();
    let lists = rows::read(files, &mut problems);
    fail_if_any(problems)?;
    // Hashing takes longest, so it is done before anybody has to wait for the transaction.
    let hashes = hashing::fresh_hashes(run, &lists.users).await?;
    let mut tx = run.store.begin(run.institution).await?;
    let reports = write::write(&mut tx, run, files, &lists, hashes).await?;
    for (file, report) in files.iter().zip(&reports) {
        let report = serde_json::to_string(report).map_err(|error| Fault::Defect(error.to_string()))?;
        note(&mut tx, run, file, Outcome::Done, &report).await?;
    }
    let total = |count: fn(&FileReport) -> usize| reports.iter().map(count).sum::<usize>();
    let detail = format!(
        "customers files={} added={} changed={} removed={}",
        files.len(),
        total(|report| report.added),
        total(|report| report.changed),
        total(|report| report.removed)
    );
    let record = Record::done(operator(run), Action::FileImported).with(detail);
    tx.record(&record, run.now, run.random).await?;
    tx.commit().await?;
    Ok(reports)
}

fn fail_if_any(problems: Vec<Problem>) -> Result<(), ListError> {
    if problems.is_empty() { Ok(()) } else { Err(ListError::Wrong(problems)) }
}

fn operator(run: Run<'_>) -> Actor {
    Actor::Operator(run.operator.to_owned())
}

/// Keeps which file it was and what became of it.
async fn note(tx: &mut Tx, run: Run<'_>, file: &ListFile, outcome: Outcome, report: &str) -> Result<(), StoreError> {
    let id = ImportId(time_ordered(run.now, &run.random.bytes()));
    let import = NewImport {
        id,
        kind: ImportKind::Customers,
        file_name: file.name.clone(),
        file_digest: sha256(&file.bytes),
        begun_at: run.now,
    };
    tx.begin_import(&import).await?;
    tx.end_import(id, outcome, report, run.now).await.map(|_| ())
}
