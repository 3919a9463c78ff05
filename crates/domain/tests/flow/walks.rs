//! Random walks through the flow as a server would take them: two tabs, a clock, locks, wrong PINs, other users, a
//! contract that is suspended, accounts and texts that change. A witness keeps its own account of what the
//! customer did; no walk may end in a permission that the witness can't explain.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use renkei_domain::flow::{Answers, Begun, Closed, Event, FlowClock, Stage};
use renkei_domain::guard::{Guard, PIN};
use renkei_domain::id::{AccountId, LinkageId};
use renkei_domain::operation::{Operation, Operations};
use renkei_domain::partner::Offer;
use renkei_domain::pin::{PinOutcome, SealedPin, StagedPins};
use renkei_domain::time::Timestamp;

use crate::cast::{NOW, account, accounts, both, consent, draft_of, linkage, person, user};

/// Walks of one run.
const WALKS: u32 = 3_000;
/// Steps of a walk at most.
const STEPS_MAX: usize = 40;

/// What a walk begins with.
#[derive(Debug, Clone)]
struct Setting {
    fixed: bool,
    offered: Operations,
    ready: BTreeSet<AccountId>,
    missing: BTreeSet<AccountId>,
    existing: Vec<LinkageId>,
    named: bool,
}

/// What somebody does next, in one of two tabs where it is done in a tab.
#[derive(Debug, Clone)]
enum Act {
    Look(usize),
    /// Looks, then does what the screen asks for.
    Onward(usize),
    LogIn(usize, u128),
    Choose(usize, Operations),
    TryPins(usize, Vec<(u128, bool)>),
    SkipPins(usize),
    MorePins(usize),
    ConfirmPins(usize),
    Renew(usize, Option<u128>),
    Allow(usize, Vec<u128>, bool, bool),
    Leave(usize, Closed),
    Extend(usize),
    OtherUserLogsIn,
    SuspendContract,
    WithdrawAccount(u128),
    ChangeText,
    Wait(i64),
}

fn operations() -> impl Strategy<Value = Operations> {
    prop_oneof![
        2 => Just(both()),
        1 => Just(Operations::of(&[Operation::Balances])),
        1 => Just(Operations::of(&[Operation::Transactions])),
        1 => Just(Operations::default()),
    ]
}

fn setting() -> impl Strategy<Value = Setting> {
    let numbers = || prop::collection::btree_set(0_u128..4, 0..3);
    (any::<bool>(), operations(), numbers(), numbers(), 0_u128..3, any::<bool>()).prop_map(
        |(fixed, offered, ready, missing, existing, named)| Setting {
            fixed,
            offered,
            ready: ready.iter().map(|number| account(*number)).collect(),
            missing: missing.difference(&ready).map(|number| account(*number)).collect(),
            existing: (0..existing).map(linkage).collect(),
            named: named && existing > 0,
        },
    )
}

fn act() -> impl Strategy<Value = Act> {
    let tab = || 0_usize..2;
    let closed = prop_oneof![Just(Closed::Cancelled), Just(Closed::Declined)];
    let rows = prop::collection::vec((0_u128..5, any::<bool>()), 0..4);
    let ticked = prop::collection::vec(0_u128..5, 0..4);
    prop_oneof![
        24 => tab().prop_map(Act::Onward),
        6 => tab().prop_map(Act::Look),
        2 => (tab(), 1_u128..3).prop_map(|(tab, who)| Act::LogIn(tab, who)),
        2 => (tab(), operations()).prop_map(|(tab, chosen)| Act::Choose(tab, chosen)),
        4 => (tab(), rows).prop_map(|(tab, rows)| Act::TryPins(tab, rows)),
        1 => tab().prop_map(Act::SkipPins),
        2 => tab().prop_map(Act::MorePins),
        1 => tab().prop_map(Act::ConfirmPins),
        2 => (tab(), prop::option::of(0_u128..4)).prop_map(|(tab, choice)| Act::Renew(tab, choice)),
        4 => (tab(), ticked, any::<bool>(), any::<bool>()).prop_map(|(tab, t, i, f)| Act::Allow(tab, t, i, f)),
        1 => (tab(), closed).prop_map(|(tab, why)| Act::Leave(tab, why)),
        1 => tab().prop_map(Act::Extend),
        1 => Just(Act::OtherUserLogsIn),
        1 => Just(Act::SuspendContract),
        1 => (0_u128..5).prop_map(Act::WithdrawAccount),
        1 => Just(Act::ChangeText),
        3 => (0_i64..400).prop_map(Act::Wait),
    ]
}

