//! What one person wants to say in one room: sent in order, kept until answered.

use crate::history::Seen;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Sends of one room that may be unanswered at a time.
const WINDOW: usize = 6;
/// An unanswered send holds newer ones back after so long: the server refuses what comes behind a
/// refused one, so that a resend keeps its place, but only for 2 s (PROTOCOL §4).
const PATIENCE: Duration = Duration::from_secs(1);
/// After a refusal that asks to come again.
const PAUSE: Duration = Duration::from_millis(100);

/// One send, under one key and one first `after` for its whole life.
#[derive(Clone, Debug)]
pub struct Item {
    pub key: Uuid,
    pub after: u64,
    pub kind: &'static str,
    pub body: Option<String>,
    target: Option<u64>,
    in_flight: bool,
    sent: Instant,
}

impl Item {
    pub fn frame(&self, room: Uuid) -> Value {
        let mut frame = json!({
            "t": "send", "ref": self.key, "room": room,
            "client_id": self.key, "after": self.after, "kind": self.kind,
        });
        if let Some(body) = &self.body {
            frame["body"] = json!(body);
        }
        if let Some(target) = self.target {
            frame["target"] = json!(target);
        }
        if self.kind.ends_with("react") {
            frame["emoji"] = json!("👍");
        }
        frame
    }
}

pub struct Outbox {
    me: Uuid,
    items: VecDeque<Item>,
    /// I watch the room and may write.
    pub open: bool,
    /// Something was refused for now: wait for the answers to the rest and until then, and begin
    /// again in order.
    held: Option<Instant>,
    mine: Vec<u64>,
    theirs: Vec<u64>,
    dice: u64,
    /// Between two new things to say; nothing: as fast as they are answered.
    pace: Duration,
    next: Instant,
}

impl Outbox {
    pub fn new(me: Uuid, dice: u64, pace: Duration) -> Self {
        Self {
            me,
            items: VecDeque::new(),
            open: false,
            held: None,
            mine: Vec::new(),
            theirs: Vec::new(),
            dice: dice | 1,
            pace,
            next: Instant::now(),
        }
    }

    pub fn holds(&self, key: Uuid) -> bool {
        self.items.iter().any(|item| item.key == key)
    }

    /// When to look again: something was refused, or the next thing may be said.
    pub fn wake_at(&self, calm: bool) -> Option<Instant> {
        let speaks = !calm && self.open && self.items.len() < WINDOW;
        self.held
            .into_iter()
            .chain(speaks.then_some(self.next))
            .min()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % sides
    }

    /// Fills up with new things to say; `seen` is the head that I know.
    pub fn compose(&mut self, seen: u64) {
        while self.open && self.items.len() < WINDOW && self.next <= Instant::now() {
            self.next = Instant::now() + self.pace;
            let key = Uuid::now_v7();
            let (kind, target) = self.choose();
            let body = match kind {
                "post" | "edit" => Some(format!("{kind} {key} of {}", self.me)),
                _ => None,
            };
            self.items.push_back(Item {
                key,
                after: seen,
                kind,
                body,
                target,
                in_flight: false,
                sent: Instant::now(),
            });
        }
    }

    fn choose(&mut self) -> (&'static str, Option<u64>) {
        let roll = self.roll(100);
        let (mine, theirs) = (self.pick(true), self.pick(false));
        match roll {
            0..8 if mine.is_some() => ("edit", mine),
            8..11 if mine.is_some() => ("delete", mine),
            11..18 if theirs.is_some() => ("react", theirs),
            18..20 if theirs.is_some() => ("unreact", theirs),
            _ => ("post", None),
        }
    }

    fn pick(&mut self, mine: bool) -> Option<u64> {
        let roll = self.roll(16) as usize;
        let posts = if mine { &self.mine } else { &self.theirs };
        posts
            .iter()
            .rev()
            .nth(roll.min(posts.len().saturating_sub(1)))
            .copied()
    }

    /// What goes out now, in order.
    pub fn due(&mut self) -> Vec<Item> {
        let waiting = self.items.iter().any(|item| item.in_flight);
        let stale = |item: &Item| item.in_flight && item.sent.elapsed() > PATIENCE;
        let early = |until: Instant| waiting || Instant::now() < until;
        let open = self.open && !self.items.iter().any(stale);
        if !open || self.held.is_some_and(early) {
            return Vec::new();
        }
        self.held = None;
        let mut due = Vec::new();
        for item in self.items.iter_mut().filter(|item| !item.in_flight) {
            item.in_flight = true;
            item.sent = Instant::now();
            due.push(item.clone());
        }
        due
    }

    pub fn acked(&mut self, key: Uuid, seq: u64) {
        if let Some(at) = self.items.iter().position(|item| item.key == key)
            && let Some(item) = self.items.remove(at)
            && item.kind == "post"
        {
            self.mine.push(seq);
        }
    }

    pub fn refused(&mut self, key: Uuid, failed: bool) {
        if failed {
            self.items.retain(|item| item.key != key);
            return;
        }
        self.held = Some(Instant::now() + PAUSE);
        for item in self.items.iter_mut().filter(|item| item.key == key) {
            item.in_flight = false;
        }
    }

    pub fn saw(&mut self, entry: &Seen) {
        if entry.kind == "post" && entry.by != Some(self.me) {
            self.theirs.push(entry.seq);
        }
    }

    /// The connection is gone: everything unanswered is open. Answers those keys.
    pub fn cut(&mut self) -> Vec<Uuid> {
        self.open = false;
        self.held = None;
        let mut open = Vec::new();
        for item in self.items.iter_mut().filter(|item| item.in_flight) {
            item.in_flight = false;
            open.push(item.key);
        }
        open
    }
}
