//! What the owner knows of posts that commands are about: those of the window, and loaded ones
//! for as long as something about them is not in the views.

use crate::entry::{Entry, Event, Hash};
use crate::ids::{Seq, UserId};
use crate::room::TargetFacts;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(super) struct Targets {
    posts: BTreeMap<Seq, Target>,
}

#[derive(Debug)]
pub(super) struct Target {
    pub facts: TargetFacts,
    /// Who set what; `None` for a loaded post, whose people are not known here.
    people: Option<BTreeSet<(String, UserId)>>,
    /// The last entry about it.
    touched: Seq,
}

impl Targets {
    pub fn get(&self, seq: Seq) -> Option<&TargetFacts> {
        self.posts.get(&seq).map(|target| &target.facts)
    }

    /// What an entry changes. Answers the contents that it redacts.
    pub fn note(&mut self, entry: &Entry, digest: Hash) -> Vec<(Seq, Hash)> {
        if let Event::Post { .. } = entry.event {
            let facts = TargetFacts {
                author: entry.by,
                contents: vec![(entry.seq, digest)],
                ..TargetFacts::default()
            };
            let target = Target {
                facts,
                people: Some(BTreeSet::new()),
                touched: entry.seq,
            };
            self.posts.insert(entry.seq, target);
            return Vec::new();
        }
        let Some(post) = entry.event.target().and_then(|t| self.posts.get_mut(&t)) else {
            return Vec::new();
        };
        post.note(entry, digest)
    }

    /// A post that the store was asked for. `since`: entries in memory, which the answer may lack.
    pub fn learn<'a>(
        &mut self,
        seq: Seq,
        facts: TargetFacts,
        since: impl Iterator<Item = (&'a Entry, Hash)>,
    ) {
        if self.posts.contains_key(&seq) {
            return;
        }
        let mut post = Target {
            facts,
            people: None,
            touched: 0,
        };
        for (entry, digest) in since {
            if entry.event.target() == Some(seq) {
                post.note(entry, digest);
            }
        }
        self.posts.insert(seq, post);
    }

    /// Forgets posts outside the window about which the views say everything.
    pub fn trim(&mut self, window_from: Seq, viewed: Seq) {
        let old: Vec<Seq> = self
            .posts
            .range(..=window_from)
            .filter(|(_, post)| post.touched <= viewed)
            .map(|(seq, _)| *seq)
            .collect();
        for seq in old {
            self.posts.remove(&seq);
        }
    }
}

impl Target {
    fn note(&mut self, entry: &Entry, digest: Hash) -> Vec<(Seq, Hash)> {
        self.touched = entry.seq;
        match &entry.event {
            Event::Edit { .. } => {
                let (old, kept) = split(&mut self.facts.contents, entry.seq);
                self.facts.contents = kept;
                if !self.facts.deleted {
                    self.facts.contents.push((entry.seq, digest));
                }
                old
            }
            Event::Delete { .. } => {
                self.facts.deleted = true;
                self.facts.emoji.clear();
                if let Some(people) = &mut self.people {
                    people.clear();
                }
                split(&mut self.facts.contents, entry.seq).0
            }
            Event::React {
                emoji: Some(emoji), ..
            } => {
                self.react(emoji, entry.by);
                Vec::new()
            }
            Event::Unreact {
                emoji: Some(emoji), ..
            } => {
                self.unreact(emoji, entry.by);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn react(&mut self, emoji: &str, by: Option<UserId>) {
        if let (Some(people), Some(by)) = (&mut self.people, by) {
            people.insert((emoji.to_owned(), by));
        }
        if !self.facts.emoji.iter().any(|known| known == emoji) {
            self.facts.emoji.push(emoji.to_owned());
        }
    }

    fn unreact(&mut self, emoji: &str, by: Option<UserId>) {
        // Of a loaded post it is not known whether others set the emoji too: it stays counted
        // until the post is loaded anew.
        let (Some(people), Some(by)) = (&mut self.people, by) else {
            return;
        };
        people.remove(&(emoji.to_owned(), by));
        if !people.iter().any(|(known, _)| known == emoji) {
            self.facts.emoji.retain(|known| known != emoji);
        }
    }
}

/// Where contents stand, with their digests.
type Contents = Vec<(Seq, Hash)>;

/// Contents below `seq`, and the others (without `seq` itself).
fn split(contents: &mut Contents, seq: Seq) -> (Contents, Contents) {
    let all = std::mem::take(contents);
    let others = all.into_iter().filter(|(at, _)| *at != seq);
    others.partition(|(at, _)| *at < seq)
}
