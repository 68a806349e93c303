use crate::ids::UserId;
use crate::store::cql::driver::Kind;
use crate::store::cql::values::{Found, values};
use crate::store::cql::views::until;
use crate::store::cql::{CqlStore, SHARDS, gather, shard_of};
use crate::store::{StoreResult, Taken, User};
use std::sync::atomic::Ordering;

const PERSON: &str = "SELECT name, handle, email, password, role, title, tz, active, created_at FROM person WHERE id = ?";
const ALL: &str =
    "SELECT id, name, handle, email, password, role, title, tz, active, created_at FROM person";
const ALL_AFTER: &str = "SELECT id, name, handle, email, password, role, title, tz, active, created_at FROM person WHERE token(id) > token(?)";
const CREATE: &str = "INSERT INTO person (id, name, handle, email, password, role, title, tz, active, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";
const CHANGE: &str = "UPDATE person SET name = ?, handle = ?, email = ?, role = ?, title = ?, tz = ?, active = ? WHERE id = ? IF EXISTS";
const PASSWORD: &str = "UPDATE person SET password = ? WHERE id = ? IF EXISTS";
const LIST: &str =
    "INSERT INTO person_list (shard, user, name, handle, active) VALUES (?, ?, ?, ?, ?)";
const LISTED: &str = "SELECT user, name, handle, active FROM person_list WHERE shard = ?";

fn user_of(id: UserId, row: &Found) -> StoreResult<User> {
    Ok(User {
        id,
        name: row.get("name")?,
        handle: row.get("handle")?,
        email: row.get("email")?,
        password: row.get("password")?,
        role: row.get("role")?,
        title: row.get("title")?,
        tz: row.get("tz")?,
        active: row.get("active")?,
        created_at: row.get("created_at")?,
    })
}

impl CqlStore {
    pub(super) async fn person(&self, id: UserId) -> StoreResult<Option<User>> {
        self.person_at(id, Kind::Read).await
    }

    pub(super) async fn person_at(&self, id: UserId, kind: Kind) -> StoreResult<Option<User>> {
        let row = self.driver.row(kind, PERSON, values![id]).await?;
        row.map(|row| user_of(id, &row)).transpose()
    }

    /// Once there are people, there always are.
    pub(super) async fn any_person(&self) -> StoreResult<bool> {
        if self.peopled.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let text = "SELECT id FROM person LIMIT 1";
        let any = self
            .driver
            .row(Kind::Read, text, values![])
            .await?
            .is_some();
        self.peopled.fetch_or(any, Ordering::Relaxed);
        Ok(any)
    }

    /// Claims first, the person last: a person who is there has everything that is his.
    pub(super) async fn add_person(
        &self,
        user: &User,
        first: bool,
    ) -> StoreResult<Result<(), Taken>> {
        let claims = [
            ("first_owner", "", Taken::FirstOwner),
            ("email", user.email.as_str(), Taken::Email),
            ("handle", user.handle.as_str(), Taken::Handle),
        ];
        let claims = if first { &claims[..] } else { &claims[1..] };
        let mut held = Vec::new();
        let mut refused = None;
        if first && self.any_person().await? {
            return Ok(Err(Taken::FirstOwner));
        }
        for (kind, value, taken) in claims {
            if !self.claim(kind, value, user.id).await? {
                refused = Some(*taken);
                break;
            }
            held.push((*kind, *value));
        }
        if let Some(taken) = refused {
            for (kind, value) in held {
                self.release(kind, value, user.id).await?;
            }
            return Ok(Err(taken));
        }
        self.list_person(user).await?;
        let values = values![
            user.id,
            user.name.as_str(),
            user.handle.as_str(),
            user.email.as_str(),
            user.password.as_str(),
            user.role,
            user.title.as_str(),
            user.tz.as_str(),
            user.active,
            user.created_at,
        ];
        self.driver.settled(CREATE, values).await?;
        Ok(Ok(()))
    }

    async fn list_person(&self, user: &User) -> StoreResult<()> {
        let values = values![
            shard_of(user.id.bytes()),
            user.id,
            user.name.as_str(),
            user.handle.as_str(),
            user.active,
        ];
        self.driver.write(LIST, values).await
    }

    pub(super) async fn change_person(&self, user: &User) -> StoreResult<Result<(), Taken>> {
        let Some(before) = self.person_at(user.id, Kind::SerialRead).await? else {
            return Ok(Ok(()));
        };
        let changes = [
            ("email", &before.email, &user.email, Taken::Email),
            ("handle", &before.handle, &user.handle, Taken::Handle),
        ];
        let changes = || changes.iter().filter(|(_, old, new, _)| old != new);
        let mut held = Vec::new();
        for (kind, _, new, taken) in changes() {
            if !self.claim(kind, new, user.id).await? {
                for (kind, new) in held {
                    self.release(kind, new, user.id).await?;
                }
                return Ok(Err(*taken));
            }
            held.push((*kind, new.as_str()));
        }
        let values = values![
            user.name.as_str(),
            user.handle.as_str(),
            user.email.as_str(),
            user.role,
            user.title.as_str(),
            user.tz.as_str(),
            user.active,
            user.id,
        ];
        self.driver.settled(CHANGE, values).await?;
        self.list_person(user).await?;
        for (kind, old, _, _) in changes() {
            self.release(kind, old, user.id).await?;
        }
        Ok(Ok(()))
    }

    pub(super) async fn change_password(&self, user: UserId, password: &str) -> StoreResult<()> {
        self.driver
            .settled(PASSWORD, values![password, user])
            .await?;
        Ok(())
    }

    /// In the order of the cluster's ring.
    pub(super) async fn everybody(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> StoreResult<Vec<User>> {
        let (text, values) = match after {
            None => (ALL, values![]),
            Some(after) => (ALL_AFTER, values![after]),
        };
        let mut people = Vec::new();
        let each = |row: Found| {
            people.push(user_of(row.get("id")?, &row)?);
            Ok(until(people.len() >= limit))
        };
        self.driver.each_row(Kind::Read, text, values, each).await?;
        Ok(people)
    }

    pub(super) async fn search_people(
        &self,
        query: &str,
        after: Option<(String, UserId)>,
        limit: usize,
    ) -> StoreResult<Vec<User>> {
        let shards: Vec<i32> = (0..SHARDS).collect();
        let found = gather(&shards, |shard| {
            self.driver.rows(Kind::Read, LISTED, values![*shard])
        })
        .await?;
        let mut places: Vec<(String, UserId)> = Vec::new();
        for row in found.iter().flatten() {
            let place: (String, UserId) = (row.get("name")?, row.get("user")?);
            let handle: String = row.get("handle")?;
            let names = place.0.to_lowercase().contains(query) || handle.contains(query);
            if row.get("active")? && names && Some(&place) > after.as_ref() {
                places.push(place);
            }
        }
        places.sort();
        let ids: Vec<_> = places.into_iter().map(|(_, id)| id).take(limit).collect();
        let people = gather(&ids, |id| self.person(*id)).await?;
        Ok(people.into_iter().flatten().collect())
    }
}
