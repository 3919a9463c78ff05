//! A file to be imported: opened, recognised, read record by record, and turned into lines.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use renkei_domain::statement::{BillKind, Direction, EntryKind, Fingerprint, StatementLine};
use renkei_domain::time::Day;
use renkei_formats::refusal::ReadError;
use renkei_formats::zengin;
use renkei_formats::zengin::statement::{Data, Event, StatementReader};

use super::failure::{Failure, Place, Reason, Refused};
use super::{Pass, Progress, Step};
use crate::keys::sha256;

/// Bytes read from the file at once.
const READ_BYTES: usize = 256 * 1024;
/// The longest file, looked at before it is read: as many records as one may have, with their line ends.
const FILE_BYTES_MAX: u64 = 20_000_000 * 202;
/// Records after which whoever watches is told.
const RECORDS_PER_STEP: u64 = 4_096;
/// The first bytes of other types' files, with their names.
const OTHER_TYPES: [(&[u8], &str, &str); 3] = [
    (b"101", "振込入金通知（種別01）", "a notice of incoming transfers (type 01)"),
    (b"104", "残高通知（種別04）", "a balance notice (type 04)"),
    (b"\"", "ANSER CSV", "an ANSER CSV"),
];

/// A file to be imported.
pub(super) struct Source {
    path: PathBuf,
    /// Its name without its folder.
    pub name: String,
    bytes: u64,
}

impl Source {
    /// Looks at the file; it must be a regular one, because it is read twice.
    pub fn open(path: &Path) -> Result<Source, Failure> {
        let unreadable = |reason: String| Failure::Unreadable { file: path.display().to_string(), reason };
        let about = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
        if !about.is_file() {
            return Err(unreadable("not a regular file; a file is read twice".into()));
        }
        if about.len() > FILE_BYTES_MAX {
            return Err(unreadable(format!("it is longer than {FILE_BYTES_MAX} bytes")));
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Source { path: path.to_owned(), name, bytes: about.len() })
    }

    /// SHA-256 of the file.
    pub fn digest(&self) -> Result<[u8; 32], Failure> {
        let mut file = self.digesting()?;
        io::copy(&mut file, &mut io::sink()).map_err(|error| self.unreadable(&error))?;
        Ok(file.digest.take())
    }

    /// Refuses a file of a type that other commands read.
    pub fn refuse_other_types(&self) -> Result<(), Failure> {
        let mut first = Vec::new();
        let file = File::open(&self.path).map_err(|error| self.unreadable(&error))?;
        file.take(3).read_to_end(&mut first).map_err(|error| self.unreadable(&error))?;
        match OTHER_TYPES.iter().find(|(bytes, ..)| first.starts_with(bytes)) {
            Some((_, japanese, english)) => Err(self.refuse(None, None, Reason::OtherType(japanese, english))),
            None => Ok(()),
        }
    }

    /// Begins a reading.
    pub fn read<'a>(&'a self, pass: Pass, today: Day, progress: &'a mut dyn Progress) -> Result<Reading<'a>, Failure> {
        let input = self.digesting()?;
        let digest = input.digest.clone();
        let reader = StatementReader::new(BufReader::with_capacity(READ_BYTES, input), today.0);
        Ok(Reading { source: self, pass, reader, digest, progress })
    }

    /// The refusal of this file.
    pub fn refuse(&self, place: Option<Place>, account: Option<String>, reason: Reason) -> Failure {
        Failure::Refused(Box::new(Refused { file: self.name.clone(), place, account, reason }))
    }

    fn digesting(&self) -> Result<Digesting, Failure> {
        let input = File::open(&self.path).map_err(|error| self.unreadable(&error))?;
        Ok(Digesting { input, digest: Digest(Arc::new(Mutex::new(Context::new(&SHA256)))) })
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        Failure::Unreadable { file: self.path.display().to_string(), reason: error.to_string() }
    }
}

/// One reading of a file.
pub(super) struct Reading<'a> {
    source: &'a Source,
    pass: Pass,
    reader: StatementReader<BufReader<Digesting>>,
    digest: Digest,
    progress: &'a mut dyn Progress,
}

