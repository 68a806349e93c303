//! Becoming a person of the workspace: the first one owns it, then by invite or, if configured, freely.

use crate::access::{Actor, WorkspaceRole};
use crate::auth::password::check_new;
use crate::clock::now;
use crate::config::SignUp;
use crate::draft::{clean_handle, clean_name};
use crate::entry::RoomKind;
use crate::error::{Code, Error, Result};
use crate::ids::{RoomId, UserId};
use crate::limits;
use crate::node::Node;
use crate::rooms::{self, NewRoom};
use crate::store::{Invite, Taken, User};
use std::sync::Arc;
use uuid::Uuid;

/// The setting that holds the channel which everybody joins.
const DEFAULT_ROOM: &str = "default_room";
/// Names tried for a handle that nobody chose.
const HANDLE_TRIES: u32 = 50;

/// What somebody gives to sign up.
#[derive(Clone, Debug, Default)]
pub struct NewPerson {
    pub name: String,
    pub handle: Option<String>,
    pub email: String,
    pub password: String,
    pub invite: Option<String>,
}

/// Creates the account, and takes its owner to where the others are.
pub async fn sign_up(node: &Arc<Node>, new: &NewPerson) -> Result<User> {
    let name = clean_name(&new.name)?;
    let email = clean_email(&new.email)?;
    let chosen = new.handle.as_deref().map(clean_handle).transpose()?;
    let local = email.split('@').next().unwrap_or_default();
    check_new(&new.password, &[&name, local])?;
    let mut user = User {
        id: UserId(Uuid::now_v7()),
        handle: chosen.clone().unwrap_or_else(|| handle_from(local)),
        name,
        email,
        password: String::new(),
        role: WorkspaceRole::Owner,
        title: String::new(),
        tz: String::new(),
        active: true,
        created_at: now(),
    };
    if !node.store.has_people().await? {
        user.password = node.auth.passwords.hash(&new.password).await?;
        match insert(node, &mut user, chosen.is_some(), true).await? {
            Ok(()) => {
                welcome_owner(node, &user).await?;
                return Ok(user);
            }
            Err(Taken::FirstOwner) => {}
            Err(taken) => return Err(conflict(taken)),
        }
    }
    let invite = admission(node, new.invite.as_deref()).await?;
    user.role = invite
        .as_ref()
        .map_or(WorkspaceRole::Member, |invite| invite.role);
    let outcome = enter(node, &mut user, &new.password, chosen.is_some()).await;
    if outcome.is_err()
        && let Some(invite) = &invite
    {
        node.store.return_invite(&invite.code).await?;
    }
    outcome?;
    join_rooms(node, &user, invite.as_ref()).await;
    Ok(user)
}

async fn enter(
    node: &Arc<Node>,
    user: &mut User,
    password: &str,
    handle_chosen: bool,
) -> Result<()> {
    if user.password.is_empty() {
        user.password = node.auth.passwords.hash(password).await?;
    }
    insert(node, user, handle_chosen, false)
        .await?
        .map_err(conflict)
}

/// Takes a use of the invite; without one the workspace must be open.
async fn admission(node: &Arc<Node>, code: Option<&str>) -> Result<Option<Invite>> {
    let Some(code) = code.filter(|code| !code.is_empty()) else {
        return match node.config.sign_up {
            SignUp::Open => Ok(None),
            SignUp::Invite => Err(Error::new(
                Code::Denied,
                "This workspace is closed. Ask somebody in it for an invite.",
            )),
        };
    };
    let invite = node.store.use_invite(code, now()).await?;
    invite
        .map(Some)
        .ok_or_else(|| Error::new(Code::Denied, "This invite is not valid any more."))
}

/// Inserts the person; a handle that nobody chose gets a number until it is free.
async fn insert(
    node: &Arc<Node>,
    user: &mut User,
    handle_chosen: bool,
    first: bool,
) -> Result<std::result::Result<(), Taken>> {
    let stem = user.handle.clone();
    for number in 2..HANDLE_TRIES {
        match node.store.create_user(user, first).await? {
            Err(Taken::Handle) if !handle_chosen => user.handle = format!("{stem}{number}"),
            outcome => return Ok(outcome),
        }
    }
    user.handle = format!("{stem}{}", user.id.0.as_fields().0);
    Ok(node.store.create_user(user, first).await?)
}

fn conflict(taken: Taken) -> Error {
    let why = match taken {
        Taken::Email => "There is an account with this e-mail address already.",
        Taken::Handle => "This handle is taken.",
        Taken::FirstOwner => "Somebody else was first.",
    };
    Error::new(Code::Conflict, why)
}

async fn welcome_owner(node: &Arc<Node>, owner: &User) -> Result<()> {
    let general = NewRoom {
        kind: RoomKind::Channel,
        name: Some("general".to_owned()),
        topic: Some("For everybody".to_owned()),
        members: Vec::new(),
        client_id: None,
    };
    let (room, _) = rooms::create(node, &actor_of(owner), general).await?;
    let room = room.to_string();
    node.store
        .set_setting(None, DEFAULT_ROOM, Some(&room))
        .await?;
    Ok(())
}

/// Joins the channel of everybody, and the rooms of the invite in the name of who made it. A room
/// that cannot be joined now keeps nobody from having an account.
async fn join_rooms(node: &Arc<Node>, user: &User, invite: Option<&Invite>) {
    if let Ok(Some(room)) = node.store.setting(None, DEFAULT_ROOM).await
        && let Ok(room) = room.parse::<RoomId>()
    {
        let joined = rooms::put_member(node, &actor_of(user), room, user.id, None).await;
        if let Err(error) = joined {
            tracing::warn!(%error, "a new person could not join the channel of everybody");
        }
    }
    let Some(invite) = invite else { return };
    let Ok(Some(inviter)) = node.store.user(invite.by).await else {
        return;
    };
    for room in &invite.rooms {
        let added = rooms::put_member(node, &actor_of(&inviter), *room, user.id, None).await;
        if let Err(error) = added {
            tracing::warn!(%error, "a new person could not be added to a room of the invite");
        }
    }
}

fn actor_of(user: &User) -> Actor {
    Actor {
        user: user.id,
        role: user.role,
        active: user.active,
    }
}

/// An e-mail address as it is stored: lower case, one `@`, no white space or controls.
pub fn clean_email(text: &str) -> Result<String> {
    let email = text.trim().to_lowercase();
    let plain = email.chars().all(|c| {
        !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | '"' | ',' | ';')
    });
    let parts = email.split_once('@');
    let whole = parts.is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@')
    });
    match plain && whole && email.len() <= limits::EMAIL_BYTES_MAX {
        true => Ok(email),
        false => Err(Error::bad_request("`email` is not an e-mail address.")),
    }
}

fn handle_from(local: &str) -> String {
    let plain: String = local
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        .take(limits::HANDLE_CHARS_MAX - 10)
        .collect();
    clean_handle(plain.trim_matches(['.', '-', '_'])).unwrap_or_else(|_| "person".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_address_is_stored_in_one_form() {
        assert_eq!(
            clean_email(" Ann@Example.ORG ").as_deref(),
            Ok("ann@example.org")
        );
        for wrong in ["", "ann", "@x", "ann@", "a@b@c", "a b@c", "a\n@b", "<a@b>"] {
            assert!(clean_email(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_handle_is_made_of_the_address_where_nobody_chose_one() {
        assert_eq!(handle_from("Ann.Bee+chat"), "ann.beechat");
        assert_eq!(handle_from("日本"), "person");
        assert_eq!(handle_from("here"), "person");
    }
}
