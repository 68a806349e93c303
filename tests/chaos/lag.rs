//! How long it took, read from the history: from the first try of a send to its acknowledgement,
//! and to each other person's screen.

use crate::history::{Record, What};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Range;
use uuid::Uuid;

/// When something was going on, in nanoseconds of the history.
pub struct Window {
    pub name: &'static str,
    pub span: Range<u64>,
}

/// What was sent within the windows of one name.
#[derive(Default)]
pub struct Lag {
    /// First try until acknowledged.
    ack: Vec<u64>,
    /// First try until somebody else saw it.
    seen: Vec<u64>,
    /// Acknowledged until somebody else saw it.
    after_ack: Vec<u64>,
    /// Sends whose writer was removed before they were answered for good.
    interrupted: usize,
}

/// Sends by when their first try was made; what lies in no window is "calm".
///
/// Whoever is removed may not write until he is let in again, and keeps meanwhile what was left
/// open. That is no delay of the cluster: it counts from when he tries again, and what was sent
/// while he was out counts for the others only.
pub fn measure(records: &[Record], windows: &[Window]) -> BTreeMap<&'static str, Lag> {
    let mut tried: HashMap<Uuid, Try> = HashMap::new();
    let mut acked: HashMap<Uuid, u64> = HashMap::new();
    // Who was removed from where, and when he was let in again.
    let mut back: HashMap<(Uuid, Uuid), u64> = HashMap::new();
    let mut lags: BTreeMap<&'static str, Lag> = BTreeMap::new();
    for record in records {
        match &record.what {
            What::Invoke { key, .. } => {
                let within = |window: &&Window| window.span.contains(&record.t);
                let name = windows.iter().find(within).map_or("calm", |w| w.name);
                let new = Try::new(record, name);
                let first = tried.entry(*key).or_insert(new);
                if first.removed && !acked.contains_key(key) {
                    *first = new;
                    lags.entry(name).or_default().interrupted += 1;
                }
            }
            What::Gone => {
                back.insert((record.user, record.room), u64::MAX);
                let mut tries = tried.iter_mut().filter(|(key, _)| !acked.contains_key(key));
                let hit = |tried: &Try| tried.place == (record.user, record.room);
                tries
                    .by_ref()
                    .for_each(|(_, tried)| tried.removed |= hit(tried));
            }
            What::Ok { key, .. } => {
                if let Some(first) = tried.get(key)
                    && acked.insert(*key, record.t).is_none()
                {
                    let lag = lags.entry(first.name).or_default();
                    lag.ack.push(record.t - first.at);
                }
            }
            What::Watching { .. } => {
                let place = (record.user, record.room);
                back.entry(place).and_modify(|at| *at = record.t.min(*at));
            }
            What::Deliver(seen) if seen.by != Some(record.user) => {
                let Some(first) = seen.key.and_then(|key| tried.get(&key)) else {
                    continue;
                };
                let place = (record.user, record.room);
                if back.get(&place).is_some_and(|at| first.at < *at) {
                    continue;
                }
                let lag = lags.entry(first.name).or_default();
                lag.seen.push(record.t - first.at);
                // Whoever sees it before its writer was told waits for nothing.
                let told = seen.key.and_then(|key| acked.get(&key));
                lag.after_ack
                    .push(told.map_or(0, |told| record.t.saturating_sub(*told)));
            }
            _ => {}
        }
    }
    if std::env::var_os("CHAOS_TRACE").is_some() {
        trace(records);
    }
    lags
}

/// The try of a send from which its time counts.
#[derive(Clone, Copy)]
struct Try {
    at: u64,
    name: &'static str,
    /// Whose, and where.
    place: (Uuid, Uuid),
    /// Its writer was removed since.
    removed: bool,
}

impl Try {
    fn new(record: &Record, name: &'static str) -> Self {
        Self {
            at: record.t,
            name,
            place: (record.user, record.room),
            removed: false,
        }
    }
}

