//! Which rooms there are, and what happens in them.

use super::Dice;
use super::log::LogWriter;
use super::words::{
    AFTERTHOUGHTS, CARE, DAYS, EMOJI, ENGINEERING, HARBOUR, QUAYS, SHIPS, SMALL, SOFTWARE, TIMES,
    WORLD,
};
use crate::clock::{Timestamp, now};
use crate::entry::{Event, Mentions, Role, RoomKind};
use crate::error::Result;
use crate::ids::{RoomId, Seq, UserId};
use crate::limits::BUCKET_BITS;
use crate::store::{RoomRow, Store, User};
use std::sync::Arc;
use uuid::Uuid;

const DAY_MS: i64 = 86_400_000;

/// One room to be.
pub struct RoomPlan {
    pub kind: RoomKind,
    pub name: Option<&'static str>,
    pub topic: &'static str,
    /// Places in the crew; the first opens the room.
    pub members: &'static [usize],
    pub posts: usize,
    /// How long ago it began.
    pub days: i64,
    pub phrases: &'static [&'static str],
    pub is_default: bool,
    /// Posts at the end that half of the members have not read.
    pub unread: u64,
}

const ALL: &[usize] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];

const fn channel(
    name: &'static str,
    topic: &'static str,
    members: &'static [usize],
    posts: usize,
    phrases: &'static [&'static str],
) -> RoomPlan {
    RoomPlan {
        kind: RoomKind::Channel,
        name: Some(name),
        topic,
        members,
        posts,
        days: 90,
        phrases,
        is_default: false,
        unread: 0,
    }
}

const fn direct(members: &'static [usize], posts: usize) -> RoomPlan {
    RoomPlan {
        kind: RoomKind::Direct,
        name: None,
        topic: "",
        members,
        posts,
        days: 30,
        phrases: &WORLD,
        is_default: false,
        unread: 0,
    }
}

/// Twelve rooms.
pub fn rooms() -> Vec<RoomPlan> {
    let group = |name, topic, members, posts, phrases| RoomPlan {
        kind: RoomKind::Group,
        ..channel(name, topic, members, posts, phrases)
    };
    vec![
        RoomPlan {
            is_default: true,
            unread: 7,
            ..channel(
                "general",
                "For everybody. Ships first, small talk second.",
                ALL,
                420,
                &WORLD,
            )
        },
        RoomPlan {
            unread: 23,
            ..channel(
                "harbour",
                "Berths, ramps, wind and seals",
                &[7, 0, 1, 2, 6, 8, 10, 13, 3],
                520,
                &HARBOUR,
            )
        },
        channel(
            "engineering",
            "Everything that turns, burns or leaks",
            &[6, 1, 5, 8, 9, 10],
            430,
            &ENGINEERING,
        ),
        RoomPlan {
            unread: 3,
            ..channel(
                "ticketing-software",
                "Gates, kiosks, and the code behind them",
                &[4, 8, 9, 2, 12, 0],
                310,
                &SOFTWARE,
            )
        },
        channel(
            "customer-care",
            "What people ask and what we answer",
            &[3, 0, 2, 7, 11, 12],
            260,
            &CARE,
        ),
        channel(
            "timetable-winter",
            "Draft of the winter timetable",
            &[2, 0, 1, 10, 9],
            120,
            &HARBOUR,
        ),
        channel(
            "announcements",
            "Read by all, written by few",
            ALL,
            24,
            &CARE,
        ),
        group("Bridge team", "MS Tidevann", &[10, 6, 13, 1], 150, &HARBOUR),
        RoomPlan {
            unread: 5,
            ..group(
                "Dry dock 2027",
                "Solvind goes first",
                &[1, 5, 6, 12],
                110,
                &ENGINEERING,
            )
        },
        RoomPlan {
            unread: 2,
            ..direct(&[0, 2], 60)
        },
        direct(&[0, 3], 46),
        direct(&[4, 8], 52),
    ]
}

/// Writes one room; answers it and its head.
pub async fn play(store: &Arc<dyn Store>, crew: &[User], plan: &RoomPlan) -> Result<(RoomId, Seq)> {
    let members: Vec<&User> = plan.members.iter().map(|place| &crew[*place]).collect();
    let dice = Dice::new(plan.posts as u64 * 31 + plan.members.len() as u64);
    let began = now().plus_ms(-plan.days * DAY_MS);
    let row = row_of(plan, &members, began);
    let room = row.id;
    if let Some(pair) = row.pair {
        store.claim_pair(pair, room).await?;
    }
    let log = LogWriter::create(store, row, BUCKET_BITS).await?;
    let mut scene = Scene {
        log,
        members,
        dice,
        at: began,
        posts: Vec::new(),
        plan,
    };
    scene.open().await?;
    for _ in 0..plan.posts {
        scene.post().await?;
        scene.aftermath().await?;
    }
    let posts = scene.posts;
    let readers: Vec<UserId> = scene.members.iter().map(|user| user.id).collect();
    let head = scene.log.finish().await?;
    read(store, room, &readers, &posts, plan.unread, head).await?;
    Ok((room, head))
}

fn row_of(plan: &RoomPlan, members: &[&User], began: Timestamp) -> RoomRow {
    let pair = match (plan.kind, members) {
        (RoomKind::Direct, [a, b]) => Some((a.id.min(b.id), a.id.max(b.id))),
        _ => None,
    };
    RoomRow {
        id: RoomId(Uuid::now_v7()),
        kind: plan.kind,
        name: plan.name.map(str::to_owned),
        topic: plan.topic.to_owned(),
        created_at: began,
        created_by: members[0].id,
        pair,
        floor: 0,
    }
}

