//! How our types stand in columns.

use super::transaction::Transaction;
use crate::clock::Timestamp;
use crate::entry::{Entry, Role, Salt, StoredEntry};
use crate::ids::{ClientId, LoginId, NodeId, OwnerId, RoomId, TimerId, UserId};
use crate::store::facts::Facts;
use crate::store::{StoreError, StoreResult};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Row, params};

macro_rules! id_column {
    ($($id:ty),*) => {$(
        impl ToSql for $id {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.bytes())))
            }
        }
        impl FromSql for $id {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                <[u8; 16]>::column_result(value).map(Self::from_bytes)
            }
        }
    )*};
}
id_column!(UserId, RoomId, ClientId, OwnerId, LoginId, NodeId, TimerId);

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}
impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self)
    }
}

/// A word of a closed list.
pub(super) struct Word<T>(pub T);

macro_rules! word_column {
    ($($word:ty),*) => {$(
        impl ToSql for Word<$word> {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0.as_str().as_bytes())))
            }
        }
        impl FromSql for Word<$word> {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                <$word>::parse(value.as_str()?).map(Word).ok_or(FromSqlError::InvalidType)
            }
        }
    )*};
}
word_column!(
    crate::entry::Role,
    crate::entry::RoomKind,
    crate::access::WorkspaceRole
);

pub(super) fn insert_entry(at: &Transaction<'_>, stored: &StoredEntry) -> StoreResult<()> {
    let entry = &stored.entry;
    let facts = Facts::of(&entry.event)?;
    at.execute(
        "INSERT INTO log (room, seq, ord, at, by, client_id, kind, target, user, role,
                              content, extra, salt, digest, link)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        params![
            entry.room,
            entry.seq,
            entry.ord,
            entry.at,
            entry.by,
            entry.client_id,
            entry.event.kind(),
            facts.target,
            facts.user,
            facts.role.map(Word),
            entry.event.content(),
            facts.extra,
            stored.salt,
            stored.digest,
            stored.link,
        ],
    )?;
    Ok(())
}

/// Reads the columns that `insert_entry` writes, in that order.
pub(super) fn entry_of(row: &Row<'_>) -> StoreResult<StoredEntry> {
    let facts = Facts {
        target: row.get(7)?,
        user: row.get(8)?,
        role: row.get::<_, Option<Word<Role>>>(9)?.map(|word| word.0),
        extra: row.get(11)?,
    };
    let seq = row.get(1)?;
    let salt: Option<Salt> = row.get(12)?;
    let kind = row.get_ref(6)?.as_str().unwrap_or_default();
    let event = facts
        .event(kind, row.get(10)?)
        .ok_or_else(|| StoreError::Corrupt(format!("entry {seq} is malformed")))?;
    Ok(StoredEntry {
        entry: Entry {
            room: row.get(0)?,
            seq,
            ord: row.get(2)?,
            at: row.get(3)?,
            by: row.get(4)?,
            client_id: row.get(5)?,
            event,
            redacted: salt.is_none(),
        },
        salt,
        digest: row.get(13)?,
        link: row.get(14)?,
    })
}
