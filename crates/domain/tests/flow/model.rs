//! Every walk there is, and not only some: two tabs, of one flow or of two for the same request, in which everything is
//! sent that can be; and between any two steps the login is locked, a PIN is locked, the linkage to renew is revoked, the
//! contract is suspended, somebody else logs in, the text changes, time passes. The order of screens, what every step
//! looks at and what a permission needs are the product's own functions; the model adds what is stored and what is
//! claimed. A post is two steps, as it is in the server: it looks, and later it is saved, if its claims hold.

mod explore;

use renkei_domain::customer::{ContractState, UserState};
use renkei_domain::flow::{Answers, Begun, Closed, Draft, Event, FlowClock, Footing, IDLE_SECONDS, Screen, Stage};
use renkei_domain::id::LinkageId;
use renkei_domain::linkage::{EndedBy, Facts, standing};
use renkei_domain::partner::{Offer, PartnerState};
use renkei_domain::pin::PinOutcome;
use renkei_domain::time::Timestamp;
use renkei_domain::token::CODE_SECONDS;

use crate::cast::{NOW, account, accounts, begun, both, consent, linkage, person, pins, user};

/// The account whose PIN is in force, and the one without.
const READY: u128 = 1;
const MISSING: u128 = 2;
/// The linkage the user has already, and what a new one is called.
const OLD: u128 = 1;
const NEW: u128 = 9;
/// How many things happen around one walk at most: locks, ends, suspensions, waits. More: `RENKEI_MODEL_TURNS=3`.
const TURNS: u8 = 1;

/// What is taken out of the model, to see that the model would find it missing in the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Without {
    Answered,
    Time,
    SamePerson,
    MayLink,
    LoginLock,
    PinLock,
    Version,
    ClaimOfTheRequest,
    LinkageToRenew,
    Question,
    Intent,
    Text,
    Usable,
    CodeOnce,
    CodeTime,
    LockBehindTheCode,
    Standing,
}

/// What can be sent in a tab, whatever it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Login,
    Choose,
    Pin { right: bool },
    Skip,
    More,
    Confirm,
    Renew { old: bool },
    Allow { intent: bool, all: bool },
    Deny,
}

const FORMS: [Form; 13] = [
    Form::Login,
    Form::Choose,
    Form::Pin { right: true },
    Form::Pin { right: false },
    Form::Skip,
    Form::More,
    Form::Confirm,
    Form::Renew { old: true },
    Form::Renew { old: false },
    Form::Allow { intent: true, all: true },
    Form::Allow { intent: true, all: false },
    Form::Allow { intent: false, all: true },
    Form::Deny,
];

impl Form {
    fn screen(self) -> Screen {
        match self {
            Form::Login => Screen::Login,
            Form::Choose => Screen::Operations,
            Form::Pin { .. } | Form::Skip => Screen::Pins,
            Form::More | Form::Confirm => Screen::Results,
            Form::Renew { .. } => Screen::Existing,
            Form::Allow { .. } | Form::Deny => Screen::Permission,
        }
    }
}

fn turns() -> u8 {
    std::env::var("RENKEI_MODEL_TURNS").ok().and_then(|turns| turns.parse().ok()).unwrap_or(TURNS)
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Look(usize),
    Send(usize, Form),
    Save(usize),
    OtherPerson,
    Suspend,
    LockLogin,
    LockPin,
    Revoke,
    LinkElsewhere,
    ChangeText,
    Wait(i64),
    Redeem,
    Issue,
}

/// A flow as it is stored.
#[derive(Debug, Clone)]
struct Flow {
    stage: Stage,
    version: u8,
    clock: FlowClock,
    /// Witness: core banking took the missing PIN.
    pin_taken: bool,
}

/// A post that has looked and is not saved yet.
#[derive(Debug, Clone)]
struct Sent {
    base: u8,
    next: Stage,
    permits: Option<Permits>,
    taken: bool,
}

/// A permission that has looked.
#[derive(Debug, Clone)]
struct Permits {
    /// Whether all stood when it looked, by the witness.
    well: bool,
    draft: Draft,
}

#[derive(Debug, Clone)]
struct World {
    without: &'static [Without],
    choice: bool,
    flows: Vec<Flow>,
    /// Version and text each tab shows.
    tabs: [(u8, u8); 2],
    sent: [Option<Sent>; 2],
    now: Timestamp,
    turns: u8,
    person: Option<u128>,
    suspended: bool,
    login_locked: bool,
    pin_locked: bool,
    text: u8,
    old: Option<bool>,
    answered: bool,
    codes: u8,
    /// When the code was given and for which linkage.
    code: Option<(Timestamp, bool)>,
    used: bool,
    redeeming: bool,
    tokens: u8,
}

