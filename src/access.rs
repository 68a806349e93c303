//! Authorization: the one pure function, deny by default (RELIABILITY.md §5.1).
//!
//! Asked at the HTTP edge, at watch, by the room owner at each command, and at delivery.

use crate::entry::{Role, RoomKind};
use crate::error::{Code, Error};
use crate::ids::UserId;

/// What a person is in the whole workspace.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum WorkspaceRole {
    Member,
    Admin,
    Owner,
}

impl WorkspaceRole {
    pub fn as_str(self) -> &'static str {
        match self {
            WorkspaceRole::Member => "member",
            WorkspaceRole::Admin => "admin",
            WorkspaceRole::Owner => "owner",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "member" => Some(WorkspaceRole::Member),
            "admin" => Some(WorkspaceRole::Admin),
            "owner" => Some(WorkspaceRole::Owner),
            _ => None,
        }
    }
}

/// Who asks. `active` is false once the account was deactivated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    pub user: UserId,
    pub role: WorkspaceRole,
    pub active: bool,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See name, topic and size of a room.
    SeeFacts,
    /// Entries, messages, members, markers, watch, search, typing.
    Read,
    Post,
    React,
    /// `own`: the actor wrote the post.
    Edit {
        own: bool,
    },
    Delete {
        own: bool,
    },
    /// Oneself into a channel.
    Join,
    Leave,
    /// Somebody else, as `role`.
    Add {
        role: Role,
    },
    /// Somebody who has `role`.
    Remove {
        role: Role,
    },
    /// From `from` to `to`.
    SetRole {
        from: Role,
        to: Role,
    },
    /// Name, topic, icon, settings.
    ChangeFacts,
    CreateRoom,
    /// Invite links to the workspace that give `role`.
    Invite {
        role: WorkspaceRole,
    },
    /// Users, roles and settings of the workspace.
    Administer,
}

/// What is known about the room and the actor's place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// `None`: no such room, or an action of the whole workspace.
    pub room: Option<RoomKind>,
    /// The actor's role in the room; `None` for an outsider.
    pub role: Option<Role>,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// 401: no valid session, or the account is deactivated.
    NotSignedIn,
    /// 404, byte-equal to an unknown id.
    Hidden,
    /// 403.
    Forbidden,
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NotSignedIn => Error::new(Code::Unauthenticated, "Sign in first."),
            Denied::Hidden => Error::not_found(),
            Denied::Forbidden => Error::new(Code::Denied, "You may not do that here."),
        }
    }
}

/// Whether `actor` may do `action` where `facts` hold.
pub fn can(actor: &Actor, action: Action, facts: &Facts) -> Result<(), Denied> {
    if !actor.active {
        return Err(Denied::NotSignedIn);
    }
    match action {
        Action::CreateRoom => return Ok(()),
        Action::Invite { role } => {
            return allow(
                actor.role >= WorkspaceRole::Admin
                    && role <= actor.role
                    && role < WorkspaceRole::Owner,
            );
        }
        Action::Administer => return allow(actor.role >= WorkspaceRole::Admin),
        _ => {}
    }
    let kind = facts.room.ok_or(Denied::Hidden)?;
    match facts.role {
        Some(role) => can_as_member(role, kind, action),
        None => can_as_outsider(kind, action),
    }
}

fn allow(yes: bool) -> Result<(), Denied> {
    if yes { Ok(()) } else { Err(Denied::Forbidden) }
}

fn can_as_outsider(kind: RoomKind, action: Action) -> Result<(), Denied> {
    match (kind, action) {
        (RoomKind::Channel, Action::SeeFacts | Action::Join) => Ok(()),
        _ => Err(Denied::Hidden),
    }
}

fn can_as_member(role: Role, kind: RoomKind, action: Action) -> Result<(), Denied> {
    let fixed = kind == RoomKind::Direct;
    match action {
        Action::SeeFacts | Action::Read | Action::Post | Action::React => Ok(()),
        Action::Join => allow(!fixed),
        Action::Edit { own } => allow(own),
        Action::Delete { own } => allow(own || role >= Role::Admin && !fixed),
        Action::Leave => allow(!fixed),
        Action::Add { role: given } => allow(!fixed && given <= role),
        Action::Remove { role: theirs } => allow(!fixed && role >= Role::Admin && theirs <= role),
        Action::SetRole { from, to } => {
            allow(!fixed && role >= Role::Admin && from <= role && to <= role)
        }
        Action::ChangeFacts => allow(!fixed && role >= Role::Admin),
        Action::CreateRoom | Action::Invite { .. } | Action::Administer => Err(Denied::Forbidden),
    }
}
