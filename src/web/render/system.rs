//! Lines about the room itself: who came, went, changed what.

use super::{Profiles, Renderer, rendered, short_time};
use crate::entry::{Entry, Event, Role};
use crate::ids::{Seq, UserId};
use crate::web::l10n::{Piece, long_time};
use askama::Template;

#[derive(Template)]
#[template(path = "message/system.html")]
struct System {
    seq: Seq,
    at: String,
    at_short: String,
    at_long: String,
    kind: &'static str,
    author: String,
    icon: &'static str,
    pieces: Vec<Piece>,
}

impl Renderer {
    /// A line about the room itself; `None` if the entry is none.
    pub fn system(&self, entry: &Entry, people: &Profiles) -> Option<String> {
        let (icon, pieces) = match &entry.event {
            Event::Join { .. } | Event::Leave { .. } | Event::Role { .. } => {
                self.about_member(entry, people)?
            }
            _ => ("edit", self.about_room(entry, people)?),
        };
        Some(rendered(&System {
            seq: entry.seq,
            at: entry.at.to_rfc3339(),
            at_short: short_time(entry.at),
            at_long: long_time(entry.at),
            kind: entry.event.kind(),
            author: entry.by.map(|by| by.to_string()).unwrap_or_default(),
            icon,
            pieces,
        }))
    }

    /// Who came, went, got another role; by whom, if it was not they themselves.
    fn about_member(&self, entry: &Entry, people: &Profiles) -> Option<(&'static str, Vec<Piece>)> {
        let own = |user: &UserId| entry.by.is_none() || entry.by == Some(*user);
        let (icon, key, user) = match &entry.event {
            Event::Join { user, .. } if entry.seq == 1 => ("hash", "system-created", user),
            Event::Join { user, .. } if own(user) => ("user-plus", "system-joined", user),
            Event::Join { user, .. } => ("user-plus", "system-added", user),
            Event::Leave { user } if own(user) => ("logout", "system-left", user),
            Event::Leave { user } => ("logout", "system-removed", user),
            Event::Role { user, role } => {
                let key = match role {
                    Role::Owner => "system-owner",
                    Role::Admin => "system-admin",
                    Role::Member => "system-member",
                };
                ("shield", key, user)
            }
            _ => return None,
        };
        let (by, user) = (self.name(entry.by, people), self.name(Some(*user), people));
        let names = [("who", by.as_str()), ("user", user.as_str())];
        Some((icon, self.texts.pieces(key, &names)))
    }

    /// A new name or topic.
    fn about_room(&self, entry: &Entry, people: &Profiles) -> Option<Vec<Piece>> {
        let by = self.name(entry.by, people);
        let who = ("who", by.as_str());
        Some(match &entry.event {
            Event::Rename { name: Some(name) } => self
                .texts
                .pieces("system-renamed", &[who, ("name", name.as_str())]),
            Event::Rename { name: None } => self.texts.pieces("system-renamed-hidden", &[who]),
            Event::Topic { topic } if topic.is_empty() => {
                self.texts.pieces("system-topic-cleared", &[who])
            }
            Event::Topic { topic } => self
                .texts
                .pieces("system-topic", &[who, ("topic", topic.as_str())]),
            _ => return None,
        })
    }
}
