//! Which views an entry changes: the one place that derives them (R6).

use super::{Guard, View};
use crate::entry::{Entry, Event, RoomKind};

/// Views that must stand before `entry` is acknowledged.
pub fn guards_of(kind: RoomKind, entry: &Entry) -> Vec<Guard> {
    let (room, seq) = (entry.room, entry.seq);
    let marker = |user| Guard::Marker {
        room,
        user,
        seq,
        ord: entry.ord,
        at: entry.at,
    };
    match &entry.event {
        Event::Post { .. } => entry.by.map(marker).into_iter().collect(),
        Event::Join { user, role } => {
            vec![
                Guard::Membership {
                    room,
                    kind,
                    user: *user,
                    role: Some(*role),
                    seq,
                },
                marker(*user),
            ]
        }
        Event::Role { user, role } => vec![Guard::Membership {
            room,
            kind,
            user: *user,
            role: Some(*role),
            seq,
        }],
        Event::Leave { user } => vec![Guard::Membership {
            room,
            kind,
            user: *user,
            role: None,
            seq,
        }],
        Event::Edit { target, .. } => vec![Guard::Redaction {
            room,
            target: *target,
            seq,
            deleted: false,
        }],
        Event::Delete { target } => vec![Guard::Redaction {
            room,
            target: *target,
            seq,
            deleted: true,
        }],
        Event::React { .. }
        | Event::Unreact { .. }
        | Event::Rename { .. }
        | Event::Topic { .. } => Vec::new(),
    }
}

/// Views that follow the acknowledgement of `entry`.
pub fn views_of(entry: &Entry) -> Vec<View> {
    let seq = entry.seq;
    let mut views = Vec::new();
    if let (Some(sender), Some(client_id)) = (entry.by, entry.client_id) {
        views.push(View::Sent {
            sender,
            client_id,
            seq,
        });
    }
    match &entry.event {
        Event::Post { mentions, .. } => {
            if let Some(by) = entry.by {
                views.extend(mentions.users.iter().map(|user| View::Mention {
                    user: Some(*user),
                    by,
                    seq,
                }));
                if mentions.here || mentions.channel {
                    views.push(View::Mention {
                        user: None,
                        by,
                        seq,
                    });
                }
            }
        }
        Event::React { target, emoji } | Event::Unreact { target, emoji } => {
            if let (Some(user), Some(emoji)) = (entry.by, emoji) {
                let on = matches!(entry.event, Event::React { .. });
                views.push(View::Reaction {
                    target: *target,
                    emoji: emoji.clone(),
                    user,
                    on,
                    seq,
                });
            }
        }
        Event::Rename { name } => views.push(View::Name {
            name: name.clone(),
            seq,
        }),
        Event::Topic { topic } => views.push(View::Topic {
            topic: topic.clone(),
            seq,
        }),
        _ => {}
    }
    views
}
