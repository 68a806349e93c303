//! The columns of an entry beside its content, the same in every store.

use super::{StoreError, StoreResult};
use crate::entry::{Event, Mentions, Role};
use crate::ids::{Seq, UserId};

/// What an event says beside its content.
#[derive(Default)]
pub(super) struct Facts {
    /// The post that it is about, or that a post replies to.
    pub target: Option<Seq>,
    pub user: Option<UserId>,
    pub role: Option<Role>,
    /// Mentions of a post as JSON, or the text of a topic.
    pub extra: Option<String>,
}

impl Facts {
    pub fn of(event: &Event) -> StoreResult<Self> {
        let mut facts = Facts {
            target: event.target(),
            ..Facts::default()
        };
        match event {
            Event::Post {
                reply_to, mentions, ..
            } => {
                facts.target = *reply_to;
                if !mentions.is_empty() {
                    let text = serde_json::to_string(mentions);
                    facts.extra = Some(text.map_err(|e| StoreError::Unavailable(e.to_string()))?);
                }
            }
            Event::Join { user, role } | Event::Role { user, role } => {
                facts.user = Some(*user);
                facts.role = Some(*role);
            }
            Event::Leave { user } => facts.user = Some(*user),
            Event::Topic { topic } => facts.extra = Some(topic.clone()),
            _ => {}
        }
        Ok(facts)
    }

    /// The event again; `None` if the columns do not fit its kind.
    pub fn event(self, kind: &str, content: Option<String>) -> Option<Event> {
        let (target, user, role) = (self.target, self.user, self.role);
        Some(match kind {
            "post" => Event::Post {
                body: content,
                reply_to: target,
                mentions: match self.extra {
                    Some(text) => serde_json::from_str(&text).ok()?,
                    None => Mentions::default(),
                },
            },
            "edit" => Event::Edit {
                target: target?,
                body: content,
            },
            "delete" => Event::Delete { target: target? },
            "react" => Event::React {
                target: target?,
                emoji: content,
            },
            "unreact" => Event::Unreact {
                target: target?,
                emoji: content,
            },
            "join" => Event::Join {
                user: user?,
                role: role?,
            },
            "leave" => Event::Leave { user: user? },
            "role" => Event::Role {
                user: user?,
                role: role?,
            },
            "rename" => Event::Rename { name: content },
            "topic" => Event::Topic { topic: self.extra? },
            _ => return None,
        })
    }
}
