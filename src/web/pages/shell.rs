//! The frame of every signed-in page: workspace, rooms, the person, data for scripts.

use crate::access::{self, Action, Facts, WorkspaceRole};
use crate::auth::CurrentUser;
use crate::entry::RoomKind;
use crate::error::Result;
use crate::ids::{RoomId, UserId};
use crate::people::People;
use crate::reading::RoomItem;
use crate::web::face::Face;
use crate::web::l10n::Texts;
use crate::web::l10n::script::script_texts;
use crate::web::render::Profiles;
use serde_json::{Value, json};

/// Rooms listed at the side; all others are found by browsing and jumping.
const ROOMS_SHOWN: usize = 300;

/// What `app.html` needs.
#[derive(Clone, Debug)]
pub struct Shell {
    pub me: Me,
    pub may_invite: bool,
    pub sections: Vec<Section>,
    /// Mentions in all rooms.
    pub mentions: u64,
    /// What waits in rooms that the page does not show.
    pub elsewhere: Elsewhere,
    /// `list` or `room`: which one a phone shows.
    pub view: &'static str,
    /// `open` or `closed`.
    pub panel: &'static str,
    pub tab: &'static str,
    /// JSON for `#page-data`, escaped.
    pub data: String,
    texts: Texts,
}

#[derive(Clone, Debug)]
pub struct Me {
    pub id: UserId,
    pub name: String,
    pub handle: String,
    pub face: Face,
}

/// Rooms with something unread, and whether the viewer is named there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Elsewhere {
    pub rooms: u64,
    pub named: bool,
}

#[derive(Clone, Debug)]
pub struct Section {
    pub id: &'static str,
    pub title: String,
    /// The way to more of them; nothing where there is none.
    pub add: String,
    pub add_href: &'static str,
    /// Whether there are none at all, here or among the unread.
    pub empty: bool,
    pub rooms: Vec<RoomLink>,
}

#[derive(Clone, Debug)]
pub struct RoomLink {
    pub id: RoomId,
    pub name: String,
    pub icon: &'static str,
    pub face: Option<Face>,
    /// The other person of a direct room, or empty.
    pub peer: String,
    pub unread: u64,
    pub mentions: u64,
    pub current: bool,
    pub draft: bool,
}

/// The icon of a kind of room.
pub fn icon_of(kind: RoomKind) -> &'static str {
    match kind {
        RoomKind::Channel => "hash",
        RoomKind::Group => "lock",
        RoomKind::Direct => "user",
    }
}

/// What a room is called: its name, or the other person's.
pub fn name_of(item: &RoomItem, people: &Profiles, texts: &Texts) -> String {
    match item.peer {
        Some(peer) => people
            .get(&peer)
            .map_or_else(|| texts.t("somebody"), |profile| profile.name.clone()),
        None => item.name.clone().unwrap_or_else(|| texts.t("room-id")),
    }
}

/// The profiles of everybody with whom there is a direct room.
pub async fn peers(people: &People, items: &[RoomItem]) -> Result<Profiles> {
    let peers: Vec<UserId> = items.iter().filter_map(|item| item.peer).collect();
    Ok(people.get(&peers).await?)
}

impl Shell {
    /// The frame for `current`, whose rooms are `items`; `open`: the room that the page shows.
    pub fn new(
        texts: &Texts,
        current: &CurrentUser,
        items: &[RoomItem],
        peers: &Profiles,
        open: Option<RoomId>,
    ) -> Self {
        let user = &current.user;
        let invite = Action::Invite {
            role: WorkspaceRole::Member,
        };
        let nowhere = Facts {
            room: None,
            role: None,
        };
        let sections = sections(texts, items, peers, open);
        let mut shell = Self {
            me: Me {
                id: user.id,
                name: user.name.clone(),
                handle: user.handle.clone(),
                face: Face::of(Some(user.id), &user.name),
            },
            may_invite: access::can(&current.actor(), invite, &nowhere).is_ok(),
            elsewhere: Elsewhere::among(&sections),
            sections,
            mentions: items.iter().map(|item| item.mentions).sum(),
            view: "room",
            panel: "closed",
            tab: "",
            data: String::new(),
            texts: *texts,
        };
        shell.set_data(&user.tz, Value::Null);
        shell
    }

    /// Whether a phone shows the tabs: where one of them leads, and nobody is in the middle of something.
    pub fn has_tabs(&self) -> bool {
        self.view == "list" || !matches!(self.tab, "" | "rooms")
    }

