//! Sealing beside serving: each second a pass over all institutions in which something goes on.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep;

use super::AuditFault;
use super::sealer::{Sealer, Tools};
use crate::app::App;

/// Between two passes.
const EVERY: Duration = Duration::from_secs(1);
/// An institution in which nothing goes on has its turn in one of so many passes, and once all is signed only as often as
/// its sealer looks for what came late, so that a thousand of them cost little.
const QUIET_EVERY: usize = 10;
/// From the beginning of one look at everything to that of the next, if it is over by then: the passes find nearly all
/// that is late.
const LOOK_BACK_EVERY: Duration = Duration::from_secs(600);
/// Looks that follow each other at once: the first begins anywhere in each trail.
const FIRST_ROUNDS: u64 = 2;
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
    let mut rounds = Rounds::default();
    for turn in 0.. {
        let stopping = tokio::select! {
            () = sleep(EVERY) => false,
            _ = stop.wait_for(|stop| *stop) => true,
        };
        let mut faults = seal_all(&tools, &mut sealers, (!stopping).then_some(turn)).await;
        faults.extend(look_back(&tools, &mut sealers, &mut rounds, Instant::now()).await.err());
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

/// Looks at everything, of one institution after the other. By a clock that nobody sets, since the other nets for late
/// records hang on the one that is.
#[derive(Default)]
struct Rounds {
    /// Whose trail is looked at; none between two rounds.
    at: Option<InstitutionCode>,
    begun: u64,
    begun_at: Option<Instant>,
}

impl Rounds {
    /// Whether one goes on or begins.
    fn go_on(&self, now: Instant) -> bool {
        let is_due = self.begun_at.is_none_or(|begun_at| now.duration_since(begun_at) >= LOOK_BACK_EVERY);
        self.at.is_some() || self.begun < FIRST_ROUNDS || is_due
    }

    /// Begins one, unless one goes on.
    fn begin(&mut self, now: Instant) {
        if self.at.is_none() {
            self.begun += 1;
            self.begun_at = Some(now);
        }
    }
}

/// A slice of the look at everything: each time the same small work for the store, however many institutions there are.
async fn look_back(
    tools: &Tools<'_>,
    sealers: &mut BTreeMap<InstitutionCode, Sealer>,
    rounds: &mut Rounds,
    now: Instant,
) -> Result<(), AuditFault> {
    if !rounds.go_on(now) {
        return Ok(());
    }
    let at = rounds.at.as_ref().and_then(|from| sealers.range(from..).next()).or_else(|| sealers.iter().next());
    let Some(code) = at.map(|(code, _)| code.clone()) else { return Ok(()) };
    let Some(sealer) = sealers.get_mut(&code) else { return Ok(()) };
    rounds.begin(now);
    let is_end = sealer.look_back(tools).await;
    let next = sealers.range((Bound::Excluded(&code), Bound::Unbounded)).next().map(|(next, _)| next.clone());
    rounds.at = if matches!(is_end, Ok(false)) { Some(code) } else { next };
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
        let now = tools.clock.now();
        let has_turn = turn.is_none_or(|turn| turn % QUIET_EVERY == number % QUIET_EVERY) && !sealer.rests(now);
        if !(is_fresh || is_new || has_turn || sealer.expects_late_ones(now)) {
            continue;
        }
        if let Err(fault) = sealer.pass(tools).await {
            faults.push(fault);
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_at_everything_begins_twice_at_once_and_then_at_most_every_ten_minutes() {
        let (mut rounds, start) = (Rounds::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        for second in 0..FIRST_ROUNDS {
            assert!(rounds.go_on(after(second)));
            rounds.begin(after(second));
        }
        assert!(!rounds.go_on(after(2)), "it was over at once");
        assert!(!rounds.go_on(after(600)));
        assert!(rounds.go_on(after(601)));
        assert!(rounds.go_on(after(602)), "until there is something to look at");
        rounds.begin(after(602));
        rounds.at = "1001".parse().ok();
        rounds.begin(after(1_500));
        assert!(rounds.go_on(after(1_501)), "one that takes longer goes on");
        rounds.at = None;
        assert!(rounds.go_on(after(1_502)), "and the next follows");
    }
}