impl World {
    fn new(without: &'static [Without], flows: usize, choice: bool, linked: bool) -> World {
        let flow = Flow { stage: Stage::Login, version: 0, clock: FlowClock::opened(NOW), pin_taken: false };
        World {
            without,
            choice,
            flows: vec![flow; flows],
            tabs: [(0, 0); 2],
            sent: [None, None],
            now: NOW,
            turns: turns(),
            person: None,
            suspended: false,
            login_locked: false,
            pin_locked: false,
            text: 0,
            old: linked.then_some(true),
            answered: false,
            codes: 0,
            code: None,
            used: false,
            redeeming: false,
            tokens: 0,
        }
    }

    fn has(&self, guard: Without) -> bool {
        !self.without.contains(&guard)
    }

    fn of(&self, tab: usize) -> usize {
        tab.min(self.flows.len() - 1)
    }

    /// What every request of a flow finds out first, as the server does.
    fn footing(&self, flow: &Flow) -> Footing {
        let stranger = flow.stage.person().is_some_and(|person| Some(person.user) != self.person.map(user));
        let logged_in = flow.stage.person().is_some();
        Footing {
            answered: self.answered && self.has(Without::Answered),
            timed_out: flow.clock.timed_out(self.now) && self.has(Without::Time),
            other_person: stranger && self.has(Without::SamePerson),
            may_not_link: logged_in && self.suspended && self.has(Without::MayLink),
            held_back: logged_in && self.login_locked && self.has(Without::LoginLock),
            certificate_lapsed: false,
        }
    }

    /// The stage a request finds, if it may go on; a flow that may not is closed.
    fn load(&mut self, at: usize) -> Option<Stage> {
        let flow = &self.flows[at];
        if !flow.stage.is_open() {
            return None;
        }
        if let Some(why) = self.footing(flow).why_not() {
            self.close(at, why);
            return None;
        }
        let stage = flow.stage.clone();
        Some(if self.has(Without::Question) { stage.with_existing(self.live()) } else { stage })
    }

    /// What the user could renew now.
    fn live(&self) -> Vec<LinkageId> {
        self.old.iter().filter(|live| **live).map(|_| linkage(OLD)).collect()
    }

    fn close(&mut self, at: usize, why: Closed) {
        if let Ok(stage) = self.flows[at].stage.advance(Event::Closed(why)) {
            self.answered = true;
            self.flows[at].stage = stage;
            self.flows[at].version += 1;
        }
    }

    /// The first half of a post. What it comes to waits to be saved.
    fn send(&mut self, tab: usize, form: Form) {
        let at = self.of(tab);
        let Some(stage) = self.sent[tab].is_none().then(|| self.load(at)).flatten() else { return };
        let flow = &self.flows[at];
        if self.tabs[tab].0 != flow.version && self.has(Without::Version) {
            return;
        }
        let mut sent = Sent { base: flow.version, next: stage.clone(), permits: None, taken: flow.pin_taken };
        let event = match form {
            Form::Login => self.login(),
            Form::Choose => Event::OperationsChosen(both()),
            Form::Pin { right } => {
                let right = right && !self.pin_locked;
                sent.taken |= right;
                let outcome = if right { PinOutcome::Staged } else { PinOutcome::Wrong };
                let staged = if right { pins(&[MISSING]) } else { pins(&[]) };
                Event::PinsTried(staged, vec![(account(MISSING), outcome)])
            }
            Form::Skip => Event::PinsSkipped,
            Form::More => Event::MorePins,
            Form::Confirm => Event::PinsConfirmed,
            Form::Renew { old } => Event::RenewalChosen(old.then(|| linkage(OLD))),
            Form::Allow { intent, all } => {
                if let Some((next, permits)) = self.permitted(tab, stage, intent, all) {
                    (sent.next, sent.permits) = (next, Some(permits));
                    self.sent[tab] = Some(sent);
                }
                return;
            }
            Form::Deny => Event::Closed(Closed::Declined),
        };
        if let Ok(next) = stage.advance(event) {
            sent.next = next;
            self.sent[tab] = Some(sent);
        }
    }

    fn login(&self) -> Event {
        let mut begun = begun(&[READY], &[MISSING]);
        begun.existing = self.live();
        let begun = Begun { person: person(1), ..begun };
        Event::LoggedIn(begun, if self.choice { Offer::Choice(both()) } else { Offer::Fixed(both()) })
    }

