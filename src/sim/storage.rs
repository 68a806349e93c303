//! The store as owners see it: requests that may be lost, late, or done without an answer.

use super::Mutant;
use super::owner::Purpose;
use super::world::{At, Happening, World};
use crate::ids::{OwnerId, RoomId, Seq};
use crate::room::{Load, Loaded, writer};
use crate::store::memory::MemoryStore;
use crate::store::{Batch, LogStore, Member, Outcome, Statics, StoreResult, View, ViewStore};
use futures_util::FutureExt;
use std::future::Future;

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
    now_of(future).expect("the memory store never fails")
}

/// The same for what asks the store by itself.
pub fn now_of<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("the memory store never waits")
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
        Request::Load(load) => {
            let loaded = now_of(writer::load(store, room, load.clone()));
            Answer::Loaded(loaded.expect("the memory store never fails"))
        }
        Request::Views { views, erase } => {
            now(writer::write_views(store, room, views, erase));
            Answer::Done
        }
    }
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

    /// A store that does not look who appends (mutant).
    fn believed(&self, room: usize, request: &Request) -> Option<Request> {
        let Request::Append(batch) = request else {
            return None;
        };
        if self.mutant != Some(Mutant::OwnerNotChecked) {
            return None;
        }
        let owner = now(self.store.last_bucket(self.rooms[room], 0))?.owner?;
        let batch = Batch {
            owner,
            ..(**batch).clone()
        };
        Some(Request::Append(Box::new(batch)))
    }

    pub fn reach_store(&mut self, at: At, purpose: Purpose, request: &Request, answered: bool) {
        self.note(3, at.incarnation, answered.into());
        let answer = if self.clock < self.down_until {
            Answer::Nothing
        } else {
            let believed = self.believed(at.room, request);
            let request = believed.as_ref().unwrap_or(request);
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
