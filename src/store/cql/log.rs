use super::CqlStore;
use super::driver::Kind;
use super::entries::{self, entry_of, entry_values, statics_of};
use super::markers;
use super::values::values;
use crate::entry::{Hash, StoredEntry};
use crate::ids::{Ordinal, OwnerId, RoomId, Seq, bucket_of};
use crate::store::{
    Batch, Guard, LogStore, Outcome, Statics, StoreError, StoreResult, rules, views,
};
use async_trait::async_trait;
use std::collections::HashMap;

const STATICS: &str = "SELECT DISTINCT owner, epoch, next_seq, last_ord, chain, viewed FROM log WHERE room = ? AND bucket = ?";
const FLOOR: &str = "SELECT floor FROM room WHERE id = ?";
// A bucket that is not there has no next_seq: an owner cannot conjure it up.
const TAKE_OVER: &str = "UPDATE log SET owner = ?, epoch = ? WHERE room = ? AND bucket = ? IF owner = ? AND next_seq > 0";
const OPEN: &str = "INSERT INTO log (room, bucket, seq, owner, epoch, next_seq, last_ord, chain, viewed) VALUES (?, ?, -1, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";
pub(super) const APPEND: &str = "UPDATE log SET next_seq = ?, last_ord = ?, chain = ?, viewed = ? WHERE room = ? AND bucket = ? IF owner = ? AND next_seq = ?";
const ERASE: &str = "UPDATE log SET content = null, salt = null WHERE room = ? AND bucket = ? AND seq = ? IF digest = ?";

impl CqlStore {
    async fn statics(&self, room: RoomId, bucket: u64, kind: Kind) -> StoreResult<Option<Statics>> {
        match self
            .driver
            .row(kind, STATICS, values![room, bucket])
            .await?
        {
            Some(row) => statics_of(bucket, &row),
            None => Ok(None),
        }
    }

    /// The last bucket, from one that may exist: most often it is that one, and where it is not full there
    /// is no other. Of a room that is not known here it and the next are asked at once; then upwards in
    /// doubling steps, then between the last two.
    pub(super) async fn last(
        &self,
        room: RoomId,
        from_bucket: u64,
        kind: Kind,
    ) -> StoreResult<Option<Statics>> {
        let start = from_bucket.max(self.known_bucket(room));
        let (here, next) = match self.known_head(room) {
            0 => futures_util::try_join!(
                self.statics(room, start, kind),
                self.statics(room, start + 1, kind)
            )?,
            _ => match self.statics(room, start, kind).await? {
                Some(here) if !self.is_full(&here) => (Some(here), None),
                here => (here, self.statics(room, start + 1, kind).await?),
            },
        };
        let mut last = match (here, next) {
            (_, Some(next)) => self.climb(room, next, kind).await?,
            (Some(here), None) => here,
            (None, None) => return self.above_floor(room, start, kind).await,
        };
        if kind == Kind::Read && last.next_seq <= self.known_head(room) {
            // Somebody here wrote more than this quorum knew: settle it.
            let settled = self.statics(room, last.bucket, Kind::SerialRead).await?;
            last = settled.unwrap_or(last);
        }
        self.note(room, last.bucket, last.head());
        Ok(Some(last))
    }

    /// The next bucket is opened only then.
    fn is_full(&self, statics: &Statics) -> bool {
        bucket_of(statics.next_seq, self.bucket_bits) > statics.bucket
    }

    async fn climb(&self, room: RoomId, from: Statics, kind: Kind) -> StoreResult<Statics> {
        let (mut low, mut step) = (from, 1);
        let mut high = loop {
            let probe = low.bucket + step;
            match self.statics(room, probe, kind).await? {
                Some(there) => {
                    low = there;
                    step *= 2;
                }
                None => break probe,
            }
        };
        while high - low.bucket > 1 {
            let middle = low.bucket + (high - low.bucket) / 2;
            match self.statics(room, middle, kind).await? {
                Some(there) => low = there,
                None => high = middle,
            }
        }
        Ok(low)
    }

