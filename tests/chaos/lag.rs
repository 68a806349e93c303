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
}

/// Sends by when their first try was made; what lies in no window is "calm".
pub fn measure(records: &[Record], windows: &[Window]) -> BTreeMap<&'static str, Lag> {
    let mut tried: HashMap<Uuid, (u64, &'static str)> = HashMap::new();
    let mut acked: HashMap<Uuid, u64> = HashMap::new();
    let mut lags: BTreeMap<&'static str, Lag> = BTreeMap::new();
    for record in records {
        match &record.what {
            What::Invoke { key, .. } => {
                let within = |window: &&Window| window.span.contains(&record.t);
                let name = windows.iter().find(within).map_or("calm", |w| w.name);
                tried.entry(*key).or_insert((record.t, name));
            }
            What::Ok { key, .. } => {
                if let Some((at, name)) = tried.get(key)
                    && acked.insert(*key, record.t).is_none()
                {
                    lags.entry(name).or_default().ack.push(record.t - at);
                }
            }
            What::Deliver(seen) if seen.by != Some(record.user) => {
                let Some((at, name)) = seen.key.and_then(|key| tried.get(&key)) else {
                    continue;
                };
                let lag = lags.entry(name).or_default();
                lag.seen.push(record.t - at);
                // Whoever sees it before its writer was told waits for nothing.
                let told = seen.key.and_then(|key| acked.get(&key));
                lag.after_ack
                    .push(told.map_or(0, |told| record.t.saturating_sub(*told)));
            }
            _ => {}
        }
    }
    if std::env::var_os("CHAOS_TRACE").is_some() {
        trace(records, &tried, &acked);
    }
    lags
}

/// Everything that happened to sends that took longer than three seconds.
fn trace(
    records: &[Record],
    tried: &HashMap<Uuid, (u64, &'static str)>,
    acked: &HashMap<Uuid, u64>,
) {
    let ms = |ns: u64| ns / 1_000_000;
    for (key, (at, _)) in tried {
        let end = acked.get(key).copied().unwrap_or(u64::MAX);
        if end.saturating_sub(*at) < 3_000_000_000 {
            continue;
        }
        let mut line = format!("slow {} +{}ms", ms(*at), ms(end.saturating_sub(*at)));
        for record in records {
            let t = ms(record.t.saturating_sub(*at));
            match &record.what {
                What::Invoke { key: of, .. } if of == key => {
                    line += &format!(
                        " try@{t}(c{} r{})",
                        record.conn,
                        &record.room.to_string()[32..]
                    );
                }
                What::Unknown { key: of, code } if of == key => line += &format!(" {code:?}@{t}"),
                _ => {}
            }
        }
        println!("{line}");
    }
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
            "sends={} ack={} | deliveries={} since sent={} since acknowledged={} (p50/p99/max ms)",
            self.ack.len(),
            quantiles(&self.ack),
            self.seen.len(),
            quantiles(&self.seen),
            quantiles(&self.after_ack),
        )
    }
}
