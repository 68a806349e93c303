//! Details of a room: what it is for, who is in it, and what one may change.

use super::room::{View, fresh_id};
use crate::access::{Action, Facts, can};
use crate::entry::Role;
use crate::error::Result;
use crate::ids::UserId;
use crate::limits;
use crate::people::Profile;
use crate::store::{Member, RoomRow};
use crate::web::face::Face;
use crate::web::l10n::{Piece, Texts};

/// People offered when somebody is added.
const FOUND_MAX: usize = 10;

pub struct Details {
    pub created: Vec<Piece>,
    pub may_change: bool,
    pub name_id: String,
    pub topic_id: String,
    pub query: String,
    pub found: Vec<Person>,
    pub members: Vec<Person>,
    pub next: Option<UserId>,
    pub notice: Option<String>,
}

/// One person in a list.
pub struct Person {
    pub id: UserId,
    pub name: String,
    pub handle: String,
    pub note: String,
    pub face: Face,
    pub role: String,
    pub accent: bool,
    pub acts: Vec<MemberAct>,
}

/// Something that the viewer may do with a member.
pub struct MemberAct {
    pub action: String,
    pub value: &'static str,
    pub label: String,
    pub icon: &'static str,
    pub danger: bool,
}

impl Details {
    pub async fn of(
        view: &View<'_>,
        row: &RoomRow,
        query: &str,
        after: Option<UserId>,
    ) -> Result<Self> {
        let node = &view.seat.node;
        let t = view.seat.frame.t;
        let page = limits::PAGE_MAX;
        let mut shown = match after {
            Some(_) => node.store.members(row.id, after, page).await?,
            None => view.members.to_vec(),
        };
        let next = shown.last().filter(|_| shown.len() == page);
        let next = next.map(|member| member.user);
        let ids: Vec<UserId> = shown.iter().map(|member| member.user).collect();
        let mut named = ids;
        named.push(row.created_by);
        let profiles = node.people.get(&named).await?;
        shown.sort_by_cached_key(|member| {
            let name = profiles.get(&member.user).map(|it| it.name.to_lowercase());
            (std::cmp::Reverse(member.role), name)
        });
        let facts = Facts {
            room: Some(row.kind),
            role: Some(view.item.role),
        };
        let members = shown.iter().filter_map(|member| {
            let profile = profiles.get(&member.user)?;
            let mut person = Person::of(profile);
            person.role = role_label(&t, member.role);
            person.accent = member.role == Role::Admin;
            person.acts = acts(view, &facts, member);
            Some(person)
        });
        let members = members.collect();
        Ok(Self {
            created: view.created(profiles.get(&row.created_by), row.created_at),
            may_change: can(&view.seat.current.actor(), Action::ChangeFacts, &facts).is_ok(),
            name_id: fresh_id(),
            topic_id: fresh_id(),
            found: found(view, query).await?,
            query: query.to_owned(),
            members,
            next,
            notice: None,
        })
    }
}

async fn found(view: &View<'_>, query: &str) -> Result<Vec<Person>> {
    if query.is_empty() {
        return Ok(Vec::new());
    }
    let most = FOUND_MAX + view.members.len().min(limits::PAGE_MAX);
    let people = view.seat.node.store.find_users(query, None, most).await?;
    let outside = people
        .iter()
        .filter(|user| !view.members.iter().any(|member| member.user == user.id));
    Ok(outside
        .take(FOUND_MAX)
        .map(|user| Person::of(&Profile::from(user)))
        .collect())
}

impl Person {
    fn of(profile: &Profile) -> Self {
        Self {
            id: profile.id,
            face: Face::of(Some(profile.id), &profile.name),
            name: profile.name.clone(),
            handle: profile.handle.clone(),
            note: profile.title.clone(),
            role: String::new(),
            accent: false,
            acts: Vec::new(),
        }
    }
}

fn role_label(t: &Texts, role: Role) -> String {
    match role {
        Role::Owner => t.t("owner"),
        Role::Admin => t.t("admin"),
        Role::Member => String::new(),
    }
}

fn acts(view: &View<'_>, facts: &Facts, member: &Member) -> Vec<MemberAct> {
    let t = view.seat.frame.t;
    let actor = view.seat.current.actor();
    let room = view.item.id;
    let mut acts = Vec::new();
    let mut offer = |value, label: String, icon, danger, action: String| {
        acts.push(MemberAct {
            action,
            value,
            label,
            icon,
            danger,
        });
    };
    let form = format!("/r/{room}/members");
    if member.user != actor.user {
        let label = t.t("write-to");
        offer("write", label, "thread", false, "/people".to_owned());
    }
    for (role, value, key) in [
        (Role::Owner, "owner", "make-owner"),
        (Role::Admin, "admin", "make-admin"),
        (Role::Member, "member", "make-member"),
    ] {
        let set = Action::SetRole {
            from: member.role,
            to: role,
        };
        if role != member.role && can(&actor, set, facts).is_ok() {
            offer(value, t.t(key), "shield", false, form.clone());
        }
    }
    let remove = Action::Remove { role: member.role };
    if member.user != actor.user && can(&actor, remove, facts).is_ok() {
        offer("remove", t.t("remove-member"), "logout", true, form.clone());
    }
    acts
}
