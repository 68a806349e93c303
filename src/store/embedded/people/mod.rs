//! Accounts, log-ins, invites and settings.

mod invites;
mod logins;
mod settings;
mod users;

use super::EmbeddedStore;
use crate::clock::Timestamp;
use crate::entry::Hash;
use crate::ids::{LoginId, UserId};
use crate::store::{Invite, Login, PeopleStore, StoreResult, Taken, User};
use async_trait::async_trait;
use std::collections::HashMap;

#[async_trait]
impl PeopleStore for EmbeddedStore {
    async fn create_user(&self, user: &User, first: bool) -> StoreResult<Result<(), Taken>> {
        let user = user.clone();
        self.write(move |at| users::create(at, &user, first)).await
    }

    async fn has_people(&self) -> StoreResult<bool> {
        self.read(users::any).await
    }

    async fn user(&self, id: UserId) -> StoreResult<Option<User>> {
        self.read(move |at| users::by_id(at, id)).await
    }

    async fn users(&self, ids: &[UserId]) -> StoreResult<HashMap<UserId, User>> {
        let ids = ids.to_vec();
        self.read(move |at| users::by_ids(at, &ids)).await
    }

    async fn user_by_email(&self, email: &str) -> StoreResult<Option<User>> {
        let email = email.to_owned();
        self.read(move |at| users::by_email(at, &email)).await
    }

    async fn users_by_handle(&self, handles: &[String]) -> StoreResult<HashMap<String, UserId>> {
        let handles = handles.to_vec();
        self.read(move |at| users::by_handles(at, handles)).await
    }

    async fn find_users(
        &self,
        query: &str,
        after: Option<(String, UserId)>,
        limit: usize,
    ) -> StoreResult<Vec<User>> {
        let query = query.to_lowercase();
        self.read(move |at| users::find(at, &query, after, limit))
            .await
    }

    async fn all_users(&self, after: Option<UserId>, limit: usize) -> StoreResult<Vec<User>> {
        self.read(move |at| users::all(at, after, limit)).await
    }

    async fn update_user(&self, user: &User) -> StoreResult<Result<(), Taken>> {
        let user = user.clone();
        self.write(move |at| users::update(at, &user)).await
    }

    async fn set_password(&self, user: UserId, password: &str) -> StoreResult<()> {
        let password = password.to_owned();
        self.write(move |at| users::set_password(at, user, &password))
            .await
    }

    async fn create_login(&self, login: &Login) -> StoreResult<Vec<LoginId>> {
        let login = login.clone();
        self.write(move |at| logins::create(at, &login)).await
    }

    async fn login_by_secret(&self, secret: &Hash) -> StoreResult<Option<Login>> {
        let secret = *secret;
        self.read(move |at| logins::by_secret(at, &secret)).await
    }

    async fn logins_of(&self, user: UserId) -> StoreResult<Vec<Login>> {
        self.read(move |at| logins::of(at, user)).await
    }

    async fn touch_login(&self, id: LoginId, seen_at: Timestamp) -> StoreResult<()> {
        self.write(move |at| logins::touch(at, id, seen_at)).await
    }

    async fn delete_login(&self, user: UserId, id: LoginId) -> StoreResult<bool> {
        self.write(move |at| logins::delete(at, user, id)).await
    }

    async fn create_invite(&self, invite: &Invite) -> StoreResult<()> {
        let invite = invite.clone();
        self.write(move |at| invites::create(at, &invite)).await
    }

    async fn invite(&self, code: &str) -> StoreResult<Option<Invite>> {
        let code = code.to_owned();
        self.read(move |at| invites::by_code(at, &code)).await
    }

    async fn invites(&self) -> StoreResult<Vec<Invite>> {
        self.read(invites::all).await
    }

    async fn delete_invite(&self, code: &str) -> StoreResult<bool> {
        let code = code.to_owned();
        self.write(move |at| invites::delete(at, &code)).await
    }

    async fn use_invite(&self, code: &str, now: Timestamp) -> StoreResult<Option<Invite>> {
        let code = code.to_owned();
        self.write(move |at| invites::take_use(at, &code, now))
            .await
    }

    async fn return_invite(&self, code: &str) -> StoreResult<()> {
        let code = code.to_owned();
        self.write(move |at| invites::give_back(at, &code)).await
    }

    async fn setting(&self, owner: Option<UserId>, key: &str) -> StoreResult<Option<String>> {
        let key = key.to_owned();
        self.read(move |at| settings::get(at, owner, &key)).await
    }

    async fn set_setting(
        &self,
        owner: Option<UserId>,
        key: &str,
        value: Option<&str>,
    ) -> StoreResult<()> {
        let (key, value) = (key.to_owned(), value.map(str::to_owned));
        self.write(move |at| settings::set(at, owner, &key, value.as_deref()))
            .await
    }

    async fn settings(
        &self,
        owner: Option<UserId>,
        prefix: &str,
    ) -> StoreResult<Vec<(String, String)>> {
        let prefix = prefix.to_owned();
        self.read(move |at| settings::with_prefix(at, owner, &prefix))
            .await
    }
}
