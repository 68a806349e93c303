use crate::ids::UserId;
use crate::store::StoreResult;
use crate::store::cql::CqlStore;
use crate::store::cql::driver::Kind;
use crate::store::cql::values::values;
use crate::store::cql::views::until;
use uuid::Uuid;

const ONE: &str = "SELECT value FROM setting WHERE owner = ? AND key = ?";
const FROM: &str = "SELECT key, value FROM setting WHERE owner = ? AND key >= ?";
const SET: &str = "INSERT INTO setting (owner, key, value) VALUES (?, ?, ?)";
const CLEAR: &str = "DELETE FROM setting WHERE owner = ? AND key = ?";

/// Nobody in particular is the workspace.
fn owner_id(owner: Option<UserId>) -> Uuid {
    owner.map_or(Uuid::nil(), |user| user.0)
}

impl CqlStore {
    pub(super) async fn read_setting(
        &self,
        owner: Option<UserId>,
        key: &str,
    ) -> StoreResult<Option<String>> {
        let values = values![owner_id(owner), key];
        let row = self.driver.row(Kind::Read, ONE, values).await?;
        row.map(|row| row.get("value")).transpose()
    }

    pub(super) async fn write_setting(
        &self,
        owner: Option<UserId>,
        key: &str,
        value: Option<&str>,
    ) -> StoreResult<()> {
        let owner = owner_id(owner);
        match value {
            Some(value) => self.driver.write(SET, values![owner, key, value]).await,
            None => self.driver.write(CLEAR, values![owner, key]).await,
        }
    }

    pub(super) async fn settings_with(
        &self,
        owner: Option<UserId>,
        prefix: &str,
    ) -> StoreResult<Vec<(String, String)>> {
        let mut settings: Vec<(String, String)> = Vec::new();
        let values = values![owner_id(owner), prefix];
        self.driver
            .each_row(Kind::Read, FROM, values, |row| {
                let key: String = row.get("key")?;
                if !key.starts_with(prefix) {
                    return Ok(until(true));
                }
                settings.push((key, row.get("value")?));
                Ok(until(false))
            })
            .await?;
        Ok(settings)
    }
}
