use crate::clock::Timestamp;
use crate::store::cql::CqlStore;
use crate::store::cql::driver::Kind;
use crate::store::cql::values::{Found, values};
use crate::store::{Invite, StoreError, StoreResult};
use uuid::Uuid;

const ONE: &str = "SELECT code, author, role, rooms, uses_left, taker, expires_at, created_at FROM invite WHERE code = ?";
const ALL: &str =
    "SELECT code, author, role, rooms, uses_left, taker, expires_at, created_at FROM invite";
const ADD: &str = "INSERT INTO invite (code, author, role, rooms, uses_left, expires_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";
const REPLACE: &str = "UPDATE invite SET author = ?, role = ?, rooms = ?, uses_left = ?, expires_at = ?, created_at = ? WHERE code = ? IF EXISTS";
const END: &str = "DELETE FROM invite WHERE code = ? IF EXISTS";
// Whose change it was stays beside the number: who does not know the outcome of his try can look.
const COUNT: &str = "UPDATE invite SET uses_left = ?, taker = ? WHERE code = ? IF uses_left = ?";

/// Others who use the same invite at the same time.
const TRIES_MAX: usize = 100;

fn invite_of(row: &Found) -> StoreResult<Invite> {
    let uses: Option<i32> = row.get("uses_left")?;
    Ok(Invite {
        code: row.get("code")?,
        by: row.get("author")?,
        role: row.get("role")?,
        rooms: row.get("rooms")?,
        uses_left: uses.map(|uses| u32::try_from(uses).unwrap_or(0)),
        expires_at: row.get("expires_at")?,
        created_at: row.get("created_at")?,
    })
}

fn count_of(uses: Option<u32>) -> Option<i32> {
    uses.map(|uses| i32::try_from(uses).unwrap_or(i32::MAX))
}

impl CqlStore {
    pub(super) async fn put_invite(&self, invite: &Invite) -> StoreResult<()> {
        let code = invite.code.as_str();
        let (rooms, uses) = (invite.rooms.clone(), count_of(invite.uses_left));
        let (expires, created) = (invite.expires_at, invite.created_at);
        let values = values![
            code,
            invite.by,
            invite.role,
            rooms.clone(),
            uses,
            expires,
            created
        ];
        let (answer, _) = self.driver.settled(ADD, values).await?;
        if !answer.applied {
            let values = values![invite.by, invite.role, rooms, uses, expires, created, code];
            self.driver.settled(REPLACE, values).await?;
        }
        Ok(())
    }

    pub(super) async fn read_invite(&self, code: &str) -> StoreResult<Option<Invite>> {
        let row = self.driver.row(Kind::Read, ONE, values![code]).await?;
        row.map(|row| invite_of(&row)).transpose()
    }

    pub(super) async fn list_invites(&self) -> StoreResult<Vec<Invite>> {
        let rows = self.driver.rows(Kind::Read, ALL, values![]).await?;
        let invites = rows.iter().map(invite_of).collect::<StoreResult<Vec<_>>>();
        let mut invites = invites?;
        invites.sort_by(|one, two| (one.created_at, &one.code).cmp(&(two.created_at, &two.code)));
        Ok(invites)
    }

    pub(super) async fn end_invite(&self, code: &str) -> StoreResult<bool> {
        let (answer, again) = self.driver.settled(END, values![code]).await?;
        Ok(answer.applied || again)
    }

    pub(super) async fn take_use(&self, code: &str, now: Timestamp) -> StoreResult<Option<Invite>> {
        for _ in 0..TRIES_MAX {
            let Some(mut invite) = self.serial_invite(code).await? else {
                return Ok(None);
            };
            if !invite.usable(now) {
                return Ok(None);
            }
            let Some(uses) = invite.uses_left else {
                return Ok(Some(invite));
            };
            if self.count(code, uses, uses - 1).await? {
                invite.uses_left = Some(uses - 1);
                return Ok(Some(invite));
            }
        }
        Err(busy())
    }

    pub(super) async fn give_back(&self, code: &str) -> StoreResult<()> {
        for _ in 0..TRIES_MAX {
            let invite = self.serial_invite(code).await?;
            let Some(uses) = invite.and_then(|invite| invite.uses_left) else {
                return Ok(());
            };
            if self.count(code, uses, uses + 1).await? {
                return Ok(());
            }
        }
        Err(busy())
    }

    async fn serial_invite(&self, code: &str) -> StoreResult<Option<Invite>> {
        let row = self.driver.row(Kind::SerialRead, ONE, values![code]);
        row.await?.map(|row| invite_of(&row)).transpose()
    }

    /// True if this very change stands. An earlier try that won and was followed by another is not
    /// recognised: then one use is lost, never one too many given.
    async fn count(&self, code: &str, from: u32, to: u32) -> StoreResult<bool> {
        let me = Uuid::new_v4();
        let values = values![count_of(Some(to)), me, code, count_of(Some(from))];
        let (answer, again) = self.driver.settled(COUNT, values).await?;
        if answer.applied || !again {
            return Ok(answer.applied);
        }
        let row = self
            .driver
            .row(Kind::SerialRead, ONE, values![code])
            .await?;
        let taker: Option<Uuid> = row.map_or(Ok(None), |row| row.get("taker"))?;
        Ok(taker == Some(me))
    }
}

fn busy() -> StoreError {
    StoreError::Unavailable("too many use this invite at once".to_owned())
}
