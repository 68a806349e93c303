use crate::clock::Timestamp;
use crate::ids::RoomId;
use crate::store::embedded::rows::Word;
use crate::store::{Invite, StoreResult};
use rusqlite::{Connection, OptionalExtension, Row, params};

const COLUMNS: &str = "code, by, role, rooms, uses_left, expires_at, created_at";

fn invite_of(row: &Row<'_>) -> rusqlite::Result<Invite> {
    let Word(role) = row.get(2)?;
    let rooms: Vec<u8> = row.get(3)?;
    let (rooms, _) = rooms.as_chunks();
    Ok(Invite {
        code: row.get(0)?,
        by: row.get(1)?,
        role,
        rooms: rooms.iter().map(|id| RoomId::from_bytes(*id)).collect(),
        uses_left: row.get(4)?,
        expires_at: row.get(5)?,
        created_at: row.get(6)?,
    })
}

pub(super) fn create(at: &Connection, invite: &Invite) -> StoreResult<()> {
    let sql = "INSERT OR REPLACE INTO invite
                   (code, by, role, rooms, uses_left, expires_at, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let rooms: Vec<u8> = invite.rooms.iter().flat_map(|id| *id.bytes()).collect();
    at.prepare_cached(sql)?.execute(params![
        invite.code,
        invite.by,
        Word(invite.role),
        rooms,
        invite.uses_left,
        invite.expires_at,
        invite.created_at,
    ])?;
    Ok(())
}

pub(super) fn by_code(at: &Connection, code: &str) -> StoreResult<Option<Invite>> {
    let sql = format!("SELECT {COLUMNS} FROM invite WHERE code = ?1");
    let mut statement = at.prepare_cached(&sql)?;
    Ok(statement.query_row([code], invite_of).optional()?)
}

pub(super) fn all(at: &Connection) -> StoreResult<Vec<Invite>> {
    let sql = format!("SELECT {COLUMNS} FROM invite ORDER BY created_at, code");
    let mut statement = at.prepare_cached(&sql)?;
    let rows = statement.query_map([], invite_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn delete(at: &Connection, code: &str) -> StoreResult<bool> {
    let sql = "DELETE FROM invite WHERE code = ?1";
    Ok(at.prepare_cached(sql)?.execute([code])? == 1)
}

pub(super) fn take_use(at: &Connection, code: &str, now: Timestamp) -> StoreResult<Option<Invite>> {
    let Some(mut invite) = by_code(at, code)?.filter(|invite| invite.usable(now)) else {
        return Ok(None);
    };
    if let Some(uses) = &mut invite.uses_left {
        *uses -= 1;
        let sql = "UPDATE invite SET uses_left = uses_left - 1 WHERE code = ?1";
        at.prepare_cached(sql)?.execute([code])?;
    }
    Ok(Some(invite))
}

pub(super) fn give_back(at: &Connection, code: &str) -> StoreResult<()> {
    let sql = "UPDATE invite SET uses_left = uses_left + 1
               WHERE code = ?1 AND uses_left IS NOT NULL";
    at.prepare_cached(sql)?.execute([code])?;
    Ok(())
}