    /// What 許可 in this tab comes to; nothing where the product takes no such permission.
    fn permitted(&mut self, tab: usize, stage: Stage, intent: bool, all: bool) -> Option<(Stage, Permits)> {
        let (at, Stage::Permission { mut draft }) = (self.of(tab), stage) else { return None };
        let ticked = if all { accounts(&[READY, MISSING]) } else { accounts(&[READY]) };
        let seen = if self.has(Without::Text) { self.tabs[tab].1 } else { self.text };
        if !self.has(Without::Usable) {
            draft.begun.ready = accounts(&[READY, MISSING]);
        }
        let answers = Answers {
            accounts: ticked.clone(),
            intent_confirmed: intent || !self.has(Without::Intent),
            text_seen: [seen; 32],
            text_now: [self.text; 32],
        };
        let permit = draft.permit(&answers).ok()?;
        let stage = Stage::Permission { draft: draft.clone() };
        let target = draft.renews.unwrap_or(linkage(NEW));
        let next = stage.advance(Event::Permitted(permit, target, consent(1))).ok()?;
        if self.pin_locked && !draft.staged.is_empty() && self.has(Without::PinLock) {
            self.close(at, Closed::NotAllowed);
            return None;
        }
        let well = self.explained(tab, &draft, intent, all);
        Some((next, Permits { well, draft }))
    }

    /// Whether the witness saw all that a permission needs. It asks nothing of the product's guards.
    fn explained(&self, tab: usize, draft: &Draft, intent: bool, all: bool) -> bool {
        let flow = &self.flows[self.of(tab)];
        let (deadline, idle) = (flow.clock.deadline_at, flow.clock.used_at.plus_seconds(IDLE_SECONDS));
        self.person == Some(1)
            && !self.suspended
            && !self.login_locked
            && (!self.pin_locked || draft.staged.is_empty())
            && self.now < deadline
            && self.now < idle
            && (!all || flow.pin_taken)
            && intent
            && self.tabs[tab].1 == self.text
    }

