use crate::clock::Timestamp;
use crate::entry::Hash;
use crate::ids::{LoginId, UserId};
use crate::limits::LOGINS_PER_USER_MAX;
use crate::store::{Login, LoginKind, StoreResult};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};

impl ToSql for LoginKind {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let word = match self {
            LoginKind::Cookie => "cookie",
            LoginKind::Bearer => "bearer",
        };
        Ok(word.into())
    }
}
impl FromSql for LoginKind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "cookie" => Ok(LoginKind::Cookie),
            "bearer" => Ok(LoginKind::Bearer),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

const COLUMNS: &str = "id, user, kind, secret, device, created_at, seen_at";

fn login_of(row: &Row<'_>) -> rusqlite::Result<Login> {
    Ok(Login {
        id: row.get(0)?,
        user: row.get(1)?,
        kind: row.get(2)?,
        secret: row.get(3)?,
        device: row.get(4)?,
        created_at: row.get(5)?,
        seen_at: row.get(6)?,
    })
}

/// Adds the log-in, and ends those that are too many.
pub(super) fn create(at: &Connection, login: &Login) -> StoreResult<Vec<LoginId>> {
    let logins = of(at, login.user)?;
    let ended: Vec<_> = logins
        .iter()
        .skip(LOGINS_PER_USER_MAX - 1)
        .map(|login| login.id)
        .collect();
    for id in &ended {
        delete(at, login.user, *id)?;
    }
    let sql = "INSERT INTO login (id, user, kind, secret, device, created_at, seen_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    at.prepare_cached(sql)?.execute(params![
        login.id,
        login.user,
        login.kind,
        login.secret,
        login.device,
        login.created_at,
        login.seen_at,
    ])?;
    Ok(ended)
}

pub(super) fn by_secret(at: &Connection, secret: &Hash) -> StoreResult<Option<Login>> {
    let sql = format!("SELECT {COLUMNS} FROM login WHERE secret = ?1");
    let mut statement = at.prepare_cached(&sql)?;
    Ok(statement.query_row([secret], login_of).optional()?)
}

/// Newest use first.
pub(super) fn of(at: &Connection, user: UserId) -> StoreResult<Vec<Login>> {
    let sql = format!("SELECT {COLUMNS} FROM login WHERE user = ?1 ORDER BY seen_at DESC, id DESC");
    let mut statement = at.prepare_cached(&sql)?;
    let rows = statement.query_map([user], login_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn touch(at: &Connection, id: LoginId, seen_at: Timestamp) -> StoreResult<()> {
    let sql = "UPDATE login SET seen_at = ?2 WHERE id = ?1 AND seen_at < ?2";
    at.prepare_cached(sql)?.execute(params![id, seen_at])?;
    Ok(())
}

pub(super) fn delete(at: &Connection, user: UserId, id: LoginId) -> StoreResult<bool> {
    let sql = "DELETE FROM login WHERE id = ?1 AND user = ?2";
    Ok(at.prepare_cached(sql)?.execute(params![id, user])? == 1)
}
