//! How fast statements are taken in, and with how much memory.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use jiff::ToSpan;
use jiff::civil::{Date, date};
use renkei_formats::zengin::statement::{Data, Header, StatementWriter};
use renkei_formats::zengin::{AccountType, Direction, EntryKind, LineBreaks, Text};

use crate::cpu::{self, Clocks};
use crate::stage::{Engine, INSTITUTION, Stage};
use crate::{Problem, load};

/// Lines of each account.
const LINES_EACH: usize = 1_000;
/// The first day of all statements.
const FIRST: Date = date(2026, 7, 1);
/// Lines of an account on a day.
const LINES_A_DAY: usize = 11;
/// Account numbers from here on are none of the demo's.
const FIRST_NUMBER: usize = 8_000_000;
/// Between two looks at the process.
const LOOK: Duration = Duration::from_millis(50);

/// What `renkei-bench import` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The engine
    #[arg(long, value_enum, default_value = "sqlite")]
    engine: Engine,
    /// Lines of statements, a thousand for each account
    #[arg(long, default_value_t = 1_000_000)]
    records: usize,
    /// Where data folders are made
    #[arg(long, value_name = "DIR", default_value = "/tmp")]
    folder: PathBuf,
}

/// Writes a file, takes it in, and once more.
///
/// # Errors
/// When anything does not go as it should.
pub fn run(args: &Args) -> Result<(), Problem> {
    let stage = Stage::set(args.engine, &args.folder)?;
    let folder = tempfile::Builder::new().prefix("renkei-bench-").tempdir_in(&args.folder)?;
    let file = folder.path().join("statements.txt");
    write(&file, &stage.branch()?, args.records / LINES_EACH)?;
    println!("{}: {} records, {} MiB", args.engine.name(), args.records, std::fs::metadata(&file)?.len() >> 20);
    for what in ["taken in", "again, nothing new"] {
        take_in(&stage, &file, what, args.records)?;
    }
    Ok(())
}

fn take_in(stage: &Stage, file: &Path, what: &str, records: usize) -> Result<(), Problem> {
    let mut command = stage.command(&["import", "entries", "--create-accounts", "--institution", INSTITUTION])?;
    command.arg(file);
    let database = stage.database();
    let before = load::Meter { server: 0, threads: None, database, at_rest: load::Rest::default() }.read();
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn()?;
    let (mut peak, mut used) = (0.0, Duration::ZERO);
    let status = loop {
        // Both only grow, so the last look before the end is nearly all of it.
        peak = cpu::peak_mib(child.id()).unwrap_or(peak);
        used = used.max(Clocks::read(&[child.id()]).since(&Clocks::default()));
        match child.try_wait()? {
            Some(status) => break status,
            None => std::thread::sleep(LOOK),
        }
    };
    let took = begun.elapsed().as_secs_f64();
    let database = load::Meter { server: 0, threads: None, database, at_rest: load::Rest::default() }
        .read()
        .database_since(&before);
    if !status.success() {
        return Err("the import failed".into());
    }
    println!(
        "  {what:<20}{took:>8.1} s, {:.0} records a second; processor time {:.1} s, of the database {:.1} s; at most {peak:.0} \
         MiB resident",
        records as f64 / took,
        used.as_secs_f64(),
        database.as_secs_f64(),
    );
    Ok(())
}

fn write(path: &Path, branch: &str, accounts: usize) -> Result<(), Problem> {
    let mut writer = StatementWriter::new(BufWriter::new(File::create(path)?), LineBreaks::None);
    let last = FIRST.checked_add(i64::try_from(LINES_EACH / LINES_A_DAY)?.days())?;
    let lines = lines()?;
    for account in 0..accounts {
        let header = Header {
            made_on: last.tomorrow()?,
            from: FIRST,
            to: last,
            institution_code: INSTITUTION.to_owned(),
            institution_name: Text::new("ｹｲｿｸｷﾝｺ"),
            branch_code: branch.to_owned(),
            account_type: AccountType::Ordinary,
            account_number: format!("{:07}", FIRST_NUMBER + account),
            holder: Text::new("ｿｸﾃｲｼﾖｳｶｲ"),
            balance_before: 1_000_000,
            ..Header::default()
        };
        writer.account(&header, &lines)?;
    }
    writer.finish()?;
    Ok(())
}

fn lines() -> Result<Vec<Data>, Problem> {
    let mut lines = Vec::with_capacity(LINES_EACH);
    for number in 0..LINES_EACH {
        let booked_on = FIRST.checked_add(i64::try_from(number / LINES_A_DAY)?.days())?;
        let is_credit = number % 3 != 0;
        lines.push(Data {
            inquiry_number: Some(format!("{number:08}")),
            booked_on,
            value_on: booked_on,
            direction: if is_credit { Direction::Credit } else { Direction::Debit },
            entry_kind: Some(if is_credit { EntryKind::Transfer } else { EntryKind::BookTransfer }),
            amount: 1_000 + i64::try_from(number)?,
            party: Text::new(if is_credit { "ﾕ)ﾜｶﾊﾞﾌﾞﾂｻﾝ" } else { "" }),
            bank_name: Text::new(if is_credit { "ﾐﾂﾊﾞ" } else { "" }),
            branch_name: Text::new(if is_credit { "ﾆﾎﾝﾊﾞｼ" } else { "" }),
            description: Text::new(if is_credit { "ﾌﾘｺﾐ" } else { "ﾃﾞﾝｷﾘﾖｳ" }),
            ..Data::default()
        });
    }
    Ok(lines)
}
