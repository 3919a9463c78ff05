//! Every stage against every event, as one printed table: a change of the flow shows as a difference in it.

use std::fmt::Write as _;

use renkei_domain::flow::{Begun, Closed, Event, Stage};
use renkei_domain::operation::{Operation, Operations};
use renkei_domain::partner::Offer;
use renkei_domain::pin::{PinOutcome, StagedPins};

use crate::cast::{account, answers, begun, both, consent, draft, linkage, pins};

/// The table as it is kept beside this test.
const KEPT: &str = include_str!("../transition_table.txt");
/// Writes the table anew when it is set: `RENKEI_WRITE_TABLE=1 cargo test -p renkei-domain`.
const WRITE_VARIABLE: &str = "RENKEI_WRITE_TABLE";
const COLUMN: usize = 13;

fn with_existing(begun: Begun) -> Begun {
    Begun { existing: vec![linkage(1)], ..begun }
}

fn naming(begun: Begun) -> Begun {
    Begun { existing: vec![linkage(1)], named: Some(linkage(1)), ..begun }
}

/// One of each stage, with one account in force and one without a PIN: all that follows is possible.
fn stages() -> Vec<Stage> {
    let begun = || begun(&[1], &[2]);
    vec![
        Stage::Login,
        Stage::Operations { begun: begun(), offered: both() },
        Stage::Pins { draft: draft(begun()) },
        Stage::PinResults { draft: draft(begun()), outcomes: vec![(account(2), PinOutcome::Wrong)] },
        Stage::Existing { draft: draft(with_existing(begun())) },
        Stage::Permission { draft: draft(begun()) },
        Stage::Consented { linkage: linkage(1), consent: consent(1) },
        Stage::Closed { why: Closed::Declined },
    ]
}

fn events() -> Vec<(&'static str, Event)> {
    let permit = draft(begun(&[1], &[2])).permit(&answers(&[1])).unwrap();
    vec![
        ("LoggedIn", Event::LoggedIn(begun(&[1], &[2]), Offer::Choice(both()))),
        ("OpsChosen", Event::OperationsChosen(both())),
        ("PinsTried", Event::PinsTried(pins(&[2]), vec![(account(2), PinOutcome::Staged)])),
        ("PinsSkipped", Event::PinsSkipped),
        ("MorePins", Event::MorePins),
        ("PinsConfirmed", Event::PinsConfirmed),
        ("RenewChosen", Event::RenewalChosen(Some(linkage(1)))),
        ("Permitted", Event::Permitted(permit, linkage(1), consent(1))),
        ("Closed", Event::Closed(Closed::TimedOut)),
    ]
}

fn after(stage: &Stage, event: Event) -> &'static str {
    stage.advance(event).map_or("-", |next| next.word())
}

