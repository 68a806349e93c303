//! The row of this node in the store: the way on which nodes hear of each other when the bus is away
//! (R17).

use super::*;
use crate::clock;
use crate::limits::{STORE_BEAT_ASKED_MS, STORE_BEAT_MS, STORE_LEASE_MS};
use crate::store::{NodeLease, StoreResult};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// What the store does not answer within this does not count.
const PATIENCE: Duration = Duration::from_millis(STORE_LEASE_MS / 2);

impl Cluster {
    pub(super) async fn keep_row(&self) {
        let mut beat = 1;
        while !self.0.ended.load(Ordering::Acquire) {
            let busy = {
                let (now, state) = (self.now(), self.state());
                state.asks(now) || state.is_asked(now)
            };
            let pause = if busy {
                STORE_BEAT_ASKED_MS
            } else {
                STORE_BEAT_MS
            };
            let asked = self.0.ask_rows.notified();
            let _ = timeout(Duration::from_millis(pause), asked).await;
            if self.0.ended.load(Ordering::Acquire) {
                return;
            }
            beat += 1;
            if self.renew_row(beat).await {
                self.read_rows().await;
            }
        }
    }

    /// Writes the row. Only then the next pass may begin: who reads how often this node has settled
    /// must know that at most one pass was under way.
    pub(super) async fn renew_row(&self, beat: u64) -> bool {
        let now = self.now();
        let alone = self.state().begin_row(now);
        let row = NodeLease {
            node: self.0.me,
            beat,
            settled: self.0.settled.load(Ordering::Acquire),
            asks: self.state().asks(now),
            alone,
            at: clock::now(),
            speaks: wire::VERSION,
        };
        let written = timeout(PATIENCE, self.0.here.store.renew_lease(&row)).await;
        let stands = matches!(written, Ok(Ok(())));
        if stands && alone {
            self.tell(Event::RowStands(now));
        }
        if stands && self.state().is_asked(self.now()) {
            self.settle(row.settled);
        }
        stands
    }

    async fn read_rows(&self) {
        let asked_at = self.now();
        if let Ok(Ok(rows)) = timeout(PATIENCE, self.0.here.store.leases()).await {
            self.tell(Event::Rows { asked_at, rows });
        }
    }

    pub(super) async fn release_row(&self) {
        let released = timeout(PATIENCE, self.0.here.store.release_lease(self.0.me));
        if !matches!(released.await, Ok(Ok(()))) {
            tracing::debug!("the row in the store goes by itself");
        }
    }

    /// Reads the heads of all rooms that are shown here and shows what was lacking; one pass at a
    /// time, and none before the end of the last was `told`.
    fn settle(&self, told: u64) {
        if self.0.settling.swap(true, Ordering::AcqRel) {
            return;
        }
        if self.0.settled.load(Ordering::Acquire) != told {
            self.0.settling.store(false, Ordering::Release);
            return;
        }
        let myself = self.clone();
        tokio::spawn(async move {
            if myself.reach_heads().await.is_ok() {
                myself.0.settled.fetch_add(1, Ordering::AcqRel);
            }
            myself.0.settling.store(false, Ordering::Release);
            myself.0.ask_rows.notify_one();
        });
    }

    async fn reach_heads(&self) -> StoreResult<()> {
        let (held, mut released) = mpsc::channel::<()>(1);
        let (rooms, upto) = self.to_read();
        for rooms in rooms.chunks(PAGE_MAX) {
            for (room, (head, _)) in self.0.here.store.heads(rooms).await? {
                let held = held.clone();
                let confirm = Confirm::new(move || drop(held));
                self.0.here.relays.reach(room, head, upto, confirm);
            }
        }
        drop(held);
        // Nothing is ever sent: it ends when the last relay has let go.
        let _ = released.recv().await;
        Ok(())
    }
}
