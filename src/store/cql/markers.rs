//! Markers: columns that are written with their own value as timestamp, so that the last write is
//! the highest (R7); one row per generation.

use super::CqlStore;
use super::driver::{Driver, Kind};
use super::values::{Found, values};
use super::views::until;
use crate::clock::Timestamp;
use crate::ids::{Ordinal, RoomId, Seq, UserId};
use crate::store::{Guard, Marker, StoreResult};
use std::collections::HashMap;

const NEWEST: &str = "SELECT generation, opened_read, opened_ord, opened_at, opened_delivered, read, read_ord, read_at, delivered FROM marker WHERE room = ? AND user = ? LIMIT 1";
const MINE: &str = "SELECT room, generation, opened_read, opened_ord, opened_at, opened_delivered, read, read_ord, read_at, delivered FROM marker WHERE room IN ? AND user = ? PER PARTITION LIMIT 1";
const ALL: &str = "SELECT user, generation, opened_read, opened_ord, opened_at, opened_delivered, read, read_ord, read_at, delivered FROM marker WHERE room = ?";
const ABOVE: &str = "SELECT user, generation, opened_read, opened_ord, opened_at, opened_delivered, read, read_ord, read_at, delivered FROM marker WHERE room = ? AND user > ?";
const READ: &str = "UPDATE marker USING TIMESTAMP ? SET read = ?, read_ord = ?, read_at = ? WHERE room = ? AND user = ? AND generation = ?";
const DELIVERED: &str = "UPDATE marker USING TIMESTAMP ? SET delivered = ? WHERE room = ? AND user = ? AND generation = ?";
const OPEN: &str = "INSERT INTO marker (room, user, generation, opened_read, opened_ord, opened_at, opened_delivered) VALUES (?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";

/// Rooms whose markers one query asks for: each is a partition of its own, and one coordinator reads them all.
const ROOMS_AT_ONCE: usize = 20;

/// A marker to raise, and in which generation.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub room: RoomId,
    pub user: UserId,
    pub read: Seq,
    pub ord: Ordinal,
    pub at: Timestamp,
    pub generation: u64,
}

/// What stands in the newest generation of a person; `None`: nothing yet.
pub(super) async fn newest_at(
    driver: &Driver,
    (room, user): (RoomId, UserId),
    kind: Kind,
) -> StoreResult<Option<Marker>> {
    let row = driver.row(kind, NEWEST, values![room, user]).await?;
    row.map(|row| marker_of(&row)).transpose()
}

/// Raises `place`; harmless to repeat.
pub(super) async fn raise_at(driver: &Driver, place: &Place) -> StoreResult<()> {
    let values = values![
        place.read,
        place.read,
        place.ord,
        place.at,
        place.room,
        place.user,
        place.generation,
    ];
    driver.write(READ, values).await
}

/// Splits the markers off; only the highest of a person counts.
pub(super) fn split(guards: &[Guard]) -> (Vec<Guard>, Vec<Place>) {
    let mut highest: HashMap<(RoomId, UserId), Place> = HashMap::new();
    let mut others = Vec::new();
    for guard in guards {
        let Guard::Marker {
            room,
            user,
            seq,
            ord,
            at,
        } = guard
        else {
            others.push(guard.clone());
            continue;
        };
        let place = Place {
            room: *room,
            user: *user,
            read: *seq,
            ord: *ord,
            at: *at,
            generation: 0,
        };
        match highest.get(&(*room, *user)) {
            Some(there) if there.read >= place.read => {}
            _ => {
                highest.insert((*room, *user), place);
            }
        }
    }
    (others, highest.into_values().collect())
}

/// What the columns of one generation say together.
fn marker_of(row: &Found) -> StoreResult<Marker> {
    let opened: Seq = row.get::<Option<Seq>>("opened_read")?.unwrap_or(0);
    let raised: Seq = row.get::<Option<Seq>>("read")?.unwrap_or(0);
    let kept: Seq = row.get::<Option<Seq>>("opened_delivered")?.unwrap_or(0);
    let told: Seq = row.get::<Option<Seq>>("delivered")?.unwrap_or(0);
    let (ord, at) = if raised > opened {
        ("read_ord", "read_at")
    } else {
        ("opened_ord", "opened_at")
    };
    Ok(Marker {
        generation: row.get("generation")?,
        read: raised.max(opened),
        read_ord: row.get::<Option<Ordinal>>(ord)?.unwrap_or(0),
        delivered: kept.max(told).max(raised).max(opened),
        read_at: row.get::<Option<Timestamp>>(at)?.unwrap_or_default(),
    })
}

