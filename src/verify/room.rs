//! One room: its log first, then what was derived from it.

use super::fold::Fold;
use super::{Found, PAGE, Report};
use crate::ids::{RoomId, Seq, UserId};
use crate::limits::{INTEGER_MAX, MENTIONS_COUNTED_MAX};
use crate::store::{Member, RoomRow, Statics, Store, StoreError, StoreResult};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One room under the lens.
struct Lens<'a> {
    store: &'a dyn Store,
    row: RoomRow,
    statics: Statics,
    report: &'a mut Report,
}

pub(super) async fn check(store: &dyn Store, room: RoomId) -> StoreResult<Found> {
    let mut found = Found::default();
    let report = &mut found.report;
    report.rooms = 1;
    let Some(row) = store.room(room).await? else {
        report.fault(Some(room), None, "the room has no row");
        return Ok(found);
    };
    let Some(statics) = store.last_bucket(room, 0).await? else {
        report.fault(Some(room), None, "the room has no log");
        return Ok(found);
    };
    let mut lens = Lens {
        store,
        row,
        statics,
        report,
    };
    let Some(fold) = lens.log().await? else {
        return Ok(found);
    };
    lens.members(&fold).await?;
    lens.markers(&fold).await?;
    lens.redactions(&fold).await?;
    lens.reactions(&fold).await?;
    lens.sent(&fold).await?;
    lens.mentions(&fold).await?;
    lens.facts(&fold);
    let place = |role: &Option<_>| role.map(|role| (fold.kind, role));
    let people = fold.members.iter();
    found.people = people
        .map(|(user, (role, _))| (*user, place(role)))
        .collect();
    Ok(found)
}

