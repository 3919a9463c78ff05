//! The second reading: the new lines are written, in small transactions, where nobody sees them yet.

use renkei_domain::id::{AccountId, ImportId};
use renkei_domain::ledger::{KnownLines, Posted, Posting, Reading as Way};
use renkei_domain::statement::{Direction, EntryKind, Fingerprint, StatementLine};
use renkei_domain::time::Day;
use renkei_formats::zengin::statement::Event;
use renkei_store::ledger_import::{NewEntry, NewStatement};

use super::account::Ledgers;
use super::correction::Tracer;
use super::failure::{Failure, Reason};
use super::lease::Lease;
use super::source::{Reading, Source, fingerprint, line};
use super::survey::{FilePlan, StatementPlan};
use super::{Importer, Pass, Progress};
use crate::ledger::entry::{self, EntryBody};

/// Entries written in one transaction: some ten milliseconds on SQLite, so that the server, which waits for the same
/// writer, hardly notices an import.
const ENTRIES_AT_ONCE: usize = 500;

/// Entries on their way into the store.
struct Writer<'a> {
    at: &'a Importer<'a>,
    lease: &'a mut Lease,
    import: ImportId,
    /// In the order of the file; those of one account together.
    waiting: Vec<(AccountId, Vec<NewEntry>)>,
    count: usize,
}

/// A statement in the middle of its second reading.
struct Open<'a> {
    plan: &'a StatementPlan,
    account: AccountId,
    posting: Posting,
    tracer: Tracer,
    last_booked_on: Option<Day>,
}

/// Reads a file for the second time and writes what is new.
///
/// # Errors
/// [`Failure::Refused`] when the file is not what it was.
pub(super) async fn post(
    at: &Importer<'_>,
    lease: &mut Lease,
    ledgers: &mut Ledgers,
    source: &Source,
    (import, file): (ImportId, &FilePlan),
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    let mut reading = source.read(Pass::Write, at.now().day(), progress)?;
    let mut writer = Writer { at, lease, import, waiting: Vec::new(), count: 0 };
    let mut plans = file.statements.iter();
    let mut open: Option<Open<'_>> = None;
    while let Some(event) = reading.next()? {
        match (event, open.as_mut()) {
            (Event::Account(_), _) => {
                let plan = plans.next().ok_or_else(|| changed(&reading))?;
                open = Some(begin(at, ledgers, plan).await?);
            }
            (Event::Line(data), Some(open)) => writer.line(open, line(*data)).await?,
            (Event::AccountEnd(_), Some(_)) => {
                if let Some(closed) = open.take() {
                    close(ledgers, &reading, import, closed)?;
                }
            }
            (Event::End(_), _) => {}
            (_, None) => return Err(Failure::Defect("the reader gave a line without an account".into())),
        }
        if reading.is_time() {
            writer.lease.keep(at).await?;
        }
    }
    writer.flush().await?;
    if reading.finish() != file.digest {
        return Err(source.refuse(None, None, Reason::Changed));
    }
    Ok(())
}

async fn begin<'a>(at: &Importer<'_>, ledgers: &Ledgers, plan: &'a StatementPlan) -> Result<Open<'a>, Failure> {
    let ledger = ledgers.get(&plan.key)?;
    let known = match plan.plan.reading {
        Way::FullDays => ledger.known_lines(at, (plan.from, plan.to)).await?,
        Way::ImportedBefore | Way::First | Way::Continuation => Ok(KnownLines::default()),
    };
    let known = known.map_err(|_| Failure::Defect("the ledger grew while it was imported to".into()))?;
    let posting = Posting::begin(plan.plan, known);
    Ok(Open { plan, account: ledger.id, posting, tracer: Tracer::default(), last_booked_on: None })
}

fn close(ledgers: &mut Ledgers, reading: &Reading<'_>, import: ImportId, open: Open<'_>) -> Result<(), Failure> {
    let Open { plan, account, posting, last_booked_on, .. } = open;
    posting.finish().map_err(|_| changed(reading))?;
    let statement = NewStatement {
        account,
        digest: plan.digest,
        import,
        from_on: plan.from,
        until_on: plan.to,
        added: plan.plan.new_lines,
    };
    ledgers.get_mut(&plan.key)?.take_in(plan, last_booked_on, statement);
    Ok(())
}

fn changed(reading: &Reading<'_>) -> Failure {
    reading.refuse(None, None, Reason::Changed)
}

impl Writer<'_> {
    /// Writes a line if it is new.
    async fn line(&mut self, open: &mut Open<'_>, line: StatementLine) -> Result<(), Failure> {
        let fingerprint = fingerprint(&line);
        let Some(posted) = open.posting.line(fingerprint, line.signed_amount()) else {
            return Ok(());
        };
        open.last_booked_on = open.last_booked_on.max(Some(line.booked_on));
        let mut corrects = None;
        if line.kind == Some(EntryKind::Correction) {
            let waiting = self.waiting_of(open.account);
            corrects = open.tracer.trace(self.at, (open.account, posted.seq), &line, waiting).await?;
        }
        let place =
            entry::Place { account: open.account, seq: posted.seq, balance_after: posted.balance_after, corrects };
        let entry = new_entry(posted, fingerprint, &line, &EntryBody::new(&place, &line))?;
        match self.waiting.last_mut() {
            Some((account, entries)) if *account == open.account => entries.push(entry),
            _ => self.waiting.push((open.account, vec![entry])),
        }
        self.count += 1;
        if self.count >= ENTRIES_AT_ONCE {
            self.flush().await?;
        }
        Ok(())
    }

    /// The account's entries that wait. They stand last, because files hold accounts one after another.
    fn waiting_of(&self, account: AccountId) -> &[NewEntry] {
        match self.waiting.last() {
            Some((last, entries)) if *last == account => entries,
            _ => &[],
        }
    }

    /// Writes what waits, in one transaction.
    async fn flush(&mut self) -> Result<(), Failure> {
        if self.count == 0 {
            return Ok(());
        }
        let mut tx = self.at.store.begin(self.at.institution).await?;
        self.lease.hold(&mut tx, self.at).await?;
        tx.add_entries(self.import, &self.waiting).await?;
        tx.commit().await?;
        self.waiting.clear();
        self.count = 0;
        Ok(())
    }
}

fn new_entry(
    posted: Posted,
    fingerprint: Fingerprint,
    line: &StatementLine,
    body: &EntryBody,
) -> Result<NewEntry, Failure> {
    let (credit, debit) = match line.direction {
        Direction::Credit => (line.amount, 0),
        Direction::Debit => (0, line.amount),
    };
    Ok(NewEntry {
        seq: posted.seq,
        booked_on: line.booked_on,
        credit,
        debit,
        balance_after: posted.balance_after,
        fingerprint,
        body: body.to_json().map_err(|error| Failure::Defect(error.to_string()))?,
    })
}
