//! The page of a room: its timeline, the composer, and on request details or the actions on a message.

use super::act::Act;
use super::details::Details;
use super::frame::{Appearance, Frame};
use super::join;
use super::seat::{Seat, Undressed, html_with};
use super::shell::{self, Shell};
use super::timeline::{ENTRIES_GUESSED, Source, Stretch};
use super::trouble::Answer;
use crate::access::Action;
use crate::entry::RoomKind;
use crate::error::{Code, Error, Result};
use crate::ids::{RoomId, Seq, UserId, parse_uuid};
use crate::limits;
use crate::people::Profile;
use crate::reading::{Page, RoomItem, await_head, newest, room_items};
use crate::rooms::{self};
use crate::store::Member;
use crate::web::extract::Params;
use crate::web::face::Face;
use crate::web::l10n::{Piece, Texts};
use crate::web::render::{Profiles, Renderer};
use askama::Template;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;

/// With more unread than this the page opens at the first unread message.
const UNREAD_ON_NEWEST_PAGE: u64 = 40;
/// Faces beside the number of members.
const FACES: usize = 3;
/// A room with fewer posts teaches what to do first.
const YOUNG: u64 = 3;

/// What is shown of the room itself.
pub struct RoomFace {
    pub id: RoomId,
    pub name: String,
    /// The name with its mark: `#night-line`.
    pub shown: String,
    pub kind: &'static str,
    pub icon: &'static str,
    pub face: Option<Face>,
    pub peer: String,
    pub peer_handle: String,
    pub topic: String,
    pub members: u64,
    pub faces: Vec<Face>,
    pub head: Seq,
    pub unread: u64,
    pub older: bool,
    pub newer: bool,
    pub first: Seq,
    pub last: Seq,
    pub teaches: bool,
    pub items: String,
    pub placeholder: String,
}

/// What is in the field where one writes.
#[derive(Clone, Debug, Default)]
pub struct Composer {
    pub client_id: String,
    pub after: Seq,
    pub body: String,
    pub notice: Option<String>,
    pub reply_to: Seq,
    pub reply_name: String,
    pub formats: Vec<(&'static str, String)>,
}

#[derive(Template)]
#[template(path = "room/page.html")]
struct RoomPage {
    f: Frame,
    shell: Shell,
    room: RoomFace,
    composer: Composer,
    act: Option<Act>,
    details: Option<Details>,
}

/// What a request wants to see of a room.
#[derive(Default)]
pub struct Ask {
    pub page: Option<Page>,
    /// The message that a permalink names.
    pub target: Option<Seq>,
    /// Given back after a form that did not get through.
    pub body: String,
    pub notice: Option<String>,
    pub act_notice: Option<String>,
    pub reply_to: Seq,
    /// Show the details: what is looked for, and after whom members go on.
    pub details: Option<(String, Option<UserId>)>,
    pub details_notice: Option<String>,
    pub status: StatusCode,
    /// An outsider of a public channel is offered to join.
    pub offer: bool,
}

/// The room id of a path; anything else leads nowhere.
pub fn room_of(text: &str) -> Result<RoomId> {
    parse_uuid(text).map(RoomId).map_err(|_| Error::not_found())
}

/// The place of a path.
pub fn seq_of(text: &str) -> Result<Seq> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let seq = text.parse().ok().filter(|_| plain);
    seq.filter(|seq| *seq <= limits::INTEGER_MAX)
        .ok_or_else(Error::not_found)
}

/// `GET /r/{room}`
pub async fn room(Undressed(seat): Undressed, Path(room): Path<String>, params: Params) -> Answer {
    let asked = params.page()?;
    let ask = Ask {
        page: Some(asked).filter(|page| *page != Page::Newest),
        reply_to: params.integer("reply_to")?.unwrap_or(0),
        offer: true,
        ..Ask::default()
    };
    show(seat, room_of(&room)?, ask).await
}

/// `GET /r/{room}/{seq}`
pub async fn permalink(
    Undressed(seat): Undressed,
    Path((room, seq)): Path<(String, String)>,
) -> Answer {
    let seq = seq_of(&seq)?;
    let ask = Ask {
        page: Some(Page::Around(seq)),
        target: Some(seq),
        offer: true,
        ..Ask::default()
    };
    show(seat, room_of(&room)?, ask).await
}

