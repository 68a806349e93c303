//! `chapiana verify`: recounts every room from its log and compares everything that is derived.

mod fold;
mod room;
#[cfg(test)]
mod tests;

use crate::entry::{Role, RoomKind};
use crate::ids::{RoomId, Seq, UserId};
use crate::store::{Store, StoreResult};
use std::collections::BTreeMap;
use std::fmt;
use std::io;

/// Rooms, entries or rows read at once.
const PAGE: usize = 500;
/// Faults that are told; the rest is only counted.
const FAULTS_TOLD: usize = 1_000;

/// Something that does not agree with the log, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, Default)]
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
}

/// Who is where, as all logs together say.
type Places = BTreeMap<UserId, BTreeMap<RoomId, (RoomKind, Role)>>;

/// Checks every room. `Err` only if the store does not answer.
pub async fn verify(store: &dyn Store) -> StoreResult<Report> {
    let mut report = Report::default();
    let mut places = Places::new();
    let mut after = None;
    loop {
        let rooms = store.all_rooms(after, PAGE).await?;
        for room in &rooms {
            room::check(store, *room, &mut report, &mut places).await?;
        }
        after = rooms.last().copied();
        if after.is_none() {
            break;
        }
    }
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
    Ok(report)
}

/// Verifies and prints; true if all is whole.
pub async fn run(store: &dyn Store, out: &mut (dyn io::Write + Send)) -> io::Result<bool> {
    let report = verify(store).await.map_err(io::Error::other)?;
    for fault in &report.faults {
        writeln!(out, "{fault}")?;
    }
    let (rooms, entries, faults) = (report.rooms, report.entries, report.faults_count);
    writeln!(out, "{rooms} rooms, {entries} entries, {faults} faults")?;
    Ok(report.is_whole())
}
