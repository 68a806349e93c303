//! The judge: after everything came to rest, is what people were told what the log says?

use super::Broken;
use super::people::{Record, same_place};
use super::screens::in_words;
use super::storage::now;
use super::world::World;
use crate::entry::{Event, Role, StoredEntry};
use crate::ids::{ClientId, Seq, UserId};
use crate::store::{LogStore, Redaction, ViewStore};
use std::collections::{BTreeMap, BTreeSet, HashMap};

type Verdict = Result<(), Broken>;

pub fn judge(world: &World) -> Verdict {
    for room in 0..world.rooms.len() {
        let log = now(world
            .store
            .log(world.rooms[room], 1, Seq::MAX, usize::MAX, true));
        let judge = Judge { world, room, log };
        judge.whole()?;
        judge.keys()?;
        judge.order()?;
        judge.members()?;
        judge.views()?;
        judge.contents()?;
        judge.markers()?;
        judge.rest()?;
        judge.screens()?;
    }
    Ok(())
}

struct Judge<'a> {
    world: &'a World,
    room: usize,
    log: Vec<StoredEntry>,
}

impl Judge<'_> {
    fn check(
        &self,
        holds: bool,
        invariant: &'static str,
        what: impl FnOnce() -> String,
    ) -> Verdict {
        if holds {
            return Ok(());
        }
        let what = format!("room {}: {}", self.room, what());
        let step = self.world.step;
        Err(Broken {
            invariant,
            step,
            what,
        })
    }

    fn records(&self) -> impl Iterator<Item = &Record> {
        self.world
            .records
            .iter()
            .filter(|record| record.room == self.room)
    }

    fn at(&self, seq: Seq) -> Option<&StoredEntry> {
        self.log.get(usize::try_from(seq.checked_sub(1)?).ok()?)
    }

    /// I2: no hole, no rewrite, every count and link right.
    fn whole(&self) -> Verdict {
        let (mut chain, mut ord) = ([0; 32], 0);
        for (index, stored) in self.log.iter().enumerate() {
            let entry = &stored.entry;
            ord += u64::from(entry.event.is_countable());
            let right =
                entry.seq == index as u64 + 1 && entry.ord == ord && stored.verifies_after(&chain);
            self.check(right, "I2", || format!("wrong at {}", index + 1))?;
            chain = stored.link;
        }
        let shown = self
            .world
            .shown
            .range((self.room, 0)..=(self.room, Seq::MAX));
        for ((_, seq), shown) in shown {
            let stored = self.at(*seq).map(|stored| &stored.entry);
            let same = stored.is_some_and(|stored| same_place(stored, shown));
            self.check(same, "I2", || format!("shown {shown:?}, stored {stored:?}"))?;
        }
        Ok(())
    }

    /// I1, I5: what was acknowledged stands once, what failed never.
    fn keys(&self) -> Verdict {
        let mut places: HashMap<(UserId, ClientId), Seq> = HashMap::new();
        for stored in &self.log {
            let entry = &stored.entry;
            if let (Some(by), Some(id)) = (entry.by, entry.client_id) {
                let before = places.insert((by, id), entry.seq);
                self.check(before.is_none(), "I1", || {
                    format!("{entry:?} stands twice: {before:?}")
                })?;
            }
        }
        for record in self.records() {
            let key = (self.world.people[record.who].user, record.client_id);
            let place = places.get(&key).copied();
            if let Some((seq, _)) = record.acked {
                self.check(place == Some(seq), "I1", || {
                    format!("{record:?} stands at {place:?}")
                })?;
            }
            let contradicted = record.failed && place.is_some();
            self.check(!contradicted, "I5", || {
                format!("failed, yet there: {record:?}")
            })?;
        }
        Ok(())
    }

    /// I4, and the order of one person's sends.
    fn order(&self) -> Verdict {
        let acked = self
            .records()
            .filter_map(|record| Some((record.invoked?, record.acked?, record)));
        let mut by_invoke: Vec<_> = acked.collect();
        let mut by_ack: Vec<_> = by_invoke
            .iter()
            .map(|(_, (seq, at), _)| (*at, *seq))
            .collect();
        by_invoke.sort_by_key(|(invoked, ..)| *invoked);
        by_ack.sort_unstable();
        let (mut acks, mut highest) = (by_ack.into_iter().peekable(), 0);
        for (invoked, (seq, _), record) in by_invoke {
            while let Some((_, before)) = acks.next_if(|(at, _)| *at < invoked) {
                highest = highest.max(before);
            }
            self.check(highest < seq, "I4", || {
                format!("{record:?} is below {highest}")
            })?;
        }
        let mut last: BTreeMap<usize, Seq> = BTreeMap::new();
        for record in self.records() {
            let Some((seq, _)) = record.acked.filter(|_| !record.refused) else {
                continue;
            };
            let before = last.insert(record.who, seq).unwrap_or(0);
            self.check(before < seq, "order", || {
                format!("{record:?} is below {before}")
            })?;
        }
        Ok(())
    }

    /// I8 at the writer: only members wrote, and people had an owner.
    fn members(&self) -> Verdict {
        let mut members: BTreeMap<UserId, Role> = BTreeMap::new();
        for stored in &self.log {
            let entry = &stored.entry;
            let by = entry.by.is_some_and(|by| members.contains_key(&by));
            let joins = matches!(entry.event, Event::Join { user, .. } if Some(user) == entry.by);
            self.check(by || joins, "I8", || format!("not a member: {entry:?}"))?;
            match entry.event {
                Event::Join { user, role } | Event::Role { user, role } => {
                    members.insert(user, role);
                }
                Event::Leave { user } => {
                    members.remove(&user);
                }
                _ => {}
            }
            let owned = members.is_empty() || members.values().any(|role| *role == Role::Owner);
            self.check(owned, "I8", || {
                format!("without an owner after {}", entry.seq)
            })?;
        }
        let stored = now(self
            .world
            .store
            .members(self.world.rooms[self.room], None, usize::MAX));
        let stored: BTreeMap<_, _> = stored.iter().map(|m| (m.user, m.role)).collect();
        self.check(stored == members, "I10", || {
            format!("members {stored:?}, log {members:?}")
        })
    }

    fn redactions(&self) -> HashMap<Seq, Redaction> {
        let mut all: HashMap<Seq, Redaction> = HashMap::new();
        for stored in &self.log {
            let seq = stored.entry.seq;
            match stored.entry.event {
                Event::Edit { target, .. } => all.entry(target).or_default().edited = seq,
                Event::Delete { target } => all.entry(target).or_default().deleted = seq,
                _ => {}
            }
        }
        all
    }

    /// I3, I8: every member sees everything, nobody else is served; what was shown is in the log.
    fn screens(&self) -> Verdict {
        let (world, room) = (self.world, self.room);
        for (who, screen) in world.screens.iter().enumerate() {
            let user = world.people[who].user;
            let member = now(world.store.member(world.rooms[room], user)).is_some();
            let (sight, head) = (screen.sights[room], self.log.len() as Seq);
            let right = sight.live == member && (!member || sight.seen == head);
            self.check(right, "I3", || {
                format!("at rest {who} has {sight:?}, head {head}, member {member}")
            })?;
        }
        let all = world.streamed.range((room, 0)..=(room, Seq::MAX));
        for ((_, seq), said) in all {
            let stored = self.at(*seq).map(|stored| in_words(&stored.entry));
            self.check(stored.as_ref() == Some(said), "I3", || {
                format!("on screens {said}, stored {stored:?}")
            })?;
        }
        Ok(())
    }

    /// R6: the owner owes no view and has nothing under way.
    fn rest(&self) -> Verdict {
        let statics = now(self.world.store.last_bucket(self.world.rooms[self.room], 0));
        let owner = statics.and_then(|statics| statics.owner);
        let here = |(at, _): &(&(usize, usize), _)| at.1 == self.room;
        let owners = self.world.owners.iter().filter(here);
        let last = owners.map(|(_, o)| o).find(|o| Some(o.id()) == owner);
        let Some(found) = last.and_then(|owner| owner.snapshot()) else {
            return Ok(());
        };
        let loose = found.queued + found.in_flight + found.waiting + found.undelivered;
        let rests = found.viewed == found.head && loose + found.loads == 0;
        self.check(rests, "progress", || format!("not at rest: {found:?}"))
    }

    /// I10: the views are what the log says.
    fn views(&self) -> Verdict {
        let (store, room) = (&self.world.store, self.world.rooms[self.room]);
        let mut standing: BTreeSet<(Seq, String, UserId)> = BTreeSet::new();
        for stored in &self.log {
            let entry = &stored.entry;
            if let (Some(by), Some(id)) = (entry.by, entry.client_id) {
                let place = now(store.sent(room, by, id));
                self.check(place == Some(entry.seq), "I10", || {
                    format!("sent key of {} at {place:?}", entry.seq)
                })?;
            }
            match (&entry.event, entry.by) {
                (
                    Event::React {
                        target,
                        emoji: Some(emoji),
                    },
                    Some(by),
                ) => {
                    standing.insert((*target, emoji.clone(), by));
                }
                (
                    Event::Unreact {
                        target,
                        emoji: Some(emoji),
                    },
                    Some(by),
                ) => {
                    standing.remove(&(*target, emoji.clone(), by));
                }
                _ => {}
            }
        }
        let all: Vec<Seq> = (1..=self.log.len() as u64).collect();
        let rows = now(store.reactions(room, &all));
        let rows: BTreeSet<_> = rows
            .into_iter()
            .map(|r| (r.target, r.emoji, r.user))
            .collect();
        self.check(rows == standing, "I10", || {
            format!("reactions {rows:?}, log {standing:?}")
        })?;
        let (stored, counted) = (now(store.redactions(room, &all)), self.redactions());
        self.check(stored == counted, "I10", || {
            format!("redactions {stored:?}, log {counted:?}")
        })
    }

    /// R15: what was redacted is gone, everything else is there.
    fn contents(&self) -> Verdict {
        let redactions = self.redactions();
        for stored in &self.log {
            let (entry, seq) = (&stored.entry, stored.entry.seq);
            let about = redactions.get(&entry.event.target().unwrap_or(seq));
            let redaction = about.copied().unwrap_or_default();
            let hidden = match entry.event {
                Event::Post { .. } => redaction != Redaction::default(),
                Event::Edit { .. } => redaction.deleted > 0 || redaction.edited > seq,
                _ => continue,
            };
            let there = entry.event.content().is_some();
            self.check(hidden != there, "R15", || {
                format!("hidden {hidden}, there {there}: {entry:?}")
            })?;
        }
        Ok(())
    }

    /// I6, I7: a post moves its author's marker, and unread is a difference of two counts.
    fn markers(&self) -> Verdict {
        for person in &self.world.people {
            let mine = |stored: &&StoredEntry| {
                let posted =
                    stored.entry.event.is_countable() && stored.entry.by == Some(person.user);
                posted
                    || matches!(stored.entry.event, Event::Join { user, .. } if user == person.user)
            };
            let last = self
                .log
                .iter()
                .rfind(mine)
                .map_or(0, |stored| stored.entry.seq);
            let marker = now(self
                .world
                .store
                .marker(self.world.rooms[self.room], person.user));
            self.check(marker.read >= last, "I6", || {
                format!("{marker:?} is below {last}")
            })?;
            let ord = self.at(marker.read).map_or(0, |stored| stored.entry.ord);
            self.check(marker.read_ord == ord, "I7", || {
                format!("{marker:?}, counted {ord}")
            })?;
        }
        Ok(())
    }
}