/// `GET /r/{room}/details?q=&members=`
pub async fn details(
    Undressed(seat): Undressed,
    Path(room): Path<String>,
    params: Params,
) -> Answer {
    let query = super::places::query(&params)?;
    let after = params.text("members")?.and_then(|id| id.parse().ok());
    let ask = Ask {
        details: Some((query, after)),
        offer: true,
        ..Ask::default()
    };
    show(seat, room_of(&room)?, ask).await
}

/// `GET /r/{room}/items?before=|after=|around=&min=`: fragments, nothing where there are no more. `min`: the
/// newest entry that is shown already, so that nothing comes as it was before.
pub async fn items(seat: Seat, Path(room): Path<String>, params: Params) -> Result<Response> {
    let room = room_of(&room)?;
    let page = params.page()?;
    let (limit, min) = (params.limit()?, params.integer("min")?.unwrap_or(0));
    let actor = seat.current.actor();
    let place = rooms::seat(&*seat.node.store, &actor, room, Action::Read).await?;
    let node = &seat.node;
    let head = match node.shelves.head_of(room, min).await {
        Some(head) => head,
        None => {
            await_head(&*node.store, room, min).await?;
            let statics = node.store.last_bucket(room, 0).await?;
            statics.ok_or_else(Error::not_found)?.head()
        }
    };
    let source = Source::new(node, seat.frame.t, room, place.room.floor, head);
    let stretch = source.stretch(page, limit).await?;
    // Whoever was removed while this was read gets none of it.
    rooms::seat(&*seat.node.store, &actor, room, Action::Read).await?;
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    Ok((kind, stretch.html).into_response())
}

/// The page.
pub async fn show(mut seat: Seat, room: RoomId, ask: Ask) -> Answer {
    let store = Arc::clone(&seat.node.store);
    let store = &*store;
    let me = seat.current.user.id;
    let actor = seat.current.actor();
    // Everything at once that can be known without an answer; where the page opens may prove wrong.
    let guess = async {
        match ask.page {
            None if !seat.node.shelves.has(room) => newest(store, room, ENTRIES_GUESSED).await,
            _ => Ok(None),
        }
    };
    let (place, items, members, look, scene) = futures_util::join!(
        rooms::seat(store, &actor, room, Action::Read),
        room_items(store, me),
        store.members(room, None, limits::PAGE_MAX),
        Appearance::of(store, me),
        guess,
    );
    seat.frame.look = look?;
    if ask.offer && matches!(&place, Err(error) if error.code == Code::NotFound) {
        return join::offer(seat, room).await;
    }
    let (place, items, members, scene) = (place?, items?, members?, scene?);
    let item = items.iter().find(|item| item.id == room);
    let item = item.ok_or_else(Error::not_found)?;
    let source = Source::new(&seat.node, seat.frame.t, room, place.room.floor, item.head);
    let page = ask.page.unwrap_or_else(|| opening(item));
    let ids: Vec<UserId> = members.iter().map(|member| member.user).collect();
    let (stretch, profiles, peers) = futures_util::join!(
        source.first_paint(page, scene),
        seat.node.people.get(&ids),
        shell::peers(&seat.node.people, &items),
    );
    let (stretch, profiles, peers) = (stretch?, profiles?, peers?);
    // Whoever was removed while this was read gets none of it.
    rooms::seat(store, &actor, room, Action::Read).await?;
    let mut shell = Shell::new(&seat.frame.t, &seat.current, &items, &peers, Some(room));
    let view = View {
        seat: &seat,
        item,
        peers: &peers,
        members: &members,
        profiles: &profiles,
    };
    let composer = view.composer(&ask).await?;
    let act = match ask.target {
        Some(seq) => Act::of(&seat, room, item, seq, ask.act_notice.clone()).await?,
        None => None,
    };
    let details = match &ask.details {
        Some((query, after)) => {
            let notice = ask.details_notice.clone();
            let mut details = Details::of(&view, &place.room, query, *after).await?;
            details.notice = notice;
            Some(details)
        }
        None => None,
    };
    if act.is_some() || details.is_some() {
        shell.panel = "open";
    }
    let face = view.face(stretch);
    shell.set_data(&seat.current.user.tz, view.data(&face, ask.target));
    let page = RoomPage {
        f: seat.frame.clone(),
        room: face,
        shell,
        composer,
        act,
        details,
    };
    let status = match ask.status {
        StatusCode::OK => StatusCode::OK,
        status => status,
    };
    Ok(html_with(status, &page))
}

