//! I8, I9, I10: nothing lives longer than it may, nothing works after the end of its consent, and what was over stays
//! over. All of it by the clock of whoever answered, or of the node furthest behind ([`Event::by_clock`]).

use std::collections::BTreeMap;

use super::{CODE_SECONDS, Check, SECOND, TOKEN_SECONDS_MAX};
use crate::history::{Act, Event, Said};

/// What is wrong with lifetimes.
pub(super) fn of(check: &Check<'_>) -> Vec<String> {
    [lives(check), tokens(check), after_the_end(check), alive_again(check)].concat()
}

/// Seconds an access token was said to live.
fn expires_in(event: &Event) -> Option<u64> {
    event.fact("expires_in").parse().ok()
}

/// I8: what was issued is said to live no longer than it may, and a code is taken in its time alone.
fn lives(check: &Check<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for event in check.done(Act::Redeem).chain(check.done(Act::Refresh)) {
        let Some(seconds) = expires_in(event) else { continue };
        if seconds > TOKEN_SECONDS_MAX {
            wrong.push(format!("I8: an access token lives too long ({})", event.id));
        }
        let until = check.at(event.by_clock().saturating_add(seconds * SECOND));
        if check.ends_at(event).is_some_and(|ends_at| until > ends_at) {
            wrong.push(format!("I8: an access token outlives its consent ({})", event.id));
        }
    }
    for redeem in check.done(Act::Redeem) {
        if check.age(redeem).is_some_and(|age| age > (CODE_SECONDS + 1) * SECOND) {
            wrong.push(format!("I8: a code was taken after its time ({})", redeem.id));
        }
    }
    wrong
}

/// When each access token's own time was over, by the clock of whoever issued it: not before the first, and not after
/// the second, which is known where the answer that brought it was.
fn token_ends<'a>(check: &Check<'a>) -> BTreeMap<&'a str, (u64, Option<u64>)> {
    let issued = check.events.iter().filter(|event| matches!(event.act, Act::Redeem | Act::Refresh));
    let ends = issued.filter_map(|event| {
        let life = expires_in(event)? * SECOND;
        let last = event.end_by_clock().map(|end| end.saturating_add(life + SECOND));
        Some((event.fact("token"), (event.by_clock().saturating_add(life), last)))
    });
    ends.filter(|(token, _)| !token.is_empty()).collect()
}

/// I8: an access token is taken in its time alone.
fn tokens(check: &Check<'_>) -> Vec<String> {
    let ends = token_ends(check);
    let is_late = |read: &&Event| {
        ends.get(read.fact("token")).is_some_and(|(_, last)| last.is_some_and(|last| read.by_clock() > last))
    };
    check
        .done(Act::Read)
        .filter(is_late)
        .map(|read| format!("I8: an access token was taken after its time ({})", read.id))
        .collect()
}

/// I9: nothing works after the end of its consent.
fn after_the_end(check: &Check<'_>) -> Vec<String> {
    let uses = [Act::Redeem, Act::Refresh, Act::Read].into_iter().flat_map(|act| check.done(act));
    let late = uses.filter(|event| check.is_over(event));
    late.map(|event| format!("I9: {:?} {} works after the end of its consent", event.act, event.id)).collect()
}

/// I10: who was refused because a thing is over does not find it alive later. A node whose clock is ahead finds a token's
/// own time over before others do; that refusal says nothing to them while they are within it.
fn alive_again(check: &Check<'_>) -> Vec<String> {
    let ends = token_ends(check);
    let own_end = |event: &Event| ends.get(event.fact("token")).filter(|_| event.act == Act::Read);
    let mut wrong = Vec::new();
    // The first refusal of each thing, and the first that its own time does not explain.
    let mut over: BTreeMap<(Act, &str), u64> = BTreeMap::new();
    let mut gone: BTreeMap<(Act, &str), u64> = BTreeMap::new();
    for event in check.events.iter().filter(|event| event.said == Said::Refused) {
        let (Some(thing), Some(end)) = (thing(event).filter(|_| is_over(event)), event.end) else { continue };
        let is_aged = own_end(event).zip(event.end_by_clock()).is_some_and(|((from, _), clock)| clock >= *from);
        for first in [Some(&mut over), Some(&mut gone).filter(|_| !is_aged)].into_iter().flatten() {
            first.entry(thing).and_modify(|first| *first = end.min(*first)).or_insert(end);
        }
    }
    for event in check.events.iter().filter(|event| event.said == Said::Done) {
        let is_in_time = own_end(event).is_some_and(|(_, last)| last.is_none_or(|last| event.by_clock() <= last));
        let refused = if is_in_time { &gone } else { &over };
        if thing(event).and_then(|thing| refused.get(&thing)).is_some_and(|end| event.begin > *end) {
            wrong.push(format!("I10: {:?} {} finds alive again what was over", event.act, event.id));
        }
    }
    wrong
}

/// What an event shows to the server, where that can be over.
fn thing(event: &Event) -> Option<(Act, &str)> {
    match event.act {
        Act::Open | Act::Redeem | Act::Refresh => Some((event.act, event.key.as_str())),
        Act::Read => Some((Act::Read, event.fact("token"))).filter(|(_, token)| !token.is_empty()),
        _ => None,
    }
}

/// Whether a refusal says that the thing is over, and not that something else is wrong.
fn is_over(event: &Event) -> bool {
    match event.act {
        Act::Open => true,
        Act::Redeem | Act::Refresh => event.note == "invalid_grant",
        _ => event.note.starts_with("invalid_token"),
    }
}
