//! Who is in the room, and the commands that change it.

use super::RoomState;
use super::decide::Decision;
use crate::access::{Action, Facts, can};
use crate::entry::{Event, Role, RoomKind};
use crate::error::{Code, Error};
use crate::ids::{Seq, UserId};
use crate::room::Send;
use crate::store::Member;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Members {
    by_user: BTreeMap<UserId, (Role, Seq)>,
    owners: usize,
}

impl Members {
    pub fn of(members: &[Member]) -> Self {
        let mut all = Self::default();
        for member in members {
            all.put(member.user, member.role, member.seq);
        }
        all
    }

    pub fn role(&self, user: UserId) -> Option<Role> {
        self.by_user.get(&user).map(|(role, _)| *role)
    }

    /// The entry that made the person what he is.
    pub fn since(&self, user: UserId) -> Seq {
        self.by_user.get(&user).map_or(0, |(_, seq)| *seq)
    }

    pub fn len(&self) -> usize {
        self.by_user.len()
    }

    pub fn owners(&self) -> usize {
        self.owners
    }

    pub fn iter(&self) -> impl Iterator<Item = (UserId, Role)> + '_ {
        self.by_user.iter().map(|(user, (role, _))| (*user, *role))
    }

    /// What an entry changes.
    pub fn note(&mut self, seq: Seq, event: &Event) {
        match *event {
            Event::Join { user, role } | Event::Role { user, role } => self.put(user, role, seq),
            Event::Leave { user } => self.remove(user),
            _ => {}
        }
    }

    fn put(&mut self, user: UserId, role: Role, seq: Seq) {
        self.remove(user);
        self.owners += usize::from(role == Role::Owner);
        self.by_user.insert(user, (role, seq));
    }

    fn remove(&mut self, user: UserId) {
        if let Some((role, _)) = self.by_user.remove(&user) {
            self.owners -= usize::from(role == Role::Owner);
        }
    }

    /// Whether the room would be left to people without an owner.
    fn is_last_owner(&self, user: UserId) -> bool {
        self.role(user) == Some(Role::Owner) && self.owners == 1 && self.len() > 1
    }
}

impl RoomState {
    pub(super) fn put_member(&self, send: &Send, user: UserId, wanted: Option<Role>) -> Decision {
        let actor = &send.actor;
        let facts = self.facts_of(actor.user);
        let own = actor.user == user;
        let Some(present) = self.members.role(user) else {
            let action = match own {
                true => Action::Join,
                false => Action::Add {
                    role: wanted.unwrap_or(Role::Member),
                },
            };
            if let Err(denied) = can(actor, action, &facts) {
                return Decision::Refuse(denied.into());
            }
            if own && wanted.is_some_and(|role| role != Role::Member) {
                return Decision::Refuse(denied("Who joins is a member first."));
            }
            // A room that everybody left belongs to whom comes back first.
            let role = match self.members.len() {
                0 => Role::Owner,
                _ => wanted.unwrap_or(Role::Member),
            };
            return Decision::Append(Event::Join { user, role });
        };
        // A present member is seen by members only, and a direct room's never change.
        if let Err(denied) = can(actor, Action::Join, &facts) {
            return Decision::Refuse(denied.into());
        }
        if facts.role.is_none() {
            return Decision::Refuse(Error::not_found());
        }
        let Some(role) = wanted.filter(|role| *role != present) else {
            return Decision::Unchanged(self.members.since(user));
        };
        let action = Action::SetRole {
            from: present,
            to: role,
        };
        if let Err(denied) = can(actor, action, &facts) {
            return Decision::Refuse(denied.into());
        }
        if self.members.is_last_owner(user) {
            return Decision::Refuse(last_owner());
        }
        if self.members.len() == 1 && present == Role::Owner {
            return Decision::Refuse(alone());
        }
        Decision::Append(Event::Role { user, role })
    }

    pub(super) fn remove_member(&self, send: &Send, user: UserId) -> Decision {
        let actor = &send.actor;
        let facts = self.facts_of(actor.user);
        if let Err(denied) = can(actor, Action::Read, &facts) {
            return Decision::Refuse(denied.into());
        }
        if self.kind == RoomKind::Direct {
            return Decision::Refuse(denied("The two of a direct room stay as they are."));
        }
        let Some(role) = self.members.role(user) else {
            return Decision::Refuse(Error::not_found());
        };
        let action = match actor.user == user {
            true => Action::Leave,
            false => Action::Remove { role },
        };
        if let Err(denied) = can(actor, action, &facts) {
            return Decision::Refuse(denied.into());
        }
        if self.members.is_last_owner(user) {
            return Decision::Refuse(last_owner());
        }
        Decision::Append(Event::Leave { user })
    }

    pub(super) fn facts_of(&self, user: UserId) -> Facts {
        Facts {
            room: Some(self.kind),
            role: self.members.role(user),
        }
    }
}

fn denied(why: &'static str) -> Error {
    Error::new(Code::Denied, why)
}

fn last_owner() -> Error {
    Error::new(
        Code::Conflict,
        "The last owner names another owner first, so that the room never lacks one.",
    )
}

fn alone() -> Error {
    Error::new(
        Code::Conflict,
        "Who is alone in a room stays its owner, so that the room never lacks one.",
    )
}
