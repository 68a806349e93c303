//! Looking for what is due: page by page, so much of a shard at a time, and on from there.

use super::super::CqlStore;
use super::super::driver::Kind;
use super::super::values::values;
use super::TimerRow;
use crate::clock::Timestamp;
use crate::ids::{TimerId, UserId};
use crate::limits::{TIMER_LOOK_PAGE, TIMER_LOOK_ROWS_MAX};
use crate::store::timers::minute_of;
use crate::store::{DueTimer, StoreResult};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

const MINUTES: &str =
    "SELECT minute FROM timer_minute WHERE shard = ? AND minute >= ? AND minute <= ? LIMIT ?";
const PAGE: &str = "SELECT due, placed, user, id FROM timer_by_minute WHERE minute = ? AND shard = ? AND (due, placed) > (?, ?) LIMIT ?";
// Only what was written before that moment goes: a setting that is under way stays.
const END_MINUTE: &str =
    "DELETE FROM timer_minute USING TIMESTAMP ? WHERE shard = ? AND minute = ?";
const END_STALE: &str = "DELETE FROM timer_by_minute USING TIMESTAMP ? WHERE minute = ? AND shard = ? AND due = ? AND placed = ?";

/// What is listed and does not stand goes once it was written so long ago, far longer than setting a
/// timer takes, minutes.
const SETTLED_MINUTES: i64 = 10;
/// Shards, and timers of one shard, that are looked at at once.
const SHARDS_AT_ONCE: usize = 16;
const TIMERS_AT_ONCE: usize = 4;

/// Where in a shard a look goes on: behind that row.
#[derive(Clone, Copy)]
struct Place {
    minute: i64,
    after: (Timestamp, Uuid),
}

impl Place {
    fn start_of(minute: i64) -> Self {
        Self {
            minute,
            after: (Timestamp(0), Uuid::nil()),
        }
    }
}

/// Where the next look at a shard goes on, if the last one did not come to its end.
#[derive(Default)]
pub(in crate::store::cql) struct Places(Mutex<HashMap<u16, Place>>);

impl Places {
    fn take(&self, shard: u16) -> Option<Place> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.remove(&shard)
    }

    fn put(&self, shard: u16, place: Place) {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.insert(shard, place);
    }
}

/// A row of the list.
struct Listed {
    due: Timestamp,
    placed: Uuid,
    user: UserId,
    id: TimerId,
}

/// One look at one shard.
struct Look {
    shard: u16,
    now: Timestamp,
    most: usize,
    /// Rows that it may still read.
    rows: usize,
    due: Vec<DueTimer>,
}

impl Look {
    fn is_over(&self) -> bool {
        self.rows == 0 || self.due.len() >= self.most
    }
}

impl CqlStore {
    pub(super) async fn due_in_all(
        &self,
        shards: &[u16],
        now: Timestamp,
        most: usize,
    ) -> StoreResult<Vec<DueTimer>> {
        let found = stream::iter(shards.to_vec())
            .map(|shard| self.due_in(shard, now, most, TIMER_LOOK_ROWS_MAX))
            .buffer_unordered(SHARDS_AT_ONCE);
        let mut due: Vec<DueTimer> = found.try_concat().await?;
        due.sort_by_key(|due| (due.timer.due, due.timer.id));
        due.truncate(most);
        Ok(due)
    }

    /// What is due in one shard, as far as `rows` rows tell.
    pub(in crate::store::cql) async fn due_in(
        &self,
        shard: u16,
        now: Timestamp,
        most: usize,
        rows: usize,
    ) -> StoreResult<Vec<DueTimer>> {
        let mut look = Look {
            shard,
            now,
            most,
            rows,
            due: Vec::new(),
        };
        let from = self.places.take(shard);
        let lowest = from.map_or(0, |place| place.minute);
        let limit = i32::try_from(rows).unwrap_or(i32::MAX);
        let minutes = values![i32::from(shard), lowest, minute_of(now), limit];
        for row in self.driver.rows(Kind::Read, MINUTES, minutes).await? {
            let minute: i64 = row.get("minute")?;
            let from = from.filter(|place| place.minute == minute);
            let from = from.unwrap_or(Place::start_of(minute));
            let after = self.look_at_minute(&mut look, from).await?;
            if look.is_over() {
                // Only for want of rows: who found enough begins again with the oldest.
                if look.due.len() < most {
                    self.places.put(shard, Place { minute, after });
                }
                break;
            }
        }
        Ok(look.due)
    }

