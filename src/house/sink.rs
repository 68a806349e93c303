//! Writes records into a store. What is there already is passed over; what contradicts it is refused.

use super::record::{EntryLine, InviteLine, LoginLine, MarkerLine, Record, RoomKeyLine, RoomLine};
use super::record::{SettingLine, UserLine, hash_of};
use super::{Problem, Taker, refused};
use crate::entry::{Hash, StoredEntry};
use crate::ids::{OwnerId, Seq, bucket_of};
use crate::limits::{BATCH_BYTES_MAX, BATCH_ENTRIES_MAX};
use crate::store::views::{guards_of, views_of};
use crate::store::{Batch, Invite, Login, Outcome, Statics, Store, User, View};
use async_trait::async_trait;
use uuid::Uuid;

pub(super) const OTHER_WORKSPACE: &str =
    "the target holds another workspace. Take a new folder, or a new keyspace (chapiana schema)";

/// The store that records go into.
pub(super) struct Sink<'a> {
    store: &'a dyn Store,
    bits: u32,
    room: Option<RoomSink>,
    /// Whether somebody was taken: then the first person of the target is known to be the source's.
    begun: bool,
}

/// The room whose entries come now.
struct RoomSink {
    line: RoomLine,
    me: OwnerId,
    /// As the target has them.
    statics: Statics,
    /// Where the chain is with what waits.
    chain: Hash,
    waiting: Vec<StoredEntry>,
    bytes: usize,
}

impl<'a> Sink<'a> {
    pub fn new(store: &'a dyn Store, bits: u32) -> Self {
        Self {
            store,
            bits,
            room: None,
            begun: false,
        }
    }

    /// Writes what waits. Refused if the room's log is not whole.
    pub async fn finish(&mut self) -> Result<(), Problem> {
        let Some(mut room) = self.room.take() else {
            return Ok(());
        };
        room.flush(self.store, self.bits).await?;
        let (end, line) = (&room.statics, &room.line);
        let there = (end.head(), end.ord, end.chain);
        if there == (line.head, line.ord, hash_of(&line.chain)?) {
            return Ok(());
        }
        Err(refused(format!(
            "room {}: its log ends at {} here, but should end at {}: entries are missing or others",
            line.id,
            end.head(),
            line.head
        )))
    }

    async fn user(&mut self, line: UserLine) -> Result<(), Problem> {
        let secret = line.password.is_some();
        let user = User::try_from(line)?;
        let first = !self.begun && !self.store.has_people().await?;
        let there = match first {
            true => None,
            false => self.store.user(user.id).await?,
        };
        let done = match there {
            Some(there) => {
                let mut wanted = user.clone();
                if !secret {
                    wanted.password.clone_from(&there.password);
                }
                if there.created_at != user.created_at {
                    return Err(refused(OTHER_WORKSPACE));
                }
                if there.password != wanted.password {
                    self.store.set_password(user.id, &wanted.password).await?;
                }
                match there == wanted {
                    true => Ok(()),
                    false => self.store.update_user(&wanted).await?,
                }
            }
            None if first || self.begun => self.store.create_user(&user, first).await?,
            None => return Err(refused(OTHER_WORKSPACE)),
        };
        self.begun = true;
        done.map_err(|taken| {
            refused(format!(
                "user {}: {taken:?} is taken: {OTHER_WORKSPACE}",
                user.id
            ))
        })
    }

    async fn login(&self, line: LoginLine) -> Result<(), Problem> {
        let login = Login::try_from(line)?;
        match self.store.login_by_secret(&login.secret).await? {
            Some(there) if there.id == login.id => {
                self.store.touch_login(login.id, login.seen_at).await?;
            }
            Some(_) => return Err(refused(OTHER_WORKSPACE)),
            None => {
                self.store.create_login(&login).await?;
            }
        }
        Ok(())
    }

    async fn setting(&self, line: SettingLine) -> Result<(), Problem> {
        let value = Some(line.value.as_str());
        let set = self.store.set_setting(line.owner, &line.key, value);
        Ok(set.await?)
    }

