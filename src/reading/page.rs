//! Which part of a log a page shows: after, before or around a place, or the newest.

use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::ids::{RoomId, Seq};
use crate::limits;
use crate::store::Store;
use std::time::Duration;

/// How often a read with `min` looks again, milliseconds.
const LOOK_AGAIN_MS: u64 = 20;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    Newest,
    After(Seq),
    Before(Seq),
    Around(Seq),
}

impl Page {
    /// Where in the log that is, unless it is its end.
    pub fn place(self) -> Option<Seq> {
        match self {
            Page::Newest => None,
            Page::After(seq) | Page::Before(seq) | Page::Around(seq) => Some(seq),
        }
    }
}

/// The seqs `from..=to` of a page of entries; empty if `from > to`.
pub fn window(page: Page, limit: u64, floor: Seq, head: Seq) -> (Seq, Seq) {
    let first = floor + 1;
    match page {
        Page::Newest => (first.max((head + 1).saturating_sub(limit)), head),
        Page::After(seq) => {
            let from = first.max(seq + 1);
            (from, head.min(from + limit - 1))
        }
        Page::Before(seq) => {
            let to = head.min(seq.saturating_sub(1));
            (first.max((to + 1).saturating_sub(limit)), to)
        }
        Page::Around(seq) => {
            let half = (limit - 1) / 2;
            (first.max(seq.saturating_sub(half)), head.min(seq + half))
        }
    }
}

/// Waits until the room's head is at least `min`, at most two seconds; then `unavailable`.
pub async fn await_head(store: &dyn Store, room: RoomId, min: Seq) -> Result<()> {
    if min == 0 {
        return Ok(());
    }
    let deadline = tokio::time::Instant::now() + Duration::from_millis(limits::MIN_WAIT_MS);
    loop {
        let heads = store.heads(&[room]).await?;
        if heads.get(&room).is_some_and(|(head, _)| *head >= min) {
            return Ok(());
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(Error::new(
                Code::Unavailable,
                "This node has not seen that state yet.",
            ));
        }
        tokio::time::sleep(Duration::from_millis(LOOK_AGAIN_MS)).await;
    }
}

/// Nothing happened yet.
pub(super) const NEVER: Timestamp = Timestamp(0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_cut_where_the_contract_says() {
        let cases = [
            (Page::Newest, 10, 0, 100, (91, 100)),
            (Page::Newest, 10, 0, 4, (1, 4)),
            (Page::Newest, 10, 95, 100, (96, 100)),
            (Page::After(0), 10, 0, 100, (1, 10)),
            (Page::After(95), 10, 0, 100, (96, 100)),
            (Page::After(3), 10, 50, 100, (51, 60)),
            (Page::Before(50), 10, 0, 100, (40, 49)),
            (Page::Before(5), 10, 0, 100, (1, 4)),
            (Page::Before(500), 10, 0, 100, (91, 100)),
            (Page::Before(55), 10, 50, 100, (51, 54)),
            (Page::Around(50), 11, 0, 100, (45, 55)),
            (Page::Around(2), 11, 0, 100, (1, 7)),
            (Page::Around(99), 11, 0, 100, (94, 100)),
            (Page::Around(50), 1, 0, 100, (50, 50)),
        ];
        for (page, limit, floor, head, expected) in cases {
            assert_eq!(
                window(page, limit, floor, head),
                expected,
                "{page:?} {limit}"
            );
        }
    }

    #[test]
    fn beyond_either_end_there_is_nothing() {
        for page in [
            Page::After(100),
            Page::After(500),
            Page::Before(1),
            Page::Before(0),
        ] {
            let (from, to) = window(page, 10, 0, 100);
            assert!(from > to, "{page:?}");
        }
        let (from, to) = window(Page::Newest, 10, 0, 0);
        assert!(from > to);
    }
}
