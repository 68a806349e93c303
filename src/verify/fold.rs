//! What one room's log says: entries in, expected views out.

use crate::entry::{Event, Hash, Role, RoomKind, StoredEntry};
use crate::ids::{ClientId, Ordinal, Seq, UserId};
use crate::store::{Guard, Redaction, View, views};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A fact of a view, and whether the log's tail above `viewed` may have changed it already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settled<T> {
    pub(super) value: T,
    pub(super) tail: bool,
}

pub(super) struct Fold {
    pub(super) kind: RoomKind,
    viewed: Seq,
    /// Link and ord of the last entry; `None` before the first one above the floor.
    pub(super) end: Option<(Hash, Ordinal)>,
    /// ord before the first entry that is kept.
    ord_before: Ordinal,
    /// Countable entries, ascending.
    posts: Vec<Seq>,
    pub(super) members: BTreeMap<UserId, (Option<Role>, Seq)>,
    /// How far posts and joins of a person moved his marker.
    pub(super) markers: BTreeMap<UserId, Seq>,
    pub(super) redactions: BTreeMap<Seq, Redaction>,
    pub(super) sent: Vec<(UserId, ClientId, Seq)>,
    pub(super) reactions: HashMap<(Seq, String, UserId), Settled<(bool, Seq)>>,
    pub(super) mentions: BTreeMap<Option<UserId>, Vec<(Seq, UserId)>>,
    pub(super) name: Option<Settled<Option<String>>>,
    pub(super) topic: Option<Settled<String>>,
    /// Entries whose content is gone, and the post that they are about.
    erased: Vec<(Seq, Seq, Hiding)>,
}

/// What has to happen to a post before content is erased.
#[derive(Clone, Copy)]
enum Hiding {
    /// The post itself: any edit or the deletion.
    Post,
    /// An edit: a newer one or the deletion.
    Edit,
    /// A reaction: the deletion.
    Reaction,
    Never,
}

impl Fold {
    /// `floor`: what retention removed; with 0 the chain begins with zeros.
    pub(super) fn new(kind: RoomKind, viewed: Seq, floor: Seq) -> Self {
        Self {
            kind,
            viewed,
            end: (floor == 0).then_some(([0; 32], 0)),
            ord_before: 0,
            posts: Vec::new(),
            members: BTreeMap::new(),
            markers: BTreeMap::new(),
            redactions: BTreeMap::new(),
            sent: Vec::new(),
            reactions: HashMap::new(),
            mentions: BTreeMap::new(),
            name: None,
            topic: None,
            erased: Vec::new(),
        }
    }

    /// Takes the next entry. What is wrong with it, if something is.
    pub(super) fn add(&mut self, stored: &StoredEntry) -> Vec<&'static str> {
        let entry = &stored.entry;
        let mut wrong = Vec::new();
        let counts = u64::from(entry.event.is_countable());
        match self.end {
            Some((link, ord)) => {
                if !stored.verifies_after(&link) {
                    wrong.push("the hash chain is broken");
                }
                if entry.ord != ord + counts {
                    wrong.push("ord is not the count of posts");
                }
            }
            None => self.ord_before = entry.ord.saturating_sub(counts),
        }
        self.end = Some((stored.link, entry.ord));
        if counts == 1 {
            self.posts.push(entry.seq);
        }
        if stored.salt.is_none() {
            self.erased.push(hiding(entry.seq, &entry.event));
        }
        for guard in views::guards_of(self.kind, entry) {
            self.add_guard(guard);
        }
        for view in views::views_of(entry) {
            self.add_view(view);
        }
        wrong
    }

    fn add_guard(&mut self, guard: Guard) {
        match guard {
            Guard::Membership {
                user, role, seq, ..
            } => {
                self.members.insert(user, (role, seq));
            }
            Guard::Redaction {
                target,
                seq,
                deleted,
                ..
            } => self
                .redactions
                .entry(target)
                .or_default()
                .fold(seq, deleted),
            Guard::Marker { user, seq, .. } => {
                self.markers.insert(user, seq);
            }
        }
    }

    fn add_view(&mut self, view: View) {
        match view {
            View::Sent {
                sender,
                client_id,
                seq,
            } => {
                if seq <= self.viewed {
                    self.sent.push((sender, client_id, seq));
                }
            }
            View::Reaction {
                target,
                emoji,
                user,
                on,
                seq,
            } => {
                let settled = self.settled((on, seq), seq);
                self.reactions.insert((target, emoji, user), settled);
            }
            View::Mention { user, by, seq } => {
                self.mentions.entry(user).or_default().push((seq, by));
            }
            View::Name { name, seq } => self.name = Some(self.settled(name, seq)),
            View::Topic { topic, seq } => self.topic = Some(self.settled(topic, seq)),
        }
    }

    fn settled<T>(&self, value: T, seq: Seq) -> Settled<T> {
        let tail = seq > self.viewed;
        Settled { value, tail }
    }

    /// ord(seq), recounted.
    pub(super) fn ord_at(&self, seq: Seq) -> Ordinal {
        self.ord_before + self.posts.partition_point(|post| *post <= seq) as u64
    }

    /// Erased entries that nothing hides.
    pub(super) fn erased_for_nothing(&self) -> impl Iterator<Item = Seq> {
        self.erased.iter().filter_map(|(seq, post, hiding)| {
            let redaction = self.redactions.get(post).copied().unwrap_or_default();
            let hidden = match hiding {
                Hiding::Post => redaction.edited > 0 || redaction.deleted > 0,
                Hiding::Edit => redaction.edited > *seq || redaction.deleted > 0,
                Hiding::Reaction => redaction.deleted > 0,
                Hiding::Never => false,
            };
            (!hidden).then_some(*seq)
        })
    }

    /// Least and most mentions of `user` that the view may count.
    pub(super) fn mentions_of(&self, user: UserId) -> (u64, u64) {
        let all = [None, Some(user)];
        let all = all.iter().filter_map(|who| self.mentions.get(who));
        let all: BTreeSet<Seq> = all
            .flatten()
            .filter(|(_, by)| *by != user)
            .map(|(seq, _)| *seq)
            .collect();
        let least = all.range(..=self.viewed).count() as u64;
        (least, all.len() as u64)
    }

    /// Who was named, alone or with everybody.
    pub(super) fn named(&self) -> BTreeSet<UserId> {
        let members = self.members.keys().copied();
        members
            .chain(self.mentions.keys().filter_map(|user| *user))
            .collect()
    }
}

fn hiding(seq: Seq, event: &Event) -> (Seq, Seq, Hiding) {
    match event {
        Event::Post { .. } => (seq, seq, Hiding::Post),
        Event::Edit { target, .. } => (seq, *target, Hiding::Edit),
        Event::React { target, .. } | Event::Unreact { target, .. } => {
            (seq, *target, Hiding::Reaction)
        }
        _ => (seq, seq, Hiding::Never),
    }
}
