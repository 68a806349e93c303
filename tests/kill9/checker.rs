//! Decides from histories and logs whether the promises I1–I8 held.

use crate::history::{Evidence, Record, Seen, What};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use uuid::Uuid;

/// What can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// I1: acknowledged, but not in the log.
    Lost,
    /// I1: one key stands twice.
    Doubled,
    /// I1: place or content differ from what was acknowledged or sent.
    Changed,
    /// I2: a hole in the log, or a wrong running count.
    Gap,
    /// I3: a reader's stream is no contiguous slice of the log.
    Stream,
    /// I4: acknowledged earlier, yet it stands later; or one sender's order is not kept.
    Reordered,
    /// I5: refused for good, yet in the log.
    FailedPresent,
    /// I6: a read marker fell.
    MarkerFell,
    /// I7: unread is not the recount.
    Miscounted,
    /// I8: an entry reached somebody after his removal.
    Leaked,
    /// A redacted content is still readable, or one is hidden that nobody redacted.
    Redaction,
}

/// Counts and the first findings.
#[derive(Default)]
pub struct Verdict {
    pub acked: usize,
    pub delivered: usize,
    pub unknown: usize,
    pub failed: usize,
    pub broken: BTreeMap<Rule, usize>,
    pub findings: Vec<String>,
}

impl Verdict {
    fn found(&mut self, rule: Rule, detail: impl FnOnce() -> String) {
        *self.broken.entry(rule).or_default() += 1;
        if self.findings.len() < 20 {
            self.findings.push(format!("{rule:?}: {}", detail()));
        }
    }

    pub fn count(&self, rule: Rule) -> usize {
        self.broken.get(&rule).copied().unwrap_or(0)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = |rule| self.count(rule);
        write!(
            f,
            "I1 acked={} lost={} dup={} changed={} | I2 gaps={} | I3 delivered={} broken={} | I4 reordered={} | \
             I5 failed={} present={} | unknown={} | I6 fell={} | I7 miscounted={} | I8 leaked={} | redaction={}",
            self.acked,
            n(Rule::Lost),
            n(Rule::Doubled),
            n(Rule::Changed),
            n(Rule::Gap),
            self.delivered,
            n(Rule::Stream),
            n(Rule::Reordered),
            self.failed,
            n(Rule::FailedPresent),
            self.unknown,
            n(Rule::MarkerFell),
            n(Rule::Miscounted),
            n(Rule::Leaked),
            n(Rule::Redaction),
        )
    }
}

type Key = (Uuid, Uuid, Uuid);

/// Judges everything.
pub fn check(evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict::default();
    for (room, log) in &evidence.logs {
        check_log(&mut verdict, *room, log);
        check_redactions(&mut verdict, *room, log);
    }
    let placed = places(&mut verdict, evidence);
    check_appends(&mut verdict, evidence, &placed);
    check_order(&mut verdict, evidence, &placed);
    check_streams(&mut verdict, evidence);
    check_claims(&mut verdict, evidence);
    verdict
}

/// I2: no holes, and `ord` is the recount.
fn check_log(verdict: &mut Verdict, room: Uuid, log: &[Seen]) {
    let mut ord = 0;
    for (at, entry) in log.iter().enumerate() {
        ord += u64::from(entry.kind == "post");
        if entry.seq != at as u64 + 1 || entry.ord != ord {
            verdict.found(Rule::Gap, || {
                format!(
                    "{room}: place {} holds {entry:?}, ord should be {ord}",
                    at + 1
                )
            });
        }
    }
}

/// Content is hidden exactly where a later entry of the log hides it.
fn check_redactions(verdict: &mut Verdict, room: Uuid, log: &[Seen]) {
    let hidden = hidden_by(log);
    for entry in log {
        if !matches!(entry.kind.as_str(), "post" | "edit") {
            continue;
        }
        if entry.body.is_some() == hidden.contains_key(&entry.seq) {
            verdict.found(Rule::Redaction, || format!("{room}: {entry:?}"));
        }
    }
}

/// Which posts and edits are redacted, and by which entry first.
fn hidden_by(log: &[Seen]) -> HashMap<u64, u64> {
    let mut contents: HashMap<u64, Vec<u64>> = HashMap::new();
    let mut hidden = HashMap::new();
    for entry in log {
        match (entry.kind.as_str(), entry.target) {
            ("post", _) => {
                contents.insert(entry.seq, vec![entry.seq]);
            }
            ("edit", Some(target)) => {
                let held = contents.entry(target).or_default();
                hidden.extend(held.drain(..).map(|seq| (seq, entry.seq)));
                held.push(entry.seq);
            }
            ("delete", Some(target)) => {
                let held = contents.entry(target).or_default();
                hidden.extend(held.drain(..).map(|seq| (seq, entry.seq)));
            }
            _ => {}
        }
    }
    hidden
}