    /// The second half of a post: one transaction.
    fn save(&mut self, tab: usize) -> Result<(), &'static str> {
        let (at, Some(sent)) = (self.of(tab), self.sent[tab].take()) else { return Ok(()) };
        let flow = &self.flows[at];
        if flow.version != sent.base && self.has(Without::Version) {
            return Ok(());
        }
        let ends = !sent.next.is_open();
        if ends && self.answered && self.has(Without::ClaimOfTheRequest) {
            return Ok(());
        }
        if let Some(Permits { well, draft }) = &sent.permits {
            let live = self.live();
            if draft.misses_one_of(&live) && self.has(Without::Question) {
                return Ok(());
            }
            if draft.renews.is_some() && self.old != Some(true) && self.has(Without::LinkageToRenew) {
                self.close(at, Closed::GrantNotYours);
                return Ok(());
            }
            self.judge(*well, draft.renews.is_some(), !draft.misses_one_of(&live))?;
            self.code = Some((self.now, draft.renews.is_some()));
            self.codes += 1;
        }
        if !flow.stage.is_open() {
            return Err("an end was not an end");
        }
        self.answered |= ends;
        let flow = &mut self.flows[at];
        (flow.stage, flow.version) = (sent.next, flow.version + 1);
        (flow.clock.used_at, flow.pin_taken) = (self.now, sent.taken);
        if self.flows[at].stage.person().is_some() && self.person.is_none() {
            self.person = Some(1);
        }
        Ok(())
    }

    /// What has to hold where a code is given.
    fn judge(&self, well: bool, renews: bool, was_asked: bool) -> Result<(), &'static str> {
        match () {
            () if !well => Err("a code without all that a permission needs"),
            () if self.answered => Err("a code for a request that was answered"),
            () if self.codes > 0 => Err("two codes for one request"),
            () if renews && self.old != Some(true) => Err("a linkage renewed that was revoked"),
            () if !was_asked => Err("a linkage begun beside one that nobody was asked about"),
            () => Ok(()),
        }
    }

    /// The partner's post with the code looks. Tells whether it goes on.
    fn redeem(&mut self) -> bool {
        let (Some((given, renewed)), was) = (self.code, self.redeeming) else { return false };
        let facts = self.facts(renewed);
        let late = self.now >= given.plus_seconds(CODE_SECONDS) && self.has(Without::CodeTime);
        let held = self.login_locked && self.has(Without::LockBehindTheCode);
        let stands = standing(&facts, self.now).is_ok() || !self.has(Without::Standing);
        if !self.redeeming && !late && !held && stands && (!self.used || !self.has(Without::CodeOnce)) {
            self.redeeming = true;
        }
        was != self.redeeming
    }

    fn facts(&self, renewed: bool) -> Facts {
        Facts {
            ended_by: (renewed && self.old == Some(false)).then_some(EndedBy::Customer),
            ends_at: self.now.plus_seconds(1),
            contract: if self.suspended { ContractState::Suspended } else { ContractState::Active },
            user: UserState::Active,
            partner: PartnerState::Active,
            product: PartnerState::Active,
        }
    }

    /// And is saved.
    fn issue(&mut self) -> Result<(), &'static str> {
        if !std::mem::take(&mut self.redeeming) || (self.used && self.has(Without::CodeOnce)) {
            return Ok(());
        }
        self.used = true;
        self.tokens += 1;
        if self.tokens > 1 { Err("a code gave tokens twice") } else { Ok(()) }
    }

    /// What must hold at the instant the partner's post looked; the environment may move on before it is saved.
    fn judge_redemption(&self) -> Result<(), &'static str> {
        let Some((given, renewed)) = self.code else { return Ok(()) };
        match () {
            () if self.suspended => Err("tokens for a contract that is suspended"),
            () if self.login_locked => Err("tokens from a login that is locked"),
            () if renewed && self.old == Some(false) => Err("tokens of a linkage that was revoked"),
            () if self.now >= given.plus_seconds(CODE_SECONDS) => Err("tokens for a code whose time is over"),
            () => Ok(()),
        }
    }

    /// Whether the act can change anything here. Forms of other screens than the flow's can't: the printed table shows it.
    fn can(&self, act: Act) -> bool {
        let is_open = |tab: usize| self.flows[self.of(tab)].stage.is_open();
        match act {
            Act::Look(tab) => is_open(tab) && self.sent[tab].is_none(),
            Act::Send(tab, form) => {
                let screen = self.flows[self.of(tab)].stage.screen();
                is_open(tab) && self.sent[tab].is_none() && (form == Form::Deny || form.screen() == screen)
            }
            Act::Save(tab) => self.sent[tab].is_some(),
            Act::Redeem => self.code.is_some() && !self.redeeming,
            Act::Issue => self.redeeming,
            Act::Suspend => self.turns > 0 && !self.suspended,
            Act::LockLogin => self.turns > 0 && !self.login_locked,
            Act::LockPin => self.turns > 0 && !self.pin_locked,
            Act::Revoke => self.turns > 0 && self.old == Some(true),
            Act::LinkElsewhere => self.turns > 0 && self.old.is_none(),
            Act::OtherPerson => self.turns > 0 && self.person == Some(1),
            Act::ChangeText => self.turns > 0 && self.text == 0,
            Act::Wait(_) => self.turns > 0,
        }
    }

    /// Whether a code or tokens can still come of it.
    fn is_over(&self) -> bool {
        let is_open = self.flows.iter().any(|flow| flow.stage.is_open()) || self.sent.iter().any(Option::is_some);
        !is_open && self.code.is_none()
    }

    fn after(&self, act: Act) -> Result<World, &'static str> {
        let mut world = self.clone();
        if !matches!(act, Act::Look(_) | Act::Send(..) | Act::Save(_) | Act::Redeem | Act::Issue) {
            world.turns -= 1;
        }
        match act {
            Act::Look(tab) => {
                let at = world.of(tab);
                if world.load(at).is_some() {
                    world.tabs[tab] = (world.flows[at].version, world.text);
                    world.flows[at].clock.used_at = world.now;
                }
            }
            Act::Send(tab, form) => world.send(tab, form),
            Act::Save(tab) => world.save(tab)?,
            Act::OtherPerson => world.person = world.person.map(|_| 2),
            Act::Suspend => world.suspended = true,
            Act::LockLogin => world.login_locked = true,
            Act::LockPin => world.pin_locked = true,
            Act::Revoke => world.old = world.old.map(|_| false),
            Act::LinkElsewhere => world.old = world.old.or(Some(true)),
            Act::ChangeText => world.text = 1,
            Act::Wait(seconds) => world.now = world.now.plus_seconds(seconds),
            Act::Redeem => {
                if world.redeem() {
                    world.judge_redemption()?;
                }
            }
            Act::Issue => world.issue()?,
        }
        Ok(world)
    }
}
