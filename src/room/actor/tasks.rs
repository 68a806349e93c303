//! What a room has done beside it: each task ends in one message to the room.

use super::{Done, Room, RoomMessage};
use crate::bus::{Confirm, Publication};
use crate::entry::{Entry, Event, Hash};
use crate::error::{Code, Error};
use crate::ids::Seq;
use crate::limits::ROOM_IDLE_MS;
use crate::room::writer::{self, Verdict};
use crate::room::{Load, LoadId, Orders, RoomCommand, takeover};
use crate::store::{Batch, Statics, StoreError, View};
use crate::supervise::beside;
use std::sync::Arc;
use std::time::Duration;

/// Pause before failed views are tried again, and failed questions asked again.
const VIEWS_PAUSE: Duration = Duration::from_millis(250);

impl Room {
    /// After `pause`: so that two nodes do not take a room from each other all the time.
    pub(super) fn take_over(&self, pause: Duration) {
        let (store, id) = (Arc::clone(&self.parts.store), self.id);
        let note = self.parts.notes.take(id);
        let lost = StoreError::Unavailable("the take-over broke off".to_owned());
        let (bus, bits) = (Arc::clone(&self.parts.bus), self.parts.bucket_bits);
        self.task(Done::TakenOver(Err(lost), Orders::new()), async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            // Whatever is wrong with a note, a take-over puts it right.
            if let Some(note) = note
                && let Ok(Some(recovered)) = takeover::wake(&*store, id, note).await
            {
                return Done::Woken(Box::new(recovered));
            }
            // Who still has it finishes first, so that nothing that it began ends as unknown.
            let orders = match bus.claim(id) {
                Some(orders) => orders.await.unwrap_or_default(),
                None => Orders::new(),
            };
            let taken = takeover::take_over(&*store, id, bits).await;
            Done::TakenOver(taken.map(|recovered| recovered.map(Box::new)), orders)
        });
    }

    pub(super) fn load(&self, load: LoadId, what: Load) {
        let (store, id) = (Arc::clone(&self.parts.store), self.id);
        let lost = RoomCommand::Loaded {
            load,
            facts: Err(Error::internal()),
        };
        self.task(Done::Told(lost), async move {
            let facts = writer::load(&*store, id, what).await;
            Done::Told(RoomCommand::Loaded { load, facts })
        });
    }

    pub(super) fn commit(&self, open: Option<Statics>, batch: Box<Batch>) {
        let parts = Arc::clone(&self.parts);
        self.task(Done::Ended(Code::Unknown), async move {
            let (store, metrics) = (&*parts.store, &parts.metrics);
            match writer::append(store, metrics, open, &batch).await {
                Verdict::Stored => {
                    metrics.batches.inc();
                    metrics.entries.inc_by(batch.entries.len() as u64);
                    Done::Told(RoomCommand::Committed)
                }
                Verdict::Ended(code) => Done::Ended(code),
            }
        });
    }

    pub(super) fn write_views(&mut self, upto: Seq, mut views: Vec<View>, erase: Vec<(Seq, Hash)>) {
        if self.parts.store.appends_views() && self.has_redone() {
            if erase.is_empty() {
                return self.command(RoomCommand::ViewsWritten { upto });
            }
            views.clear();
        }
        let (parts, id) = (Arc::clone(&self.parts), self.id);
        self.task(Done::Told(RoomCommand::ViewsFailed), async move {
            match writer::write_views(&*parts.store, id, &views, &erase).await {
                Ok(()) => Done::Told(RoomCommand::ViewsWritten { upto }),
                Err(error) => {
                    tracing::warn!(%error, "views could not be written");
                    parts.metrics.view_failures.inc();
                    tokio::time::sleep(VIEWS_PAUSE).await;
                    Done::Told(RoomCommand::ViewsFailed)
                }
            }
        });
    }

    pub(super) fn ask_later(&self) {
        self.task(Done::Told(RoomCommand::AskAgain), async {
            tokio::time::sleep(VIEWS_PAUSE).await;
            Done::Told(RoomCommand::AskAgain)
        });
    }

    pub(super) fn publish(&self, entries: Vec<Arc<Entry>>, confirm: bool) {
        let leaves = entries.iter().rev();
        let last_leave = leaves
            .filter(|entry| matches!(entry.event, Event::Leave { .. }))
            .map(|entry| entry.seq)
            .next();
        let confirm = last_leave.filter(|_| confirm).map(|upto| {
            let myself = self.myself.clone();
            Confirm::new(move || {
                let delivered = RoomCommand::Delivered { upto };
                let _ = myself.send_message(RoomMessage::Done(Done::Told(delivered)));
            })
        });
        self.parts.bus.publish(Publication {
            room: self.id,
            entries,
            confirm,
        });
    }

    pub(super) fn arm_idle(&self) {
        let pause = Duration::from_millis(ROOM_IDLE_MS);
        let idle = || RoomMessage::Done(Done::Idle);
        self.myself.send_after(pause, idle);
    }

    /// Runs `work` beside the actor. However it ends, the room hears of it: `lost` if it broke off.
    pub(in crate::room) fn task(
        &self,
        lost: Done,
        work: impl Future<Output = Done> + std::marker::Send + 'static,
    ) {
        let lost = RoomMessage::Done(lost);
        beside(&self.myself, lost, async { RoomMessage::Done(work.await) });
    }
}