/// Every key's places in the logs; two of them are a double.
fn places<'a>(verdict: &mut Verdict, evidence: &'a Evidence) -> HashMap<Key, &'a Seen> {
    let mut placed = HashMap::new();
    for (room, log) in &evidence.logs {
        for entry in log {
            let (Some(by), Some(key)) = (entry.by, entry.key) else {
                continue;
            };
            if placed.insert((*room, by, key), entry).is_some() {
                verdict.found(Rule::Doubled, || format!("{room}: {entry:?}"));
            }
        }
    }
    placed
}

/// I1 and I5.
fn check_appends(verdict: &mut Verdict, evidence: &Evidence, placed: &HashMap<Key, &Seen>) {
    let mut bodies: HashMap<Key, &Option<String>> = HashMap::new();
    let mut open: HashSet<Key> = HashSet::new();
    let mut failed: Vec<Key> = Vec::new();
    for record in &evidence.records {
        match &record.what {
            What::Invoke { key, body } => {
                bodies.insert((record.room, record.user, *key), body);
            }
            What::Unknown { key, .. } => {
                verdict.unknown += 1;
                open.insert((record.room, record.user, *key));
            }
            What::Fail { key, .. } => failed.push((record.room, record.user, *key)),
            What::Ok { key, seq, ord } => {
                verdict.acked += 1;
                let key = (record.room, record.user, *key);
                match placed.get(&key) {
                    None => verdict.found(Rule::Lost, || format!("{record:?}")),
                    Some(entry) if (entry.seq, entry.ord) != (*seq, *ord) => {
                        verdict.found(Rule::Changed, || format!("{record:?} but {entry:?}"));
                    }
                    Some(_) => {}
                }
            }
            _ => {}
        }
    }
    for (key, entry) in placed {
        let sent = bodies.get(key).copied();
        if entry.body.is_some() && sent.is_some_and(|body| *body != entry.body) {
            verdict.found(Rule::Changed, || format!("{entry:?} was sent as {sent:?}"));
        }
    }
    verdict.failed = failed.len();
    for key in failed.iter().filter(|key| !open.contains(*key)) {
        if let Some(entry) = placed.get(key) {
            verdict.found(Rule::FailedPresent, || format!("{entry:?}"));
        }
    }
}

/// I4: whoever was acknowledged before another began stands before it; and one person's sends to
/// one room stand in the order in which he first sent them.
fn check_order(verdict: &mut Verdict, evidence: &Evidence, placed: &HashMap<Key, &Seen>) {
    let mut acked_max: HashMap<Uuid, u64> = HashMap::new();
    let mut first_tries: HashSet<Key> = HashSet::new();
    let mut last_of_sender: HashMap<(Uuid, Uuid), u64> = HashMap::new();
    for record in &evidence.records {
        match &record.what {
            What::Ok { seq, .. } => {
                let max = acked_max.entry(record.room).or_default();
                *max = (*max).max(*seq);
            }
            What::Invoke { key, .. } => {
                let key = (record.room, record.user, *key);
                if !first_tries.insert(key) {
                    continue;
                }
                let Some(entry) = placed.get(&key) else {
                    continue;
                };
                let acked = acked_max.get(&record.room).copied().unwrap_or(0);
                let mine = last_of_sender
                    .entry((record.room, record.user))
                    .or_default();
                if entry.seq <= acked || entry.seq <= *mine {
                    verdict.found(Rule::Reordered, || {
                        format!("{entry:?} began after {acked} was acknowledged, sent after {mine}")
                    });
                }
                *mine = (*mine).max(entry.seq);
            }
            _ => {}
        }
    }
}

/// One watch of one person, as its records come.
struct Watch {
    next: u64,
    /// The seq of the removal that ends the membership in which the watch was made.
    end: Option<u64>,
    gone: bool,
}

