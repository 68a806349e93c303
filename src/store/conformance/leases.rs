//! Nodes that say of themselves that they are there.

use super::subject::{NOON, Subject};
use crate::ids::NodeId;
use crate::store::NodeLease;
use uuid::Uuid;

fn lease(node: u128, beat: u64) -> NodeLease {
    NodeLease {
        node: NodeId(Uuid::from_u128(node)),
        beat,
        settled: beat / 2,
        asks: beat.is_multiple_of(2),
        alone: beat.is_multiple_of(3),
        at: NOON.plus_ms(beat as i64),
        speaks: 3,
    }
}

pub(super) async fn a_node_says_how_it_is_until_it_ends(subject: &Subject) {
    let store = &*subject.store;
    assert_eq!(store.leases().await, Ok(Vec::new()));
    for (node, beat) in [(0x91, 1), (0x90, 4), (0x91, 2)] {
        assert_eq!(store.renew_lease(&lease(node, beat)).await, Ok(()));
    }
    assert_eq!(
        store.leases().await,
        Ok(vec![lease(0x90, 4), lease(0x91, 2)])
    );
    assert_eq!(store.release_lease(lease(0x90, 4).node).await, Ok(()));
    assert_eq!(store.release_lease(lease(0x92, 1).node).await, Ok(()));
    assert_eq!(store.leases().await, Ok(vec![lease(0x91, 2)]));
}

pub(super) async fn a_late_renewal_changes_nothing(subject: &Subject) {
    let store = &*subject.store;
    assert_eq!(store.renew_lease(&lease(0x91, 7)).await, Ok(()));
    assert_eq!(store.renew_lease(&lease(0x91, 3)).await, Ok(()));
    assert_eq!(store.leases().await, Ok(vec![lease(0x91, 7)]));
}
