//! What only one person may have: an e-mail address, a handle, being the first owner. A claim is a
//! conditional insert; one whose person never came, or has it no more, lapses after a while.

use crate::clock::{Timestamp, now};
use crate::ids::UserId;
use crate::store::StoreResult;
use crate::store::cql::CqlStore;
use crate::store::cql::driver::Kind;
use crate::store::cql::values::values;

const CLAIM: &str =
    "INSERT INTO claim (kind, value, user, claimed_at) VALUES (?, ?, ?, ?) IF NOT EXISTS";
const INHERIT: &str =
    "UPDATE claim SET user = ?, claimed_at = ? WHERE kind = ? AND value = ? IF user = ?";
const RELEASE: &str = "DELETE FROM claim WHERE kind = ? AND value = ? IF user = ?";
const HOLDER: &str = "SELECT user FROM claim WHERE kind = ? AND value = ?";

/// A sign-up takes less, milliseconds.
const LAPSE_MS: u64 = 60_000;
/// Claims that are released or inherited by others meanwhile.
const TRIES_MAX: usize = 5;

impl CqlStore {
    pub(super) async fn holder(&self, kind: &str, value: &str) -> StoreResult<Option<UserId>> {
        let row = self.driver.row(Kind::Read, HOLDER, values![kind, value]);
        row.await?.map(|row| row.get("user")).transpose()
    }

    /// Whether `user` now holds it.
    pub(super) async fn claim(&self, kind: &str, value: &str, user: UserId) -> StoreResult<bool> {
        for _ in 0..TRIES_MAX {
            let at = now();
            let (answer, _) = self
                .driver
                .settled(CLAIM, values![kind, value, user, at])
                .await?;
            if answer.applied {
                return Ok(true);
            }
            let Some(holder) = answer.row.get::<Option<UserId>>("user")? else {
                continue;
            };
            if holder == user {
                return Ok(true);
            }
            let since: Timestamp = answer.row.get("claimed_at")?;
            if at.since(since) < LAPSE_MS || self.has(kind, value, holder).await? {
                return Ok(false);
            }
            let values = values![user, at, kind, value, holder];
            let (answer, _) = self.driver.settled(INHERIT, values).await?;
            if answer.applied {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives a claim up; harmless if somebody else holds it.
    pub(super) async fn release(&self, kind: &str, value: &str, user: UserId) -> StoreResult<()> {
        self.driver
            .settled(RELEASE, values![kind, value, user])
            .await?;
        Ok(())
    }

    /// Whether the claim of `holder` has become a fact.
    async fn has(&self, kind: &str, value: &str, holder: UserId) -> StoreResult<bool> {
        let person = self.person_at(holder, Kind::SerialRead).await?;
        Ok(person.is_some_and(|person| match kind {
            "email" => person.email == value,
            "handle" => person.handle == value,
            _ => true,
        }))
    }
}
