//! `renkei keys`: the institution's own signing keys, from their announcement to their end, and a look at those of a
//! partner product.

mod check;
mod master;

use std::fmt;

use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use renkei_store::signing_keys::StoredSigningKey;
use serde::Serialize;

use super::CommandError;
use super::data::{Data, DataArgs};
use super::output::{remark, say};
use crate::http::oauth::KEPT_SECONDS;
use crate::signing::rotation::{LEAD_SECONDS, Rotation, RotationError};
use crate::signing::{SIGNED_SECONDS_MAX, in_force};

/// What `renkei keys` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show an institution's signing keys
    List(ListArgs),
    /// Make a key, publish it now, and let it sign once every partner has had time to read it
    Announce(ChangeArgs),
    /// Give a key its end: as soon as nothing it signed is on its way any more, or later
    Retire(RetireArgs),
    /// Read a partner product's keys at its address now, and say what is wrong with them
    Check(check::Args),
    /// The keys under which PINs and signing keys are sealed
    Master(master::Args),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    whose: Whose,
}

#[derive(Debug, clap::Args)]
struct ChangeArgs {
    #[command(flatten)]
    whose: Whose,
    /// Who answers for it in the audit trail
    #[arg(long, value_name = "NAME", env = "USER", default_value = "unknown")]
    operator: String,
}

#[derive(Debug, clap::Args)]
struct RetireArgs {
    /// Which key, as `renkei keys list` names it
    // One name in 64 begins with a hyphen.
    #[arg(value_name = "KID", allow_hyphen_values = true)]
    kid: String,
    /// When, such as 2026-12-01T04:00:00+09:00; without it as early as is safe
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<Timestamp>,
    /// Somebody else may hold it: take it out at once, whatever that breaks
    #[arg(long, conflicts_with = "at")]
    compromised: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, clap::Args)]
struct Whose {
    #[command(flatten)]
    data: DataArgs,
    /// Whose keys they are
    #[arg(long, value_name = "CODE")]
    institution: InstitutionCode,
    /// Print the keys as JSON
    #[arg(long)]
    json: bool,
}

/// A key as the command shows it. Times are RFC 3339.
#[derive(Serialize)]
struct Line {
    kid: String,
    alg: String,
    /// announced, signing, published (it signs no more) or retired.
    state: &'static str,
    announced_at: String,
    signs_from: String,
    retires_at: Option<String>,
}

#[derive(Serialize)]
struct Report {
    institution: InstitutionCode,
    keys: Vec<Line>,
}

/// Shows or changes signing keys.
///
/// # Errors
/// When the institution or key is not there, a change is not safe, or the store fails; nothing has changed then.
pub async fn run(args: Args) -> Result<(), CommandError> {
    match args.what {
        What::List(args) => show(&args.whose, &args.whose.data.open().await?).await,
        What::Announce(args) => announce(&args).await,
        What::Retire(args) => retire(&args).await,
        What::Check(args) => check::run(&args).await,
        What::Master(args) => master::run(&args).await,
    }
}

async fn announce(args: &ChangeArgs) -> Result<(), CommandError> {
    let data = args.whose.data.open().await?;
    let key = args.rotation(&data).announce().await?;
    remark!("{} is published and signs from {}.", key.kid, key.signs_from.to_rfc3339());
    remark!(
        "Partners keep the key set for up to {KEPT_SECONDS} seconds; {LEAD_SECONDS} are left for them to read it anew."
    );
    show(&args.whose, &data).await
}

async fn retire(args: &RetireArgs) -> Result<(), CommandError> {
    let data = args.change.whose.data.open().await?;
    let rotation = args.change.rotation(&data);
    if args.compromised {
        let signs = rotation.retire_compromised(&args.kid).await?;
        remark!("{}", Breakage { gone: &args.kid, signs: &signs });
    } else {
        let end = rotation.retire(&args.kid, args.at).await?;
        remark!("{} is published until {}.", args.kid, end.to_rfc3339());
    }
    show(&args.change.whose, &data).await
}

/// What taking a key out at once breaks.
struct Breakage<'a> {
    gone: &'a str,
    signs: &'a str,
}

impl fmt::Display for Breakage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Breakage { gone, signs } = self;
        writeln!(f, "{gone} signs nothing more and is no longer published. {signs} signs now.")?;
        writeln!(
            f,
            "- What {gone} signed in the last {SIGNED_SECONDS_MAX} seconds no longer verifies for partners that"
        )?;
        writeln!(f, "  read the key set anew: linkages whose answer is on its way have to be begun again.")?;
        writeln!(f, "- Partners that keep the key set still trust {gone} for up to {KEPT_SECONDS} seconds, and until")?;
        writeln!(f, "  then may not know {signs}. Tell those that verify signed answers to read it anew now.")?;
        write!(f, "- Tokens, linkages and PINs do not hang on signing keys and stay as they are.")
    }
}

impl ChangeArgs {
    fn rotation<'a>(&'a self, data: &'a Data) -> Rotation<'a> {
        Rotation {
            store: &data.store,
            keys: &data.keys,
            institution: &self.whose.institution,
            operator: &self.operator,
            now: data.clock.now(),
            random: data.random.as_ref(),
        }
    }
}

/// Prints the keys as they are now.
async fn show(whose: &Whose, data: &Data) -> Result<(), CommandError> {
    let mut session = data.store.read(&whose.institution);
    if session.find_institution().await?.is_none() {
        return Err(RotationError::NoInstitution.into());
    }
    let (all, now) = (session.list_signing_keys().await?, data.clock.now());
    let signs = in_force(all.iter().filter(|key| !key.has_ended(now)), now).map(|key| key.kid.as_str());
    let keys: Vec<Line> = all.iter().map(|key| Line::new(key, signs, now)).collect();
    if whose.json {
        let report = Report { institution: whose.institution.clone(), keys };
        let report = serde_json::to_string_pretty(&report).map_err(|error| CommandError::Setup(error.to_string()))?;
        say!("{report}");
    } else {
        keys.iter().for_each(|line| say!("{line}"));
    }
    Ok(())
}

impl Line {
    fn new(key: &StoredSigningKey, signs: Option<&str>, now: Timestamp) -> Line {
        let state = match key {
            key if key.has_ended(now) => "retired",
            key if signs == Some(key.kid.as_str()) => "signing",
            key if key.signs_from > now => "announced",
            _ => "published",
        };
        Line {
            kid: key.kid.clone(),
            alg: key.alg.clone(),
            state,
            announced_at: key.announced_at.to_rfc3339(),
            signs_from: key.signs_from.to_rfc3339(),
            retires_at: key.retires_at.map(Timestamp::to_rfc3339),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.retires_at.as_deref().unwrap_or("not planned");
        let Line { kid, alg, state, announced_at, signs_from, .. } = self;
        write!(f, "{kid} {alg} {state:9} published {announced_at} signs {signs_from} ends {end}")
    }
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    let time = text.parse::<jiff::Timestamp>();
    let time = time.map_err(|_| "write it with date, time and offset: 2026-12-01T04:00:00+09:00".to_owned())?;
    Ok(Timestamp(time.as_microsecond()))
}

impl From<RotationError> for CommandError {
    fn from(error: RotationError) -> CommandError {
        match error {
            RotationError::Store(error) => error.into(),
            RotationError::Keys(error) => error.into(),
            other => CommandError::Refused(other.to_string()),
        }
    }
}
