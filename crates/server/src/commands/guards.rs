//! `renkei guards` and `renkei unlock`: which logins and inquiry PINs were guessed at, and opening them again.

use std::collections::HashMap;

use renkei_domain::account::{AccountNumber, AccountType, BranchCode};
use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::customer::fold_login_id;
use renkei_domain::institution::InstitutionCode;
use renkei_store::Session;
use renkei_store::guards::{CountedGuard, Subject};
use serde::Serialize;

use super::CommandError;
use super::data::{Data, DataArgs};
use super::output::say;
use crate::texts::check_line;

/// Most characters of a reason.
pub(super) const REASON_CHARS_MAX: usize = 200;

/// What `renkei guards` takes.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Whose users and accounts
    #[arg(long, value_name = "CODE")]
    institution: InstitutionCode,
    /// Print them as JSON
    #[arg(long)]
    json: bool,
}

/// What `renkei unlock` takes.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["login_id", "account"])))]
pub struct UnlockArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Whose user or account
    #[arg(long, value_name = "CODE")]
    institution: InstitutionCode,
    /// Open the login of this user, and the PINs the user tried
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    login_id: Option<String>,
    /// Open the inquiry PIN of this account, such as 001-1-2000002
    #[arg(long, value_name = "BRANCH-TYPE-NUMBER", value_parser = parse_account)]
    account: Option<AccountName>,
    /// Why, for the audit trail: who asked, and how it was made sure who that is
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who answers for it in the audit trail
    #[arg(long, value_name = "NAME", env = "USER", default_value = "unknown")]
    operator: String,
}

/// An account as people write it.
#[derive(Debug, Clone)]
struct AccountName {
    branch: BranchCode,
    kind: AccountType,
    number: AccountNumber,
}

fn parse_account(text: &str) -> Result<AccountName, String> {
    let wrong = || "it must be branch, type and number, such as 001-1-2000002".to_owned();
    let parts: Vec<&str> = text.split('-').collect();
    let [branch, kind, number] = parts.as_slice() else { return Err(wrong()) };
    Ok(AccountName {
        branch: branch.parse().map_err(|_| wrong())?,
        kind: kind.parse::<u8>().ok().and_then(|code| AccountType::try_from(code).ok()).ok_or_else(wrong)?,
        number: number.parse().map_err(|_| wrong())?,
    })
}

/// A guard as the command shows it.
#[derive(Debug, Serialize)]
struct Line {
    /// `login`, `login_device`, `pin`, `pin_user`.
    guard: String,
    /// A login id, or an account as branch-type-number; none for a login id nobody has.
    of: Option<String>,
    failures: u32,
    /// Tries that came while it was locked.
    refused: i64,
    /// RFC 3339; none while another try is taken at once.
    locked_until: Option<String>,
    /// Only `renkei unlock` opens it.
    staff_only: bool,
}

/// Lists what is locked now, and what would be with a few more failures.
///
/// # Errors
/// When the installation or the institution is not there.
pub async fn list(args: ListArgs) -> Result<(), CommandError> {
    let data = args.data.open().await?;
    let mut read = institution(&data, &args.institution).await?;
    let names = login_ids(&data, &mut read).await?;
    let mut lines = Vec::new();
    for guard in read.list_guards().await? {
        lines.push(line(&data, &mut read, &names, guard).await?);
    }
    if args.json {
        let text = serde_json::to_string(&lines).map_err(|error| CommandError::Unavailable(error.to_string()))?;
        say!("{text}");
        return Ok(());
    }
    if lines.is_empty() {
        say!("Nobody has failed since the last success.");
    }
    for line in &lines {
        let of = line.of.as_deref().unwrap_or("(nobody's login id)");
        let until = match (&line.locked_until, line.staff_only) {
            (_, true) => "locked until `renkei unlock`".to_owned(),
            (Some(until), false) => format!("locked until {until}"),
            (None, false) => "open".to_owned(),
        };
        say!("{:<13} {of:<24} failures {:<4} refused {:<6} {until}", line.guard, line.failures, line.refused);
    }
    Ok(())
}