    /// Sets what scripts read from the page.
    pub fn set_data(&mut self, tz: &str, room: Value) {
        let mut data = json!({
            "me": {
                "id": self.me.id,
                "name": self.me.name,
                "handle": self.me.handle,
                "avatar": null,
            },
            "room": room,
        });
        if !tz.is_empty() {
            data["time_zone"] = json!(tz);
        }
        self.data = for_script(&data);
        // Made once and long: put in as it is.
        let texts = script_texts(self.texts);
        self.data.truncate(self.data.len() - 1);
        self.data.push_str(",\"texts\":");
        self.data.push_str(texts);
        self.data.push('}');
    }
}

impl Elsewhere {
    fn among(sections: &[Section]) -> Self {
        let rooms = sections.iter().flat_map(|section| &section.rooms);
        let waiting = rooms.filter(|room| room.unread > 0 && !room.current);
        waiting.fold(Self::default(), |sum, room| Self {
            rooms: sum.rooms + 1,
            named: sum.named || room.mentions > 0,
        })
    }
}

/// JSON that cannot end the element it stands in.
pub fn for_script(data: &Value) -> String {
    data.to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

fn link(texts: &Texts, item: &RoomItem, peers: &Profiles, open: Option<RoomId>) -> RoomLink {
    let name = name_of(item, peers, texts);
    RoomLink {
        id: item.id,
        icon: icon_of(item.kind),
        face: item.peer.map(|peer| Face::of(Some(peer), &name)),
        peer: item.peer.map(|peer| peer.to_string()).unwrap_or_default(),
        name,
        unread: item.unread,
        mentions: item.mentions,
        current: open == Some(item.id),
        draft: item.draft.is_some(),
    }
}

/// What is unread comes first, then each kind. A room that is opened stays there on its own page: nothing
/// jumps away under the pointer.
fn sections(t: &Texts, items: &[RoomItem], peers: &Profiles, open: Option<RoomId>) -> Vec<Section> {
    let (mut unread, mut rest) = (Vec::new(), Vec::new());
    for item in items {
        if item.unread > 0 {
            &mut unread
        } else {
            &mut rest
        }
        .push(item);
    }
    let links = |items: &[&RoomItem], kind: RoomKind| {
        let of_kind = items.iter().filter(|item| item.kind == kind);
        let links = of_kind.take(ROOMS_SHOWN);
        let links: Vec<RoomLink> = links.map(|item| link(t, item, peers, open)).collect();
        match kind {
            RoomKind::Direct => links,
            _ => by_name(links),
        }
    };
    let section = |kind, id, title, add, add_href| Section {
        id,
        title: t.t(title),
        add: t.t(add),
        add_href,
        empty: !items.iter().any(|item| item.kind == kind),
        rooms: links(&rest, kind),
    };
    use RoomKind::{Channel, Direct, Group};
    let waiting = Section {
        id: "unread",
        title: t.t("unread-section"),
        add: String::new(),
        add_href: "",
        empty: false,
        rooms: [Channel, Group, Direct]
            .map(|kind| links(&unread, kind))
            .concat(),
    };
    let kinds = [
        section(
            Channel,
            "channels",
            "channels",
            "new-channel",
            "/rooms/browse",
        ),
        section(Group, "groups", "groups", "new-group", "/rooms/new"),
        section(Direct, "direct", "direct-messages", "new-direct", "/people"),
    ];
    let first = Some(waiting).filter(|section| !section.rooms.is_empty());
    first.into_iter().chain(kinds).collect()
}

fn by_name(mut rooms: Vec<RoomLink>) -> Vec<RoomLink> {
    rooms.sort_by_cached_key(|room| (natural(&room.name.to_lowercase()), room.id));
    rooms
}

/// A key that puts `pier-2` before `pier-10`: words, each with the number behind it.
fn natural(name: &str) -> Vec<(String, u128)> {
    let mut key = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let (words, more) = rest.split_at(
            rest.find(|c: char| c.is_ascii_digit())
                .unwrap_or(rest.len()),
        );
        let (number, after) = more.split_at(
            more.find(|c: char| !c.is_ascii_digit())
                .unwrap_or(more.len()),
        );
        key.push((words.to_owned(), number.parse().unwrap_or(0)));
        rest = after;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_with_numbers_stand_in_the_order_of_the_numbers() {
        let mut names = [
            "pier-10", "pier-2 b", "pier", "pier-2", "quay", "2026", "pier-9x1",
        ];
        names.sort_by_key(|name| natural(name));
        let wanted = [
            "2026", "pier", "pier-2", "pier-2 b", "pier-9x1", "pier-10", "quay",
        ];
        assert_eq!(names, wanted);
        natural("9".repeat(300).as_str());
    }

    #[test]
    fn data_for_scripts_cannot_end_its_element() {
        for attack in crate::markdown::attacks() {
            let text = for_script(&json!({ "name": attack }));
            assert!(!text.contains('<'), "{text}");
            let read: Value = serde_json::from_str(&text).expect("still JSON");
            assert_eq!(read["name"], *attack);
        }
    }
}