/// What the grid can't show: which screens are skipped, and what is out of turn although the stage fits.
fn particulars() -> Vec<(&'static str, &'static str)> {
    let fixed = |begun| Event::LoggedIn(begun, Offer::Fixed(both()));
    let choosing = |begun| Stage::Operations { begun, offered: both() };
    let chosen = || Event::OperationsChosen(Operations::of(&[Operation::Balances]));
    let narrow = Stage::Operations { begun: begun(&[1], &[]), offered: Operations::of(&[Operation::Balances]) };
    let pins_of = |begun| Stage::Pins { draft: draft(begun) };
    let results = |begun| Stage::PinResults { draft: draft(begun), outcomes: Vec::new() };
    let existing = Stage::Existing { draft: draft(with_existing(begun(&[1], &[]))) };
    let tried = |numbers: &[u128]| Event::PinsTried(pins(numbers), Vec::new());
    let nothing = || Event::LoggedIn(begun(&[1], &[]), Offer::Fixed(Operations::default()));
    vec![
        ("login, operations fixed, a PIN missing", after(&Stage::Login, fixed(begun(&[1], &[2])))),
        ("login, operations fixed, every PIN there", after(&Stage::Login, fixed(begun(&[1], &[])))),
        ("  ... and linked already", after(&Stage::Login, fixed(with_existing(begun(&[1], &[]))))),
        ("  ... and the request names that linkage", after(&Stage::Login, fixed(naming(begun(&[1], &[]))))),
        ("login, no inquiry account", after(&Stage::Login, fixed(begun(&[], &[])))),
        ("login, nothing offered", after(&Stage::Login, nothing())),
        ("chosen, a PIN missing", after(&choosing(begun(&[1], &[2])), chosen())),
        ("chosen, every PIN there", after(&choosing(begun(&[1], &[])), chosen())),
        ("chosen, every PIN there, linked already", after(&choosing(with_existing(begun(&[1], &[]))), chosen())),
        ("chosen, none", after(&choosing(begun(&[1], &[])), Event::OperationsChosen(Operations::default()))),
        ("chosen, more than was offered", after(&narrow, Event::OperationsChosen(both()))),
        ("PIN for an account that has one", after(&pins_of(begun(&[1], &[2])), tried(&[1]))),
        ("PIN for an account of nobody here", after(&pins_of(begun(&[1], &[2])), tried(&[9]))),
        ("every PIN tried was wrong", after(&pins_of(begun(&[1], &[2])), tried(&[]))),
        ("PINs skipped, an account usable", after(&pins_of(begun(&[1], &[2])), Event::PinsSkipped)),
        ("PINs skipped, none usable", after(&pins_of(begun(&[], &[2])), Event::PinsSkipped)),
        ("PINs skipped, linked already", after(&pins_of(with_existing(begun(&[1], &[2]))), Event::PinsSkipped)),
        ("results confirmed, none usable", after(&results(begun(&[], &[2])), Event::PinsConfirmed)),
        ("results confirmed, linked already", after(&results(with_existing(begun(&[1], &[2]))), Event::PinsConfirmed)),
        ("renewal: add another", after(&existing, Event::RenewalChosen(None))),
        ("renewal of somebody else's linkage", after(&existing, Event::RenewalChosen(Some(linkage(9))))),
    ]
}

fn printed() -> String {
    let mut text = format!("{:<COLUMN$}", "");
    for (name, _) in events() {
        let _ = write!(text, "{name:>COLUMN$} ");
    }
    text = text.trim_end().to_owned() + "\n";
    for stage in stages() {
        let mut line = format!("{:<COLUMN$}", stage.word());
        for (_, event) in events() {
            let _ = write!(line, "{:>COLUMN$} ", after(&stage, event));
        }
        text += line.trim_end();
        text.push('\n');
    }
    text += "\nskips and guards\n";
    for (case, next) in particulars() {
        let _ = writeln!(text, "{case:<44}{next}");
    }
    text
}

#[test]
fn the_transition_table_is_the_one_that_is_kept() {
    let printed = printed();
    if std::env::var_os(WRITE_VARIABLE).is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transition_table.txt");
        std::fs::write(path, &printed).unwrap();
        return;
    }
    assert_eq!(printed, KEPT, "if the change is meant, run the test once with {WRITE_VARIABLE}=1");
}

#[test]
fn staged_pins_survive_more_pins_and_are_gone_with_the_end() {
    let pins_stage = Stage::Pins { draft: draft(begun(&[], &[1, 2])) };
    let tried = |numbers: &[u128]| Event::PinsTried(pins(numbers), Vec::new());
    let more = pins_stage.advance(tried(&[1])).unwrap().advance(Event::MorePins).unwrap();
    let both = more.advance(tried(&[2])).unwrap();
    let Stage::PinResults { draft, .. } = &both else { panic!("{both:?}") };
    assert_eq!(draft.staged.keys().copied().collect::<Vec<_>>(), [account(1), account(2)]);
    assert_ne!(draft.staged, StagedPins::new());
    assert_eq!(both.advance(Event::Closed(Closed::Cancelled)), Ok(Stage::Closed { why: Closed::Cancelled }));
}