async fn line(
    data: &Data,
    read: &mut Session,
    names: &HashMap<String, String>,
    counted: CountedGuard,
) -> Result<Line, CommandError> {
    let of = match counted.kind.as_str() {
        "pin" => account_name(read, &counted.subject).await?,
        "pin_user" => match counted.subject.parse() {
            Ok(user) => read.find_user(user).await?.map(|user| user.login_id),
            Err(_) => None,
        },
        _ => names.get(counted.subject.split('/').next().unwrap_or_default()).cloned(),
    };
    let until = counted.guard.locked_until.filter(|until| *until > data.clock.now());
    let staff_only = counted.guard.is_staff_only();
    Ok(Line {
        guard: counted.kind,
        of,
        failures: counted.guard.failures,
        refused: counted.refused,
        locked_until: until.filter(|_| !staff_only).map(|until| until.to_rfc3339()),
        staff_only,
    })
}

async fn account_name(read: &mut Session, subject: &str) -> Result<Option<String>, CommandError> {
    let Ok(id) = subject.parse() else { return Ok(None) };
    let account = read.find_account(id).await?;
    Ok(account.map(|account| format!("{}-{}-{}", account.branch, account.kind.code(), account.number)))
}

/// Guards of logins stand under digests, so that nobody's typing is stored; here they get their names back.
async fn login_ids(data: &Data, read: &mut Session) -> Result<HashMap<String, String>, CommandError> {
    let ids = read.list_login_ids().await?;
    Ok(ids.into_iter().map(|id| (data.keys.login_guard(&id), id)).collect())
}

/// Opens a guard, with a record of who did and why.
///
/// # Errors
/// When there is no such account, nothing was counted, or the reason can't be taken.
pub async fn unlock(args: UnlockArgs) -> Result<(), CommandError> {
    check_line(&args.reason, REASON_CHARS_MAX)
        .map_err(|fault| CommandError::Refused(format!("the reason: {fault}")))?;
    let data = args.data.open().await?;
    let mut read = institution(&data, &args.institution).await?;
    let mut tx = data.store.begin(&args.institution).await?;
    let (cleared, of) = match (&args.login_id, &args.account) {
        (Some(typed), _) => {
            let id = fold_login_id(typed)
                .ok_or_else(|| CommandError::Refused(format!("{typed} can be nobody's login id")))?;
            let user = read.find_user_by_login(&id).await?.map(|user| user.id);
            let name = data.keys.login_guard(&id);
            let mut cleared = tx.clear_guard(Subject::Login, &name).await?;
            cleared |= tx.clear_device_guards(&name).await?;
            if let Some(user) = user {
                cleared |= tx.clear_guard(Subject::PinUser, &user.to_string()).await?;
            }
            (cleared, user.map_or_else(|| "login".to_owned(), |user| user.to_string()))
        }
        (None, Some(name)) => {
            let account = read.find_account_by_number(&name.branch, name.kind, &name.number).await?;
            let account = account.ok_or_else(|| CommandError::Refused("there is no such account".into()))?;
            let id = account.id.to_string();
            (tx.clear_guard(Subject::Pin, &id).await?, id)
        }
        (None, None) => return Err(CommandError::Refused("name a login id or an account".into())),
    };
    if !cleared {
        return Err(CommandError::Refused("nothing is counted there, so nothing is locked".into()));
    }
    let record = Record::done(Actor::Operator(args.operator), Action::GuardUnlocked).on(of).with(args.reason);
    tx.record(&record, data.clock.now(), data.random.as_ref()).await?;
    tx.commit().await?;
    say!("Opened.");
    Ok(())
}

/// Reads of an institution that must be there.
pub(super) async fn institution(data: &Data, code: &InstitutionCode) -> Result<Session, CommandError> {
    let mut read = data.store.read(code);
    match read.find_institution().await? {
        Some(_) => Ok(read),
        None => Err(CommandError::Refused(format!("there is no institution {code}"))),
    }
}