impl Reading<'_> {
    /// The next event; `None` at the end of the file.
    pub fn next(&mut self) -> Result<Option<Event>, Failure> {
        let event = self.reader.next_event().map_err(|error| match error {
            ReadError::Refused(refusal) => self.source.refuse(None, None, Reason::Unsound(refusal)),
            ReadError::Io { source, .. } => self.source.unreadable(&source),
        })?;
        if self.is_time() || matches!(event, Some(Event::End(_))) {
            let file = &self.source.name;
            let (records, bytes) = (self.reader.record_number(), self.bytes_read());
            self.progress.step(Step { file, pass: self.pass, records, bytes, of_bytes: self.source.bytes });
        }
        Ok(event)
    }

    /// Whether it is time to see to other things than reading.
    pub fn is_time(&self) -> bool {
        self.record().is_multiple_of(RECORDS_PER_STEP)
    }

    /// The record last read, counted from 1.
    pub const fn record(&self) -> u64 {
        self.reader.record_number()
    }

    /// The bytes of that record.
    pub fn record_bytes(&self) -> &[u8] {
        self.reader.record_bytes()
    }

    /// The place of an item in the record last read or one before it; `at` is the item's position in the record's
    /// layout, counted from 1. Records are equally long, line breaks included.
    pub fn place(&self, record: u64, item: &'static str, at: u64) -> Place {
        let width = match self.record() {
            0 | 1 => 0,
            read => self.reader.record_offset() / (read - 1),
        };
        Place { record, offset: (record.saturating_sub(1)) * width + at.saturating_sub(1), item }
    }

    /// The refusal of the file being read.
    pub fn refuse(&self, place: Option<Place>, account: Option<String>, reason: Reason) -> Failure {
        self.source.refuse(place, account, reason)
    }

    /// SHA-256 of the file, after its end.
    pub fn finish(self) -> [u8; 32] {
        self.digest.take()
    }

    fn bytes_read(&self) -> u64 {
        // A record's end is where the next one would begin, give or take its line break.
        (self.reader.record_offset() + self.record_bytes().len() as u64).min(self.source.bytes)
    }
}

/// A digest that a reader feeds while somebody else waits for it.
#[derive(Clone)]
struct Digest(Arc<Mutex<Context>>);

impl Digest {
    fn update(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).update(bytes);
    }

    fn take(&self) -> [u8; 32] {
        let context = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut digest = [0; 32];
        digest.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
        digest
    }
}

/// A file that is digested as it is read.
struct Digesting {
    input: File,
    digest: Digest,
}

impl Read for Digesting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.input.read(buffer)?;
        self.digest.update(buffer.get(..bytes).unwrap_or_default());
        Ok(bytes)
    }
}

/// By which a line is known when it comes again.
pub(super) fn fingerprint(line: &StatementLine) -> Fingerprint {
    Fingerprint::from_sha256(&sha256(&line.identity()))
}

/// The ledger's line for a file's.
pub(super) fn line(data: Data) -> StatementLine {
    StatementLine {
        inquiry_number: data.inquiry_number,
        booked_on: Day(data.booked_on),
        value_on: Day(data.value_on),
        direction: match data.direction {
            zengin::Direction::Credit => Direction::Credit,
            zengin::Direction::Debit => Direction::Debit,
        },
        kind: data.entry_kind.map(entry_kind),
        amount: data.amount,
        uncleared: data.uncleared,
        presented_on: data.presented_on.map(Day),
        returned_on: data.returned_on.map(Day),
        bill_kind: data.bill_kind.map(|kind| match kind {
            zengin::BillKind::Cheque => BillKind::Cheque,
            zengin::BillKind::PromissoryNote => BillKind::PromissoryNote,
            zengin::BillKind::BillOfExchange => BillKind::BillOfExchange,
        }),
        bill_number: data.bill_number,
        other_branch: data.other_branch,
        remitter_code: data.remitter_code,
        party: data.party.as_stored().to_owned(),
        bank_name: data.bank_name.as_stored().to_owned(),
        branch_name: data.branch_name.as_stored().to_owned(),
        description: data.description.as_stored().to_owned(),
        edi: data.edi.as_stored().to_owned(),
    }
}

const fn entry_kind(kind: zengin::EntryKind) -> EntryKind {
    match kind {
        zengin::EntryKind::Cash => EntryKind::Cash,
        zengin::EntryKind::Transfer => EntryKind::Transfer,
        zengin::EntryKind::OtherOffice => EntryKind::OtherOffice,
        zengin::EntryKind::Clearing => EntryKind::Clearing,
        zengin::EntryKind::BookTransfer => EntryKind::BookTransfer,
        zengin::EntryKind::Continued => EntryKind::Continued,
        zengin::EntryKind::Other => EntryKind::Other,
        zengin::EntryKind::Correction => EntryKind::Correction,
    }
}