    /// Retention removed the lowest buckets: the search begins at the floor.
    async fn above_floor(
        &self,
        room: RoomId,
        tried: u64,
        kind: Kind,
    ) -> StoreResult<Option<Statics>> {
        let lowest = bucket_of(self.floor(room).await? + 1, self.bucket_bits);
        if lowest <= tried {
            return Ok(None);
        }
        match self.statics(room, lowest, kind).await? {
            Some(there) => Ok(Some(self.climb(room, there, kind).await?)),
            None => Ok(None),
        }
    }

    pub(super) async fn floor(&self, room: RoomId) -> StoreResult<Seq> {
        match self.driver.row(Kind::Read, FLOOR, values![room]).await? {
            Some(row) => Ok(row.get::<Option<Seq>>("floor")?.unwrap_or(0)),
            None => Ok(0),
        }
    }

    /// The head, unless what is known here already covers `wanted`.
    async fn head_for(&self, room: RoomId, wanted: Seq, serial: bool) -> StoreResult<Seq> {
        let known = self.known_head(room);
        if known >= wanted && !serial {
            return Ok(known);
        }
        let kind = if serial { Kind::SerialRead } else { Kind::Read };
        Ok(self
            .last(room, 0, kind)
            .await?
            .map_or(0, |last| last.head()))
    }

    pub(super) async fn entries(
        &self,
        room: RoomId,
        (from, until): (Seq, Seq),
        kind: Kind,
    ) -> StoreResult<Vec<StoredEntry>> {
        let mut entries = Vec::new();
        for bucket in bucket_of(from, self.bucket_bits)..=bucket_of(until, self.bucket_bits) {
            let place = values![room, bucket, from, until];
            for row in self.driver.rows(kind, entries::SELECT, place).await? {
                entries.push(entry_of(room, &row)?);
            }
        }
        Ok(entries)
    }

    async fn refused(&self, room: RoomId, bucket: u64) -> StoreResult<Outcome> {
        let there = self.statics(room, bucket, Kind::SerialRead).await;
        // Refused for sure, but what stands could not be read: the same again will tell.
        let there = there.map_err(|error| StoreError::Unknown(error.to_string()))?;
        Ok(Outcome::Refused(there))
    }
}

/// Whether the guards may be written after the acknowledgement: markers hide nothing from anybody, and
/// what their author reads before they stand is told by the entries above `viewed`. The views of the
/// batch, without which `viewed` does not rise, wait for them.
fn follow(batch: &Batch) -> bool {
    let mut guards = batch.guards.iter();
    let mut entries = batch.entries.iter();
    guards.all(|guard| matches!(guard, Guard::Marker { .. }))
        && entries.any(|stored| !views::views_of(&stored.entry).is_empty())
}

#[async_trait]
impl LogStore for CqlStore {
    async fn last_bucket(&self, room: RoomId, from_bucket: u64) -> StoreResult<Option<Statics>> {
        self.last(room, from_bucket, Kind::SerialRead).await
    }

    async fn take_over(
        &self,
        room: RoomId,
        bucket: u64,
        expected: Option<OwnerId>,
        me: OwnerId,
        epoch: u64,
    ) -> StoreResult<Outcome> {
        let values = values![me, epoch, room, bucket, expected];
        let (answer, again) = self.driver.settled(TAKE_OVER, values).await?;
        if answer.applied {
            return Ok(Outcome::Applied);
        }
        let refused = self.refused(room, bucket).await?;
        match &refused {
            // The owner id is fresh, so an earlier try of this very write won.
            Outcome::Refused(Some(there)) if again && there.owner == Some(me) => {
                Ok(Outcome::Applied)
            }
            _ => Ok(refused),
        }
    }