impl Lens<'_> {
    fn fault(&mut self, seq: impl Into<Option<Seq>>, what: impl Into<String>) {
        self.report.fault(Some(self.row.id), seq.into(), what);
    }

    /// Seqs, ords and the chain. `None` if the log cannot be read to its end.
    async fn log(&mut self) -> StoreResult<Option<Fold>> {
        let head = self.statics.head();
        let floor = self.row.floor;
        let mut fold = Fold::new(self.row.kind, self.statics.viewed, floor);
        let mut next = floor + 1;
        while next <= head {
            let page = self.store.log(self.row.id, next, head, PAGE, true).await;
            let page = match page {
                Ok(page) => page,
                Err(StoreError::Corrupt(why)) => {
                    self.fault(None, why);
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            for stored in &page {
                for what in fold.add(stored) {
                    self.fault(stored.entry.seq, what);
                }
            }
            self.report.entries += page.len() as u64;
            next += page.len() as u64;
            if page.is_empty() {
                self.fault(next, "the log ends before its head");
                return Ok(None);
            }
        }
        let end = (self.statics.chain, self.statics.ord);
        if fold.end.is_some_and(|log| log != end) {
            self.fault(head, "the log does not end in the room's statics");
        }
        if self.statics.viewed > head {
            self.fault(head, "views are said to be written above the head");
        }
        let erased: Vec<_> = fold.erased_for_nothing().collect();
        for seq in erased {
            self.fault(seq, "the content is gone though nothing hides it");
        }
        Ok(Some(fold))
    }

    async fn members(&mut self, fold: &Fold) -> StoreResult<()> {
        let mut expected: BTreeMap<UserId, Member> = fold
            .members
            .iter()
            .filter_map(|(user, (role, seq))| {
                let (user, seq) = (*user, *seq);
                role.map(|role| (user, Member { user, role, seq }))
            })
            .collect();
        let mut after = None;
        loop {
            let page = self.store.members(self.row.id, after, PAGE).await?;
            for member in &page {
                if expected.remove(&member.user) != Some(*member) {
                    let what = format!("the membership of user {} is wrong", member.user);
                    self.fault(member.seq, what);
                }
            }
            after = page.last().map(|member| member.user);
            if after.is_none() {
                break;
            }
        }
        for (user, member) in expected {
            self.fault(
                member.seq,
                format!("the membership of user {user} is missing"),
            );
        }
        Ok(())
    }

    async fn markers(&mut self, fold: &Fold) -> StoreResult<()> {
        let (head, floor) = (self.statics.head(), self.row.floor);
        let mut moved = fold.markers.clone();
        let mut after = None;
        loop {
            let page = self.store.markers(self.row.id, after, PAGE).await?;
            for (user, marker) in &page {
                let own = moved.remove(user).unwrap_or(0);
                let what = if marker.read > head || marker.delivered > head {
                    "is above the head"
                } else if marker.read > marker.delivered {
                    "has read what was not delivered"
                } else if marker.read >= floor && marker.read_ord != fold.ord_at(marker.read) {
                    "has another ord than its entry"
                } else if marker.generation == 0 && marker.read < own || marker.delivered < own {
                    "is below the person's own post"
                } else {
                    continue;
                };
                self.fault(marker.read, format!("the marker of user {user} {what}"));
            }
            after = page.last().map(|(user, _)| *user);
            if after.is_none() {
                break;
            }
        }
        for (user, seq) in moved {
            self.fault(seq, format!("the marker of user {user} is missing"));
        }
        Ok(())
    }

    async fn redactions(&mut self, fold: &Fold) -> StoreResult<()> {
        for seqs in self.seqs() {
            let found = self.store.redactions(self.row.id, &seqs).await?;
            for seq in seqs {
                if found.get(&seq) != fold.redactions.get(&seq) {
                    self.fault(seq, "the redaction is not what the log says");
                }
            }
        }
        Ok(())
    }

    async fn reactions(&mut self, fold: &Fold) -> StoreResult<()> {
        let gone: BTreeSet<Seq> = fold
            .redactions
            .iter()
            .filter(|(_, redaction)| redaction.deleted > 0)
            .map(|(post, _)| *post)
            .collect();
        // Of a deleted post nobody sees reactions, and their emoji are erased.
        let mut expected: HashMap<_, _> = fold
            .reactions
            .iter()
            .filter(|((target, _, _), change)| !gone.contains(target) && !change.tail)
            .filter(|(_, change)| change.value.0)
            .map(|(key, change)| (key, change.value.1))
            .collect();
        for seqs in self.seqs() {
            for row in self.store.reactions(self.row.id, &seqs).await? {
                let key = (row.target, row.emoji, row.user);
                let tail = fold.reactions.get(&key).is_some_and(|change| change.tail);
                if gone.contains(&row.target) || tail {
                    continue;
                }
                if expected.remove(&key) != Some(row.seq) {
                    self.fault(row.target, "a reaction stands that the log does not say");
                }
            }
        }
        let missing: Vec<_> = expected.into_values().collect();
        for seq in missing {
            self.fault(seq, "the reaction is missing in the view");
        }
        Ok(())
    }

    async fn sent(&mut self, fold: &Fold) -> StoreResult<()> {
        for (sender, client_id, seq) in &fold.sent {
            let found = self.store.sent(self.row.id, *sender, *client_id).await?;
            if found != Some(*seq) {
                self.fault(*seq, "the sent key does not lead here");
            }
        }
        Ok(())
    }

    async fn mentions(&mut self, fold: &Fold) -> StoreResult<()> {
        for user in fold.named() {
            let (least, most) = fold.mentions_of(user);
            let found = self
                .store
                .mention_count(self.row.id, user, 0, INTEGER_MAX)
                .await?;
            if found < least.min(MENTIONS_COUNTED_MAX) || found > most {
                let what = format!("user {user} is named {found} times, not {least} to {most}");
                self.fault(None, what);
            }
        }
        Ok(())
    }

    fn facts(&mut self, fold: &Fold) {
        if let Some(name) = &fold.name
            && !name.tail
            && name.value.is_some()
            && name.value != self.row.name
        {
            self.fault(None, "the name is not what the log says");
        }
        if let Some(topic) = &fold.topic
            && !topic.tail
            && topic.value != self.row.topic
        {
            self.fault(None, "the topic is not what the log says");
        }
    }

    /// All seqs in portions.
    fn seqs(&self) -> impl Iterator<Item = Vec<Seq>> + use<> {
        let (first, head) = (self.row.floor + 1, self.statics.head());
        (first..=head)
            .step_by(PAGE)
            .map(move |from| (from..=head.min(from + PAGE as u64 - 1)).collect())
    }
}
