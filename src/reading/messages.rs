//! Messages: posts as they are now, with text, reactions and all (PROTOCOL.md §2, "view").

use super::entries::{floor_of, head_of};
use super::page::Page;
use super::reactions::{Reactions, shown, standing};
use super::{Tail, unviewed};
use crate::clock::Timestamp;
use crate::entry::{Entry, Event, Mentions, StoredEntry};
use crate::error::Result;
use crate::ids::{ClientId, Ordinal, RoomId, Seq, UserId};
use crate::store::{Redaction, Scene, Store, StoreResult};
use futures_util::future::try_join_all;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// Entries read at once when looking for posts.
const SCAN_MAX: u64 = 2_000;
/// How often the text is looked up anew when an edit overtakes the reading.
const TEXT_TRIES: usize = 4;

/// A post as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = Message)]
pub struct MessageView {
    pub room: RoomId,
    pub seq: Seq,
    pub ord: Ordinal,
    pub at: Timestamp,
    pub by: Option<UserId>,
    pub client_id: Option<ClientId>,
    /// `null` once deleted.
    pub body: Option<String>,
    pub edited_at: Option<Timestamp>,
    pub deleted: bool,
    pub reactions: Reactions,
    pub reply_to: Option<Seq>,
    pub mentions: Mentions,
}

/// A page of messages, ascending.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct MessagesPage {
    pub messages: Vec<MessageView>,
    pub head: Seq,
    pub floor: Seq,
}

/// The page of messages that is asked for: as pages of entries, over posts alone.
pub async fn messages_page(
    store: &dyn Store,
    room: RoomId,
    page: Page,
    limit: usize,
) -> Result<MessagesPage> {
    let floor = floor_of(store, room).await?;
    let head = head_of(store, room).await?;
    let log = Log {
        store,
        room,
        floor,
        head,
    };
    let posts = match page {
        Page::Newest => log.posts_up_to(head, limit).await?,
        Page::After(seq) => log.posts_from(seq + 1, limit).await?,
        Page::Before(seq) => log.posts_up_to(seq.saturating_sub(1), limit).await?,
        Page::Around(seq) => {
            let half = (limit - 1) / 2;
            let mut posts = log.posts_up_to(seq.saturating_sub(1), half).await?;
            let here = log.posts_from(seq, half + 1).await?;
            let has_it = here.first().is_some_and(|post| post.seq == seq);
            posts.extend(here.into_iter().take(half + usize::from(has_it)));
            posts
        }
    };
    let messages = views(store, room, posts).await?;
    Ok(MessagesPage {
        messages,
        head,
        floor,
    })
}

/// The messages at `seqs`; what is not a post is left out.
pub async fn message_views(
    store: &dyn Store,
    room: RoomId,
    seqs: &[Seq],
) -> StoreResult<Vec<MessageView>> {
    let seqs: BTreeSet<Seq> = seqs.iter().copied().filter(|seq| *seq > 0).collect();
    let reads = seqs
        .into_iter()
        .map(|seq| async move { store.log(room, seq, seq, 1, false).await });
    let found = try_join_all(reads).await?;
    let posts = found.into_iter().flatten().filter_map(post_of).collect();
    views(store, room, posts).await
}

fn post_of(stored: StoredEntry) -> Option<Entry> {
    stored.entry.event.is_countable().then_some(stored.entry)
}

/// Finds posts among all entries.
struct Log<'a> {
    store: &'a dyn Store,
    room: RoomId,
    floor: Seq,
    head: Seq,
}

impl Log<'_> {
    async fn posts_from(&self, from: Seq, want: usize) -> StoreResult<Vec<Entry>> {
        let mut posts = Vec::new();
        let mut next = from.max(self.floor + 1);
        let mut chunk = (want as u64 * 2).clamp(32, SCAN_MAX);
        while next <= self.head && posts.len() < want {
            let to = self.head.min(next + chunk - 1);
            let stored = super::log_range(self.store, self.room, next, to).await?;
            posts.extend(stored.into_iter().filter_map(post_of));
            next = to + 1;
            chunk = (chunk * 2).min(SCAN_MAX);
        }
        posts.truncate(want);
        Ok(posts)
    }

    async fn posts_up_to(&self, to: Seq, want: usize) -> StoreResult<Vec<Entry>> {
        let mut newest_first = Vec::new();
        let mut last = to.min(self.head);
        let mut chunk = (want as u64 * 2).clamp(32, SCAN_MAX);
        while last > self.floor && newest_first.len() < want {
            let from = (self.floor + 1).max((last + 1).saturating_sub(chunk));
            let stored = super::log_range(self.store, self.room, from, last).await?;
            newest_first.extend(stored.into_iter().rev().filter_map(post_of));
            last = from - 1;
            chunk = (chunk * 2).min(SCAN_MAX);
        }
        newest_first.truncate(want);
        newest_first.reverse();
        Ok(newest_first)
    }
}

