//! The checker: a history and what stands in the end, held against the invariants I1 to I12 and against what one object
//! alone could have answered (F-35).

use std::collections::{BTreeMap, BTreeSet};

use renkei_domain::ticket::Ticket;

use crate::history::{Act, Event, Said};
use crate::linear::is_linearizable;
use crate::models::{Code, Linkage, PinCounter, operations};
use crate::truth::Truth;

mod lifetimes;

/// Microseconds in a second.
const SECOND: u64 = 1_000_000;
/// How long a code lives, in seconds.
const CODE_SECONDS: u64 = 60;
/// A code this old may have expired by the clock of the node, in seconds.
const CODE_AGING_SECONDS: u64 = 50;
/// The longest life of an access token, in seconds.
const TOKEN_SECONDS_MAX: u64 = 600;
/// An access token younger than this is certainly in its time, in seconds.
const TOKEN_YOUNG_SECONDS: u64 = 240;
/// An act this long may have its record sealed with those that came very late, up to a minute after others, in
/// microseconds.
const LATE: u64 = 4 * SECOND;
/// How far a node's clock may be ahead of the one furthest behind, where clocks go apart, in microseconds.
const APART: u64 = 60 * SECOND;
/// Verdicts given on the inquiry PIN of an account before it is locked.
pub const PIN_TRIES: u32 = 3;

/// Everything that is wrong, each with the rule it breaks; nothing where all is well.
#[must_use]
pub fn violations(events: &[Event], truth: &Truth) -> Vec<String> {
    let check = Check { events, truth, linkage_of: linkage_of(events, truth) };
    let parts = [
        check.linkages(),
        check.pins(),
        check.codes(),
        check.replays(),
        check.guesses(),
        check.reads(),
        lifetimes::of(&check),
        check.records(),
        check.trail(),
        check.outcomes(),
    ];
    parts.concat()
}

struct Check<'a> {
    events: &'a [Event],
    truth: &'a Truth,
    /// Codes as the partner has them, and the linkage of each.
    linkage_of: BTreeMap<String, String>,
}

/// The identifier of a code's row.
fn code_id(code: &str) -> Option<String> {
    Some(Ticket::parse(code).ok()?.id().to_string())
}

fn linkage_of(events: &[Event], truth: &Truth) -> BTreeMap<String, String> {
    let codes = events.iter().filter(|event| matches!(event.act, Act::Permit | Act::Redeem));
    let known = codes.filter_map(|event| {
        let (linkage, _) = truth.codes.get(&code_id(&event.key)?)?;
        Some((event.key.clone(), linkage.clone()))
    });
    known.collect()
}

