//! The two clocks of a flow.

use renkei_domain::flow::{EXTENSION_SECONDS, FLOW_SECONDS, FlowClock, IDLE_SECONDS};

use crate::cast::NOW;

#[test]
fn r_202_an_unused_flow_ends_with_its_idle_time() {
    let clock = FlowClock::opened(NOW);
    assert!(!clock.timed_out(NOW.plus_seconds(IDLE_SECONDS - 1)));
    assert!(clock.timed_out(NOW.plus_seconds(IDLE_SECONDS)));
    assert_eq!(clock.ends_at(), NOW.plus_seconds(IDLE_SECONDS));
}

#[test]
fn r_202_a_flow_in_use_ends_at_its_deadline_all_the_same() {
    let busy = FlowClock { used_at: NOW.plus_seconds(FLOW_SECONDS - 1), ..FlowClock::opened(NOW) };
    assert_eq!(busy.ends_at(), NOW.plus_seconds(FLOW_SECONDS));
    assert!(!busy.timed_out(NOW.plus_seconds(FLOW_SECONDS - 1)));
    assert!(busy.timed_out(NOW.plus_seconds(FLOW_SECONDS)));
}

#[test]
fn r_202_an_extension_is_given_once_and_counts_as_use() {
    let later = NOW.plus_seconds(IDLE_SECONDS - 1);
    let extended = FlowClock::opened(NOW).extended(later).unwrap();
    assert_eq!(extended.deadline_at, NOW.plus_seconds(FLOW_SECONDS + EXTENSION_SECONDS));
    assert_eq!(extended.ends_at(), later.plus_seconds(IDLE_SECONDS));
    assert_eq!(extended.extended(later), None);
}

#[test]
fn an_extension_never_outlives_the_longest_time_a_flow_may_take() {
    let longest = NOW.plus_seconds(FLOW_SECONDS + EXTENSION_SECONDS);
    let clock = FlowClock::opened(NOW).extended(NOW.plus_seconds(FLOW_SECONDS - 1)).unwrap();
    let busy = FlowClock { used_at: longest, ..clock };
    assert!(busy.timed_out(longest));
}