    async fn invite(&self, line: InviteLine) -> Result<(), Problem> {
        let invite = Invite::try_from(line)?;
        if self.store.invite(&invite.code).await?.as_ref() != Some(&invite) {
            self.store.delete_invite(&invite.code).await?;
            self.store.create_invite(&invite).await?;
        }
        Ok(())
    }

    async fn open(&mut self, line: RoomLine) -> Result<(), Problem> {
        self.finish().await?;
        let row = line.row();
        self.store.create_room(&row).await?;
        if let Some(pair) = row.pair
            && self.store.claim_pair(pair, row.id).await? != row.id
        {
            let what = "these two people have another room";
            return Err(refused(format!(
                "room {}: {what}: {OTHER_WORKSPACE}",
                row.id
            )));
        }
        let statics = self.store.last_bucket(row.id, 0).await?;
        let statics = statics.ok_or_else(|| refused(format!("room {} has no log", row.id)))?;
        if statics.head() > line.head {
            return Err(refused(newer(&line, statics.head())));
        }
        self.room = Some(RoomSink {
            me: OwnerId(Uuid::new_v4()),
            chain: statics.chain,
            statics,
            waiting: Vec::new(),
            bytes: 0,
            line,
        });
        Ok(())
    }

    async fn entry(&mut self, line: EntryLine) -> Result<(), Problem> {
        let stored = StoredEntry::try_from(line)?;
        let (store, bits) = (self.store, self.bits);
        match &mut self.room {
            Some(room) if room.line.id == stored.entry.room => room.add(store, bits, stored).await,
            _ => Err(refused("the entry does not stand under its room")),
        }
    }

    async fn marker(&mut self, line: MarkerLine) -> Result<(), Problem> {
        if self
            .room
            .as_ref()
            .is_some_and(|room| room.line.id == line.room)
        {
            // Entries move markers: first all of them, then where people really are.
            self.finish().await?;
        }
        let (store, wanted) = (self.store, line.marker());
        let mut there = store.marker(line.room, line.user).await?;
        let read = (wanted.read, wanted.read_ord);
        while there.generation < wanted.generation {
            let (expected, at) = (there.generation, wanted.read_at);
            let opened = store.open_generation(line.room, line.user, expected, read, at);
            there = opened.await?;
        }
        if there == wanted {
            return Ok(());
        }
        let (read, delivered) = (Some(read), Some(wanted.delivered));
        let raised = store.raise_marker(line.room, line.user, read, delivered, wanted.read_at);
        let there = raised.await?;
        if there.generation > wanted.generation || there.read > wanted.read {
            return Err(refused(format!(
                "room {}: user {} has read further in the target: it was used meanwhile. Take a new \
                 folder or keyspace",
                line.room, line.user
            )));
        }
        Ok(())
    }

    async fn room_key(&mut self, line: RoomKeyLine) -> Result<(), Problem> {
        self.finish().await?;
        let claim = self
            .store
            .claim_room_key(line.creator, line.client_id, line.room);
        match claim.await? == line.room {
            true => Ok(()),
            false => Err(refused(OTHER_WORKSPACE)),
        }
    }
}

fn newer(line: &RoomLine, head: Seq) -> String {
    format!(
        "room {}: the target has newer entries (up to {head}, the source up to {}): it was used \
         meanwhile. Take a new folder or keyspace",
        line.id, line.head
    )
}

