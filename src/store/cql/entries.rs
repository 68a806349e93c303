//! Entries and statics as rows of the log table.

use super::values::{Found, Values, values};
use crate::entry::{Entry, Hash, Salt, StoredEntry};
use crate::ids::RoomId;
use crate::store::facts::Facts;
use crate::store::{Statics, StoreError, StoreResult};

/// One entry of a batch. No timestamp: the batch's own counts.
pub(super) const INSERT: &str = "INSERT INTO log (room, bucket, seq, ord, at, author, client_id, kind, target, user, role, content, extra, salt, digest, link) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

pub(super) const SELECT: &str = "SELECT seq, ord, at, author, client_id, kind, target, user, role, content, extra, salt, digest, link FROM log WHERE room = ? AND bucket = ? AND seq >= ? AND seq <= ?";

/// The end of a bucket, backwards, with its statics.
pub(super) const END: &str = "SELECT owner, epoch, next_seq, last_ord, chain, viewed, seq, ord, at, author, client_id, kind, target, user, role, content, extra, salt, digest, link FROM log WHERE room = ? AND bucket = ? ORDER BY seq DESC LIMIT ?";

pub(super) fn entry_values(bucket: u64, stored: &StoredEntry) -> StoreResult<Values> {
    let entry = &stored.entry;
    let facts = Facts::of(&entry.event)?;
    Ok(values![
        entry.room,
        bucket,
        entry.seq,
        entry.ord,
        entry.at,
        entry.by,
        entry.client_id,
        entry.event.kind(),
        facts.target,
        facts.user,
        facts.role,
        entry.event.content(),
        facts.extra,
        stored.salt,
        stored.digest,
        stored.link,
    ])
}

pub(super) fn entry_of(room: RoomId, row: &Found) -> StoreResult<StoredEntry> {
    let facts = Facts {
        target: row.get("target")?,
        user: row.get("user")?,
        role: row.get("role")?,
        extra: row.get("extra")?,
    };
    let seq = row.get("seq")?;
    let salt: Option<Salt> = row.get("salt")?;
    let kind: String = row.get("kind")?;
    let event = facts
        .event(&kind, row.get("content")?)
        .ok_or_else(|| StoreError::Corrupt(format!("entry {seq} is malformed")))?;
    Ok(StoredEntry {
        entry: Entry {
            room,
            seq,
            ord: row.get("ord")?,
            at: row.get("at")?,
            by: row.get("author")?,
            client_id: row.get("client_id")?,
            event,
            redacted: salt.is_none(),
        },
        salt,
        digest: row.get("digest")?,
        link: row.get("link")?,
    })
}

/// The statics of a bucket; `None` if it was never opened.
pub(super) fn statics_of(bucket: u64, row: &Found) -> StoreResult<Option<Statics>> {
    let Some(next_seq) = row.get("next_seq")? else {
        return Ok(None);
    };
    let chain: Hash = row.get("chain")?;
    Ok(Some(Statics {
        bucket,
        owner: row.get("owner")?,
        epoch: row.get("epoch")?,
        next_seq,
        ord: row.get("last_ord")?,
        chain,
        viewed: row.get("viewed")?,
    }))
}
