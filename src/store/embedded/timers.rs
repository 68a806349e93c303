use super::EmbeddedStore;
use crate::clock::Timestamp;
use crate::ids::{TimerId, UserId};
use crate::store::timers::{task_of, task_text};
use crate::store::{Cancelled, DueTimer, Placed, SetTimer, StoreResult, Timer, TimerStore};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

const SET: &str = "INSERT INTO timer (id, user, due, shard, task) VALUES (?1, ?2, ?3, ?4, ?5)";
const ONE: &str = "SELECT id, user, due, task, failed FROM timer WHERE id = ?1";
const DEFER: &str = "UPDATE timer SET claimant = zeroblob(16), claimed_until = ?2
    WHERE id = ?1 AND claimant = ?3";
const CLAIMED: &str = "SELECT failed IS NULL AND claimant != zeroblob(16) AND claimed_until > ?3
    FROM timer WHERE id = ?1 AND user = ?2";
const DUE: &str = "SELECT id, user, due, task, claimant, tries, shard FROM timer
    WHERE failed IS NULL AND due <= ?1 AND claimed_until <= ?1 ORDER BY due, id";
const CLAIM: &str = "UPDATE timer SET claimant = ?2, claimed_until = ?3, tries = tries + 1
    WHERE id = ?1 AND failed IS NULL AND claimant = ?4";
const OF: &str = "SELECT id, user, due, task, failed FROM timer WHERE user = ?1 ORDER BY due, id";

fn timer_of(row: &Row<'_>) -> StoreResult<Timer> {
    let task: String = row.get(3)?;
    Ok(Timer {
        id: row.get(0)?,
        user: row.get(1)?,
        due: row.get(2)?,
        task: task_of(&task)?,
    })
}

fn set_of(row: &Row<'_>) -> StoreResult<SetTimer> {
    Ok(SetTimer {
        timer: timer_of(row)?,
        failed: row.get(4)?,
    })
}

fn set_at(at: &Connection, timer: &Timer, most: usize) -> StoreResult<Placed> {
    let mut one = at.prepare_cached(ONE)?;
    if let Some(there) = one.query([timer.id])?.next()? {
        return Ok(Placed::Stands(set_of(there)?));
    }
    let mut count = at.prepare_cached("SELECT count(*) FROM timer WHERE user = ?1")?;
    let mine: u64 = count.query_row([timer.user], |row| row.get(0))?;
    if mine >= most as u64 {
        return Ok(Placed::Full);
    }
    let (shard, task) = (timer.shard(), task_text(&timer.task));
    let values = params![timer.id, timer.user, timer.due, shard, task];
    at.prepare_cached(SET)?.execute(values)?;
    Ok(Placed::Set)
}

fn due_at(
    at: &Connection,
    shards: &[u16],
    now: Timestamp,
    most: usize,
) -> StoreResult<Vec<DueTimer>> {
    let mut statement = at.prepare_cached(DUE)?;
    let mut rows = statement.query([now])?;
    let mut due = Vec::new();
    while let Some(row) = rows.next()? {
        if due.len() == most {
            break;
        }
        if !shards.contains(&row.get(6)?) {
            continue;
        }
        let claimant: [u8; 16] = row.get(4)?;
        due.push(DueTimer {
            timer: timer_of(row)?,
            claimant: Uuid::from_bytes(claimant),
            tries: row.get(5)?,
        });
    }
    Ok(due)
}

fn cancel_at(at: &Connection, user: UserId, id: TimerId, now: Timestamp) -> StoreResult<Cancelled> {
    let mut statement = at.prepare_cached(CLAIMED)?;
    let claimed = statement.query_row(params![id, user, now], |row| row.get::<_, bool>(0));
    match claimed.optional()? {
        None => Ok(Cancelled::Missing),
        Some(true) => Ok(Cancelled::Claimed),
        Some(false) => {
            at.prepare_cached("DELETE FROM timer WHERE id = ?1")?
                .execute([id])?;
            Ok(Cancelled::Yes)
        }
    }
}

#[async_trait]
impl TimerStore for EmbeddedStore {
    async fn set_timer(&self, timer: &Timer, most: usize) -> StoreResult<Placed> {
        let timer = timer.clone();
        self.write(move |at| set_at(at, &timer, most)).await
    }

    async fn due_timers(
        &self,
        shards: &[u16],
        now: Timestamp,
        most: usize,
    ) -> StoreResult<Vec<DueTimer>> {
        let shards = shards.to_vec();
        self.read(move |at| due_at(at, &shards, now, most)).await
    }

    async fn claim_timer(
        &self,
        due: &DueTimer,
        claimant: Uuid,
        until: Timestamp,
    ) -> StoreResult<bool> {
        let (id, seen) = (due.timer.id, due.claimant);
        self.write(move |at| {
            let values = params![id, claimant.as_bytes(), until, seen.as_bytes()];
            Ok(at.prepare_cached(CLAIM)?.execute(values)? == 1)
        })
        .await
    }

    async fn end_timer(&self, timer: &Timer, claimant: Uuid) -> StoreResult<()> {
        let id = timer.id;
        self.write(move |at| {
            at.prepare_cached("DELETE FROM timer WHERE id = ?1 AND claimant = ?2")?
                .execute(params![id, claimant.as_bytes()])?;
            Ok(())
        })
        .await
    }

    async fn defer_timer(
        &self,
        timer: &Timer,
        claimant: Uuid,
        until: Timestamp,
    ) -> StoreResult<()> {
        let id = timer.id;
        self.write(move |at| {
            let values = params![id, until, claimant.as_bytes()];
            at.prepare_cached(DEFER)?.execute(values)?;
            Ok(())
        })
        .await
    }

    async fn fail_timer(&self, timer: &Timer, claimant: Uuid, why: &str) -> StoreResult<()> {
        let (id, why) = (timer.id, why.to_owned());
        self.write(move |at| {
            at.prepare_cached("UPDATE timer SET failed = ?2 WHERE id = ?1 AND claimant = ?3")?
                .execute(params![id, why, claimant.as_bytes()])?;
            Ok(())
        })
        .await
    }

    async fn cancel_timer(
        &self,
        user: UserId,
        id: TimerId,
        now: Timestamp,
    ) -> StoreResult<Cancelled> {
        self.write(move |at| cancel_at(at, user, id, now)).await
    }

    async fn timers_of(&self, user: UserId) -> StoreResult<Vec<SetTimer>> {
        self.read(move |at| {
            let mut statement = at.prepare_cached(OF)?;
            let mut rows = statement.query([user])?;
            let mut timers = Vec::new();
            while let Some(row) = rows.next()? {
                timers.push(set_of(row)?);
            }
            Ok(timers)
        })
        .await
    }
}
