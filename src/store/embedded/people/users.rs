use crate::ids::UserId;
use crate::store::embedded::rows::Word;
use crate::store::{StoreResult, Taken, User};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::HashMap;

const COLUMNS: &str = "id, name, handle, email, password, role, title, tz, active, created_at";

fn user_of(row: &Row<'_>) -> rusqlite::Result<User> {
    let Word(role) = row.get(5)?;
    Ok(User {
        id: row.get(0)?,
        name: row.get(1)?,
        handle: row.get(2)?,
        email: row.get(3)?,
        password: row.get(4)?,
        role,
        title: row.get(6)?,
        tz: row.get(7)?,
        active: row.get(8)?,
        created_at: row.get(9)?,
    })
}

/// What of `user` somebody else has.
fn taken(at: &Connection, user: &User) -> StoreResult<Option<Taken>> {
    let sql = "SELECT email = ?2 FROM person WHERE (email = ?2 OR handle = ?3) AND id <> ?1
               ORDER BY email = ?2 DESC LIMIT 1";
    let mut statement = at.prepare_cached(sql)?;
    let values = params![user.id, user.email, user.handle];
    let by_email = statement.query_row(values, |row| row.get(0)).optional()?;
    Ok(by_email.map(|by_email| {
        if by_email {
            Taken::Email
        } else {
            Taken::Handle
        }
    }))
}

pub(super) fn any(at: &Connection) -> StoreResult<bool> {
    let mut statement = at.prepare_cached("SELECT EXISTS (SELECT 1 FROM person)")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

pub(super) fn create(at: &Connection, user: &User, first: bool) -> StoreResult<Result<(), Taken>> {
    if first && any(at)? {
        return Ok(Err(Taken::FirstOwner));
    }
    if let Some(taken) = taken(at, user)? {
        return Ok(Err(taken));
    }
    let sql = "INSERT INTO person (id, name, name_folded, handle, email, password, role, title,
                                   tz, active, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    at.prepare_cached(sql)?.execute(params![
        user.id,
        user.name,
        user.name.to_lowercase(),
        user.handle,
        user.email,
        user.password,
        Word(user.role),
        user.title,
        user.tz,
        user.active,
        user.created_at,
    ])?;
    Ok(Ok(()))
}

pub(super) fn update(at: &Connection, user: &User) -> StoreResult<Result<(), Taken>> {
    if let Some(taken) = taken(at, user)? {
        return Ok(Err(taken));
    }
    let sql = "UPDATE person SET name = ?2, name_folded = ?3, handle = ?4, email = ?5, role = ?6,
                                 title = ?7, tz = ?8, active = ?9 WHERE id = ?1";
    at.prepare_cached(sql)?.execute(params![
        user.id,
        user.name,
        user.name.to_lowercase(),
        user.handle,
        user.email,
        Word(user.role),
        user.title,
        user.tz,
        user.active,
    ])?;
    Ok(Ok(()))
}

pub(super) fn set_password(at: &Connection, user: UserId, password: &str) -> StoreResult<()> {
    let sql = "UPDATE person SET password = ?2 WHERE id = ?1";
    at.prepare_cached(sql)?.execute(params![user, password])?;
    Ok(())
}

pub(super) fn by_id(at: &Connection, id: UserId) -> StoreResult<Option<User>> {
    let sql = format!("SELECT {COLUMNS} FROM person WHERE id = ?1");
    let mut statement = at.prepare_cached(&sql)?;
    Ok(statement.query_row([id], user_of).optional()?)
}

pub(super) fn by_ids(at: &Connection, ids: &[UserId]) -> StoreResult<HashMap<UserId, User>> {
    let mut users = HashMap::with_capacity(ids.len());
    for id in ids {
        if let Some(user) = by_id(at, *id)? {
            users.insert(*id, user);
        }
    }
    Ok(users)
}

pub(super) fn by_email(at: &Connection, email: &str) -> StoreResult<Option<User>> {
    let sql = format!("SELECT {COLUMNS} FROM person WHERE email = ?1");
    let mut statement = at.prepare_cached(&sql)?;
    Ok(statement.query_row([email], user_of).optional()?)
}

pub(super) fn by_handles(
    at: &Connection,
    handles: Vec<String>,
) -> StoreResult<HashMap<String, UserId>> {
    let mut statement = at.prepare_cached("SELECT id FROM person WHERE handle = ?1")?;
    let mut users = HashMap::with_capacity(handles.len());
    for handle in handles {
        if let Some(id) = statement
            .query_row([&handle], |row| row.get(0))
            .optional()?
        {
            users.insert(handle, id);
        }
    }
    Ok(users)
}

pub(super) fn find(
    at: &Connection,
    query: &str,
    after: Option<(String, UserId)>,
    limit: usize,
) -> StoreResult<Vec<User>> {
    let (name, id) = after.unzip();
    let sql = format!(
        "SELECT {COLUMNS} FROM person
         WHERE active AND (instr(name_folded, ?1) > 0 OR instr(handle, ?1) > 0)
           AND (?3 IS NULL OR (name, id) > (?2, ?3))
         ORDER BY name, id LIMIT ?4"
    );
    let mut statement = at.prepare_cached(&sql)?;
    let rows = statement.query_map(params![query, name, id, limit], user_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn all(at: &Connection, after: Option<UserId>, limit: usize) -> StoreResult<Vec<User>> {
    let after = after.map_or(Vec::new(), |user| user.bytes().to_vec());
    let sql = format!("SELECT {COLUMNS} FROM person WHERE id > ?1 ORDER BY id LIMIT ?2");
    let mut statement = at.prepare_cached(&sql)?;
    let rows = statement.query_map(params![after, limit], user_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}
