use crate::ids::UserId;
use crate::store::StoreResult;
use rusqlite::{Connection, OptionalExtension, params};

/// Nobody in particular is the workspace.
fn bytes(owner: Option<UserId>) -> Vec<u8> {
    owner.map_or(Vec::new(), |user| user.bytes().to_vec())
}

pub(super) fn get(
    at: &Connection,
    owner: Option<UserId>,
    key: &str,
) -> StoreResult<Option<String>> {
    let sql = "SELECT value FROM setting WHERE owner = ?1 AND key = ?2";
    let mut statement = at.prepare_cached(sql)?;
    let found = statement.query_row(params![bytes(owner), key], |row| row.get(0));
    Ok(found.optional()?)
}

pub(super) fn set(
    at: &Connection,
    owner: Option<UserId>,
    key: &str,
    value: Option<&str>,
) -> StoreResult<()> {
    let owner = bytes(owner);
    match value {
        Some(value) => at
            .prepare_cached(
                "INSERT INTO setting (owner, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
            )?
            .execute(params![owner, key, value])?,
        None => at
            .prepare_cached("DELETE FROM setting WHERE owner = ?1 AND key = ?2")?
            .execute(params![owner, key])?,
    };
    Ok(())
}

pub(super) fn with_prefix(
    at: &Connection,
    owner: Option<UserId>,
    prefix: &str,
) -> StoreResult<Vec<(String, String)>> {
    let sql = "SELECT key, value FROM setting
               WHERE owner = ?1 AND key >= ?2 AND substr(key, 1, length(?2)) = ?2 ORDER BY key";
    let mut statement = at.prepare_cached(sql)?;
    let rows = statement.query_map(params![bytes(owner), prefix], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
