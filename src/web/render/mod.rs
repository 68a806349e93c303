//! Messages and system lines as HTML: the only place where they are made, for first paint, history,
//! catch-up and live frames alike. The HTML is the same for every viewer, so it is made once per node.

mod system;

use crate::clock::Timestamp;
use crate::entry::{Entry, Event, Mentions};
use crate::ids::{RoomId, Seq, UserId};
use crate::markdown;
use crate::people::Profile;
use crate::reading::MessageView;
use crate::web::assets;
use crate::web::face::Face;
use crate::web::l10n::{Texts, long_time};
use askama::Template;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Longest excerpt of a message that is replied to, characters.
const QUOTE_CHARS_MAX: usize = 140;

/// What a fragment does to the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Add,
    Replace,
    Remove,
    None,
}

impl Op {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Op::Add => "add",
            Op::Replace => "replace",
            Op::Remove => "remove",
            Op::None => "none",
        }
    }
}

/// One change of a timeline: the `op`, `target` and `html` of an `entry` frame in HTML format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    pub op: Op,
    /// Element id of what is replaced or removed.
    pub target: Option<String>,
    pub html: Option<String>,
}

impl Fragment {
    fn nothing() -> Self {
        Self {
            op: Op::None,
            target: None,
            html: None,
        }
    }
}

pub type Profiles = HashMap<UserId, Arc<Profile>>;

/// Makes HTML of entries and messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Renderer {
    pub texts: Texts,
}

#[derive(Template)]
#[template(path = "message/message.html")]
struct Message<'a> {
    id: String,
    seq: Seq,
    author: String,
    name: &'a str,
    face: Face,
    at: String,
    at_short: String,
    at_long: String,
    href: String,
    client_id: String,
    mentions: String,
    quote: Option<Quote>,
    deleted: bool,
    body: String,
    reactions: Vec<Reacted<'a>>,
    edited_at: Option<String>,
    edited_label: String,
}

struct Quote {
    seq: Seq,
    href: String,
    name: String,
    text: String,
    gone: bool,
}

struct Reacted<'a> {
    emoji: &'a str,
    count: u64,
    users: String,
}

/// Everybody whose name is needed to show `entry` and the messages around it.
pub fn people_of(entry: &Entry) -> Vec<UserId> {
    let mut people = BTreeSet::new();
    people.extend(entry.by);
    match &entry.event {
        Event::Join { user, .. } | Event::Leave { user } | Event::Role { user, .. } => {
            people.insert(*user);
        }
        _ => {}
    }
    people.into_iter().collect()
}

/// Everybody whose name is needed to show a message.
pub fn people_of_message(view: &MessageView) -> Vec<UserId> {
    let mut people: BTreeSet<UserId> = view.by.into_iter().collect();
    people.extend(mentioned_in(view.body.as_deref().unwrap_or_default()));
    people.into_iter().collect()
}

/// The people whom `<@UUID>` in a body names, members or not.
fn mentioned_in(body: &str) -> Vec<UserId> {
    body.split("<@")
        .skip(1)
        .filter_map(|rest| rest.get(..36)?.parse().ok())
        .collect()
}

/// The address of a message.
pub fn permalink(room: RoomId, seq: Seq) -> String {
    format!("/r/{room}/{seq}")
}

impl Renderer {
    /// The change that `entry` makes. `view`: the post that it is or is about, as it is now;
    /// `replied`: the message that this post answers.
    pub fn entry_html(
        &self,
        entry: &Entry,
        view: Option<&MessageView>,
        people: &Profiles,
        replied: Option<&MessageView>,
    ) -> Fragment {
        match (&entry.event, view) {
            (Event::Post { .. }, Some(view)) => Fragment {
                op: Op::Add,
                target: None,
                html: Some(self.message(view, people, replied)),
            },
            (
                Event::Edit { .. }
                | Event::Delete { .. }
                | Event::React { .. }
                | Event::Unreact { .. },
                Some(view),
            ) => Fragment {
                op: Op::Replace,
                target: Some(format!("m{}", view.seq)),
                html: Some(self.message(view, people, replied)),
            },
            _ => match self.system(entry, people) {
                Some(html) => Fragment {
                    op: Op::Add,
                    target: None,
                    html: Some(html),
                },
                None => Fragment::nothing(),
            },
        }
    }