/// Where a room opens: at its end, or at the first unread message if that is far.
fn opening(item: &RoomItem) -> Page {
    if item.unread > 0 && item.head.saturating_sub(item.read) > UNREAD_ON_NEWEST_PAGE {
        Page::Around(item.read + 1)
    } else {
        Page::Newest
    }
}

/// What was read for the page.
pub struct View<'a> {
    pub seat: &'a Seat,
    pub item: &'a RoomItem,
    pub peers: &'a Profiles,
    /// The first of them.
    pub members: &'a [Member],
    pub profiles: &'a Profiles,
}

impl View<'_> {
    fn texts(&self) -> Texts {
        self.seat.frame.t
    }

    fn face(&self, stretch: Stretch) -> RoomFace {
        let (item, t) = (self.item, self.texts());
        let name = shell::name_of(item, self.peers, &t);
        let peer = item.peer.and_then(|peer| self.peers.get(&peer));
        let present = self
            .members
            .iter()
            .filter_map(|member| self.profiles.get(&member.user));
        let faces = present
            .take(FACES)
            .map(|profile| Face::of(Some(profile.id), &profile.name));
        RoomFace {
            id: item.id,
            shown: match item.kind {
                RoomKind::Channel => format!("#{name}"),
                _ => name.clone(),
            },
            kind: item.kind.as_str(),
            icon: shell::icon_of(item.kind),
            face: item.peer.map(|peer| Face::of(Some(peer), &name)),
            peer: item.peer.map(|peer| peer.to_string()).unwrap_or_default(),
            peer_handle: peer.map(|peer| peer.handle.clone()).unwrap_or_default(),
            topic: item.topic.clone(),
            members: self.members.len() as u64,
            faces: faces.collect(),
            head: item.head,
            unread: item.unread,
            older: stretch.older,
            newer: stretch.newer,
            first: stretch.first,
            last: stretch.last,
            teaches: item.ord <= YOUNG && item.kind != RoomKind::Direct,
            items: stretch.html,
            placeholder: Renderer { texts: t }
                .placeholder(item.id, &Profile::from(&self.seat.current.user)),
            name,
        }
    }

    fn data(&self, face: &RoomFace, target: Option<Seq>) -> serde_json::Value {
        let item = self.item;
        let members = self.members.iter();
        let members = members.filter_map(|member| {
            let profile = self.profiles.get(&member.user)?;
            Some(json!({ "id": profile.id, "name": profile.name, "handle": profile.handle }))
        });
        json!({
            "id": item.id,
            "name": face.shown,
            "kind": item.kind,
            "role": item.role,
            "head": item.head,
            "ord": item.ord,
            "read": item.read,
            "delivered": item.delivered,
            "unread": item.unread,
            "older": face.older,
            "newer": face.newer,
            "target": target,
            "members": members.collect::<Vec<_>>(),
        })
    }

    async fn composer(&self, ask: &Ask) -> Result<Composer> {
        let t = self.texts();
        let formats = [
            ("bold", "bold"),
            ("italic", "italic"),
            ("strike", "strike"),
            ("link", "link"),
            ("code", "code-mark"),
            ("quote", "quote"),
            ("list", "list"),
        ];
        Ok(Composer {
            client_id: fresh_id(),
            after: self.item.head,
            body: ask.body.clone(),
            notice: ask.notice.clone(),
            reply_to: ask.reply_to,
            reply_name: ask.reply_to.to_string(),
            formats: formats.map(|(name, key)| (name, t.t(key))).to_vec(),
        })
    }

    /// "Created by … on …", in pieces.
    pub fn created(&self, by: Option<&Arc<Profile>>, at: crate::clock::Timestamp) -> Vec<Piece> {
        let t = self.texts();
        let name = by.map_or_else(|| t.t("somebody"), |by| by.name.clone());
        let apart = [("who", Piece::Name(name)), ("when", Piece::moment(at))];
        t.pieces("created-by", &apart)
    }
}

/// A key for one form.
pub fn fresh_id() -> String {
    Uuid::now_v7().to_string()
}
