//! A log-in stands in three rows: by its secret, by its person, by its id. All are conditional, so
//! that a touch never brings one back that was ended.

use crate::clock::Timestamp;
use crate::entry::Hash;
use crate::ids::{LoginId, UserId};
use crate::limits::LOGINS_PER_USER_MAX;
use crate::store::cql::CqlStore;
use crate::store::cql::driver::Kind;
use crate::store::cql::values::{Found, values};
use crate::store::{Login, StoreResult};
use std::cmp::Reverse;

const BY_SECRET: &str =
    "SELECT id, user, kind, secret, device, created_at, seen_at FROM login WHERE secret = ?";
const OF: &str =
    "SELECT id, user, kind, secret, device, created_at, seen_at FROM login_of WHERE user = ?";
const ONE_OF: &str = "SELECT secret FROM login_of WHERE user = ? AND id = ?";
const KEY: &str = "SELECT user, secret FROM login_key WHERE id = ?";
const ADD: &str = "INSERT INTO login (secret, id, user, kind, device, created_at, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";
const ADD_OF: &str = "INSERT INTO login_of (user, id, secret, kind, device, created_at, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";
const ADD_KEY: &str = "INSERT INTO login_key (id, user, secret) VALUES (?, ?, ?) IF NOT EXISTS";
const SEEN: &str = "UPDATE login SET seen_at = ? WHERE secret = ? IF seen_at < ?";
const SEEN_OF: &str = "UPDATE login_of SET seen_at = ? WHERE user = ? AND id = ? IF seen_at < ?";
const END: &str = "DELETE FROM login WHERE secret = ? IF EXISTS";
const END_OF: &str = "DELETE FROM login_of WHERE user = ? AND id = ? IF EXISTS";
const END_KEY: &str = "DELETE FROM login_key WHERE id = ? IF EXISTS";

fn login_of(row: &Found) -> StoreResult<Login> {
    Ok(Login {
        id: row.get("id")?,
        user: row.get("user")?,
        kind: row.get("kind")?,
        secret: row.get("secret")?,
        device: row.get("device")?,
        created_at: row.get("created_at")?,
        seen_at: row.get("seen_at")?,
    })
}

impl CqlStore {
    /// Listed before it works: whatever secret works can be seen and ended.
    pub(super) async fn add_login(&self, login: &Login) -> StoreResult<Vec<LoginId>> {
        let logins = self.list_logins(login.user).await?;
        let mut ended = Vec::new();
        for idle in logins.iter().skip(LOGINS_PER_USER_MAX - 1) {
            if self.end_login(idle.user, idle.id).await? {
                ended.push(idle.id);
            }
        }
        let device = login.device.as_str();
        let (created, seen) = (login.created_at, login.seen_at);
        let listed = values![
            login.user,
            login.id,
            login.secret,
            login.kind,
            device,
            created,
            seen
        ];
        let key = values![login.id, login.user, login.secret];
        futures_util::try_join!(
            self.driver.settled(ADD_OF, listed),
            self.driver.settled(ADD_KEY, key),
        )?;
        let values = values![
            login.secret,
            login.id,
            login.user,
            login.kind,
            device,
            created,
            seen
        ];
        self.driver.settled(ADD, values).await?;
        Ok(ended)
    }

    pub(super) async fn find_login(&self, secret: &Hash) -> StoreResult<Option<Login>> {
        let row = self.driver.row(Kind::Read, BY_SECRET, values![*secret]);
        row.await?.map(|row| login_of(&row)).transpose()
    }

    /// Newest use first.
    pub(super) async fn list_logins(&self, user: UserId) -> StoreResult<Vec<Login>> {
        let rows = self.driver.rows(Kind::Read, OF, values![user]).await?;
        let logins = rows.iter().map(login_of).collect::<StoreResult<Vec<_>>>();
        let mut logins = logins?;
        logins.sort_by_key(|login| Reverse((login.seen_at, login.id)));
        Ok(logins)
    }

    pub(super) async fn see_login(&self, id: LoginId, seen_at: Timestamp) -> StoreResult<()> {
        let Some(row) = self.driver.row(Kind::Read, KEY, values![id]).await? else {
            return Ok(());
        };
        let (user, secret): (UserId, Hash) = (row.get("user")?, row.get("secret")?);
        futures_util::try_join!(
            self.driver.settled(SEEN, values![seen_at, secret, seen_at]),
            self.driver
                .settled(SEEN_OF, values![seen_at, user, id, seen_at]),
        )?;
        Ok(())
    }

    /// The secret dies first; then who listed it learns of it.
    pub(super) async fn end_login(&self, user: UserId, id: LoginId) -> StoreResult<bool> {
        let row = self.driver.row(Kind::Read, ONE_OF, values![user, id]);
        let Some(row) = row.await? else {
            return Ok(false);
        };
        let secret: Hash = row.get("secret")?;
        self.driver.settled(END, values![secret]).await?;
        self.driver.settled(END_KEY, values![id]).await?;
        let (answer, again) = self.driver.settled(END_OF, values![user, id]).await?;
        Ok(answer.applied || again)
    }
}
