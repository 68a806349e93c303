//! What a new command comes to: rights and target, in that order.

use super::RoomState;
use super::loads::Parked;
use crate::access::{Action, can};
use crate::entry::Event;
use crate::error::{Code, Error};
use crate::ids::Seq;
use crate::limits::REACTION_KINDS_MAX;
use crate::room::mentions::resolve;
use crate::room::{Draft, Send, TargetFacts};

pub(super) enum Decision {
    Append(Event),
    /// It is so already, since this entry.
    Unchanged(Seq),
    Refuse(Error),
    /// The post at this place must be known first.
    Load(Seq),
}

/// The post that a draft is about.
pub(super) fn post_of(draft: &Draft) -> Option<Seq> {
    match *draft {
        Draft::Post { reply_to, .. } => reply_to,
        Draft::Edit { target, .. }
        | Draft::Delete { target }
        | Draft::React { target, .. }
        | Draft::Unreact { target, .. } => Some(target),
        _ => None,
    }
}

/// What memory says about a post.
enum Post<'a> {
    Known(&'a TargetFacts),
    None,
    Ask,
}

impl RoomState {
    pub(super) fn decide(&self, parked: &Parked) -> Decision {
        let send = &parked.send;
        match &send.draft {
            Draft::PutMember { user, role } => return self.put_member(send, *user, *role),
            Draft::RemoveMember { user } => return self.remove_member(send, *user),
            _ => {}
        }
        let rights = match send.draft {
            Draft::Post { .. } => Some(Action::Post),
            Draft::React { .. } | Draft::Unreact { .. } => Some(Action::React),
            Draft::Rename { .. } | Draft::Topic { .. } => Some(Action::ChangeFacts),
            _ => None,
        };
        if let Some(Err(denied)) = rights.map(|action| self.allows(send, action)) {
            return Decision::Refuse(denied);
        }
        let Some(seq) = post_of(&send.draft) else {
            return self.write(send);
        };
        match self.post(seq, parked.no_post) {
            Post::Ask => Decision::Load(seq),
            Post::None => Decision::Refuse(Error::not_found()),
            Post::Known(facts) => match self.objection(send, facts) {
                Some(error) => Decision::Refuse(error),
                None => self.write(send),
            },
        }
    }

    fn allows(&self, send: &Send, action: Action) -> Result<(), Error> {
        Ok(can(&send.actor, action, &self.facts_of(send.actor.user))?)
    }

    fn post(&self, seq: Seq, no_post: Option<Seq>) -> Post<'_> {
        if let Some(facts) = self.targets.get(seq) {
            return Post::Known(facts);
        }
        let out_of_log = seq <= self.floor || seq > self.window.from();
        match out_of_log || no_post == Some(seq) {
            true => Post::None,
            false => Post::Ask,
        }
    }

    /// Why the command cannot be about this post.
    fn objection(&self, send: &Send, facts: &TargetFacts) -> Option<Error> {
        let own = facts.author == Some(send.actor.user);
        let rights = match send.draft {
            Draft::Edit { .. } => Some(Action::Edit { own }),
            Draft::Delete { .. } => Some(Action::Delete { own }),
            _ => None,
        };
        if let Some(Err(denied)) = rights.map(|action| self.allows(send, action)) {
            return Some(denied);
        }
        let answers = matches!(send.draft, Draft::Post { .. });
        if facts.deleted && !answers {
            return Some(conflict("The message was deleted."));
        }
        if let Draft::React { emoji, .. } = &send.draft {
            let full = facts.emoji.len() >= REACTION_KINDS_MAX && !facts.emoji.contains(emoji);
            return full.then(|| conflict("The message carries as many different emoji as fit."));
        }
        None
    }

    fn write(&self, send: &Send) -> Decision {
        let member = |handle: &str| {
            let user = send.handles.get(handle).copied();
            user.filter(|user| self.members.role(*user).is_some())
        };
        let is_member = |user| self.members.role(user).is_some();
        Decision::Append(match &send.draft {
            Draft::Post { body, reply_to } => {
                let (body, mentions) = resolve(body, member, is_member);
                Event::Post {
                    body: Some(body),
                    reply_to: *reply_to,
                    mentions,
                }
            }
            Draft::Edit { target, body } => Event::Edit {
                target: *target,
                body: Some(resolve(body, member, is_member).0),
            },
            Draft::Delete { target } => Event::Delete { target: *target },
            Draft::React { target, emoji } => Event::React {
                target: *target,
                emoji: Some(emoji.clone()),
            },
            Draft::Unreact { target, emoji } => Event::Unreact {
                target: *target,
                emoji: Some(emoji.clone()),
            },
            Draft::Rename { name } => Event::Rename {
                name: Some(name.clone()),
            },
            Draft::Topic { topic } => Event::Topic {
                topic: topic.clone(),
            },
            Draft::PutMember { .. } | Draft::RemoveMember { .. } => {
                return Decision::Refuse(Error::internal());
            }
        })
    }
}

fn conflict(why: &'static str) -> Error {
    Error::new(Code::Conflict, why)
}
