//! By what right a node shows rooms, and when it begins anew (R17).

use super::*;

/// Node 1 by itself, whose lease was renewed at `now`.
fn leased() -> (ClusterState, Moment) {
    let mut state = ClusterState::new(node(1));
    let begun = state.apply(10, Event::Renewed(10));
    state.apply(10, Event::Tick);
    assert!(begun.contains(&Effect::Heal), "it reads what it missed");
    (state, 10)
}

#[test]
fn a_right_that_goes_on_keeps_its_number_and_one_that_begins_anew_has_a_higher_one() {
    let (mut state, at) = leased();
    let first = state.rights(at);
    assert_eq!((first.since, first.last), (Some(1), 1));
    let again = state.apply(at + 500, Event::Renewed(at + 500));
    assert!(!again.contains(&Effect::Heal), "nothing was missed");
    assert_eq!(state.rights(at + LEASE_MS), first);
    let over = at + 500 + LEASE_MS;
    assert_eq!(state.rights(over).since, None);
    let anew = state.apply(over, Event::Renewed(over));
    assert!(anew.contains(&Effect::Heal));
    assert_eq!(state.rights(over).since, Some(2));
}

#[test]
fn an_answer_that_comes_when_its_lease_is_over_gives_no_right() {
    let mut state = ClusterState::new(node(1));
    let late = state.apply(3_000, Event::Renewed(3_000 - LEASE_MS));
    assert!(!late.contains(&Effect::Heal));
    assert_eq!(state.rights(3_000).since, None);
}

#[test]
fn a_row_gives_a_right_only_while_it_says_so_and_for_as_long_as_others_believe_it() {
    let (mut state, at) = leased();
    assert!(!state.begin_row(at), "the bus gives the right");
    state.apply(at, Event::Connected(false));
    assert!(state.begin_row(at));
    state.apply(at + 20, Event::RowStands(at));
    assert_eq!(state.rights(at + 20).since, Some(1), "both stand");
    assert_eq!(state.rights(at + LEASE_MS).since, Some(2));
    assert_eq!(state.rights(at + STORE_LEASE_MS).since, None);
}

#[test]
fn a_row_says_so_before_the_lease_is_over_and_takes_it_back_late() {
    let (mut state, at) = leased();
    let short = at + LEASE_MS / 2;
    assert!(
        !state
            .apply(short - 1, Event::Tick)
            .contains(&Effect::AskRows)
    );
    assert!(state.apply(short, Event::Tick).contains(&Effect::AskRows));
    assert!(state.begin_row(short));
    state.apply(short + 10, Event::RowStands(short));
    state.apply(short + 20, Event::Renewed(short + 20));
    assert!(state.begin_row(short + 30), "not at once");
    let later = short + 2 * STORE_LEASE_MS;
    state.apply(later, Event::Renewed(later));
    assert!(!state.begin_row(later));
    assert_eq!(
        state.rights(later).last,
        state.rights(later).since.unwrap_or(0)
    );
}

#[test]
fn what_the_store_did_not_answer_is_asked_again_soon() {
    let (mut state, at) = leased();
    let heals = |effects: Vec<Effect>| effects.contains(&Effect::Heal);
    state.apply(at + 1, Event::Tick);
    let soon = at + 1 + POLL_APART_MS;
    state.apply(soon, Event::Renewed(soon));
    assert!(!heals(state.apply(soon, Event::Tick)), "calm");
    state.apply(soon, Event::NotRead);
    state.apply(soon + POLL_APART_MS, Event::Renewed(soon + POLL_APART_MS));
    assert!(heals(state.apply(soon + POLL_APART_MS, Event::Tick)));
}