/// What really happened, kept apart from what the stage says.
#[derive(Debug, Default)]
struct Witness {
    logged_in: Option<u128>,
    chosen: Option<Operations>,
    /// Accounts whose PIN core banking accepted in this walk.
    accepted: BTreeSet<AccountId>,
    /// Whether the last word on the PINs was a confirmation or a skip.
    pins_settled: bool,
    renewal: Option<Option<LinkageId>>,
}

/// The server's side of a walk: the stored flow and what every step looks at anew.
struct World {
    setting: Setting,
    stage: Stage,
    version: i64,
    clock: FlowClock,
    opened_at: Timestamp,
    now: Timestamp,
    session_user: Option<u128>,
    contract_active: bool,
    withdrawn: BTreeSet<AccountId>,
    text: u8,
    guards: BTreeMap<AccountId, Guard>,
    tabs: [(i64, u8); 2],
    witness: Witness,
}

impl World {
    fn new(setting: Setting) -> World {
        World {
            setting,
            stage: Stage::Login,
            version: 0,
            clock: FlowClock::opened(NOW),
            opened_at: NOW,
            now: NOW,
            session_user: None,
            contract_active: true,
            withdrawn: BTreeSet::new(),
            text: 0,
            guards: BTreeMap::new(),
            tabs: [(0, 0); 2],
            witness: Witness::default(),
        }
    }

    /// What holds for every request of this browser, before its form is looked at.
    fn guard(&mut self) -> bool {
        if !self.stage.is_open() {
            return false;
        }
        let stranger = self.stage.person().is_some_and(|person| Some(person.user) != self.session_user.map(user));
        let why = if self.clock.timed_out(self.now) {
            Closed::TimedOut
        } else if stranger {
            Closed::UserChanged
        } else if !self.contract_active {
            Closed::NotAllowed
        } else {
            return true;
        };
        self.save(Event::Closed(why));
        false
    }

    fn current(&mut self, tab: usize) -> bool {
        self.guard() && self.tabs[tab].0 == self.version
    }

    /// Takes the step if it is in turn.
    fn save(&mut self, event: Event) -> bool {
        let Ok(next) = self.stage.advance(event) else { return false };
        self.stage = next;
        self.version += 1;
        self.clock.used_at = self.now;
        true
    }

    fn look(&mut self, tab: usize) {
        if self.guard() {
            self.tabs[tab] = (self.version, self.text);
        }
    }

    fn log_in(&mut self, tab: usize, who: u128) {
        if !self.current(tab) || self.stage != Stage::Login {
            return;
        }
        let setting = &self.setting;
        let begun = Begun {
            person: person(who),
            ready: setting.ready.difference(&self.withdrawn).copied().collect(),
            missing: setting.missing.difference(&self.withdrawn).copied().collect(),
            existing: setting.existing.clone(),
            named: setting.existing.first().copied().filter(|_| setting.named),
        };
        let offered = setting.offered.clone();
        let fixed = setting.fixed;
        let offer = if fixed { Offer::Fixed(offered.clone()) } else { Offer::Choice(offered.clone()) };
        if self.save(Event::LoggedIn(begun, offer)) {
            self.session_user = Some(who);
            self.witness.logged_in = Some(who);
            self.witness.chosen = fixed.then_some(offered);
        }
    }

    fn try_pins(&mut self, tab: usize, rows: &[(u128, bool)]) {
        if !self.current(tab) || !matches!(self.stage, Stage::Pins { .. }) {
            return;
        }
        let (mut staged, mut outcomes) = (StagedPins::new(), Vec::new());
        for (number, right) in rows {
            let id = account(*number);
            let guard = self.guards.entry(id).or_default();
            let outcome = match guard.count(self.now, &PIN) {
                Err(_) => PinOutcome::Locked,
                Ok(counted) => {
                    *guard = if *right { Guard::default() } else { counted };
                    if *right { PinOutcome::Staged } else { PinOutcome::Wrong }
                }
            };
            if outcome == PinOutcome::Staged {
                staged.insert(id, SealedPin(vec![1]));
            }
            outcomes.push((id, outcome));
        }
        let accepted: Vec<AccountId> = staged.keys().copied().collect();
        if self.save(Event::PinsTried(staged, outcomes)) {
            self.witness.accepted.extend(accepted);
            self.witness.pins_settled = false;
        }
    }

