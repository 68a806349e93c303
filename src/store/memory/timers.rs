use super::MemoryStore;
use crate::clock::Timestamp;
use crate::ids::{TimerId, UserId};
use crate::store::timers::sorted;
use crate::store::{Cancelled, DueTimer, Placed, SetTimer, StoreResult, Timer, TimerStore};
use async_trait::async_trait;
use uuid::Uuid;

pub(super) struct TimerRow {
    timer: Timer,
    claimant: Uuid,
    until: Timestamp,
    tries: u32,
    failed: Option<String>,
}

impl TimerRow {
    fn seen(&self) -> SetTimer {
        SetTimer {
            timer: self.timer.clone(),
            failed: self.failed.clone(),
        }
    }

    fn is_claimed(&self, now: Timestamp) -> bool {
        self.failed.is_none() && !self.claimant.is_nil() && self.until > now
    }
}

#[async_trait]
impl TimerStore for MemoryStore {
    async fn set_timer(&self, timer: &Timer, most: usize) -> StoreResult<Placed> {
        let mut tables = self.tables();
        if let Some(there) = tables.timers.get(&timer.id) {
            return Ok(Placed::Stands(there.seen()));
        }
        let mine = tables.timers.values();
        if mine.filter(|row| row.timer.user == timer.user).count() >= most {
            return Ok(Placed::Full);
        }
        let row = TimerRow {
            timer: timer.clone(),
            claimant: Uuid::nil(),
            until: Timestamp(0),
            tries: 0,
            failed: None,
        };
        tables.timers.insert(timer.id, row);
        Ok(Placed::Set)
    }

    async fn due_timers(
        &self,
        shards: &[u16],
        now: Timestamp,
        most: usize,
    ) -> StoreResult<Vec<DueTimer>> {
        let tables = self.tables();
        let is_due = |row: &&TimerRow| {
            let open = row.failed.is_none() && row.until <= now;
            open && row.timer.due <= now && shards.contains(&row.timer.shard())
        };
        let due = tables.timers.values().filter(is_due);
        let mut due: Vec<_> = due
            .map(|row| DueTimer {
                timer: row.timer.clone(),
                claimant: row.claimant,
                tries: row.tries,
            })
            .collect();
        due.sort_by_key(|due| (due.timer.due, due.timer.id));
        due.truncate(most);
        Ok(due)
    }

    async fn claim_timer(
        &self,
        due: &DueTimer,
        claimant: Uuid,
        until: Timestamp,
    ) -> StoreResult<bool> {
        let mut tables = self.tables();
        let row = tables.timers.get_mut(&due.timer.id);
        let Some(row) = row.filter(|row| row.failed.is_none() && row.claimant == due.claimant)
        else {
            return Ok(false);
        };
        (row.claimant, row.until) = (claimant, until);
        row.tries += 1;
        Ok(true)
    }

    async fn end_timer(&self, timer: &Timer, claimant: Uuid) -> StoreResult<()> {
        let mut tables = self.tables();
        let row = tables.timers.get(&timer.id);
        if row.is_some_and(|row| row.claimant == claimant) {
            tables.timers.remove(&timer.id);
        }
        Ok(())
    }

    async fn defer_timer(
        &self,
        timer: &Timer,
        claimant: Uuid,
        until: Timestamp,
    ) -> StoreResult<()> {
        let mut tables = self.tables();
        let row = tables.timers.get_mut(&timer.id);
        if let Some(row) = row.filter(|row| row.claimant == claimant) {
            (row.claimant, row.until) = (Uuid::nil(), until);
        }
        Ok(())
    }

    async fn fail_timer(&self, timer: &Timer, claimant: Uuid, why: &str) -> StoreResult<()> {
        let mut tables = self.tables();
        let row = tables.timers.get_mut(&timer.id);
        if let Some(row) = row.filter(|row| row.claimant == claimant) {
            row.failed = Some(why.to_owned());
        }
        Ok(())
    }

    async fn cancel_timer(
        &self,
        user: UserId,
        id: TimerId,
        now: Timestamp,
    ) -> StoreResult<Cancelled> {
        let mut tables = self.tables();
        let row = tables.timers.get(&id).filter(|row| row.timer.user == user);
        let Some(row) = row else {
            return Ok(Cancelled::Missing);
        };
        if row.is_claimed(now) {
            return Ok(Cancelled::Claimed);
        }
        tables.timers.remove(&id);
        Ok(Cancelled::Yes)
    }

    async fn timers_of(&self, user: UserId) -> StoreResult<Vec<SetTimer>> {
        let tables = self.tables();
        let mine = tables.timers.values().filter(|row| row.timer.user == user);
        Ok(sorted(mine.map(TimerRow::seen).collect()))
    }
}