/// Half of the members have read all, the others all but the last posts.
async fn read(
    store: &Arc<dyn Store>,
    room: RoomId,
    readers: &[UserId],
    posts: &[Seq],
    unread: u64,
    head: Seq,
) -> Result<()> {
    let behind = posts.iter().rev().nth(usize::try_from(unread).unwrap_or(0));
    for (place, user) in readers.iter().enumerate() {
        let seq = match place % 2 {
            0 if unread > 0 => behind.copied().unwrap_or(head),
            _ => head,
        };
        let ord = crate::reading::ord_at(&**store, room, seq).await?;
        store
            .raise_marker(room, *user, Some((seq, ord)), Some(head), now())
            .await?;
    }
    Ok(())
}

struct Scene<'a> {
    log: LogWriter,
    members: Vec<&'a User>,
    dice: Dice,
    at: Timestamp,
    posts: Vec<Seq>,
    plan: &'a RoomPlan,
}

impl Scene<'_> {
    /// The joins, the creator first.
    async fn open(&mut self) -> Result<()> {
        let creator = self.members[0].id;
        for (place, user) in self.members.clone().into_iter().enumerate() {
            let role = if place == 0 {
                Role::Owner
            } else {
                Role::Member
            };
            let join = Event::Join {
                user: user.id,
                role,
            };
            self.log.append(self.at, creator, join).await?;
        }
        if self.log.kind() != RoomKind::Direct && self.members.len() > 3 {
            let role = Event::Role {
                user: self.members[1].id,
                role: Role::Admin,
            };
            self.log.append(self.at, creator, role).await?;
        }
        Ok(())
    }

    /// Somebody says something; now and then in answer to an earlier post.
    async fn post(&mut self) -> Result<()> {
        self.pass_time();
        let author = *self.dice.pick(&self.members);
        let source = match self.dice.below(5) {
            0 | 1 => &SMALL[..],
            2 => &WORLD[..],
            _ => self.plan.phrases,
        };
        let phrase = *self.dice.pick(source);
        let (body, mentions) = self.fill(phrase);
        let reply_to = match self.dice.once_in(6) {
            true => self.recent_post(),
            false => None,
        };
        let post = Event::Post {
            body: Some(body),
            reply_to,
            mentions,
        };
        let seq = self.log.append(self.at, author.id, post).await?;
        self.posts.push(seq);
        Ok(())
    }

    /// Reactions, edits and deletions.
    async fn aftermath(&mut self) -> Result<()> {
        let Some(target) = self.recent_post() else {
            return Ok(());
        };
        if self.dice.once_in(3) {
            for _ in 0..=self.dice.below(3) {
                let emoji = Some((*self.dice.pick(&EMOJI)).to_owned());
                let by = self.dice.pick(&self.members).id;
                let react = Event::React { target, emoji };
                self.log.append(self.at, by, react).await?;
            }
        }
        let last = self.posts.last().copied().filter(|_| self.dice.once_in(25));
        if let Some(target) = last {
            let afterthought = *self.dice.pick(&AFTERTHOUGHTS);
            let (text, _) = self.fill(afterthought);
            let start = *self.dice.pick(self.plan.phrases);
            let (start, _) = self.fill(start);
            let body = Some(format!("{start}\n\n{text}"));
            self.change(target, Event::Edit { target, body }).await?;
        }
        if self.dice.once_in(60)
            && let Some(target) = self.posts.pop()
        {
            self.change(target, Event::Delete { target }).await?;
        }
        Ok(())
    }

    async fn change(&mut self, target: Seq, event: Event) -> Result<()> {
        if let Some(author) = self.log.author(target) {
            self.log.append(self.at, author, event).await?;
        }
        Ok(())
    }

    fn recent_post(&mut self) -> Option<Seq> {
        let back = self.dice.below(8);
        self.posts.iter().rev().nth(back).copied()
    }

    /// Office hours pass quickly, nights are quiet.
    fn pass_time(&mut self) {
        let share = self.plan.days * DAY_MS / (self.plan.posts as i64 + 1);
        let usual = usize::try_from(share).unwrap_or(1);
        let step = match self.dice.below(10) {
            0 => usual * 5,
            1..=6 => usual / 12,
            _ => usual,
        };
        let step = step / 2 + self.dice.below(step.max(2) / 2);
        let next = self.at.plus_ms(i64::try_from(step).unwrap_or(1));
        self.at = next.min(now());
    }

    /// Fills the slots and writes mentions as they are stored.
    fn fill(&mut self, phrase: &str) -> (String, Mentions) {
        let mut text = phrase.to_owned();
        let number = 2 + self.dice.below(48);
        for (slot, all) in [
            ("{ship}", &SHIPS[..]),
            ("{quay}", &QUAYS[..]),
            ("{time}", &TIMES[..]),
            ("{day}", &DAYS[..]),
        ] {
            while text.contains(slot) {
                let word: &str = self.dice.pick::<&str>(all);
                text = text.replacen(slot, word, 1);
            }
        }
        text = text.replace("{n}", &number.to_string());
        let mut mentions = Mentions::default();
        for user in &self.members {
            let typed = format!("@{}", user.handle);
            if text.contains(&typed) {
                text = text.replace(&typed, &format!("<@{}>", user.id));
                mentions.users.push(user.id);
            }
        }
        for (typed, stored, named) in [
            ("@here", "<@here>", &mut mentions.here),
            ("@channel", "<@channel>", &mut mentions.channel),
        ] {
            *named = text.contains(typed);
            text = text.replace(typed, stored);
        }
        (text, mentions)
    }
}