/// The given posts as they are now.
pub async fn views(
    store: &dyn Store,
    room: RoomId,
    posts: Vec<Entry>,
) -> StoreResult<Vec<MessageView>> {
    if posts.is_empty() {
        return Ok(Vec::new());
    }
    let Some(tail) = unviewed(store, room).await? else {
        return Ok(Vec::new());
    };
    let seqs: Vec<Seq> = posts.iter().map(|post| post.seq).collect();
    let rows = store.reactions(room, &seqs).await?;
    let mut reactions = shown(&standing(rows, &tail, &seqs));
    let mut texts = Texts::of(store, room, &seqs).await?;
    let views = posts.into_iter().map(|post| {
        let reactions = reactions.remove(&post.seq).unwrap_or_default();
        view(post, &mut texts, reactions)
    });
    Ok(views.collect())
}

/// Every message of a scene as it is now, by its seq.
pub fn messages_of(scene: &Scene) -> HashMap<Seq, MessageView> {
    let all = scene.quoted.iter().chain(&scene.entries);
    let posts: Vec<Entry> = all.cloned().filter_map(post_of).collect();
    let seqs: Vec<Seq> = posts.iter().map(|post| post.seq).collect();
    let viewed = scene.statics.viewed;
    let above = scene.entries.iter().filter(|e| e.entry.seq > viewed);
    let tail = Tail {
        statics: scene.statics.clone(),
        entries: above.cloned().collect(),
    };
    let mut reactions = shown(&standing(scene.reactions.clone(), &tail, &seqs));
    let edits = scene.edits.iter().map(|(post, edit)| {
        let text = edit.entry.event.content().map(str::to_owned);
        (*post, (text, edit.entry.at))
    });
    let mut texts = Texts {
        redactions: scene.redactions.clone(),
        edits: edits.collect(),
    };
    let views = posts.into_iter().map(|post| {
        let reactions = reactions.remove(&post.seq).unwrap_or_default();
        (post.seq, view(post, &mut texts, reactions))
    });
    views.collect()
}

/// The newest `most` entries of a room with all that their messages need. An edit that was erased
/// meanwhile was overtaken by another one, so all is read again.
pub async fn newest(store: &dyn Store, room: RoomId, most: usize) -> StoreResult<Option<Scene>> {
    let mut scene = store.newest(room, most).await?;
    for _ in 1..TEXT_TRIES {
        let edits = scene.iter().flat_map(|scene| scene.edits.values());
        if edits.into_iter().all(|edit| !edit.entry.redacted) {
            break;
        }
        scene = store.newest(room, most).await?;
    }
    Ok(scene)
}

fn view(post: Entry, texts: &mut Texts, reactions: Reactions) -> MessageView {
    let redaction = texts.redactions.get(&post.seq).copied().unwrap_or_default();
    let edit = texts.edits.remove(&post.seq);
    view_of(post, redaction, edit, reactions)
}

/// A post with what is said of it; `edit` is the text that its redaction names.
pub fn view_of(
    post: Entry,
    redaction: Redaction,
    edit: Option<Text>,
    reactions: Reactions,
) -> MessageView {
    let Event::Post {
        body,
        reply_to,
        mentions,
    } = post.event
    else {
        unreachable!("only posts have views");
    };
    let deleted = redaction.deleted > 0;
    let (body, edited_at) = match (deleted, redaction.edited) {
        (true, _) => (None, None),
        (false, 0) => (body, None),
        (false, _) => edit.map_or((None, None), |(body, at)| (body, Some(at))),
    };
    MessageView {
        room: post.room,
        seq: post.seq,
        ord: post.ord,
        at: post.at,
        by: post.by,
        client_id: post.client_id,
        body,
        edited_at,
        deleted,
        reactions: if deleted {
            Reactions::default()
        } else {
            reactions
        },
        reply_to,
        mentions,
    }
}

/// The text of an edit, unless it was erased, and when it came.
pub type Text = (Option<String>, Timestamp);

/// The newest text of each edited post.
pub struct Texts {
    pub redactions: HashMap<Seq, Redaction>,
    pub edits: HashMap<Seq, Text>,
}

impl Texts {
    /// Reads redactions, then the edits that they name. An edit that was erased meanwhile was
    /// overtaken by another one, so the redactions are read again.
    pub async fn of(store: &dyn Store, room: RoomId, posts: &[Seq]) -> StoreResult<Self> {
        let mut texts = Self::read(store, room, posts).await?;
        for _ in 1..TEXT_TRIES {
            if texts.edits.values().all(|(body, _)| body.is_some()) {
                break;
            }
            texts = Self::read(store, room, posts).await?;
        }
        Ok(texts)
    }

    async fn read(store: &dyn Store, room: RoomId, posts: &[Seq]) -> StoreResult<Self> {
        let redactions = store.redactions(room, posts).await?;
        let live = redactions
            .iter()
            .filter(|(_, redaction)| redaction.edited > 0 && redaction.deleted == 0);
        let reads = live.map(|(post, redaction)| async move {
            let edit = redaction.edited;
            let found = store.log(room, edit, edit, 1, false).await?;
            let text = found.into_iter().next().map(|stored| {
                let entry = stored.entry;
                (entry.event.content().map(str::to_owned), entry.at)
            });
            StoreResult::Ok((*post, text.unwrap_or((None, super::page::NEVER))))
        });
        let edits = try_join_all(reads).await?.into_iter().collect();
        Ok(Self { redactions, edits })
    }
}