    /// Answers behind which row it ended.
    async fn look_at_minute(&self, look: &mut Look, from: Place) -> StoreResult<(Timestamp, Uuid)> {
        let mut after = from.after;
        // A minute costs a read, too, though it may have nothing.
        look.rows -= 1;
        while !look.is_over() {
            let limit = TIMER_LOOK_PAGE.min(look.rows);
            let page = self.page(look.shard, from.minute, after, limit).await?;
            if page.is_empty() && after == Place::start_of(from.minute).after {
                self.forget_minute(look, from.minute).await?;
            }
            let last = page.len() < limit || page.iter().any(|listed| listed.due > look.now);
            look.rows -= page.len();
            if let Some(end) = page.last() {
                after = (end.due, end.placed);
            }
            self.look_at_page(look, from.minute, page).await?;
            if last {
                break;
            }
        }
        Ok(after)
    }

    async fn page(
        &self,
        shard: u16,
        minute: i64,
        (due, placed): (Timestamp, Uuid),
        limit: usize,
    ) -> StoreResult<Vec<Listed>> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let place = values![minute, i32::from(shard), due, placed, limit];
        let rows = self.driver.rows(Kind::Read, PAGE, place).await?;
        rows.iter()
            .map(|row| {
                Ok(Listed {
                    due: row.get("due")?,
                    placed: row.get("placed")?,
                    user: row.get("user")?,
                    id: row.get("id")?,
                })
            })
            .collect()
    }

    async fn look_at_page(
        &self,
        look: &mut Look,
        minute: i64,
        page: Vec<Listed>,
    ) -> StoreResult<()> {
        let now = look.now;
        let due = page.into_iter().filter(|listed| listed.due <= now);
        let rows = stream::iter(due)
            .map(|listed| async move {
                let row = self.timer_row(Kind::Read, listed.user, listed.id).await?;
                Ok::<_, crate::store::StoreError>((listed, row))
            })
            .buffered(TIMERS_AT_ONCE);
        let rows: Vec<_> = rows.try_collect().await?;
        for (listed, row) in rows {
            match row.filter(|row| row.placed == listed.placed && row.failed.is_none()) {
                Some(row) if row.until <= now => look.due.push(due_of(row)),
                Some(_) => {}
                None => self.forget(look, minute, &listed).await?,
            }
        }
        Ok(())
    }

    /// Takes a row off the list whose timer does not stand, so that it costs no more reads.
    async fn forget(&self, look: &Look, minute: i64, listed: &Listed) -> StoreResult<()> {
        let Some(before) = settled(look.now, minute) else {
            return Ok(());
        };
        let row = self.timer_row(Kind::SerialRead, listed.user, listed.id);
        let stands = |row: &TimerRow| row.placed == listed.placed && row.failed.is_none();
        if row.await?.is_some_and(|row| stands(&row)) {
            return Ok(());
        }
        let shard = i32::from(look.shard);
        let key = values![before, minute, shard, listed.due, listed.placed];
        self.driver.write(END_STALE, key).await
    }

    async fn forget_minute(&self, look: &Look, minute: i64) -> StoreResult<()> {
        match settled(look.now, minute) {
            Some(before) => {
                let key = values![before, i32::from(look.shard), minute];
                self.driver.write(END_MINUTE, key).await
            }
            None => Ok(()),
        }
    }
}

/// Before when something must have been written to be stale, microseconds; `None` while the minute is
/// too young for anything to be.
fn settled(now: Timestamp, minute: i64) -> Option<i64> {
    let before = now.plus_ms(-SETTLED_MINUTES * 60_000);
    (minute < minute_of(before)).then(|| before.0.saturating_mul(1_000))
}

fn due_of(row: TimerRow) -> DueTimer {
    DueTimer {
        timer: row.timer,
        claimant: row.claimant,
        tries: u32::try_from(row.tries).unwrap_or(0),
    }
}