    async fn open_bucket(&self, room: RoomId, statics: Statics) -> StoreResult<Outcome> {
        let values = values![
            room,
            statics.bucket,
            statics.owner,
            statics.epoch,
            statics.next_seq,
            statics.ord,
            statics.chain,
            statics.viewed,
        ];
        let (answer, again) = self.driver.settled(OPEN, values).await?;
        if answer.applied {
            return Ok(Outcome::Applied);
        }
        let refused = self.refused(room, statics.bucket).await?;
        match &refused {
            Outcome::Refused(Some(there)) if again && *there == statics => Ok(Outcome::Applied),
            _ => Ok(refused),
        }
    }

    async fn append(&self, batch: &Batch) -> StoreResult<Outcome> {
        rules::check_batch(batch, self.bucket_bits)?;
        let next = batch.expected_next + batch.entries.len() as u64;
        let condition = values![
            next,
            batch.ord,
            batch.chain,
            batch.viewed,
            batch.room,
            batch.bucket,
            batch.owner,
            batch.expected_next,
        ];
        let rows = batch
            .entries
            .iter()
            .map(|stored| entry_values(batch.bucket, stored))
            .collect::<StoreResult<Vec<_>>>()?;
        let write = self
            .driver
            .batch((APPEND, condition), entries::INSERT, rows);
        let follow = follow(batch);
        let before: &[Guard] = if follow { &[] } else { &batch.guards };
        let (answer, guards) = futures_util::join!(write, self.place_guards(before));
        let outcome = match answer?.applied {
            true => Outcome::Applied,
            false => self.refused(batch.room, batch.bucket).await?,
        };
        let stands = match &outcome {
            Outcome::Applied => true,
            Outcome::Refused(Some(there)) => {
                there.owner == Some(batch.owner) && there.next_seq == next
            }
            Outcome::Refused(None) => false,
        };
        if stands {
            // Nobody may hear that the entries stand before their guards do (R6).
            let written = match guards {
                Ok(guards) => self.write_guards_at(guards).await,
                Err(error) => Err(error),
            };
            written.map_err(|error| StoreError::Unknown(error.to_string()))?;
            if follow {
                let (_, markers) = markers::split(&batch.guards);
                self.later.add(&self.driver, batch.room, markers);
            }
            self.note(batch.room, batch.bucket, next - 1);
        }
        Ok(outcome)
    }

    async fn log(
        &self,
        room: RoomId,
        from: Seq,
        to: Seq,
        limit: usize,
        serial: bool,
    ) -> StoreResult<Vec<StoredEntry>> {
        if from > to || to == 0 || limit == 0 {
            return Ok(Vec::new());
        }
        let wanted = to.min(from.max(1).saturating_add(limit as u64 - 1));
        let (floor, head) =
            futures_util::try_join!(self.floor(room), self.head_for(room, wanted, serial))?;
        let from = from.max(floor + 1);
        let until = to.min(head).min(from.saturating_add(limit as u64 - 1));
        if from > until {
            return Ok(Vec::new());
        }
        if !serial {
            let rows = self.entries(room, (from, until), Kind::Read).await?;
            if rules::check_run(&rows, from, until).is_ok() {
                return Ok(rows);
            }
        }
        // A hole below the head: finish what is under way, then look again (R11).
        let rows = self.entries(room, (from, until), Kind::SerialRead).await?;
        rules::check_run(&rows, from, until)?;
        Ok(rows)
    }

    async fn erase(&self, room: RoomId, contents: &[(Seq, Hash)]) -> StoreResult<()> {
        super::gather(contents, |(seq, digest)| {
            let bucket = bucket_of(*seq, self.bucket_bits);
            let values = values![room, bucket, *seq, *digest];
            self.driver.settled(ERASE, values)
        })
        .await?;
        Ok(())
    }

    async fn heads(&self, rooms: &[RoomId]) -> StoreResult<HashMap<RoomId, (Seq, Ordinal)>> {
        let found = super::gather(rooms, |room| self.last(*room, 0, Kind::Read)).await?;
        let heads = rooms.iter().zip(found).filter_map(|(room, last)| {
            let last = last?;
            Some((*room, (last.head(), last.ord)))
        });
        Ok(heads.collect())
    }
}
