//! `renkei linkages`: which linkages there are, and the end of one.

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::customer::fold_login_id;
use renkei_domain::id::LinkageId;
use renkei_domain::institution::InstitutionCode;
use renkei_domain::linkage::{EndedBy, Reason, standing};
use renkei_domain::notice::Happened;
use renkei_domain::time::Timestamp;
use renkei_store::linkages::{Linkage, Whose};
use renkei_store::{Session, Tx};
use serde::Serialize;

use super::CommandError;
use super::data::{Data, DataArgs};
use super::guards::{REASON_CHARS_MAX, institution};
use super::output::say;
use crate::texts::check_line;

/// Most linkages that are listed, the newest of them.
const LISTED_MAX: u32 = 1_000;

/// What `renkei linkages` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show the linkages of a user or of a partner, the newest first
    List(ListArgs),
    /// End one linkage: no token of it is taken any more, on any node
    End(EndArgs),
}

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("whose").required(true).args(["login_id", "partner"])))]
struct ListArgs {
    #[command(flatten)]
    common: Common,
    /// Those this user permitted
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    login_id: Option<String>,
    /// Those with this partner's products; the partner as the registry file names it
    #[arg(long, value_name = "KEY")]
    partner: Option<String>,
    /// Print them as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct EndArgs {
    #[command(flatten)]
    common: Common,
    /// Which, as `renkei linkages list` names it; partners know it as grant_id
    #[arg(value_name = "LINKAGE")]
    linkage: LinkageId,
    /// Why, for the audit trail: who asked, and how it was made sure who that is
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, clap::Args)]
struct Common {
    #[command(flatten)]
    data: DataArgs,
    /// Whose customers
    #[arg(long, value_name = "CODE")]
    institution: InstitutionCode,
    /// Who answers for it in the audit trail
    #[arg(long, value_name = "NAME", env = "USER", default_value = "unknown")]
    operator: String,
}

/// A linkage as the command shows it.
#[derive(Debug, Serialize)]
struct Line {
    linkage: String,
    login_id: String,
    partner: String,
    product: String,
    /// `in_force`, `not_taken` or the code of the reason why it is not.
    state: &'static str,
    /// RFC 3339, as the others.
    begun_at: String,
    renewed_at: String,
    ends_at: String,
    ended_at: Option<String>,
    last_read_at: Option<String>,
}

/// Lists or ends.
///
/// # Errors
/// When the installation, the institution or the linkage is not there, or nothing is left to end.
pub async fn run(args: Args) -> Result<(), CommandError> {
    match args.what {
        What::List(args) => list(args).await,
        What::End(args) => end(args).await,
    }
}

async fn list(args: ListArgs) -> Result<(), CommandError> {
    let data = args.common.data.open().await?;
    let mut read = institution(&data, &args.common.institution).await?;
    let now = data.clock.now();
    let whose = whose(&mut read, &args).await?;
    let mut lines = Vec::new();
    for linkage in read.list_linkages(&whose, LISTED_MAX).await? {
        lines.push(line(&mut read, &linkage, now).await?);
    }
    let object = match &whose {
        Whose::User(user) => user.to_string(),
        Whose::Partner(partner) => format!("partner {partner}"),
    };
    let record = Record::done(args.common.actor(), Action::LinkagesViewed).on(object);
    args.common.record(&data, record.with(format!("linkages {}", lines.len()))).await?;
    show(&lines, args.json)
}

async fn whose(read: &mut Session, args: &ListArgs) -> Result<Whose, CommandError> {
    let refused = |text: String| Err(CommandError::Refused(text));
    match (&args.login_id, &args.partner) {
        (Some(typed), _) => {
            let Some(id) = fold_login_id(typed) else { return refused(format!("{typed} can be nobody's login id")) };
            match read.find_user_by_login(&id).await? {
                Some(user) => Ok(Whose::User(user.id)),
                None => refused(format!("there is no user {typed}")),
            }
        }
        (None, Some(key)) if read.list_partners().await?.iter().any(|partner| partner.key == *key) => {
            Ok(Whose::Partner(key.clone()))
        }
        (None, Some(key)) => refused(format!("there is no partner {key}")),
        (None, None) => refused("name a login id or a partner".into()),
    }
}