impl CqlStore {
    pub(super) async fn newest(
        &self,
        room: RoomId,
        user: UserId,
        kind: Kind,
    ) -> StoreResult<Option<Marker>> {
        self.later.settle(&self.driver, room).await;
        newest_at(&self.driver, (room, user), kind).await
    }

    /// The same of one person in many rooms.
    pub(super) async fn newest_of(
        &self,
        user: UserId,
        rooms: &[RoomId],
    ) -> StoreResult<HashMap<RoomId, Marker>> {
        super::gather(rooms, |room| async {
            self.later.settle(&self.driver, *room).await;
            Ok(())
        })
        .await?;
        let some: Vec<&[RoomId]> = rooms.chunks(ROOMS_AT_ONCE).collect();
        let found = super::gather(&some, |rooms| {
            self.driver
                .rows(Kind::Read, MINE, values![rooms.to_vec(), user])
        })
        .await?;
        let markers = found.iter().flatten();
        markers
            .map(|row| Ok((row.get("room")?, marker_of(row)?)))
            .collect()
    }

    pub(super) async fn markers_page(
        &self,
        room: RoomId,
        after: Option<UserId>,
        limit: usize,
    ) -> StoreResult<Vec<(UserId, Marker)>> {
        let (text, values) = match after {
            None => (ALL, values![room]),
            Some(after) => (ABOVE, values![room, after]),
        };
        self.later.settle(&self.driver, room).await;
        let mut markers: Vec<(UserId, Marker)> = Vec::new();
        self.driver
            .each_row(Kind::Read, text, values, |row| {
                // The newest generation of each person comes first.
                let user: UserId = row.get("user")?;
                let known = markers.last().is_some_and(|(last, _)| *last == user);
                if !known && markers.len() >= limit {
                    return Ok(until(true));
                }
                if !known {
                    markers.push((user, marker_of(&row)?));
                }
                Ok(until(false))
            })
            .await?;
        Ok(markers)
    }

    /// Splits the markers off and finds the generation of each.
    pub(super) async fn place_guards(
        &self,
        guards: &[Guard],
    ) -> StoreResult<(Vec<Guard>, Vec<Place>)> {
        let (others, mut places) = split(guards);
        let newest = super::gather(&places, |place| {
            self.newest(place.room, place.user, Kind::Read)
        })
        .await?;
        for (place, marker) in places.iter_mut().zip(newest) {
            place.generation = marker.map_or(0, |marker| marker.generation);
        }
        Ok((others, places))
    }

    pub(super) async fn raise(
        &self,
        room: RoomId,
        user: UserId,
        read: Option<(Seq, Ordinal)>,
        delivered: Option<Seq>,
        at: Timestamp,
    ) -> StoreResult<Marker> {
        let now = self.newest(room, user, Kind::Read).await?;
        let now = now.unwrap_or_default();
        let mut wanted = now;
        if !wanted.raise(read, delivered, at) {
            return Ok(now);
        }
        if wanted.read > now.read {
            let place = Place {
                room,
                user,
                read: wanted.read,
                ord: wanted.read_ord,
                at,
                generation: now.generation,
            };
            raise_at(&self.driver, &place).await?;
        }
        if wanted.delivered > now.delivered.max(wanted.read) {
            let to = wanted.delivered;
            let values = values![to, to, room, user, now.generation];
            self.driver.write(DELIVERED, values).await?;
        }
        let stands = self.newest(room, user, Kind::Read).await?;
        Ok(stands.unwrap_or(wanted))
    }

    pub(super) async fn next_generation(
        &self,
        room: RoomId,
        user: UserId,
        expected: u64,
        read: (Seq, Ordinal),
        at: Timestamp,
    ) -> StoreResult<Marker> {
        let now = self.newest(room, user, Kind::Read).await?;
        let now = now.unwrap_or_default();
        if now.generation == expected {
            let next = now.next_generation(read, at);
            let values = values![
                room,
                user,
                next.generation,
                next.read,
                next.read_ord,
                next.read_at,
                next.delivered,
            ];
            // Whoever opened it, what counts is what stands.
            self.driver.settled(OPEN, values).await?;
        }
        let stands = self.newest(room, user, Kind::SerialRead).await?;
        Ok(stands.unwrap_or(now))
    }
}
