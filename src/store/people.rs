//! People, their log-ins, invites and settings.

use super::StoreResult;
use crate::access::WorkspaceRole;
use crate::clock::Timestamp;
use crate::entry::Hash;
use crate::ids::{LoginId, RoomId, UserId};
use async_trait::async_trait;
use std::collections::HashMap;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub name: String,
    /// Lower case, unique, without `@`.
    pub handle: String,
    /// Lower case, unique. Never logged.
    pub email: String,
    /// PHC text of the password hash. Never logged.
    pub password: String,
    pub role: WorkspaceRole,
    pub title: String,
    pub tz: String,
    pub active: bool,
    pub created_at: Timestamp,
}

/// The kind of credential behind a log-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginKind {
    Cookie,
    Bearer,
}

/// One device that is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub id: LoginId,
    pub user: UserId,
    pub kind: LoginKind,
    /// SHA-256 of the secret.
    pub secret: Hash,
    /// What the device calls itself.
    pub device: String,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    pub code: String,
    pub by: UserId,
    pub role: WorkspaceRole,
    pub rooms: Vec<RoomId>,
    /// `None`: unlimited.
    pub uses_left: Option<u32>,
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// Which unique thing was taken already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Email,
    Handle,
    /// Somebody else became the first owner in the meantime.
    FirstOwner,
}

#[async_trait]
pub trait PeopleStore: Send + Sync {
    /// Conditional on e-mail and handle being free; `first` also on the workspace being without people.
    async fn create_user(&self, user: &User, first: bool) -> StoreResult<Result<(), Taken>>;
    async fn has_people(&self) -> StoreResult<bool>;
    async fn user(&self, id: UserId) -> StoreResult<Option<User>>;
    async fn users(&self, ids: &[UserId]) -> StoreResult<HashMap<UserId, User>>;
    async fn user_by_email(&self, email: &str) -> StoreResult<Option<User>>;
    async fn users_by_handle(&self, handles: &[String]) -> StoreResult<HashMap<String, UserId>>;
    /// Active people whose name or handle contains `query` (case-insensitive), by (name, id).
    async fn find_users(
        &self,
        query: &str,
        after: Option<(String, UserId)>,
        limit: usize,
    ) -> StoreResult<Vec<User>>;
    /// Everybody, also who is not active, each once, in an order of the store's own, after `after` in it.
    async fn all_users(&self, after: Option<UserId>, limit: usize) -> StoreResult<Vec<User>>;
    /// Replaces all but id, created_at and password; conditional on e-mail and handle being free.
    async fn update_user(&self, user: &User) -> StoreResult<Result<(), Taken>>;
    async fn set_password(&self, user: UserId, password: &str) -> StoreResult<()>;
    /// Adds a log-in; beyond the limit per person the ones idle longest end. Answers those that ended.
    async fn create_login(&self, login: &Login) -> StoreResult<Vec<LoginId>>;
    async fn login_by_secret(&self, secret: &Hash) -> StoreResult<Option<Login>>;
    async fn logins_of(&self, user: UserId) -> StoreResult<Vec<Login>>;
    async fn touch_login(&self, id: LoginId, seen_at: Timestamp) -> StoreResult<()>;
    /// False if there was none.
    async fn delete_login(&self, user: UserId, id: LoginId) -> StoreResult<bool>;
    async fn create_invite(&self, invite: &Invite) -> StoreResult<()>;
    async fn invite(&self, code: &str) -> StoreResult<Option<Invite>>;
    async fn invites(&self) -> StoreResult<Vec<Invite>>;
    async fn delete_invite(&self, code: &str) -> StoreResult<bool>;
    /// Takes one use, conditionally; `None` if unknown, used up or expired at `now`.
    async fn use_invite(&self, code: &str, now: Timestamp) -> StoreResult<Option<Invite>>;
    /// Gives back a use whose sign-up did not happen.
    async fn return_invite(&self, code: &str) -> StoreResult<()>;
    /// Free-text settings of the workspace ("name", …) and of a person ("draft:ROOM", "theme", …).
    async fn setting(&self, owner: Option<UserId>, key: &str) -> StoreResult<Option<String>>;
    async fn set_setting(
        &self,
        owner: Option<UserId>,
        key: &str,
        value: Option<&str>,
    ) -> StoreResult<()>;
    async fn settings(
        &self,
        owner: Option<UserId>,
        prefix: &str,
    ) -> StoreResult<Vec<(String, String)>>;
}
