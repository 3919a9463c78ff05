//! The first reading: the whole file is checked, and for each account it is decided what is new.

use aws_lc_rs::digest::{Context, SHA256};
use renkei_domain::ledger::{Heading, Line, Misfit, Plan, Survey};
use renkei_domain::time::Day;
use renkei_formats::zengin::statement::{Event, Header, Trailer};

use super::account::{AccountKey, Ledgers};
use super::failure::{Failure, Place, Reason, UNKNOWN_LISTED_MAX};
use super::lease::Lease;
use super::source::{Reading, Source, fingerprint, line};
use super::{Importer, Pass, Progress};

/// What a file will bring.
pub(super) struct FilePlan {
    /// SHA-256 of the file.
    pub digest: [u8; 32],
    /// Records in the file.
    pub records: u64,
    /// Its accounts, in its order.
    pub statements: Vec<StatementPlan>,
}

/// What an account's statement will bring.
pub(super) struct StatementPlan {
    pub key: AccountKey,
    pub plan: Plan,
    /// SHA-256 of its records.
    pub digest: [u8; 32],
    pub from: Day,
    pub to: Day,
    pub made_on: Day,
    pub holder_kana: String,
    /// 取引前残高 and 取引後残高 of the file, in yen.
    pub opening: i64,
    pub closing: i64,
    /// Lines in the file.
    pub lines: i64,
}

/// A statement in the middle of its first reading.
struct Open {
    key: AccountKey,
    header: Box<Header>,
    survey: Survey,
    digest: Context,
}

/// Accounts met that nobody has named.
#[derive(Default)]
struct Unknown {
    count: usize,
    listed: Vec<(u64, String)>,
    first: Option<Place>,
}

/// Reads a file for the first time.
///
/// # Errors
/// [`Failure::Refused`] when the file is not sound, is not for this institution or does not fit the ledger.
pub(super) async fn survey(
    at: &Importer<'_>,
    lease: &mut Lease,
    ledgers: &mut Ledgers,
    source: &Source,
    progress: &mut dyn Progress,
) -> Result<FilePlan, Failure> {
    source.refuse_other_types()?;
    let mut reading = source.read(Pass::Check, at.now().day(), progress)?;
    let mut statements = Vec::new();
    let mut unknown = Unknown::default();
    let mut open: Option<Open> = None;
    while let Some(event) = reading.next()? {
        match (event, open.as_mut()) {
            (Event::Account(header), _) => {
                open = Some(begin(at, ledgers, &mut reading, &mut unknown, header).await?);
            }
            (Event::Line(data), Some(open)) => open.line(&reading, line(*data)),
            (Event::AccountEnd(trailer), Some(_)) => {
                if let Some(closed) = open.take() {
                    statements.push(close(at, ledgers, &mut reading, closed, &trailer).await?);
                }
            }
            (Event::End(_), _) => {}
            (_, None) => return Err(Failure::Defect("the reader gave a line without an account".into())),
        }
        if reading.is_time() {
            lease.keep(at).await?;
        }
    }
    if unknown.count > 0 {
        let Unknown { count, listed, first } = unknown;
        return Err(source.refuse(first, None, Reason::UnknownAccounts { count, listed }));
    }
    let records = reading.record();
    Ok(FilePlan { digest: reading.finish(), records, statements })
}

/// Begins a statement: whose it is, how the account stands, and which of its days' lines the ledger has.
async fn begin(
    at: &Importer<'_>,
    ledgers: &mut Ledgers,
    reading: &mut Reading<'_>,
    unknown: &mut Unknown,
    header: Box<Header>,
) -> Result<Open, Failure> {
    let record = reading.record();
    if header.institution_code != at.institution.as_str() {
        let place = reading.place(record, "銀行コード", 23);
        let (found, expected) = (header.institution_code, at.institution.clone());
        return Err(reading.refuse(Some(place), None, Reason::OtherInstitution { found, expected }));
    }
    let key = AccountKey::of(&header)?;
    let (from, to) = (Day(header.from), Day(header.to));
    let ledger = ledgers.find_or_new(at, &key).await?;
    let is_new = ledger.is_new;
    let standing = ledger.standing(at, from).await?;
    let known = ledger.known_lines(at, (from, to)).await?.map_err(|_| {
        let place = reading.place(record, "勘定日(自)", 11);
        reading.refuse(Some(place), Some(key.to_string()), Reason::TooManyKnown)
    })?;
    if is_new && !at.create_accounts {
        unknown.add(reading.place(record, "口座番号", 64), &key);
    } else if is_new && !ledgers.has_branch(at, &key.branch).await? {
        let place = reading.place(record, "支店コード", 42);
        return Err(reading.refuse(Some(place), None, Reason::UnknownBranch(key.branch.to_string())));
    }
    let heading = Heading { record, from, to, opening: header.balance_before };
    let mut digest = Context::new(&SHA256);
    digest.update(reading.record_bytes());
    Ok(Open { key, header, survey: Survey::begin(heading, standing, known), digest })
}

impl Open {
    fn line(&mut self, reading: &Reading<'_>, line: renkei_domain::statement::StatementLine) {
        self.digest.update(reading.record_bytes());
        let (fingerprint, signed_amount) = (fingerprint(&line), line.signed_amount());
        self.survey.line(Line { record: reading.record(), fingerprint, booked_on: line.booked_on, signed_amount });
    }
}

/// Ends a statement: it fits the ledger, or the file is refused.
async fn close(
    at: &Importer<'_>,
    ledgers: &Ledgers,
    reading: &mut Reading<'_>,
    open: Open,
    trailer: &Trailer,
) -> Result<StatementPlan, Failure> {
    let Open { key, header, survey, digest: mut context } = open;
    context.update(reading.record_bytes());
    let mut digest = [0; 32];
    digest.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    let imported_before = ledgers.get(&key)?.has_statement(at, &digest).await?;
    let plan = survey.finish(trailer.balance_after, imported_before).map_err(|misfit| {
        let (item, position) = item_of(&misfit);
        let place = reading.place(misfit.record(), item, position);
        reading.refuse(Some(place), Some(key.to_string()), Reason::Misfit(misfit))
    })?;
    Ok(StatementPlan {
        key,
        plan,
        digest,
        from: Day(header.from),
        to: Day(header.to),
        made_on: Day(header.made_on),
        holder_kana: header.holder.as_stored().to_owned(),
        opening: header.balance_before,
        closing: trailer.balance_after,
        lines: trailer.lines,
    })
}

impl Unknown {
    fn add(&mut self, place: Place, key: &AccountKey) {
        self.count += 1;
        self.first.get_or_insert(place);
        if self.listed.len() < UNKNOWN_LISTED_MAX {
            self.listed.push((place.record, key.to_string()));
        }
    }
}

/// The item a misfit is about, and its position in its record.
const fn item_of(misfit: &Misfit) -> (&'static str, u64) {
    match misfit {
        Misfit::Gap { .. } | Misfit::OpeningDiffers { .. } | Misfit::ClosingDiffers { .. } => ("取引前残高", 116),
        Misfit::EntriesMissing { .. } => ("勘定日(自)", 11),
        Misfit::BeforeLastEntry { .. } | Misfit::BeforeLedger { .. } => ("勘定日", 10),
    }
}