/// I3 and I8.
fn check_streams(verdict: &mut Verdict, evidence: &Evidence) {
    let mut watches: HashMap<(Uuid, u32, Uuid), Watch> = HashMap::new();
    for record in &evidence.records {
        let Some(log) = evidence.logs.get(&record.room) else {
            continue;
        };
        let place = (record.user, record.conn, record.room);
        match &record.what {
            What::Watch { after } => {
                let watch = Watch {
                    next: after + 1,
                    end: None,
                    gone: false,
                };
                watches.insert(place, watch);
            }
            What::Reset { head } => {
                if let Some(watch) = watches.get_mut(&place) {
                    watch.next = head + 1;
                }
            }
            What::Watching { head } => {
                if let Some(watch) = watches.get_mut(&place) {
                    watch.end = end_of_membership(log, record.user, *head);
                    if watch.next != head + 1 {
                        let next = watch.next;
                        verdict.found(Rule::Stream, || format!("{record:?} at next={next}"));
                    }
                }
            }
            What::Deliver(seen) => {
                verdict.delivered += 1;
                check_delivery(verdict, record, watches.get_mut(&place), seen, log);
            }
            What::Page { after, entries } => check_page(verdict, record, *after, entries, log),
            What::Gone => {
                if let Some(watch) = watches.get_mut(&place) {
                    watch.gone = true;
                }
            }
            _ => {}
        }
    }
}

fn check_delivery(
    verdict: &mut Verdict,
    record: &Record,
    watch: Option<&mut Watch>,
    seen: &Seen,
    log: &[Seen],
) {
    let Some(watch) = watch else {
        verdict.found(Rule::Leaked, || format!("without a watch: {record:?}"));
        return;
    };
    if watch.gone || watch.end.is_some_and(|end| seen.seq >= end) {
        verdict.found(Rule::Leaked, || format!("after the removal: {record:?}"));
    }
    if seen.seq != watch.next || !matches_log(seen, log) {
        let next = watch.next;
        verdict.found(Rule::Stream, || format!("expected {next}: {record:?}"));
    }
    watch.next = seen.seq + 1;
}

fn check_page(verdict: &mut Verdict, record: &Record, after: u64, page: &[Seen], log: &[Seen]) {
    for (seen, seq) in page.iter().zip(after + 1..) {
        if seen.seq != seq || !matches_log(seen, log) {
            verdict.found(Rule::Stream, || {
                format!("page of {} after {after}: {seen:?}", record.user)
            });
        }
    }
}

/// The same entry as the log has; its content may since have been hidden there, or hidden early.
fn matches_log(seen: &Seen, log: &[Seen]) -> bool {
    let stands = (seen.seq as usize)
        .checked_sub(1)
        .and_then(|at| log.get(at));
    stands.is_some_and(|entry| {
        let content = entry.body.is_none() || seen.body.is_none() || entry.body == seen.body;
        entry.same_place(seen) && content && (seen.body.is_some() || entry.body.is_none())
    })
}

/// The first removal of `user` after `head`; a non-member's membership ended long ago (at 0).
fn end_of_membership(log: &[Seen], user: Uuid, head: u64) -> Option<u64> {
    let moves =
        |entry: &&Seen| entry.user == Some(user) && matches!(entry.kind.as_str(), "join" | "leave");
    let before = |entry: &&Seen| moves(entry) && entry.seq <= head;
    let last = log.iter().rfind(before);
    if last.is_none_or(|entry| entry.kind == "leave") {
        return Some(0);
    }
    let later = log.iter().filter(moves).find(|entry| entry.seq > head);
    later.map(|entry| entry.seq)
}

/// I6 and I7.
fn check_claims(verdict: &mut Verdict, evidence: &Evidence) {
    let mut marked: HashMap<(Uuid, Uuid), u64> = HashMap::new();
    for record in &evidence.records {
        if let What::Marked { read } = record.what {
            let highest = marked.entry((record.room, record.user)).or_default();
            if read < *highest {
                verdict.found(Rule::MarkerFell, || format!("{record:?} below {highest}"));
            }
            *highest = (*highest).max(read);
        }
    }
    for claim in &evidence.claims {
        let highest = marked.get(&(claim.room, claim.user)).copied().unwrap_or(0);
        if claim.read < highest {
            verdict.found(Rule::MarkerFell, || format!("{claim:?} below {highest}"));
        }
        let log = evidence
            .logs
            .get(&claim.room)
            .map_or(&[][..], Vec::as_slice);
        let unread = log
            .iter()
            .filter(|entry| entry.kind == "post" && entry.seq > claim.read)
            .count() as u64;
        if unread != claim.unread {
            verdict.found(Rule::Miscounted, || {
                format!("{claim:?}, the recount is {unread}")
            });
        }
    }
}
