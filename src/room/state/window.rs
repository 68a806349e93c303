//! The last stored entries as they are now sent, and the keys of everything sequenced since then.

use crate::entry::{Entry, Event, Hash};
use crate::ids::{ClientId, Seq, UserId};
use crate::limits::ROOM_RECENT_MAX;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

#[derive(Debug, Default)]
pub(super) struct Window {
    from: Seq,
    entries: VecDeque<(Arc<Entry>, Hash)>,
    keys: HashMap<(UserId, ClientId), Seq>,
}

impl Window {
    /// Everything above `from` is remembered, keys included.
    pub fn above(from: Seq) -> Self {
        Self {
            from,
            ..Self::default()
        }
    }

    pub fn from(&self) -> Seq {
        self.from
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Entries with the digests of their contents, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (&Entry, Hash)> {
        self.entries
            .iter()
            .map(|(entry, digest)| (&**entry, *digest))
    }

    /// The place of a key: complete above `from`.
    pub fn key(&self, sender: UserId, client_id: ClientId) -> Option<Seq> {
        self.keys.get(&(sender, client_id)).copied()
    }

    /// A sequenced entry's key is known at once, so that its repeat attaches to it.
    pub fn learn_key(&mut self, entry: &Entry) {
        if let (Some(by), Some(client_id)) = (entry.by, entry.client_id) {
            self.keys.insert((by, client_id), entry.seq);
        }
    }

    pub fn entry(&self, seq: Seq) -> Option<Arc<Entry>> {
        let index = usize::try_from(seq.checked_sub(self.from + 1)?).ok()?;
        let (entry, _) = self.entries.get(index)?;
        Some(Arc::clone(entry))
    }

    /// Adds a stored entry.
    pub fn push(&mut self, entry: Arc<Entry>, digest: Hash) {
        debug_assert_eq!(entry.seq, self.from + self.entries.len() as u64 + 1);
        self.learn_key(&entry);
        self.entries.push_back((entry, digest));
    }

    /// Hides what a stored edit or deletion hides: the given contents and, for a deletion, the
    /// emoji of the reactions.
    pub fn redact(&mut self, by: &Event, contents: impl Iterator<Item = Seq>) {
        for seq in contents {
            self.hide(seq);
        }
        let &Event::Delete { target } = by else {
            return;
        };
        for (entry, _) in &mut self.entries {
            let reaction = matches!(entry.event, Event::React { .. } | Event::Unreact { .. });
            if reaction && entry.event.target() == Some(target) {
                hide(entry);
            }
        }
    }

    fn hide(&mut self, seq: Seq) {
        let index = seq
            .checked_sub(self.from + 1)
            .and_then(|i| usize::try_from(i).ok());
        if let Some((entry, _)) = index.and_then(|index| self.entries.get_mut(index)) {
            hide(entry);
        }
    }

    /// Forgets the oldest beyond the bound, but nothing whose views are not written.
    pub fn trim(&mut self, viewed: Seq) {
        while self.entries.len() > ROOM_RECENT_MAX && self.from < viewed {
            let Some((oldest, _)) = self.entries.pop_front() else {
                return;
            };
            self.from = oldest.seq;
            if let (Some(by), Some(client_id)) = (oldest.by, oldest.client_id) {
                self.keys.remove(&(by, client_id));
            }
        }
    }
}

fn hide(entry: &mut Arc<Entry>) {
    let entry = Arc::make_mut(entry);
    entry.event.redact();
    entry.redacted = true;
}