/// Everything that happened to sends that were not answered for good within three seconds, and
/// whether their writer was in the room meanwhile.
fn trace(records: &[Record]) {
    let mut sends: BTreeMap<Uuid, (&Record, u64)> = BTreeMap::new();
    for record in records {
        match &record.what {
            What::Invoke { key, .. } => {
                sends.entry(*key).or_insert((record, u64::MAX));
            }
            What::Ok { key, .. } | What::Fail { key, .. } => {
                if let Some((_, end)) = sends.get_mut(key) {
                    *end = record.t.min(*end);
                }
            }
            _ => {}
        }
    }
    let slow = |(first, end): &(&Record, u64)| end - first.t > 3_000_000_000;
    for (key, (first, end)) in sends.into_iter().filter(|(_, send)| slow(send)) {
        println!("{}", story(records, key, first, end));
    }
}

fn story(records: &[Record], key: Uuid, first: &Record, end: u64) -> String {
    let ms = |ns: u64| ns as i64 / 1_000_000;
    let short = |id: Uuid| id.to_string().split_off(32);
    let (user, room) = (short(first.user), short(first.room));
    let took = ms(end) - ms(first.t);
    let mut line = format!("slow {}ms +{took}ms {user} in {room}:", ms(first.t));
    let around = first.t.saturating_sub(3_000_000_000)..=end;
    let place = |it: &&Record| (it.user, it.room) == (first.user, first.room);
    for record in records.iter().filter(place) {
        if !around.contains(&record.t) {
            continue;
        }
        let t = ms(record.t) - ms(first.t);
        line += &match &record.what {
            What::Invoke { key: of, .. } if *of == key => format!(" try@{t} c{}", record.conn),
            What::Unknown { key: of, code } if *of == key => format!(" {code:?}@{t}"),
            What::Fail { key: of, code } if *of == key => format!(" {code}@{t}"),
            What::Gone => format!(" gone@{t}"),
            What::Watching { .. } => format!(" watching@{t}"),
            _ => continue,
        };
    }
    line
}

/// `p50/p99/max` in milliseconds.
pub fn quantiles(values: &[u64]) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let at = |share: f64| {
        let index = (sorted.len() as f64 * share) as usize;
        sorted.get(index.min(sorted.len().saturating_sub(1)))
    };
    let ms = |value: Option<&u64>| value.map_or(0, |ns| ns / 1_000_000);
    format!("{}/{}/{}", ms(at(0.5)), ms(at(0.99)), ms(sorted.last()))
}

impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "sends={} (writer removed meanwhile: {}) ack={} | deliveries={} since sent={} since acknowledged={} \
             (p50/p99/max ms)",
            self.ack.len(),
            self.interrupted,
            quantiles(&self.ack),
            self.seen.len(),
            quantiles(&self.seen),
            quantiles(&self.after_ack),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Seen;

    const SECOND: u64 = 1_000_000_000;

    fn record(second: u64, user: u128, what: What) -> Record {
        Record {
            t: second * SECOND,
            user: Uuid::from_u128(user),
            conn: 1,
            room: Uuid::from_u128(9),
            what,
        }
    }

    fn invoke(key: u128) -> What {
        let key = Uuid::from_u128(key);
        What::Invoke { key, body: None }
    }

    fn ok(key: u128) -> What {
        let key = Uuid::from_u128(key);
        What::Ok {
            key,
            seq: 1,
            ord: 1,
        }
    }

    #[test]
    fn who_is_removed_waits_for_nobody_until_he_is_let_in_again() {
        let seen = Seen {
            seq: 1,
            ord: 1,
            by: Some(Uuid::from_u128(1)),
            key: Some(Uuid::from_u128(10)),
            kind: "post".to_owned(),
            body: None,
            target: None,
            user: None,
        };
        let (by, key) = (Some(Uuid::from_u128(2)), Some(Uuid::from_u128(20)));
        let records = [
            record(0, 1, invoke(10)),
            record(0, 2, invoke(20)),
            record(1, 1, What::Gone),
            record(60, 1, What::Watching { head: 0 }),
            record(60, 1, invoke(10)),
            record(62, 1, ok(10)),
            record(63, 2, What::Deliver(seen.clone())),
            // Somebody else stayed in the room: this one is late.
            record(64, 2, ok(20)),
            record(65, 1, What::Deliver(Seen { by, key, ..seen })),
        ];
        let lags = measure(&records, &[]);
        let lag = lags.get("calm").expect("something was sent");
        assert_eq!(lag.ack, [2 * SECOND, 64 * SECOND]);
        assert_eq!(lag.seen, [3 * SECOND]);
        assert_eq!(lag.interrupted, 1);
    }
}
