use super::{MemoryStore, Tables};
use crate::clock::Timestamp;
use crate::entry::Hash;
use crate::ids::{LoginId, UserId};
use crate::limits::LOGINS_PER_USER_MAX;
use crate::store::{Invite, Login, PeopleStore, StoreResult, Taken, User};
use async_trait::async_trait;
use std::collections::HashMap;
use std::ops::Bound;

impl Tables {
    fn taken(&self, user: &User) -> Option<Taken> {
        let mut others = self.users.values().filter(|other| other.id != user.id);
        others.find_map(|other| {
            if other.email == user.email {
                Some(Taken::Email)
            } else if other.handle == user.handle {
                Some(Taken::Handle)
            } else {
                None
            }
        })
    }

    fn logins_of(&self, user: UserId) -> Vec<Login> {
        let logins = self.logins.values().filter(|login| login.user == user);
        let mut logins: Vec<_> = logins.cloned().collect();
        logins.sort_by_key(|login| std::cmp::Reverse((login.seen_at, login.id)));
        logins
    }
}

#[async_trait]
impl PeopleStore for MemoryStore {
    async fn create_user(&self, user: &User, first: bool) -> StoreResult<Result<(), Taken>> {
        let mut tables = self.tables();
        if first && !tables.users.is_empty() {
            return Ok(Err(Taken::FirstOwner));
        }
        if let Some(taken) = tables.taken(user) {
            return Ok(Err(taken));
        }
        tables.users.insert(user.id, user.clone());
        Ok(Ok(()))
    }

    async fn has_people(&self) -> StoreResult<bool> {
        Ok(!self.tables().users.is_empty())
    }

    async fn user(&self, id: UserId) -> StoreResult<Option<User>> {
        Ok(self.tables().users.get(&id).cloned())
    }

    async fn users(&self, ids: &[UserId]) -> StoreResult<HashMap<UserId, User>> {
        let tables = self.tables();
        let user = |id: &UserId| Some((*id, tables.users.get(id)?.clone()));
        Ok(ids.iter().filter_map(user).collect())
    }

    async fn user_by_email(&self, email: &str) -> StoreResult<Option<User>> {
        let tables = self.tables();
        let user = tables.users.values().find(|user| user.email == email);
        Ok(user.cloned())
    }

    async fn users_by_handle(&self, handles: &[String]) -> StoreResult<HashMap<String, UserId>> {
        let tables = self.tables();
        let users = tables.users.values();
        let named = users.filter(|user| handles.contains(&user.handle));
        Ok(named.map(|user| (user.handle.clone(), user.id)).collect())
    }

    async fn find_users(
        &self,
        query: &str,
        after: Option<(String, UserId)>,
        limit: usize,
    ) -> StoreResult<Vec<User>> {
        let query = query.to_lowercase();
        let tables = self.tables();
        let mut found: Vec<_> = tables
            .users
            .values()
            .filter(|user| user.active)
            .filter(|user| {
                user.name.to_lowercase().contains(&query) || user.handle.contains(&query)
            })
            .map(|user| ((user.name.clone(), user.id), user))
            .filter(|(place, _)| after.as_ref().is_none_or(|after| place > after))
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let found = found.into_iter().map(|(_, user)| user.clone());
        Ok(found.take(limit).collect())
    }

