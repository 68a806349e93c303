//! The store as owners see it: requests that may be lost, late, or done without an answer.

use super::owner::Purpose;
use super::world::{At, Happening, World};
use crate::entry::{Entry, Event};
use crate::ids::{OwnerId, RoomId, Seq};
use crate::room::{Load, Loaded, TargetFacts};
use crate::store::memory::MemoryStore;
use crate::store::{
    Batch, LogStore, Member, Outcome, Redaction, Statics, StoreResult, View, ViewStore,
};
use futures_util::FutureExt;
use std::future::Future;
use std::sync::Arc;

/// A request to the store is given up after this.
const STORE_MS: i64 = 400;

/// One request.
#[derive(Clone, Debug)]
pub enum Request {
    LastBucket,
    TakeOver {
        bucket: u64,
        expected: Option<OwnerId>,
        me: OwnerId,
        epoch: u64,
    },
    /// Members, and the entries above `viewed` up to the head.
    Rest {
        viewed: Seq,
        head: Seq,
    },
    Open(Statics),
    Append(Box<Batch>),
    Load(Load),
    Views {
        views: Vec<View>,
        erase: Vec<(Seq, crate::entry::Hash)>,
    },
}

/// Its answer.
#[derive(Clone, Debug)]
pub enum Answer {
    Statics(Option<Statics>),
    Outcome(Outcome),
    Rest(Vec<Member>, Vec<crate::entry::StoredEntry>),
    Loaded(Loaded),
    Done,
    /// The store cannot, or the answer did not come in time.
    Nothing,
}

/// The memory store answers at once: no runtime is needed.
pub fn now<T>(future: impl Future<Output = StoreResult<T>>) -> T {
    let answer = future.now_or_never().expect("the memory store never waits");
    answer.expect("the memory store never fails")
}

pub fn perform(store: &MemoryStore, room: RoomId, request: &Request) -> Answer {
    match request {
        Request::LastBucket => Answer::Statics(now(store.last_bucket(room, 0))),
        Request::TakeOver {
            bucket,
            expected,
            me,
            epoch,
        } => Answer::Outcome(now(store.take_over(room, *bucket, *expected, *me, *epoch))),
        Request::Rest { viewed, head } => Answer::Rest(
            now(store.members(room, None, usize::MAX)),
            now(store.log(room, viewed + 1, *head, usize::MAX, true)),
        ),
        Request::Open(statics) => Answer::Outcome(now(store.open_bucket(room, statics.clone()))),
        Request::Append(batch) => Answer::Outcome(now(store.append(batch))),
        Request::Load(load) => Answer::Loaded(look_up(store, room, load)),
        Request::Views { views, erase } => {
            for (seq, digest) in erase {
                now(store.erase(room, *seq, *digest));
            }
            now(store.write_views(room, views));
            Answer::Done
        }
    }
}

fn look_up(store: &MemoryStore, room: RoomId, load: &Load) -> Loaded {
    match *load {
        Load::Sent { sender, client_id } => {
            let seq = now(store.sent(room, sender, client_id));
            let stored = seq.and_then(|seq| now(store.log(room, seq, seq, 1, true)).pop());
            Loaded::Sent(stored.map(|stored| Arc::new(as_now_sent(store, stored.entry))))
        }
        Load::Target { seq } => {
            let stored = now(store.log(room, seq, seq, 1, true)).pop();
            let post = stored.filter(|stored| stored.entry.event.is_countable());
            Loaded::Target(post.map(|stored| {
                let redaction = redaction_of(store, room, seq);
                let mut contents = vec![(seq, stored.digest)];
                let later = now(store.log(room, seq, redaction.edited, usize::MAX, true));
                let edits = later.iter().filter(|edit| {
                    let edit = &edit.entry.event;
                    matches!(edit, Event::Edit { target, .. } if *target == seq)
                });
                contents.extend(edits.map(|edit| (edit.entry.seq, edit.digest)));
                let mut emoji: Vec<String> = Vec::new();
                for row in now(store.reactions(room, &[seq])) {
                    if !emoji.contains(&row.emoji) {
                        emoji.push(row.emoji);
                    }
                }
                TargetFacts {
                    author: stored.entry.by,
                    deleted: redaction.deleted > 0,
                    emoji,
                    contents,
                }
            }))
        }
    }
}

fn redaction_of(store: &MemoryStore, room: RoomId, seq: Seq) -> Redaction {
    let mut known = now(store.redactions(room, &[seq]));
    known.remove(&seq).unwrap_or_default()
}

fn as_now_sent(store: &MemoryStore, entry: Entry) -> Entry {
    let about = entry.event.target().unwrap_or(entry.seq);
    let redaction = redaction_of(store, entry.room, about);
    let hidden = match entry.event {
        Event::Post { .. } => redaction != Redaction::default(),
        Event::Edit { .. } => redaction.deleted > 0 || redaction.edited > entry.seq,
        Event::React { .. } | Event::Unreact { .. } => redaction.deleted > 0,
        _ => false,
    };
    if hidden { entry.redacted() } else { entry }
}

impl World {
    /// Sends a request to the store; luck decides what becomes of it.
    pub fn ask(&mut self, at: At, purpose: Purpose, request: Request) {
        let luck = self.luck;
        let writes = !matches!(
            request,
            Request::LastBucket | Request::Rest { .. } | Request::Load(_)
        );
        let give_up = self.clock + STORE_MS;
        if self.chance.hits(luck.refused) {
            let answer = Answer::Nothing;
            self.after(
                1,
                20,
                Happening::Answer {
                    at,
                    purpose,
                    answer,
                },
            );
        } else if self.chance.hits(luck.request_lost) {
            let answer = Answer::Nothing;
            self.at(
                give_up,
                Happening::Answer {
                    at,
                    purpose,
                    answer,
                },
            );
        } else if self.chance.hits(luck.request_late) && writes {
            let late = Happening::Store {
                at,
                purpose: purpose.clone(),
                request,
                answered: false,
            };
            self.after(STORE_MS as u64, 4_000, late);
            let answer = Answer::Nothing;
            self.at(
                give_up,
                Happening::Answer {
                    at,
                    purpose,
                    answer,
                },
            );
        } else {
            let answered = !self.chance.hits(luck.outcome_lost);
            self.after(
                1,
                40,
                Happening::Store {
                    at,
                    purpose: purpose.clone(),
                    request,
                    answered,
                },
            );
            if !answered {
                let answer = Answer::Nothing;
                self.at(
                    give_up,
                    Happening::Answer {
                        at,
                        purpose,
                        answer,
                    },
                );
            }
        }
    }

    pub fn reach_store(&mut self, at: At, purpose: Purpose, request: &Request, answered: bool) {
        self.note(3, at.incarnation, answered.into());
        let answer = if self.clock < self.down_until {
            Answer::Nothing
        } else {
            perform(&self.store, self.rooms[at.room], request)
        };
        if answered {
            self.after(
                1,
                40,
                Happening::Answer {
                    at,
                    purpose,
                    answer,
                },
            );
        } else if let Answer::Outcome(crate::store::Outcome::Refused(_)) = answer {
            self.coverage.late_refused += 1;
        }
    }
}