    fn settle_pins(&mut self, tab: usize, event: Event, settled: bool) {
        if self.current(tab) && self.save(event) {
            self.witness.pins_settled = settled;
        }
    }

    fn allow(&mut self, tab: usize, ticked: BTreeSet<AccountId>, intent: bool) -> Result<(), TestCaseError> {
        let text_seen = [self.tabs[tab].1; 32];
        if !self.current(tab) {
            return Ok(());
        }
        let Stage::Permission { draft } = &self.stage else { return Ok(()) };
        let mut draft = draft.clone();
        draft.begun.ready.retain(|id| !self.withdrawn.contains(id));
        draft.staged.retain(|id, _| !self.withdrawn.contains(id));
        let answers =
            Answers { accounts: ticked.clone(), intent_confirmed: intent, text_seen, text_now: [self.text; 32] };
        let Ok(permit) = draft.permit(&answers) else { return Ok(()) };
        let target = draft.renews.unwrap_or(linkage(99));
        let operations = draft.operations.clone();
        self.stage = Stage::Permission { draft };
        if self.save(Event::Permitted(permit, target, consent(1))) {
            self.explain(&ticked, intent, text_seen, &operations, target)?;
        }
        Ok(())
    }

    /// Whether the witness saw all that a permission needs.
    fn explain(
        &self,
        ticked: &BTreeSet<AccountId>,
        intent: bool,
        text_seen: [u8; 32],
        operations: &Operations,
        target: LinkageId,
    ) -> Result<(), TestCaseError> {
        let (witness, setting) = (&self.witness, &self.setting);
        prop_assert!(witness.logged_in.is_some() && witness.logged_in == self.session_user, "one person did it all");
        prop_assert!(self.contract_active);
        prop_assert_eq!(witness.chosen.as_ref(), Some(operations));
        prop_assert!(!operations.is_empty() && operations.is_subset(&setting.offered));
        prop_assert!(!ticked.is_empty());
        for id in ticked {
            prop_assert!(!self.withdrawn.contains(id), "a withdrawn account");
            prop_assert!(setting.ready.contains(id) || witness.accepted.contains(id), "an account without a PIN");
        }
        let none_missing = setting.missing.iter().all(|id| self.withdrawn.contains(id)) || setting.missing.is_empty();
        prop_assert!(witness.pins_settled || none_missing, "the PINs were left open");
        let expected = match (setting.named, setting.existing.is_empty(), witness.renewal) {
            (true, _, _) => setting.existing.first().copied(),
            (false, true, _) => None,
            (false, false, answer) => {
                prop_assert!(answer.is_some(), "nobody answered whether to renew");
                answer.flatten()
            }
        };
        prop_assert_eq!(target, expected.unwrap_or(linkage(99)));
        prop_assert!(intent);
        prop_assert_eq!(text_seen, [self.text; 32]);
        prop_assert!(self.opened_at.seconds_until(self.now) < 25 * 60, "too late");
        Ok(())
    }

    /// What a customer does who looks at the screen and follows it.
    fn onward(&mut self, tab: usize) -> Result<(), TestCaseError> {
        self.look(tab);
        match self.stage.clone() {
            Stage::Login => self.log_in(tab, 1),
            Stage::Operations { offered, .. } => self.choose(tab, offered),
            Stage::Pins { draft } => {
                let rows: Vec<(u128, bool)> =
                    (0..4).filter(|n| draft.begun.missing.contains(&account(*n))).map(|n| (n, true)).collect();
                self.try_pins(tab, &rows);
            }
            Stage::PinResults { .. } => self.settle_pins(tab, Event::PinsConfirmed, true),
            Stage::Existing { .. } => self.renew(tab, Some(0)),
            Stage::Permission { draft } => {
                let usable = draft.usable().difference(&self.withdrawn).copied().collect();
                return self.allow(tab, usable, true);
            }
            Stage::Consented { .. } | Stage::Closed { .. } => {}
        }
        Ok(())
    }

    fn choose(&mut self, tab: usize, chosen: Operations) {
        if self.current(tab) && self.save(Event::OperationsChosen(chosen.clone())) {
            self.witness.chosen = Some(chosen);
        }
    }

