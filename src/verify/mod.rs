//! `chapiana verify`: recounts every room from its log and compares everything that is derived.

mod fold;
mod progress;
#[cfg(test)]
mod progress_tests;
mod room;
#[cfg(test)]
mod tests;

use crate::entry::{Role, RoomKind};
use crate::ids::{RoomId, Seq, UserId};
use crate::store::{Store, StoreError, StoreResult};
use futures_util::{StreamExt as _, stream};
pub use progress::Progress;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::io;

/// Rooms, entries or rows read at once.
const PAGE: usize = 500;
/// Faults that are told; the rest is only counted.
const FAULTS_TOLD: usize = 1_000;
/// Rooms that are read at the same time.
pub const JOBS: usize = 8;
/// More of them would only wait for one another.
pub const JOBS_MAX: usize = 64;

/// Something that does not agree with the log, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub room: Option<RoomId>,
    pub seq: Option<Seq>,
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(room) = self.room {
            write!(f, "room {room}")?;
            if let Some(seq) = self.seq {
                write!(f, ", entry {seq}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.what)
    }
}

/// What was looked at and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub rooms: u64,
    pub entries: u64,
    /// All faults, of which `faults` holds the first ones.
    pub faults_count: u64,
    pub faults: Vec<Fault>,
}

impl Report {
    pub fn is_whole(&self) -> bool {
        self.faults_count == 0
    }

    fn fault(&mut self, room: Option<RoomId>, seq: Option<Seq>, what: impl Into<String>) {
        self.faults_count += 1;
        if self.faults.len() < FAULTS_TOLD {
            let what = what.into();
            self.faults.push(Fault { room, seq, what });
        }
    }

    fn add(&mut self, other: Report) {
        self.rooms += other.rooms;
        self.entries += other.entries;
        self.faults_count += other.faults_count;
        let free = FAULTS_TOLD.saturating_sub(self.faults.len());
        self.faults.extend(other.faults.into_iter().take(free));
    }
}

/// Who is where, as all logs together say.
type Places = BTreeMap<UserId, BTreeMap<RoomId, (RoomKind, Role)>>;

/// What one room's log says: faults, and who is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Found {
    report: Report,
    /// Everybody whom the log names; `None`: who left.
    people: Vec<(UserId, Option<(RoomKind, Role)>)>,
}

/// Checks every room, several at a time. `Err` only if the store does not answer.
pub async fn verify(store: &dyn Store) -> StoreResult<Report> {
    let mut unkept = Progress::default();
    let report = go_on(store, JOBS, &mut unkept).await;
    report.map_err(|stop| match stop {
        Stop::Store(error) => error,
        Stop::File(error) => StoreError::Unavailable(error.to_string()),
    })
}

/// Why a verification did not come to its end.
#[derive(Debug)]
pub enum Stop {
    Store(StoreError),
    /// What was done cannot be kept.
    File(io::Error),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl From<Stop> for io::Error {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Store(error) => io::Error::other(error),
            Stop::File(error) => error,
        }
    }
}

/// Checks the rooms that `progress` does not know yet, `jobs` at a time, in the order of their ids.
/// The report is the same however often it was broken off.
pub async fn go_on(
    store: &dyn Store,
    jobs: usize,
    progress: &mut Progress,
) -> Result<Report, Stop> {
    let mut report = Report::default();
    let mut places = Places::new();
    let mut after = None;
    for (room, found) in progress.known() {
        after = Some(room);
        take_in(room, found, &mut report, &mut places);
    }
    loop {
        let rooms = store.all_rooms(after, PAGE).await?;
        let checks = rooms.iter().map(|room| room::check(store, *room));
        let mut checks = stream::iter(checks).buffered(jobs.clamp(1, JOBS_MAX));
        for room in &rooms {
            let Some(found) = checks.next().await else {
                break;
            };
            let found = found?;
            progress.keep(*room, &found)?;
            take_in(*room, found, &mut report, &mut places);
        }
        after = rooms.last().copied();
        if after.is_none() {
            break;
        }
    }
    compare_places(store, places, &mut report).await?;
    progress.end()?;
    Ok(report)
}

fn take_in(room: RoomId, found: Found, report: &mut Report, places: &mut Places) {
    report.add(found.report);
    for (user, place) in found.people {
        let known = places.entry(user).or_default();
        known.extend(place.map(|place| (room, place)));
    }
}

async fn compare_places(store: &dyn Store, places: Places, report: &mut Report) -> StoreResult<()> {
    for (user, rooms) in places {
        let listed = store.rooms_of(user).await?;
        let listed: BTreeMap<_, _> = listed
            .into_iter()
            .map(|(room, kind, role)| (room, (kind, role)))
            .collect();
        if listed != rooms {
            report.fault(None, None, format!("the rooms of user {user} are wrong"));
        }
    }
    Ok(())
}

/// Verifies and prints; true if all is whole.
pub async fn run(store: &dyn Store, out: &mut (dyn io::Write + Send)) -> io::Result<bool> {
    let report = verify(store).await.map_err(io::Error::other)?;
    print(&report, out)?;
    Ok(report.is_whole())
}

/// The faults, a line each, and one line that counts.
pub fn print(report: &Report, out: &mut (dyn io::Write + Send)) -> io::Result<()> {
    for fault in &report.faults {
        writeln!(out, "{fault}")?;
    }
    let (rooms, entries, faults) = (report.rooms, report.entries, report.faults_count);
    writeln!(out, "{rooms} rooms, {entries} entries, {faults} faults")
}
