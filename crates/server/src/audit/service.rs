//! Sealing beside serving: each second a pass over all institutions in which something goes on.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep;

use super::AuditFault;
use super::sealer::{Sealer, Tools};
use crate::app::App;

/// Between two passes.
const EVERY: Duration = Duration::from_secs(1);
/// An institution in which nothing goes on has its turn in one of so many passes, so that a thousand of them cost little.
const QUIET_EVERY: usize = 10;
/// Between two lines in the log about the same trouble.
const LOGGED_EVERY_SECONDS: i64 = 60;

/// Seals the trails of all institutions until told to stop, and once more then. `anchors` is the folder where this node
/// remembers what it signed.
pub async fn keep_sealed(app: Arc<App>, anchors: PathBuf, mut stop: watch::Receiver<bool>) {
    let tools = Tools {
        store: &app.store,
        keys: &app.keys,
        clock: app.clock.as_ref(),
        random: app.random.as_ref(),
        host: app.site.origin.split_once("://").map_or(&app.site.origin, |(_, host)| host),
        anchors: &anchors,
    };
    let mut sealers: BTreeMap<InstitutionCode, Sealer> = BTreeMap::new();
    let mut logged_at = Timestamp(i64::MIN);
    let mut back = None;
    for turn in 0.. {
        let stopping = tokio::select! {
            () = sleep(EVERY) => false,
            _ = stop.wait_for(|stop| *stop) => true,
        };
        let mut faults = seal_all(&tools, &mut sealers, (!stopping).then_some(turn)).await;
        faults.extend(look_back(&tools, &mut sealers, &mut back).await.err());
        for fault in faults {
            let now = tools.clock.now();
            if logged_at.plus_seconds(LOGGED_EVERY_SECONDS) <= now {
                logged_at = now;
                tracing::error!(error = %fault, "audit_alarm: the audit trail is not sealed or not signed");
            }
        }
        if stopping {
            return;
        }
    }
}

/// A slice of the walk through everything, of one institution after the other: each round the same small work for the
/// store, however many institutions there are.
async fn look_back(
    tools: &Tools<'_>,
    sealers: &mut BTreeMap<InstitutionCode, Sealer>,
    back: &mut Option<InstitutionCode>,
) -> Result<(), AuditFault> {
    let from = back.take();
    let at = from.as_ref().and_then(|from| sealers.range(from..).next()).or_else(|| sealers.iter().next());
    let Some(code) = at.map(|(code, _)| code.clone()) else { return Ok(()) };
    let Some(sealer) = sealers.get_mut(&code) else { return Ok(()) };
    let is_end = sealer.look_back(tools).await;
    let next = sealers.range((Bound::Excluded(&code), Bound::Unbounded)).next().map(|(next, _)| next.clone());
    *back = if matches!(is_end, Ok(false)) { Some(code) } else { next };
    is_end.map(drop)
}

/// One pass; what fails at one institution does not keep the others from being sealed. Those in which nothing goes on have
/// their turn now and then, and all of them where no turn is given.
async fn seal_all(
    tools: &Tools<'_>,
    sealers: &mut BTreeMap<InstitutionCode, Sealer>,
    turn: Option<usize>,
) -> Vec<AuditFault> {
    let institutions = match tools.store.read_all().list_fresh().await {
        Ok(institutions) => institutions,
        Err(error) => return vec![error.into()],
    };
    let mut faults = Vec::new();
    for (number, (code, is_fresh)) in institutions.into_iter().enumerate() {
        let is_new = !sealers.contains_key(&code);
        let sealer = sealers.entry(code.clone()).or_insert_with(|| Sealer::new(code, tools));
        let has_turn = turn.is_none_or(|turn| turn % QUIET_EVERY == number % QUIET_EVERY);
        if !(is_fresh || is_new || has_turn || sealer.expects_late_ones(tools.clock.now())) {
            continue;
        }
        if let Err(fault) = sealer.pass(tools).await {
            faults.push(fault);
        }
    }
    faults
}