async fn line(read: &mut Session, linkage: &Linkage, now: Timestamp) -> Result<Line, CommandError> {
    let user = read.find_user(linkage.user).await?;
    let product = read.find_product(&linkage.client_id).await?;
    let (partner, product) = product.map(|known| (known.partner.key, known.key)).unwrap_or_default();
    let state = match standing(&linkage.facts, now) {
        _ if linkage.has_lapsed(now) => "not_taken",
        Ok(()) => "in_force",
        Err(reason) => reason.code(),
    };
    Ok(Line {
        linkage: linkage.id.to_string(),
        login_id: user.map(|user| user.login_id).unwrap_or_default(),
        partner,
        product,
        state,
        begun_at: linkage.begun_at.to_rfc3339(),
        renewed_at: linkage.renewed_at.to_rfc3339(),
        ends_at: linkage.facts.ends_at.to_rfc3339(),
        ended_at: linkage.ended_at.map(Timestamp::to_rfc3339),
        last_read_at: linkage.last_read_at.map(Timestamp::to_rfc3339),
    })
}

fn show(lines: &[Line], json: bool) -> Result<(), CommandError> {
    if json {
        let text = serde_json::to_string(lines).map_err(|error| CommandError::Unavailable(error.to_string()))?;
        say!("{text}");
        return Ok(());
    }
    if lines.is_empty() {
        say!("No linkage.");
    }
    for Line { linkage, login_id, partner, product, state, begun_at, ends_at, .. } in lines {
        say!("{linkage}  {login_id:<16} {partner}/{product:<20} {state:<20} {begun_at} to {ends_at}");
    }
    if lines.len() >= LISTED_MAX as usize {
        say!("These are the newest {LISTED_MAX}; there may be more.");
    }
    Ok(())
}

async fn end(args: EndArgs) -> Result<(), CommandError> {
    check_line(&args.reason, REASON_CHARS_MAX)
        .map_err(|fault| CommandError::Refused(format!("the reason: {fault}")))?;
    let data = args.common.data.open().await?;
    institution(&data, &args.common.institution).await?;
    let now = data.clock.now();
    let mut tx = data.store.begin(&args.common.institution).await?;
    let linkage = tx.find_linkage(args.linkage).await?;
    let linkage = linkage.ok_or_else(|| CommandError::Refused(format!("there is no linkage {}", args.linkage)))?;
    if linkage.has_lapsed(now) {
        return Err(CommandError::Refused("its code was not redeemed in time, so there is nothing to end".into()));
    }
    if !tx.end_linkage(linkage.id, EndedBy::Institution, now).await? {
        let why = standing(&linkage.facts, now).err().map_or("ended", Reason::code);
        return Err(CommandError::Refused(format!("it has ended before: {why}")));
    }
    tx.delete_unused_pins(linkage.id, now).await?;
    tell(&data, &mut tx, &linkage, now).await?;
    let record = Record::done(args.common.actor(), Action::LinkageEnded).on(linkage.id).with(args.reason);
    tx.record(&record, now, data.random.as_ref()).await?;
    tx.commit().await?;
    say!("Ended. No token of it is taken any more, on any node.");
    Ok(())
}

/// The user who gave the permission finds it among the notices.
async fn tell(data: &Data, tx: &mut Tx, linkage: &Linkage, now: Timestamp) -> Result<(), CommandError> {
    let what = Happened::Ended(EndedBy::Institution, linkage.client_id.clone());
    Ok(tx.add_notice(linkage.user, &what, now, data.random.as_ref()).await?)
}

impl Common {
    fn actor(&self) -> Actor {
        Actor::Operator(self.operator.clone())
    }

    async fn record(&self, data: &Data, record: Record) -> Result<(), CommandError> {
        let mut tx = data.store.begin(&self.institution).await?;
        tx.record(&record, data.clock.now(), data.random.as_ref()).await?;
        Ok(tx.commit().await?)
    }
}
