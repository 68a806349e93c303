//! The end of a room's log with everything that shows its messages, at one moment.

use super::log::{entries, last};
use super::rooms::room;
use crate::ids::{RoomId, Seq};
use crate::store::scene::{edits_in, first_seq, posts_of, quoted_by};
use crate::store::{ReactionRow, Redaction, Scene, StoreResult};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;

pub(super) fn newest(
    connection: &Connection,
    id: RoomId,
    most: usize,
) -> StoreResult<Option<Scene>> {
    let (Some(row), Some(statics)) = (room(connection, id)?, last(connection, id)?) else {
        return Ok(None);
    };
    let (from, head) = (first_seq(&row, &statics, most), statics.head());
    let entries_here = match from <= head {
        true => entries(connection, id, from, head)?,
        false => Vec::new(),
    };
    let wanted = quoted_by(&row, &entries_here);
    let posts = posts_of(&entries_here, &wanted);
    let redactions = redactions(connection, id, &posts)?;
    let mut quoted = Vec::with_capacity(wanted.len());
    for seq in wanted {
        quoted.extend(entries(connection, id, seq, seq)?);
    }
    let mut edits = HashMap::new();
    for (post, edit) in edits_in(&redactions) {
        let found = entries(connection, id, edit, edit)?;
        edits.extend(found.into_iter().map(|found| (post, found)));
    }
    Ok(Some(Scene {
        reactions: reactions(connection, id, &posts)?,
        statics,
        entries: entries_here,
        quoted,
        redactions,
        edits,
    }))
}

pub(super) fn redactions(
    connection: &Connection,
    room: RoomId,
    targets: &[Seq],
) -> StoreResult<HashMap<Seq, Redaction>> {
    let sql = "SELECT edited, deleted FROM redaction WHERE room = ?1 AND target = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = HashMap::new();
    for target in targets {
        let row = statement.query_row(params![room, target], |row| {
            Ok(Redaction {
                edited: row.get(0)?,
                deleted: row.get(1)?,
            })
        });
        if let Some(redaction) = row.optional()? {
            found.insert(*target, redaction);
        }
    }
    Ok(found)
}

/// `targets`: each once.
pub(super) fn reactions(
    connection: &Connection,
    room: RoomId,
    targets: &[Seq],
) -> StoreResult<Vec<ReactionRow>> {
    let sql = "SELECT emoji, user, seq FROM reaction
               WHERE room = ?1 AND target = ?2 AND stands";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = Vec::new();
    for target in targets {
        let rows = statement.query_map(params![room, target], |row| {
            Ok(ReactionRow {
                target: *target,
                emoji: row.get(0)?,
                user: row.get(1)?,
                seq: row.get(2)?,
            })
        })?;
        for row in rows {
            found.push(row?);
        }
    }
    found.sort_by_key(|row| row.seq);
    Ok(found)
}