impl RoomSink {
    async fn add(
        &mut self,
        store: &dyn Store,
        bits: u32,
        stored: StoredEntry,
    ) -> Result<(), Problem> {
        let seq = stored.entry.seq;
        let place = format!("room {}, entry {seq}", self.line.id);
        let head = self.statics.head();
        if seq < head {
            return Ok(());
        }
        if seq == head {
            return match stored.link == self.statics.chain {
                true => Ok(()),
                false => Err(refused(format!(
                    "{place}: the target has another: {OTHER_WORKSPACE}"
                ))),
            };
        }
        let next = self.statics.next_seq + self.waiting.len() as u64;
        if seq != next || seq > self.line.head {
            return Err(refused(format!("{place}: entry {next} should come here")));
        }
        if !stored.verifies_after(&self.chain) {
            return Err(refused(format!(
                "{place}: it does not fit the hash chain: it was changed"
            )));
        }
        let size = stored.entry.event.content().map_or(0, str::len) + 512;
        let full = self.waiting.len() >= BATCH_ENTRIES_MAX
            || self.bytes + size > BATCH_BYTES_MAX
            || self
                .waiting
                .first()
                .is_some_and(|first| bucket_of(first.entry.seq, bits) != bucket_of(seq, bits));
        if full {
            self.flush(store, bits).await?;
        }
        self.chain = stored.link;
        self.bytes += size;
        self.waiting.push(stored);
        Ok(())
    }

    async fn own(&mut self, store: &dyn Store) -> Result<(), Problem> {
        if self.statics.owner == Some(self.me) {
            return Ok(());
        }
        let (bucket, epoch) = (self.statics.bucket, self.statics.epoch + 1);
        let taken = store.take_over(self.line.id, bucket, self.statics.owner, self.me, epoch);
        applied(&taken.await?)?;
        self.statics.owner = Some(self.me);
        self.statics.epoch = epoch;
        Ok(())
    }

    /// Views go first where the store does not write them with the entries: nobody reads them yet.
    async fn flush(&mut self, store: &dyn Store, bits: u32) -> Result<(), Problem> {
        self.bytes = 0;
        let entries = std::mem::take(&mut self.waiting);
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return Ok(());
        };
        self.own(store).await?;
        let bucket = bucket_of(first.entry.seq, bits);
        if bucket != self.statics.bucket {
            self.statics.bucket = bucket;
            applied(
                &store
                    .open_bucket(self.line.id, self.statics.clone())
                    .await?,
            )?;
        }
        if !store.appends_views() {
            let views: Vec<View> = entries
                .iter()
                .flat_map(|one| views_of(&one.entry))
                .collect();
            store.write_views(self.line.id, &views).await?;
        }
        let (next_seq, ord, chain) = (last.entry.seq + 1, last.entry.ord, last.link);
        let kind = self.line.kind;
        let guards = entries.iter().flat_map(|one| guards_of(kind, &one.entry));
        let batch = Batch {
            room: self.line.id,
            bucket,
            owner: self.me,
            expected_next: self.statics.next_seq,
            guards: guards.collect(),
            ord,
            chain,
            // What the source had not viewed may not be erased yet: the next owner sees to it.
            viewed: self.line.viewed.min(last.entry.seq),
            entries,
        };
        applied(&store.append(&batch).await?)?;
        self.statics.next_seq = next_seq;
        self.statics.ord = ord;
        self.statics.chain = chain;
        self.statics.viewed = batch.viewed;
        Ok(())
    }
}

fn applied(outcome: &Outcome) -> Result<(), Problem> {
    match outcome {
        Outcome::Applied => Ok(()),
        Outcome::Refused(_) => Err(refused(
            "somebody else writes into the target. Stop every node on it and every other copy, then \
             run the same command again",
        )),
    }
}

#[async_trait]
impl Taker for Sink<'_> {
    async fn take(&mut self, record: Record) -> Result<(), Problem> {
        match record {
            Record::User(line) => self.user(line).await,
            Record::Login(line) => self.login(line).await,
            Record::Setting(line) => self.setting(line).await,
            Record::Invite(line) => self.invite(line).await,
            Record::Timer(line) => super::timer::put(self.store, line).await,
            Record::Room(line) => self.open(line).await,
            Record::Entry(line) => self.entry(*line).await,
            Record::Marker(line) => self.marker(line).await,
            Record::RoomKey(line) => self.room_key(line).await,
        }
    }

    fn head(&self) -> Seq {
        let room = self.room.as_ref();
        room.map_or(0, |room| room.statics.head())
    }
}