    fn renew(&mut self, tab: usize, choice: Option<u128>) {
        let choice = choice.map(linkage);
        if self.current(tab) && self.save(Event::RenewalChosen(choice)) {
            self.witness.renewal = Some(choice);
        }
    }

    fn act(&mut self, act: Act) -> Result<(), TestCaseError> {
        match act {
            Act::Look(tab) => self.look(tab),
            Act::Onward(tab) => return self.onward(tab),
            Act::LogIn(tab, who) => self.log_in(tab, who),
            Act::Choose(tab, chosen) => self.choose(tab, chosen),
            Act::TryPins(tab, rows) => self.try_pins(tab, &rows),
            Act::SkipPins(tab) => self.settle_pins(tab, Event::PinsSkipped, true),
            Act::MorePins(tab) => self.settle_pins(tab, Event::MorePins, false),
            Act::ConfirmPins(tab) => self.settle_pins(tab, Event::PinsConfirmed, true),
            Act::Renew(tab, choice) => self.renew(tab, choice),
            Act::Allow(tab, ticked, intent, fresh) => {
                if fresh {
                    self.look(tab);
                }
                return self.allow(tab, accounts(&ticked), intent);
            }
            Act::Leave(tab, why) => {
                if self.current(tab) {
                    self.save(Event::Closed(why));
                }
            }
            Act::Extend(tab) => {
                if self.current(tab)
                    && let Some(clock) = self.clock.extended(self.now)
                {
                    self.clock = clock;
                    self.version += 1;
                }
            }
            Act::OtherUserLogsIn => self.session_user = Some(2),
            Act::SuspendContract => self.contract_active = false,
            Act::WithdrawAccount(number) => _ = self.withdrawn.insert(account(number)),
            Act::ChangeText => self.text = self.text.wrapping_add(1),
            Act::Wait(seconds) => self.now = self.now.plus_seconds(seconds),
        }
        Ok(())
    }
}

fn walk(setting: Setting, acts: Vec<Act>) -> Result<Stage, TestCaseError> {
    let mut world = World::new(setting);
    for act in acts {
        let before = (world.stage.clone(), world.version);
        world.act(act)?;
        if !before.0.is_open() {
            prop_assert_eq!(&before, &(world.stage.clone(), world.version), "an end is an end");
        }
        if let Some(draft) = draft_of(&world.stage) {
            for id in draft.staged.keys() {
                prop_assert!(draft.begun.missing.contains(id), "a PIN staged for an account that has one");
                prop_assert!(world.witness.accepted.contains(id), "a PIN staged that nobody accepted");
            }
            prop_assert!(draft.operations.is_subset(&world.setting.offered) && !draft.operations.is_empty());
        }
    }
    Ok(world.stage)
}

#[test]
fn r_201_no_walk_reaches_a_permission_that_was_not_given() {
    let (mut consented, mut closed) = (0, 0);
    let counted = std::cell::RefCell::new((&mut consented, &mut closed));
    let acts = prop::collection::vec(act(), 1..STEPS_MAX);
    let mut runner = TestRunner::new(Config { cases: WALKS, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(setting(), acts), |(setting, acts)| {
        let last = walk(setting, acts)?;
        let mut counted = counted.borrow_mut();
        *counted.0 += u32::from(matches!(last, Stage::Consented { .. }));
        *counted.1 += u32::from(matches!(last, Stage::Closed { .. }));
        Ok(())
    });
    outcome.unwrap();
    assert!(consented > WALKS / 50 && closed > WALKS / 50, "{consented} permitted, {closed} closed of {WALKS}");
}

#[test]
fn an_end_takes_no_event_whatever() {
    let ends = [Stage::Consented { linkage: linkage(1), consent: consent(1) }, Stage::Closed { why: Closed::TimedOut }];
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(operations(), prop::option::of(0_u128..3)), |(chosen, choice)| {
        let events = [
            Event::OperationsChosen(chosen),
            Event::RenewalChosen(choice.map(linkage)),
            Event::PinsSkipped,
            Event::MorePins,
            Event::PinsConfirmed,
            Event::Closed(Closed::Cancelled),
        ];
        for event in events {
            for end in &ends {
                prop_assert!(end.advance(event.clone()).is_err());
            }
        }
        Ok(())
    });
    outcome.unwrap();
}
