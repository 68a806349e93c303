//! Changing one's own account.

use crate::auth::CurrentUser;
use crate::auth::password::check_new;
use crate::draft::{clean_handle, clean_line, clean_name};
use crate::error::{Code, Error, Result};
use crate::limits;
use crate::node::Node;
use crate::session::outbox::Frame;
use crate::store::{Taken, User};
use crate::wire::server::{ServerFrame, UserFacts};
use std::sync::Arc;

/// What is changed; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub name: Option<String>,
    pub handle: Option<String>,
    pub title: Option<String>,
    pub tz: Option<String>,
}

/// Changes the public side of an account. Everybody who sees the person is told.
pub async fn change_profile(node: &Arc<Node>, user: &User, changes: &Changes) -> Result<User> {
    let mut user = user.clone();
    if let Some(name) = &changes.name {
        user.name = clean_name(name)?;
    }
    if let Some(handle) = &changes.handle {
        user.handle = clean_handle(handle)?;
    }
    if let Some(title) = &changes.title {
        user.title = clean_line(title, limits::TITLE_CHARS_MAX)?;
    }
    if let Some(tz) = &changes.tz {
        user.tz = clean_zone(tz)?;
    }
    match node.store.update_user(&user).await? {
        Ok(()) => {}
        Err(Taken::Handle) => return Err(Error::new(Code::Conflict, "This handle is taken.")),
        Err(_) => return Err(Error::new(Code::Conflict, "This e-mail address is taken.")),
    }
    node.people.invalidate(user.id);
    node.sessions.user_changed(user.id);
    let frame = ServerFrame::User {
        user: UserFacts {
            id: user.id,
            name: user.name.clone(),
            handle: user.handle.clone(),
            avatar: None,
        },
    };
    let frame = Frame::from(frame.encode());
    node.sessions.profile_changed(user.id, &frame);
    Ok(user)
}

/// Sets a new password, given the present one. Every other session ends; the caller gives the one at
/// hand a new secret.
pub async fn change_password(
    node: &Arc<Node>,
    current: &CurrentUser,
    present: &str,
    new: &str,
) -> Result<()> {
    let user = &current.user;
    let passwords = &node.auth.passwords;
    if !passwords.verify(Some(&user.password), present).await? {
        return Err(Error::new(Code::Denied, "The present password is wrong."));
    }
    let local = user.email.split('@').next().unwrap_or_default();
    check_new(new, &[&user.name, &user.handle, local])?;
    let hash = passwords.hash(new).await?;
    node.store.set_password(user.id, &hash).await?;
    end_logins(node, user, Some(current)).await
}

/// Ends the log-ins of `user` except `kept`, and closes their sockets.
pub async fn end_logins(node: &Arc<Node>, user: &User, kept: Option<&CurrentUser>) -> Result<()> {
    let kept = kept.map(|current| current.login.id);
    for login in node.store.logins_of(user.id).await? {
        if Some(login.id) != kept {
            node.store.delete_login(user.id, login.id).await?;
            node.sessions.revoke(login.id).await;
        }
    }
    Ok(())
}

fn clean_zone(tz: &str) -> Result<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
    match tz.len() <= limits::NAME_CHARS_MAX && tz.chars().all(plain) {
        true => Ok(tz.to_owned()),
        false => Err(Error::bad_request(
            "`tz` is the IANA name of a time zone, like Europe/Athens.",
        )),
    }
}
