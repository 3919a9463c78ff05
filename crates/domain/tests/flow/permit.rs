//! What has to come with 許可.

use renkei_domain::flow::{Answers, Event, NotPermitted, OutOfTurn, Stage};

use crate::cast::{accounts, answers, begun, consent, draft, linkage, pins};

#[test]
fn everything_as_it_should_be_makes_the_proof() {
    let draft = draft(begun(&[1, 2], &[]));
    let permit = draft.permit(&answers(&[2])).unwrap();
    assert_eq!(*permit.accounts(), accounts(&[2]));
    let stage = Stage::Permission { draft }.advance(Event::Permitted(permit, linkage(1), consent(1)));
    assert_eq!(stage, Ok(Stage::Consented { linkage: linkage(1), consent: consent(1) }));
}

#[test]
fn the_first_thing_that_does_not_hold_is_named_in_the_order_of_the_screen() {
    let draft = draft(begun(&[1], &[2]));
    let changed = Answers { text_seen: [8; 32], ..answers(&[1]) };
    let unticked = Answers { intent_confirmed: false, ..answers(&[1]) };
    let cases = [
        (answers(&[]), NotPermitted::NoAccount),
        (Answers { accounts: accounts(&[]), ..changed.clone() }, NotPermitted::NoAccount),
        (answers(&[1, 2]), NotPermitted::AccountNotUsable),
        (answers(&[9]), NotPermitted::AccountNotUsable),
        (changed.clone(), NotPermitted::TextChanged),
        (Answers { intent_confirmed: false, ..changed }, NotPermitted::TextChanged),
        (unticked, NotPermitted::IntentNotConfirmed),
    ];
    for (answers, reason) in cases {
        assert_eq!(draft.permit(&answers), Err(reason), "{answers:?}");
    }
}

#[test]
fn an_account_whose_pin_was_entered_in_this_flow_can_be_ticked() {
    let mut draft = draft(begun(&[], &[1, 2]));
    draft.staged = pins(&[2]);
    assert!(draft.permit(&answers(&[2])).is_ok());
    assert_eq!(draft.permit(&answers(&[1])), Err(NotPermitted::AccountNotUsable));
}

#[test]
fn a_proof_of_one_flow_is_none_in_another() {
    let wide = draft(begun(&[1, 2], &[])).permit(&answers(&[1, 2])).unwrap();
    let narrow = Stage::Permission { draft: draft(begun(&[1], &[2])) };
    assert_eq!(narrow.advance(Event::Permitted(wide, linkage(1), consent(1))), Err(OutOfTurn));
}

#[test]
fn a_renewal_is_of_the_linkage_it_was_shown_for_and_no_other() {
    let mut renewing = draft(begun(&[1], &[]));
    renewing.renews = Some(linkage(1));
    let permit = renewing.permit(&answers(&[1])).unwrap();
    let stage = Stage::Permission { draft: renewing };
    let other = Event::Permitted(permit.clone(), linkage(2), consent(1));
    assert_eq!(stage.advance(other), Err(OutOfTurn));
    assert!(stage.advance(Event::Permitted(permit.clone(), linkage(1), consent(1))).is_ok());
    let beginning = Stage::Permission { draft: draft(begun(&[1], &[])) };
    assert_eq!(beginning.advance(Event::Permitted(permit, linkage(1), consent(1))), Err(OutOfTurn));
}
