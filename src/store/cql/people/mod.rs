//! Accounts, log-ins, invites and settings.

mod claims;
mod invites;
mod logins;
mod settings;
mod users;

use super::CqlStore;
use crate::clock::Timestamp;
use crate::entry::Hash;
use crate::ids::{LoginId, UserId};
use crate::store::{Invite, Login, PeopleStore, StoreResult, Taken, User};
use async_trait::async_trait;
use std::collections::HashMap;

#[async_trait]
impl PeopleStore for CqlStore {
    async fn create_user(&self, user: &User, first: bool) -> StoreResult<Result<(), Taken>> {
        self.add_person(user, first).await
    }

    async fn has_people(&self) -> StoreResult<bool> {
        self.any_person().await
    }

    async fn user(&self, id: UserId) -> StoreResult<Option<User>> {
        self.person(id).await
    }

    async fn users(&self, ids: &[UserId]) -> StoreResult<HashMap<UserId, User>> {
        let people = super::gather(ids, |id| self.person(*id)).await?;
        let people = people.into_iter().flatten();
        Ok(people.map(|user| (user.id, user)).collect())
    }

    async fn user_by_email(&self, email: &str) -> StoreResult<Option<User>> {
        let Some(id) = self.holder("email", email).await? else {
            return Ok(None);
        };
        let person = self.person(id).await?;
        Ok(person.filter(|user| user.email == email))
    }

    async fn users_by_handle(&self, handles: &[String]) -> StoreResult<HashMap<String, UserId>> {
        let holders = super::gather(handles, |handle| self.holder("handle", handle)).await?;
        let claims: Vec<_> = handles
            .iter()
            .zip(holders)
            .filter_map(|(handle, holder)| Some((handle, holder?)))
            .collect();
        // A claim alone is no person yet, and one that was left is no person any more.
        let people = super::gather(&claims, |(_, id)| self.person(*id)).await?;
        let held = claims.into_iter().zip(people);
        Ok(held
            .filter(|((handle, _), user)| user.as_ref().is_some_and(|user| user.handle == **handle))
            .map(|((handle, id), _)| (handle.clone(), id))
            .collect())
    }

    async fn find_users(
        &self,
        query: &str,
        after: Option<(String, UserId)>,
        limit: usize,
    ) -> StoreResult<Vec<User>> {
        self.search_people(&query.to_lowercase(), after, limit)
            .await
    }

    async fn all_users(&self, after: Option<UserId>, limit: usize) -> StoreResult<Vec<User>> {
        self.everybody(after, limit).await
    }

    async fn update_user(&self, user: &User) -> StoreResult<Result<(), Taken>> {
        self.change_person(user).await
    }

    async fn set_password(&self, user: UserId, password: &str) -> StoreResult<()> {
        self.change_password(user, password).await
    }

    async fn create_login(&self, login: &Login) -> StoreResult<Vec<LoginId>> {
        self.add_login(login).await
    }

    async fn login_by_secret(&self, secret: &Hash) -> StoreResult<Option<Login>> {
        self.find_login(secret).await
    }

    async fn logins_of(&self, user: UserId) -> StoreResult<Vec<Login>> {
        self.list_logins(user).await
    }

    async fn touch_login(&self, id: LoginId, seen_at: Timestamp) -> StoreResult<()> {
        self.see_login(id, seen_at).await
    }

    async fn delete_login(&self, user: UserId, id: LoginId) -> StoreResult<bool> {
        self.end_login(user, id).await
    }

    async fn create_invite(&self, invite: &Invite) -> StoreResult<()> {
        self.put_invite(invite).await
    }

    async fn invite(&self, code: &str) -> StoreResult<Option<Invite>> {
        self.read_invite(code).await
    }

    async fn invites(&self) -> StoreResult<Vec<Invite>> {
        self.list_invites().await
    }

    async fn delete_invite(&self, code: &str) -> StoreResult<bool> {
        self.end_invite(code).await
    }

    async fn use_invite(&self, code: &str, now: Timestamp) -> StoreResult<Option<Invite>> {
        self.take_use(code, now).await
    }

    async fn return_invite(&self, code: &str) -> StoreResult<()> {
        self.give_back(code).await
    }

    async fn setting(&self, owner: Option<UserId>, key: &str) -> StoreResult<Option<String>> {
        self.read_setting(owner, key).await
    }

    async fn set_setting(
        &self,
        owner: Option<UserId>,
        key: &str,
        value: Option<&str>,
    ) -> StoreResult<()> {
        self.write_setting(owner, key, value).await
    }

    async fn settings(
        &self,
        owner: Option<UserId>,
        prefix: &str,
    ) -> StoreResult<Vec<(String, String)>> {
        self.settings_with(owner, prefix).await
    }
}
