//! The hands of a room at the store: each function runs in a task of its own and ends in one
//! message to the room. A handler never waits for them.

use super::{Load, Loaded, RoomEffect, TargetFacts};
use crate::entry::{Event, Hash, StoredEntry};
use crate::error::{Code, Result};
use crate::ids::{RoomId, Seq};
use crate::limits::{APPEND_RETRY_MS_MAX, PAGE_MAX};
use crate::metrics::Metrics;
use crate::reading;
use crate::store::{Batch, Outcome, Statics, Store, StoreError, StoreResult, View};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const PAUSE_FIRST: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Stored,
    /// Another owner has the room, or nobody can say what happened: the incarnation ends, and its
    /// senders are told this code.
    Ended(Code),
}

/// Appends by R3: the identical batch, until it is applied, or won by an earlier try, or fenced.
pub async fn append(
    store: &dyn Store,
    metrics: &Metrics,
    open: Option<Statics>,
    batch: &Batch,
) -> Verdict {
    let until = Instant::now() + Duration::from_millis(APPEND_RETRY_MS_MAX);
    let mut pause = PAUSE_FIRST;
    loop {
        let code = match try_append(store, open.as_ref(), batch).await {
            Ok(Some(verdict)) => return verdict,
            Ok(None) => Code::Unknown,
            Err(StoreError::NotDurable(_)) => Code::NotDurable,
            Err(StoreError::Corrupt(why)) => {
                tracing::error!(%why, "the store contradicts itself");
                return Verdict::Ended(Code::Unknown);
            }
            Err(_) => Code::Unknown,
        };
        if Instant::now() + pause >= until {
            return Verdict::Ended(code);
        }
        metrics.append_retries.inc();
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// `None`: nothing that explains the refusal; the same again.
async fn try_append(
    store: &dyn Store,
    open: Option<&Statics>,
    batch: &Batch,
) -> StoreResult<Option<Verdict>> {
    if let Some(statics) = open
        && let Outcome::Refused(found) = store.open_bucket(batch.room, statics.clone()).await?
        && found.is_some_and(|found| found.owner != Some(batch.owner))
    {
        return Ok(Some(Verdict::Ended(Code::Unknown)));
    }
    let found = match store.append(batch).await? {
        Outcome::Applied => return Ok(Some(Verdict::Stored)),
        Outcome::Refused(found) => found,
    };
    Ok(match found {
        Some(found) if found.owner == Some(batch.owner) => {
            let next = batch.expected_next + batch.entries.len() as u64;
            match found.next_seq {
                // The earlier try won.
                seq if seq == next && found.chain == batch.chain => Some(Verdict::Stored),
                seq if seq == batch.expected_next => None,
                _ => Some(Verdict::Ended(Code::Unknown)),
            }
        }
        _ => Some(Verdict::Ended(Code::Unknown)),
    })
}

/// Writes views and erases what is hidden. Harmless to repeat (R6, R15).
pub async fn write_views(
    store: &dyn Store,
    room: RoomId,
    views: &[View],
    erase: &[(Seq, Hash)],
) -> StoreResult<()> {
    if erase.is_empty() {
        return store.write_views(room, views).await;
    }
    if views.is_empty() {
        return store.erase(room, erase).await;
    }
    let (views, erased) = tokio::join!(store.write_views(room, views), store.erase(room, erase));
    views.and(erased)
}

/// Answers a question of the room.
pub async fn load(store: &dyn Store, room: RoomId, what: Load) -> Result<Loaded> {
    match what {
        Load::Sent { sender, client_id } => {
            let Some(seq) = store.sent(room, sender, client_id).await? else {
                return Ok(Loaded::Sent(None));
            };
            let stored = store.log(room, seq, seq, 1, true).await?;
            let shown = reading::redact(store, room, stored).await?;
            Ok(Loaded::Sent(shown.into_iter().next().map(Arc::new)))
        }
        Load::Target { seq } => Ok(Loaded::Target(target(store, room, seq).await?)),
        Load::Contents { seq, viewed, upto } => {
            let contents = contents(store, room, seq, viewed, upto).await?;
            Ok(Loaded::Contents(contents))
        }
    }
}

async fn target(store: &dyn Store, room: RoomId, seq: Seq) -> StoreResult<Option<TargetFacts>> {
    let Some(post) = post_at(store, room, seq).await? else {
        return Ok(None);
    };
    let redactions = store.redactions(room, &[seq]).await?;
    let redaction = redactions.get(&seq).copied().unwrap_or_default();
    let mut contents = vec![(seq, post.digest)];
    // Earlier edits were erased by later ones; a new owner redoes it where it was not done.
    if redaction.edited > 0 {
        let edited = redaction.edited;
        let edit = store.log(room, edited, edited, 1, true).await?;
        contents.extend(edit.iter().map(|edit| (edited, edit.digest)));
    }
    let mut emoji = Vec::new();
    for row in store.reactions(room, &[seq]).await? {
        if !emoji.contains(&row.emoji) {
            emoji.push(row.emoji);
        }
    }
    Ok(Some(TargetFacts {
        author: post.entry.by,
        deleted: redaction.deleted > 0,
        emoji,
        contents,
    }))
}

async fn post_at(store: &dyn Store, room: RoomId, seq: Seq) -> StoreResult<Option<StoredEntry>> {
    let stored = store.log(room, seq, seq, 1, true).await?.pop();
    Ok(stored.filter(|stored| matches!(stored.entry.event, Event::Post { .. })))
}

/// What may still have to be erased of a post that is redacted in (viewed, upto]: itself, its edits
/// there, and the newest edit before. Everything older went before `viewed` rose. Nothing names that
/// one edit, so it is looked for backwards: never beyond the post, and not at all if the post still
/// has its content, for then it had not been edited by `viewed`.
async fn contents(
    store: &dyn Store,
    room: RoomId,
    seq: Seq,
    viewed: Seq,
    upto: Seq,
) -> StoreResult<Vec<(Seq, Hash)>> {
    let Some(post) = post_at(store, room, seq).await? else {
        return Ok(Vec::new());
    };
    let mut contents = vec![(seq, post.digest)];
    let whole = post.entry.event.content().is_some();
    let above = if whole { seq.max(viewed) } else { seq };
    let mut to = upto;
    while to > above {
        let from = to.saturating_sub(PAGE_MAX as u64).max(above) + 1;
        for stored in store
            .log(room, from, to, PAGE_MAX, true)
            .await?
            .iter()
            .rev()
        {
            if !matches!(stored.entry.event, Event::Edit { target, .. } if target == seq) {
                continue;
            }
            contents.push((stored.entry.seq, stored.digest));
            if stored.entry.seq <= viewed {
                return Ok(contents);
            }
        }
        to = from - 1;
    }
    Ok(contents)
}

/// What is published goes out before what is answered: whoever acts on an answer finds it there.
pub fn in_order_of_sight(mut effects: Vec<RoomEffect>) -> Vec<RoomEffect> {
    effects.sort_by_key(|effect| !matches!(effect, RoomEffect::Publish { .. }));
    effects
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