    /// A message.
    pub fn message(
        &self,
        view: &MessageView,
        people: &Profiles,
        replied: Option<&MessageView>,
    ) -> String {
        let quote = view
            .reply_to
            .map(|seq| self.quote(view.room, seq, replied, people));
        let reactions = view.reactions.0.iter().map(|(emoji, reaction)| Reacted {
            emoji,
            count: reaction.count,
            users: ids(&reaction.users),
        });
        let name = self.name(view.by, people);
        let message = Message {
            id: format!("m{}", view.seq),
            seq: view.seq,
            author: view.by.map(|by| by.to_string()).unwrap_or_default(),
            face: Face::of(view.by, &name),
            name: &name,
            at: view.at.to_rfc3339(),
            at_short: short_time(view.at),
            at_long: long_time(view.at),
            href: permalink(view.room, view.seq),
            client_id: view.client_id.map(|id| id.to_string()).unwrap_or_default(),
            mentions: mentions(&view.mentions),
            quote,
            deleted: view.deleted,
            body: self.body(view, people),
            reactions: reactions.collect(),
            edited_at: view.edited_at.filter(|_| !view.deleted).map(long_time),
            edited_label: self.texts.t("edited"),
        };
        rendered(&message)
    }

    /// The same structure with empty slots, by `me`: what `<template id="message-template">` holds.
    pub fn placeholder(&self, room: RoomId, me: &Profile) -> String {
        let message = Message {
            id: "p".to_owned(),
            seq: 0,
            author: me.id.to_string(),
            face: Face::of(Some(me.id), &me.name),
            name: &me.name,
            at: String::new(),
            at_short: String::new(),
            at_long: String::new(),
            href: format!("/r/{room}"),
            client_id: String::new(),
            mentions: String::new(),
            quote: None,
            deleted: false,
            body: String::new(),
            reactions: Vec::new(),
            edited_at: None,
            edited_label: String::new(),
        };
        rendered(&message)
    }

    fn body(&self, view: &MessageView, people: &Profiles) -> String {
        let Some(body) = view.body.as_deref().filter(|_| !view.deleted) else {
            let mut html = String::from("<p>");
            markdown::escape(&mut html, &self.texts.t("deleted"));
            html.push_str("</p>");
            return html;
        };
        self.with_look(people, |look| markdown::to_html(body, look))
    }

    fn with_look<T>(&self, people: &Profiles, act: impl FnOnce(&markdown::Look<'_>) -> T) -> T {
        let name = |user| people.get(&user).map(|profile| profile.name.clone());
        let (unknown, code) = (self.texts.t("somebody"), self.texts.t("code"));
        let (copy, table) = (self.texts.t("copy-code"), self.texts.t("table"));
        act(&markdown::Look {
            name: &name,
            unknown: &unknown,
            code: &code,
            copy: &copy,
            table: &table,
            icons: assets::icons(),
        })
    }

    fn quote(
        &self,
        room: RoomId,
        seq: Seq,
        replied: Option<&MessageView>,
        people: &Profiles,
    ) -> Quote {
        let body = replied.and_then(|view| view.body.as_deref());
        let text = match body {
            Some(body) => self.with_look(people, |look| {
                markdown::to_line(body, look, QUOTE_CHARS_MAX)
            }),
            None => self.texts.t("deleted"),
        };
        Quote {
            seq,
            href: permalink(room, seq),
            name: self.name(replied.and_then(|view| view.by), people),
            text,
            gone: body.is_none(),
        }
    }

    fn name(&self, user: Option<UserId>, people: &Profiles) -> String {
        user.and_then(|user| people.get(&user))
            .map(|profile| profile.name.clone())
            .unwrap_or_else(|| self.texts.t("somebody"))
    }
}

/// A template as text. A template of ours cannot fail: it writes into memory.
pub fn rendered(template: &impl Template) -> String {
    template
        .render()
        .expect("writing into a string cannot fail")
}

fn ids(users: &[UserId]) -> String {
    let texts: Vec<String> = users.iter().map(UserId::to_string).collect();
    texts.join(" ")
}

fn mentions(mentions: &Mentions) -> String {
    let mut all = ids(&mentions.users);
    for (on, word) in [(mentions.here, "here"), (mentions.channel, "channel")] {
        if on {
            if !all.is_empty() {
                all.push(' ');
            }
            all.push_str(word);
        }
    }
    all
}

/// Hours and minutes in UTC; the browser puts the reader's own time into the same slot.
pub fn short_time(at: Timestamp) -> String {
    at.to_rfc3339().get(11..16).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
