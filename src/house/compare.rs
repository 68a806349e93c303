//! Compares two stores by counts and sums over every record, and by the hash chain of every room.

use super::record::{Record, hash_of};
use super::{PAGE, Problem, ROOMS_AT_ONCE, Taker, refused, walk};
use crate::entry::{Hash, StoredEntry};
use crate::ids::{RoomId, Seq};
use crate::store::Store;
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// Differences that are told; the rest is only counted.
const TOLD: usize = 100;

/// How many records of a kind, and their digests added up: in whatever order they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    count: u64,
    sum: u128,
}

/// What a store, or a room, adds up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sums {
    kinds: BTreeMap<&'static str, Sum>,
    chain: Hash,
    end: Option<(Seq, Hash)>,
    broken: Option<Seq>,
}

impl Sums {
    fn add(&mut self, other: &Sums) {
        for (kind, sum) in &other.kinds {
            let mine = self.kinds.entry(kind).or_default();
            mine.count += sum.count;
            mine.sum = mine.sum.wrapping_add(sum.sum);
        }
    }

    fn count(&self, kind: &str) -> u64 {
        self.kinds.get(kind).map_or(0, |sum| sum.count)
    }
}

#[async_trait]
impl Taker for Sums {
    async fn take(&mut self, mut record: Record) -> Result<(), Problem> {
        match &mut record {
            Record::Room(room) => {
                self.end = Some((room.head, hash_of(&room.chain)?));
                // How far views trail differs and means nothing.
                room.viewed = 0;
            }
            Record::Entry(line) => {
                let stored = StoredEntry::try_from((**line).clone())?;
                if !stored.verifies_after(&self.chain) {
                    self.broken = self.broken.or(Some(stored.entry.seq));
                }
                self.chain = stored.link;
            }
            _ => {}
        }
        let text = serde_json::to_vec(&record).map_err(|error| refused(error.to_string()))?;
        let digest: [u8; 32] = Sha256::digest(&text).into();
        let (half, _) = digest.split_at(16);
        let half = half
            .iter()
            .fold(0u128, |sum, byte| sum << 8 | u128::from(*byte));
        let sum = self.kinds.entry(record.kind()).or_default();
        sum.count += 1;
        sum.sum = sum.sum.wrapping_add(half);
        Ok(())
    }
}

/// What both stores hold, and where they differ.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Kind, how many in the source, how many in the target.
    pub counts: Vec<(&'static str, u64, u64)>,
    pub differences_count: u64,
    /// The first ones.
    pub differences: Vec<String>,
    /// A digest over the heads of all rooms, in the source and in the target.
    pub heads: (Hash, Hash),
}

impl Comparison {
    pub fn is_equal(&self) -> bool {
        self.differences_count == 0
    }

    fn differs(&mut self, what: String) {
        self.differences_count += 1;
        if self.differences.len() < TOLD {
            self.differences.push(what);
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for difference in &self.differences {
            writeln!(f, "{difference}")?;
        }
        writeln!(f, "{:<10} {:>12} {:>12}", "", "source", "target")?;
        for (kind, from, to) in &self.counts {
            writeln!(f, "{kind:<10} {from:>12} {to:>12}")?;
        }
        let short = |hash: &Hash| crate::auth::tokens::hex(hash.split_at(6).0);
        let (from, to) = (short(&self.heads.0), short(&self.heads.1));
        writeln!(f, "{:<10} {from:>12} {to:>12}", "heads")?;
        match self.differences_count {
            0 => write!(f, "both are equal, record by record and link by link"),
            n => write!(f, "{n} differences"),
        }
    }
}

/// Reads both to their ends.
pub async fn compare(from: &dyn Store, to: &dyn Store) -> Result<Comparison, Problem> {
    let (mut all, mut of) = (Comparison::default(), (Sums::default(), Sums::default()));
    for (store, sums) in [(from, &mut of.0), (to, &mut of.1)] {
        walk::people(store, sums).await?;
        walk::room_keys(store, sums).await?;
    }
    for kind in ["people", "log-ins", "settings", "invites", "room keys"] {
        if of.0.kinds.get(kind) != of.1.kinds.get(kind) {
            all.differs(format!("the {kind} are not the same"));
        }
    }
    let mut heads = (Sha256::new(), Sha256::new());
    let mut after = None;
    loop {
        // Both list by id: where one lacks a room, the other is ahead.
        let (mut rooms, there) =
            futures_util::try_join!(from.all_rooms(after, PAGE), to.all_rooms(after, PAGE))?;
        let last = |page: &[RoomId]| (page.len() == PAGE).then(|| page.last().copied()).flatten();
        let upto = last(&rooms).into_iter().chain(last(&there)).min();
        rooms.extend(there);
        rooms.sort_unstable();
        rooms.dedup();
        rooms.retain(|room| upto.is_none_or(|upto| *room <= upto));
        after = rooms.last().copied();
        let pairs = stream::iter(rooms).map(|room| both(from, to, room));
        let mut pairs = pairs.buffered(ROOMS_AT_ONCE);
        while let Some((room, a, b)) = pairs.try_next().await? {
            all.room(room, &a, &b);
            of.0.add(&a);
            of.1.add(&b);
            for (heads, sums) in [(&mut heads.0, &a), (&mut heads.1, &b)] {
                if let Some((head, chain)) = sums.end {
                    heads.update(room.bytes());
                    heads.update(head.to_be_bytes());
                    heads.update(chain);
                }
            }
        }
        if upto.is_none() {
            break;
        }
    }
    all.heads = (heads.0.finalize().into(), heads.1.finalize().into());
    let kinds: Vec<_> =
        of.0.kinds
            .keys()
            .chain(of.1.kinds.keys())
            .copied()
            .collect();
    let kinds: std::collections::BTreeSet<_> = kinds.into_iter().collect();
    let counts = kinds.into_iter();
    all.counts = counts
        .map(|kind| (kind, of.0.count(kind), of.1.count(kind)))
        .collect();
    Ok(all)
}

async fn both(
    from: &dyn Store,
    to: &dyn Store,
    room: RoomId,
) -> Result<(RoomId, Sums, Sums), Problem> {
    let (a, b) = futures_util::try_join!(sums_of(from, room), sums_of(to, room))?;
    Ok((room, a, b))
}

/// A room that is not there adds up to nothing.
async fn sums_of(store: &dyn Store, room: RoomId) -> Result<Sums, Problem> {
    let mut sums = Sums::default();
    if store.room(room).await?.is_some() {
        walk::room(store, room, &mut sums).await?;
    }
    Ok(sums)
}

impl Comparison {
    fn room(&mut self, room: RoomId, from: &Sums, to: &Sums) {
        for (which, sums) in [("source", from), ("target", to)] {
            if let Some(seq) = sums.broken {
                let what = "does not fit the hash chain";
                self.differs(format!(
                    "room {room}, entry {seq}: it {what} in the {which}"
                ));
            }
            if sums.end.is_some_and(|(_, chain)| chain != sums.chain) {
                let what = "the log does not end in the chain of its head";
                self.differs(format!("room {room}: {what} in the {which}"));
            }
        }
        match (from.end, to.end) {
            (Some(_), None) => self.differs(format!("room {room} is missing in the target")),
            (None, Some(_)) => self.differs(format!("room {room} is only in the target")),
            _ => {
                for kind in ["rooms", "entries", "markers"] {
                    if from.kinds.get(kind) != to.kinds.get(kind) {
                        self.differs(format!("room {room}: the {kind} are not the same"));
                    }
                }
            }
        }
    }
}
