//! What is gathered for a moment before it is spread: heads, marks, typing.

use crate::clock::Timestamp;
use crate::entry::{Entry, Event, Mentions};
use crate::ids::{Ordinal, RoomId, Seq, UserId};
use crate::limits::TYPING_MS;
use crate::session::Head;
use crate::session::outbox::Frame;
use crate::wire::server::{ServerFrame, UserMarks};
use std::collections::BTreeMap;

/// Gathered since the last flush.
#[derive(Debug, Default)]
pub struct Hints {
    pub armed: bool,
    head: Option<(Seq, Ordinal)>,
    posts: Vec<(Option<UserId>, Mentions, Seq, Ordinal)>,
    marks: BTreeMap<UserId, UserMarks>,
    /// Who types, until when.
    typing: BTreeMap<UserId, Timestamp>,
    typing_changed: bool,
}

impl Hints {
    pub fn note(&mut self, entry: &Entry) {
        self.head = Some((entry.seq, entry.ord));
        if let Event::Post { mentions, .. } = &entry.event {
            let post = (entry.by, mentions.clone(), entry.seq, entry.ord);
            self.posts.push(post);
            if let Some(by) = entry.by {
                self.typing_changed |= self.typing.remove(&by).is_some();
            }
        }
    }

    pub fn mark(&mut self, marks: UserMarks) {
        self.marks.insert(marks.user, marks);
    }

    pub fn typing(&mut self, user: UserId, on: bool, now: Timestamp) {
        if on {
            let until = now.plus_ms(TYPING_MS as i64);
            self.typing.insert(user, until);
            self.typing_changed = true;
        } else {
            self.typing_changed |= self.typing.remove(&user).is_some();
        }
    }

    /// Nothing of a removed person is told any more.
    pub fn forget(&mut self, user: UserId) {
        self.marks.remove(&user);
        self.typing_changed |= self.typing.remove(&user).is_some();
    }

    /// The notice for one listener; `None`: the room did not move.
    pub fn head_for(&self, room: RoomId, user: UserId) -> Option<Head> {
        let (seq, ord) = self.head?;
        let own = |post: &&(Option<UserId>, Mentions, Seq, Ordinal)| post.0 == Some(user);
        let named = self
            .posts
            .iter()
            .filter(|post| post.0 != Some(user) && post.1.names(user));
        Some(Head {
            room,
            seq,
            ord,
            mentions: named.count() as u64,
            own: self
                .posts
                .iter()
                .rev()
                .find(own)
                .map(|post| (post.2, post.3)),
        })
    }

    /// The gathered marks, and then none.
    pub fn take_marks(&mut self, room: RoomId) -> Option<Frame> {
        if self.marks.is_empty() {
            return None;
        }
        let marks = std::mem::take(&mut self.marks).into_values().collect();
        let frame = ServerFrame::Marks {
            reference: None,
            room,
            marks,
        };
        Some(Frame::from(frame.encode()))
    }

    /// Who types, if that changed.
    pub fn take_typing(&mut self, room: RoomId, now: Timestamp) -> Option<Frame> {
        self.typing.retain(|_, until| *until > now);
        if !std::mem::take(&mut self.typing_changed) {
            return None;
        }
        let frame = ServerFrame::Typing {
            room,
            users: self.typing.keys().copied().collect(),
            expires_ms: TYPING_MS,
        };
        Some(Frame::from(frame.encode()))
    }

    pub fn has_head(&self) -> bool {
        self.head.is_some()
    }

    /// The heads were told.
    pub fn clear_heads(&mut self) {
        self.head = None;
        self.posts.clear();
    }
}
