//! Whether a node may begin: what the others and the store say must fit to it.

use super::wire;
use crate::clock::Timestamp;
use crate::limits::{CLOCKS_APART_MS_MAX, STORE_PATIENCE_MS};
use crate::store::{NodeLease, Store};
use std::time::Duration;

/// Reads what stands, and refuses with reason and remedy. `now`: the clock of this node.
pub async fn admit(store: &dyn Store, now: impl Fn() -> Timestamp) -> Result<(), String> {
    let patience = Duration::from_millis(STORE_PATIENCE_MS);
    let asked_at = now();
    let read = async { futures_util::try_join!(store.clock(), store.leases()) };
    let read = tokio::time::timeout(patience, read).await;
    let answered_at = now();
    let (clock, rows) = read
        .map_err(|_| "the store does not answer in time; see whether it has a quorum".to_owned())?
        .map_err(|error| format!("the store does not answer: {error}"))?;
    judge((asked_at, answered_at), clock, &rows, wire::VERSION)
}

/// The decision. `asked`: when the question left and when the answer came, by the clock of this node.
fn judge(
    asked: (Timestamp, Timestamp),
    store: Option<Timestamp>,
    rows: &[NodeLease],
    speaks: u8,
) -> Result<(), String> {
    let most = CLOCKS_APART_MS_MAX;
    if let Some(store) = store {
        // The store looked at its clock at some moment in between.
        let behind = store.0 - asked.1.0;
        let ahead = asked.0.0 - store.0;
        let apart = behind.max(ahead);
        if apart > most {
            let which = if behind > ahead { "behind" } else { "ahead of" };
            return Err(format!(
                "the clock of this machine is {apart} ms {which} that of the store, at most {most} ms are \
                 allowed; let all machines take their time from one source (chrony, systemd-timesyncd)"
            ));
        }
    }
    for row in rows {
        let node = row.node;
        // A row may be old, but it cannot come from the future.
        let behind = row.at.0 - asked.1.0;
        if behind > most {
            return Err(format!(
                "the clock of this machine is {behind} ms behind that of node {node}, at most {most} ms are \
                 allowed; let all machines take their time from one source (chrony, systemd-timesyncd)"
            ));
        }
        if row.speaks.abs_diff(speaks) > 1 {
            let theirs = row.speaks;
            return Err(format!(
                "node {node} speaks version {theirs} of the nodes' messages, this program version {speaks}: \
                 only neighbours understand each other; upgrade in steps, or start a minute after the last \
                 node of that version has ended"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;
    use crate::store::LeaseStore as _;
    use crate::store::memory::MemoryStore;

    const NOON: i64 = 1_700_000_000_000;

    fn row(at: i64, speaks: u8) -> NodeLease {
        NodeLease {
            node: NodeId::from_bytes([7; 16]),
            beat: 1,
            settled: 0,
            asks: false,
            alone: false,
            at: Timestamp(at),
            speaks,
        }
    }

    fn judged(store: Option<i64>, rows: &[NodeLease]) -> Result<(), String> {
        let asked = (Timestamp(NOON), Timestamp(NOON + 40));
        judge(asked, store.map(Timestamp), rows, 3)
    }

    #[test]
    fn a_clock_that_is_apart_from_the_stores_is_refused_both_ways() {
        let most = CLOCKS_APART_MS_MAX;
        assert_eq!(judged(None, &[]), Ok(()));
        assert_eq!(judged(Some(NOON - most), &[]), Ok(()));
        assert_eq!(judged(Some(NOON + 40 + most), &[]), Ok(()));
        let ahead = judged(Some(NOON - most - 1), &[]).expect_err("too far apart");
        assert!(
            ahead.contains("ahead of") && ahead.contains("chrony"),
            "{ahead}"
        );
        let behind = judged(Some(NOON + 41 + most), &[]).expect_err("too far apart");
        assert!(behind.contains("behind"), "{behind}");
    }

    #[test]
    fn a_node_from_the_future_is_refused_and_an_old_row_is_not() {
        let most = CLOCKS_APART_MS_MAX;
        assert_eq!(judged(None, &[row(NOON - 50_000, 3)]), Ok(()));
        assert_eq!(judged(None, &[row(NOON + 40 + most, 3)]), Ok(()));
        let apart = judged(None, &[row(NOON + 41 + most, 3)]).expect_err("too far apart");
        assert!(apart.contains("behind that of node"), "{apart}");
    }

    #[test]
    fn only_neighbouring_versions_meet() {
        for speaks in 2..=4 {
            assert_eq!(judged(None, &[row(NOON, speaks)]), Ok(()));
        }
        for speaks in [1, 5, u8::MAX] {
            let refused = judged(None, &[row(NOON, 3), row(NOON, speaks)]);
            let refused = refused.expect_err("they do not understand each other");
            assert!(refused.contains("upgrade in steps"), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_node_that_meets_a_stranger_in_the_store_does_not_begin() {
        let store = MemoryStore::new();
        let now = || Timestamp(NOON);
        assert_eq!(admit(&store, now).await, Ok(()));
        let stranger = row(NOON, wire::VERSION + 2);
        assert_eq!(store.renew_lease(&stranger).await, Ok(()));
        assert!(admit(&store, now).await.is_err());
    }
}