impl<'a> Check<'a> {
    fn done(&self, act: Act) -> impl Iterator<Item = &'a Event> {
        self.events.iter().filter(move |event| event.act == act && event.said == Said::Done)
    }

    /// I1, I3, F-35: what was acknowledged stands as it was shown, and each linkage behaves as one that was begun once
    /// and ended once, at instants that all nodes agree on.
    fn linkages(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for permit in self.done(Act::Permit) {
            let linkage = self.linkage_of.get(&permit.key).and_then(|id| self.truth.linkages.get(id));
            let shown: BTreeSet<String> = permit.fact("accounts").split_whitespace().map(str::to_owned).collect();
            match linkage {
                None => wrong.push(format!("I1: the linkage of permission {} is gone", permit.id)),
                Some(linkage) if linkage.accounts != shown => {
                    wrong.push(format!("I1: the linkage of permission {} has other accounts", permit.id));
                }
                Some(_) => {}
            }
        }
        for revoke in self.done(Act::Revoke) {
            if self.truth.linkages.get(&revoke.key).is_none_or(|linkage| linkage.ended_by.is_none()) {
                wrong.push(format!("I3: the end of linkage {} ({}) is gone", revoke.key, revoke.id));
            }
        }
        for (linkage, events) in self.by_linkage() {
            if !is_linearizable(&Linkage, &operations(events.iter().copied())) {
                wrong.push(format!("I3 F-35: no order explains linkage {linkage}: {}", story(&events)));
            }
        }
        wrong
    }

    /// Whether the consent of an event's linkage was over when it went out ([`Event::by_clock`]).
    fn is_over(&self, event: &Event) -> bool {
        self.ends_at(event).is_some_and(|ends_at| self.at(event.by_clock()) >= ends_at)
    }

    /// Whether it may have been over by the clock of some node, where they go apart.
    fn may_be_over(&self, event: &Event) -> bool {
        let apart = if self.truth.clocks_differ { APART } else { 0 };
        self.ends_at(event).is_some_and(|ends_at| self.at(event.by_clock() + apart) >= ends_at)
    }

    /// When the consent of an event's linkage ends, in microseconds since 1970.
    fn ends_at(&self, event: &Event) -> Option<i64> {
        let linkage = self.linkage_of.get(&event.key).unwrap_or(&event.key);
        self.truth.linkages.get(linkage)?.ends_at
    }

    /// An instant of the history, in microseconds since 1970.
    fn at(&self, clock: u64) -> i64 {
        self.truth.began_at.saturating_add_unsigned(clock)
    }

    /// The events of each linkage; those on codes belong to the linkage of the code.
    fn by_linkage(&self) -> BTreeMap<&str, Vec<&'a Event>> {
        let mut by_linkage: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
        for event in self.events {
            let linkage = match event.act {
                Act::Permit if event.said == Said::Done => self.linkage_of.get(&event.key).map(String::as_str),
                Act::Redeem => self.linkage_of.get(&event.key).map(String::as_str),
                Act::Refresh | Act::Read | Act::Revoke => {
                    self.truth.linkages.get_key_value(&event.key).map(|(id, _)| id.as_str())
                }
                _ => None,
            };
            if let Some(linkage) = linkage {
                by_linkage.entry(linkage).or_default().push(event);
            }
        }
        by_linkage
    }

    /// I2: PINs stand exactly with their permission.
    fn pins(&self) -> Vec<String> {
        let live = self.truth.linkages.iter().filter(|(_, linkage)| linkage.ended_by.is_none());
        let missing = live.flat_map(|(id, linkage)| {
            let without = linkage.accounts.iter().filter(|account| !self.truth.pins.contains(*account));
            without.map(move |account| format!("I2: linkage {id} is in force and account {account} has no PIN"))
        });
        let permitted: BTreeSet<&String> = self.truth.linkages.values().flat_map(|linkage| &linkage.accounts).collect();
        let left = self.truth.pins.iter().filter(|account| !permitted.contains(account));
        missing.chain(left.map(|account| format!("I2: account {account} has a PIN that nobody permitted"))).collect()
    }

    /// I4, F-35: a code yields tokens once.
    fn codes(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut by_code: BTreeMap<&str, Vec<Event>> = BTreeMap::new();
        for event in self.events.iter().filter(|event| event.act == Act::Redeem) {
            let mut event = event.clone();
            if self.age(&event).is_some_and(|age| age > CODE_AGING_SECONDS * SECOND) {
                // Refused for its age, perhaps: that says nothing about use.
                event.note.clear();
            }
            by_code.entry(self.key_of(&event)).or_default().push(event);
        }
        for (code, events) in by_code {
            if !is_linearizable(&Code, &operations(&events)) {
                wrong.push(format!("I4 F-35: no order explains a code: {}", story(&events.iter().collect::<Vec<_>>())));
            }
            let issued = code_id(code).and_then(|id| self.truth.tokens.get(&id)).copied().unwrap_or_default();
            let told = events.iter().any(|event| event.said == Said::Done);
            if issued > 1 || (told && issued == 0) {
                wrong.push(format!("I4: a code yielded {issued} refresh tokens"));
            }
        }
        wrong
    }

    /// The text of a key, as long as the history lives.
    fn key_of(&self, event: &Event) -> &'a str {
        self.events.get(event.id).map_or("", |event| event.key.as_str())
    }

    /// How old a code was when it was sent ([`Event::by_clock`]), in microseconds.
    fn age(&self, redeem: &Event) -> Option<u64> {
        let permit = self.done(Act::Permit).find(|permit| permit.key == redeem.key)?;
        Some(redeem.by_clock().saturating_sub(permit.end_by_clock()?))
    }

    /// I5: what was answered once is not answered again.
    fn replays(&self) -> Vec<String> {
        self.done(Act::Replay).map(|event| format!("I5: a request was taken twice ({})", event.id)).collect()
    }

    /// I6, F-35: verdicts on an account's PIN are within the limit, and the counter never goes back.
    fn guesses(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut by_account: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
        for event in self.events.iter().filter(|event| event.act == Act::Pin) {
            by_account.entry(&event.key).or_default().push(event);
        }
        for (account, events) in by_account {
            if !is_linearizable(&PinCounter { limit: PIN_TRIES }, &operations(events.iter().copied())) {
                wrong.push(format!("I6 F-35: no order explains the PIN of account {account}: {}", story(&events)));
            }
            let verdicts = self.truth.records.iter().filter(|record| {
                record.action == "pin_tried" && record.object == account && record.detail == "wrong_pin"
            });
            let verdicts = verdicts.count();
            if verdicts > PIN_TRIES as usize {
                wrong.push(format!("I6: {verdicts} verdicts on the PIN of account {account}"));
            }
        }
        wrong
    }

    /// I7: nobody reads what is not in the linkage; and I1: what was issued is there.
    fn reads(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for read in self.done(Act::Read) {
            let own = self.truth.linkages.get(&read.key).map(|linkage| &linkage.accounts);
            let seen: BTreeSet<String> = read.fact("accounts").split_whitespace().map(str::to_owned).collect();
            if own.is_none_or(|own| *own != seen) {
                wrong.push(format!("I7: read {} of linkage {} shows other accounts", read.id, read.key));
            }
        }
        let is_new = |event: &Event| {
            let issued = self.done(Act::Redeem).chain(self.done(Act::Refresh));
            let of_it = |issued: &&Event| match event.fact("token") {
                "" => issued.key == event.key || issued.fact("linkage") == event.key,
                token => issued.fact("token") == token,
            };
            let own = issued.filter(of_it);
            let young = |end: u64| (end..end + TOKEN_YOUNG_SECONDS * SECOND).contains(&event.by_clock());
            own.filter_map(Event::end_by_clock).any(young)
        };
        for event in self.events.iter().filter(|event| event.said == Said::Refused) {
            let lost = match event.act {
                Act::Refresh => event.note == "invalid_grant",
                Act::Read => event.note == "invalid_token" && is_new(event),
                _ => false,
            };
            if lost && !self.may_be_over(event) {
                wrong.push(format!("I1: a token of linkage {} is gone ({})", event.key, event.id));
            }
        }
        wrong
    }

    /// I11: each acknowledged act has its one record; and no more acts are recorded than were acknowledged or left open.
    fn records(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut by_request: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for record in self.truth.records.iter().filter(|record| record.outcome == "done") {
            *by_request.entry((&record.request_id, &record.action)).or_default() += 1;
        }
        for (act, actions) in ACTIONS {
            let mut told = BTreeSet::new();
            for event in self.done(act) {
                let id = event.request_id.as_deref().unwrap_or_default();
                told.insert(id);
                let count: usize = actions.iter().filter_map(|action| by_request.get(&(id, *action))).sum();
                if count != 1 {
                    wrong.push(format!("I11: {act:?} {} has {count} records", event.id));
                }
            }
            if act == Act::Revoke {
                told.extend(self.done(Act::EndToken).filter_map(|event| event.request_id.as_deref()));
            }
            let recorded = by_request.iter().filter(|((_, action), _)| actions.contains(action));
            let untold: usize = recorded.filter(|((id, _), _)| !told.contains(id)).map(|(_, count)| count).sum();
            let is_of = |event: &Event| event.act == act || (act == Act::Revoke && event.act == Act::EndToken);
            let open = self.events.iter().filter(|event| is_of(event) && event.is_open()).count();
            if untold > open {
                wrong.push(format!("I11: {untold} records of {act:?} without an answer, and {open} left open"));
            }
        }
        // A second 許可 gets the first one's answer and leaves no record, so here the linkage counts.
        for permit in self.done(Act::Permit) {
            let linkage = self.linkage_of.get(&permit.key).map_or("", String::as_str);
            let begun = self.truth.records.iter().filter(|r| r.action == "linkage_begun" && r.object == linkage);
            let begun = begun.count();
            if begun != 1 {
                wrong.push(format!("I11: permission {} has {begun} records", permit.id));
            }
        }
        wrong
    }

    /// F-35: the trail is one list, from 0 without a gap or a double, and whatever was acknowledged before another act
    /// began stands before it.
    fn trail(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let places = self.truth.sealed.iter().zip(0..);
        if let Some(((place, _), due)) = places.into_iter().find(|((place, _), due)| place != due) {
            wrong.push(format!("F-35: the trail has an entry {place} where {due} is due"));
        }
        if self.truth.clocks_differ {
            return wrong;
        }
        let mut of_request: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for (place, request) in &self.truth.sealed {
            let own = of_request.entry(request).or_insert((*place, *place));
            own.1 = *place;
        }
        let acted = self.events.iter().filter(|event| event.said == Said::Done);
        let mut begun: Vec<(u64, u64, i64, i64, usize)> = acted
            .filter_map(|event| {
                let (first, last) = of_request.get(event.request_id.as_deref().filter(|id| !id.is_empty())?)?;
                Some((event.begin, event.end?, *first, *last, event.id))
            })
            .collect();
        begun.sort_unstable();
        let in_time = begun.iter().filter(|(begin, end, ..)| end - begin < LATE);
        let mut ended: Vec<(u64, i64, usize)> = in_time.map(|(_, end, _, last, id)| (*end, *last, *id)).collect();
        ended.sort_unstable();
        let mut ended = ended.into_iter().peekable();
        let mut latest: Option<(i64, usize)> = None;
        for (begin, _, first, _, id) in begun {
            while let Some((_, last, other)) = ended.next_if(|(end, ..)| *end < begin) {
                latest = latest.max(Some((last, other)));
            }
            if let Some((_, other)) = latest.filter(|(place, _)| *place > first) {
                wrong.push(format!("F-35: act {other} was acknowledged before act {id} began, and stands after it"));
            }
        }
        wrong
    }

    /// I12: what was answered as not done was not done; and nothing broke.
    fn outcomes(&self) -> Vec<String> {
        let done: BTreeSet<&str> =
            self.truth.records.iter().filter(|r| r.outcome == "done").map(|r| r.request_id.as_str()).collect();
        let single = [Act::Push, Act::Permit, Act::Redeem, Act::Refresh, Act::Read, Act::Revoke];
        let mut wrong = Vec::new();
        for event in self.events {
            let id = event.request_id.as_deref().unwrap_or_default();
            if event.said == Said::Failed && single.contains(&event.act) && !id.is_empty() && done.contains(id) {
                wrong.push(format!("I12: {:?} {} was answered as not done, and is", event.act, event.id));
            }
            if event.said == Said::Broken {
                wrong.push(format!("{:?} {} was answered with a failure of the program", event.act, event.id));
            }
        }
        wrong
    }
}

/// What each act leaves in the audit trail, one record of one of these.
const ACTIONS: [(Act, &[&str]); 5] = [
    (Act::Push, &["request_pushed"]),
    (Act::Redeem, &["code_redeemed"]),
    (Act::Refresh, &["token_refreshed"]),
    (Act::Read, &["accounts_read"]),
    (Act::Revoke, &["linkage_ended", "token_revoked"]),
];

/// Events in a line, for whoever looks into a failure.
fn story(events: &[&Event]) -> String {
    let told = events.iter().map(|event| {
        let end = event.end.map_or("never".to_owned(), |end| end.to_string());
        format!("{}:{:?} {:?} {} [{}..{end}]", event.id, event.act, event.said, event.note, event.begin)
    });
    told.collect::<Vec<_>>().join("; ")
}
