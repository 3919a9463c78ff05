//! Linkages looked at anew: what came into being since the login is asked about, and nothing else moves.

use renkei_domain::flow::{Begun, Draft, Event, Stage};

use crate::cast::{begun, both, draft, linkage};

fn at_permission(change: impl FnOnce(&mut Draft)) -> Stage {
    let mut draft = draft(begun(&[1], &[]));
    change(&mut draft);
    Stage::Permission { draft }
}

#[test]
fn a_linkage_that_came_into_being_since_leads_back_to_the_question() {
    let stage = at_permission(|_| ()).with_existing(vec![linkage(1)]);
    assert!(matches!(stage, Stage::Existing { .. }));
    let renewing = stage.advance(Event::RenewalChosen(Some(linkage(1)))).unwrap();
    assert!(matches!(&renewing, Stage::Permission { draft } if draft.renews == Some(linkage(1))));
    // Whoever was asked about it and wants another one is not asked again.
    let adding = stage.advance(Event::RenewalChosen(None)).unwrap();
    assert_eq!(adding.clone().with_existing(vec![linkage(1)]), adding);
    assert!(matches!(adding.with_existing(vec![linkage(1), linkage(2)]), Stage::Existing { .. }));
}

#[test]
fn where_the_linkage_to_renew_is_settled_nothing_is_asked() {
    let named = at_permission(|draft| {
        draft.begun.named = Some(linkage(1));
        draft.renews = Some(linkage(1));
    });
    let chosen = at_permission(|draft| {
        draft.begun.existing = vec![linkage(1)];
        draft.renews = Some(linkage(1));
    });
    for stage in [named, chosen] {
        assert_eq!(stage.clone().with_existing(vec![linkage(1), linkage(2)]), stage);
        assert_eq!(stage.clone().with_existing(Vec::new()), stage);
    }
}

#[test]
fn a_linkage_that_ended_since_is_not_asked_about() {
    let begun = Begun { existing: vec![linkage(1), linkage(2)], ..begun(&[1], &[]) };
    let asking = Stage::Existing { draft: draft(begun.clone()) };
    let left = asking.clone().with_existing(vec![linkage(2)]);
    assert!(left.advance(Event::RenewalChosen(Some(linkage(1)))).is_err());
    assert!(left.advance(Event::RenewalChosen(Some(linkage(2)))).is_ok());
    assert!(matches!(asking.with_existing(Vec::new()), Stage::Permission { draft } if draft.renews.is_none()));
    let choosing = Stage::Operations { begun, offered: both() }.with_existing(Vec::new());
    assert!(matches!(choosing.advance(Event::OperationsChosen(both())), Ok(Stage::Permission { .. })));
}

#[test]
fn before_the_login_and_after_the_end_there_is_nothing_to_look_at() {
    let closed = Stage::Closed { why: renkei_domain::flow::Closed::TimedOut };
    for stage in [Stage::Login, closed] {
        assert_eq!(stage.clone().with_existing(vec![linkage(1)]), stage);
    }
}
