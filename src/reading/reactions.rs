//! Reactions: which stand, and how a message shows them.

use super::Tail;
use crate::entry::Event;
use crate::ids::{Seq, UserId};
use crate::limits;
use crate::store::ReactionRow;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::collections::{BTreeSet, HashMap};

/// Who reacted with one emoji.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Reaction {
    pub count: u64,
    /// The first 50, in the order in which they reacted.
    pub users: Vec<UserId>,
}

/// The reactions of a message, in the order of first use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reactions(pub Vec<(String, Reaction)>);

impl Serialize for Reactions {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (emoji, reaction) in &self.0 {
            map.serialize_entry(emoji, reaction)?;
        }
        map.end()
    }
}

impl utoipa::PartialSchema for Reactions {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        <HashMap<String, Reaction> as utoipa::PartialSchema>::schema()
    }
}

impl utoipa::ToSchema for Reactions {
    fn schemas(
        schemas: &mut Vec<(
            String,
            utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>,
        )>,
    ) {
        schemas.push((
            "Reaction".to_owned(),
            <Reaction as utoipa::PartialSchema>::schema(),
        ));
    }
}

/// The reactions that stand at the head, in the order in which they were set: the view's rows with
/// the tail on top.
pub fn standing(rows: Vec<ReactionRow>, tail: &Tail, posts: &[Seq]) -> Vec<ReactionRow> {
    let wanted: BTreeSet<Seq> = posts.iter().copied().collect();
    let mut standing: HashMap<(Seq, String, UserId), Seq> = rows
        .into_iter()
        .map(|row| ((row.target, row.emoji, row.user), row.seq))
        .collect();
    for entry in tail.entries.iter().map(|stored| &stored.entry) {
        let (Some(user), Some(target)) = (entry.by, entry.event.target()) else {
            continue;
        };
        let Some(emoji) = entry.event.content() else {
            continue;
        };
        if !wanted.contains(&target) {
            continue;
        }
        let key = (target, emoji.to_owned(), user);
        match &entry.event {
            Event::React { .. } => {
                // Set again it counts from there, as the view's row will say.
                let set = standing.entry(key).or_default();
                *set = entry.seq.max(*set);
            }
            Event::Unreact { .. } if standing.get(&key).is_some_and(|set| *set < entry.seq) => {
                standing.remove(&key);
            }
            _ => {}
        }
    }
    let rows = standing.into_iter();
    let rows = rows.map(|((target, emoji, user), seq)| ReactionRow {
        target,
        emoji,
        user,
        seq,
    });
    let mut rows: Vec<ReactionRow> = rows.collect();
    rows.sort_unstable_by_key(|row| row.seq);
    rows
}

/// By post, how messages show these reactions, which are in the order in which they were set.
pub fn shown<'a>(rows: impl IntoIterator<Item = &'a ReactionRow>) -> HashMap<Seq, Reactions> {
    let mut shown: HashMap<Seq, Reactions> = HashMap::new();
    for row in rows {
        let reactions = &mut shown.entry(row.target).or_default().0;
        let place = reactions.iter().position(|(known, _)| *known == row.emoji);
        let place = place.unwrap_or_else(|| {
            let none = Reaction {
                count: 0,
                users: Vec::new(),
            };
            reactions.push((row.emoji.clone(), none));
            reactions.len() - 1
        });
        let reaction = &mut reactions[place].1;
        reaction.count += 1;
        if reaction.users.len() < limits::REACTION_USERS_SHOWN {
            reaction.users.push(row.user);
        }
    }
    shown
}
