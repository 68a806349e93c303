use super::{MemoryStore, Tables};
use crate::entry::{Hash, StoredEntry};
use crate::ids::{Ordinal, OwnerId, RoomId, Seq};
use crate::store::{Batch, LogStore, Outcome, Statics, StoreResult, rules};
use async_trait::async_trait;
use std::collections::HashMap;

impl Tables {
    fn last(&self, room: RoomId) -> Option<&Statics> {
        let mut buckets = self.buckets.range((room, 0)..=(room, u64::MAX));
        buckets.next_back().map(|(_, statics)| statics)
    }
}

#[async_trait]
impl LogStore for MemoryStore {
    async fn last_bucket(&self, room: RoomId, _from_bucket: u64) -> StoreResult<Option<Statics>> {
        self.pass().await;
        self.queries.count();
        Ok(self.tables().last(room).cloned())
    }

    async fn take_over(
        &self,
        room: RoomId,
        bucket: u64,
        expected: Option<OwnerId>,
        me: OwnerId,
        epoch: u64,
    ) -> StoreResult<Outcome> {
        self.pass().await;
        let mut tables = self.tables();
        let Some(statics) = tables.buckets.get_mut(&(room, bucket)) else {
            return Ok(Outcome::Refused(None));
        };
        if statics.owner != expected {
            return Ok(Outcome::Refused(Some(statics.clone())));
        }
        statics.owner = Some(me);
        statics.epoch = epoch;
        Ok(Outcome::Applied)
    }

    async fn open_bucket(&self, room: RoomId, statics: Statics) -> StoreResult<Outcome> {
        let mut tables = self.tables();
        let key = (room, statics.bucket);
        if let Some(there) = tables.buckets.get(&key) {
            return Ok(Outcome::Refused(Some(there.clone())));
        }
        tables.buckets.insert(key, statics);
        Ok(Outcome::Applied)
    }

    async fn append(&self, batch: &Batch) -> StoreResult<Outcome> {
        self.pass().await;
        rules::check_batch(batch, self.bucket_bits)?;
        let mut tables = self.tables();
        let Some(statics) = tables.buckets.get_mut(&(batch.room, batch.bucket)) else {
            return Ok(Outcome::Refused(None));
        };
        if statics.owner != Some(batch.owner) || statics.next_seq != batch.expected_next {
            return Ok(Outcome::Refused(Some(statics.clone())));
        }
        statics.next_seq += batch.entries.len() as u64;
        statics.ord = batch.ord;
        statics.chain = batch.chain;
        statics.viewed = batch.viewed;
        for stored in &batch.entries {
            let key = (batch.room, stored.entry.seq);
            tables.log.insert(key, stored.clone());
        }
        for guard in &batch.guards {
            tables.apply_guard(guard);
        }
        Ok(Outcome::Applied)
    }

    async fn log(
        &self,
        room: RoomId,
        from: Seq,
        to: Seq,
        limit: usize,
        _serial: bool,
    ) -> StoreResult<Vec<StoredEntry>> {
        self.pass().await;
        self.queries.count();
        let tables = self.tables();
        let head = tables.last(room).map_or(0, Statics::head);
        let floor = tables.rooms.get(&room).map_or(0, |row| row.floor);
        let (from, to) = (from.max(floor + 1), to.min(head));
        if from > to || limit == 0 {
            return Ok(Vec::new());
        }
        let until = to.min(from.saturating_add(limit as u64 - 1));
        let rows = tables.log.range((room, from)..=(room, until));
        let rows: Vec<_> = rows.map(|(_, stored)| stored.clone()).collect();
        rules::check_run(&rows, from, until)?;
        Ok(rows)
    }

    async fn erase(&self, room: RoomId, contents: &[(Seq, Hash)]) -> StoreResult<()> {
        let mut tables = self.tables();
        for (seq, digest) in contents {
            if let Some(stored) = tables.log.get_mut(&(room, *seq))
                && stored.digest == *digest
            {
                rules::erase_entry(stored);
            }
        }
        Ok(())
    }

    async fn heads(&self, rooms: &[RoomId]) -> StoreResult<HashMap<RoomId, (Seq, Ordinal)>> {
        self.queries.count();
        let tables = self.tables();
        let head = |room: &RoomId| {
            let statics = tables.last(*room)?;
            Some((*room, (statics.head(), statics.ord)))
        };
        Ok(rooms.iter().filter_map(head).collect())
    }
}