    async fn all_users(&self, after: Option<UserId>, limit: usize) -> StoreResult<Vec<User>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let tables = self.tables();
        let users = tables.users.range((from, Bound::Unbounded));
        Ok(users.map(|(_, user)| user.clone()).take(limit).collect())
    }

    async fn update_user(&self, user: &User) -> StoreResult<Result<(), Taken>> {
        let mut tables = self.tables();
        if let Some(taken) = tables.taken(user) {
            return Ok(Err(taken));
        }
        if let Some(there) = tables.users.get_mut(&user.id) {
            *there = User {
                password: std::mem::take(&mut there.password),
                created_at: there.created_at,
                ..user.clone()
            };
        }
        Ok(Ok(()))
    }

    async fn set_password(&self, user: UserId, password: &str) -> StoreResult<()> {
        if let Some(user) = self.tables().users.get_mut(&user) {
            password.clone_into(&mut user.password);
        }
        Ok(())
    }

    async fn create_login(&self, login: &Login) -> StoreResult<Vec<LoginId>> {
        let mut tables = self.tables();
        let kept = LOGINS_PER_USER_MAX - 1;
        let ended: Vec<_> = tables
            .logins_of(login.user)
            .into_iter()
            .skip(kept)
            .collect();
        for old in &ended {
            tables.logins.remove(&old.id);
        }
        tables.logins.insert(login.id, login.clone());
        Ok(ended.into_iter().map(|old| old.id).collect())
    }

    async fn login_by_secret(&self, secret: &Hash) -> StoreResult<Option<Login>> {
        let tables = self.tables();
        let login = tables.logins.values().find(|login| login.secret == *secret);
        Ok(login.cloned())
    }

    async fn logins_of(&self, user: UserId) -> StoreResult<Vec<Login>> {
        Ok(self.tables().logins_of(user))
    }

    async fn touch_login(&self, id: LoginId, seen_at: Timestamp) -> StoreResult<()> {
        if let Some(login) = self.tables().logins.get_mut(&id) {
            login.seen_at = login.seen_at.max(seen_at);
        }
        Ok(())
    }

    async fn delete_login(&self, user: UserId, id: LoginId) -> StoreResult<bool> {
        let mut tables = self.tables();
        if tables
            .logins
            .get(&id)
            .is_some_and(|login| login.user == user)
        {
            tables.logins.remove(&id);
            return Ok(true);
        }
        Ok(false)
    }

    async fn create_invite(&self, invite: &Invite) -> StoreResult<()> {
        let mut tables = self.tables();
        tables.invites.insert(invite.code.clone(), invite.clone());
        Ok(())
    }

    async fn invite(&self, code: &str) -> StoreResult<Option<Invite>> {
        Ok(self.tables().invites.get(code).cloned())
    }

    async fn invites(&self) -> StoreResult<Vec<Invite>> {
        let mut invites: Vec<_> = self.tables().invites.values().cloned().collect();
        invites.sort_by(|a, b| (a.created_at, &a.code).cmp(&(b.created_at, &b.code)));
        Ok(invites)
    }

    async fn delete_invite(&self, code: &str) -> StoreResult<bool> {
        Ok(self.tables().invites.remove(code).is_some())
    }

    async fn use_invite(&self, code: &str, now: Timestamp) -> StoreResult<Option<Invite>> {
        let mut tables = self.tables();
        let Some(invite) = tables.invites.get_mut(code) else {
            return Ok(None);
        };
        if !invite.usable(now) {
            return Ok(None);
        }
        invite.uses_left = invite.uses_left.map(|uses| uses - 1);
        Ok(Some(invite.clone()))
    }

    async fn return_invite(&self, code: &str) -> StoreResult<()> {
        if let Some(invite) = self.tables().invites.get_mut(code) {
            invite.uses_left = invite.uses_left.map(|uses| uses + 1);
        }
        Ok(())
    }

    async fn setting(&self, owner: Option<UserId>, key: &str) -> StoreResult<Option<String>> {
        let tables = self.tables();
        Ok(tables.settings.get(&(owner, key.to_owned())).cloned())
    }

    async fn set_setting(
        &self,
        owner: Option<UserId>,
        key: &str,
        value: Option<&str>,
    ) -> StoreResult<()> {
        let mut tables = self.tables();
        let key = (owner, key.to_owned());
        match value {
            Some(value) => tables.settings.insert(key, value.to_owned()),
            None => tables.settings.remove(&key),
        };
        Ok(())
    }

    async fn settings(
        &self,
        owner: Option<UserId>,
        prefix: &str,
    ) -> StoreResult<Vec<(String, String)>> {
        let tables = self.tables();
        let rows = tables.settings.range((owner, prefix.to_owned())..);
        let rows = rows.take_while(|((of, key), _)| *of == owner && key.starts_with(prefix));
        Ok(rows
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect())
    }
}
