//! The state of the model: one room's log in the store, two nodes that may own it, three people's
//! commands, and the conditional writes that are under way.

/// What people want stored, each under one key. Bob's post is refused once he was removed, or his
/// account was switched off.
pub type Key = u8;
pub const BOBS_POST: Key = 1;
pub const BOB_LEAVES: Key = 2;
pub const KEYS: usize = 3;

/// More than there are keys: a bug may store one twice.
pub const LOG_MAX: usize = 5;
pub const NODES: usize = 2;
/// Writes that may be under way at once.
pub const FLYING_MAX: usize = 3;

/// Names one take-over; 0: nobody.
pub type Owner = u8;

/// A conditional write on its way to the store: applied sooner or later, or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Write {
    /// The last bucket as it was found, and whose it was then (R1).
    TakeOver {
        bucket: u8,
        expected: Owner,
        me: Owner,
    },
    /// `IF NOT EXISTS`, carrying where the log goes on (R9).
    Open { bucket: u8, me: Owner, next: u8 },
    /// "If the owner is still me, and next_seq still this" (R2).
    Append {
        bucket: u8,
        me: Owner,
        next: u8,
        key: Key,
        viewed: u8,
    },
}

/// The batch of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Batch {
    None,
    /// The next bucket is being opened for it.
    Opening(Key),
    /// Under way; nothing is known of it.
    Out(Key),
    /// The store answered.
    Applied(Key),
    Refused {
        key: Key,
        owner: Owner,
        next: u8,
    },
}

/// A node, as far as the room goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    Idle,
    /// A take-over under this name is under way.
    Asking(Owner),
    Owner(Ownership),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ownership {
    pub me: Owner,
    pub next: u8,
    /// Keys that it has in memory, by bit.
    pub knows: u8,
    pub bob_is_in: bool,
    /// Views of everything up to here are written.
    pub viewed: u8,
    pub batch: Batch,
}

/// Everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Room {
    /// Owner and next_seq of each bucket that exists.
    pub buckets: [Option<(Owner, u8)>; LOG_MAX],
    pub log: [Key; LOG_MAX],
    pub len: u8,
    /// The static of the last bucket.
    pub viewed: u8,
    /// The view of sent keys, by bit.
    pub sent: u8,
    pub flying: [Option<Write>; FLYING_MAX],
    pub nodes: [Node; NODES],
    /// Commands that reached a node and were not answered, by bit.
    pub inbox: [u8; NODES],
    /// How often each person may still try.
    pub tries: [u8; KEYS],
    /// The seq that was acknowledged; 0: none.
    pub acked: [u8; KEYS],
    /// Keys that were refused for good, by bit.
    pub failed: u8,
    /// Bob's account is in use: no log says so.
    pub bob_is_active: bool,
    pub fresh: Owner,
    pub crashes: u8,
}

impl Room {
    pub fn new(tries: [u8; KEYS]) -> Self {
        Self {
            buckets: [Some((0, 1)), None, None, None, None],
            log: [0; LOG_MAX],
            len: 0,
            viewed: 0,
            sent: 0,
            flying: [None; FLYING_MAX],
            nodes: [Node::Idle; NODES],
            inbox: [0; NODES],
            tries,
            acked: [0; KEYS],
            failed: 0,
            bob_is_active: true,
            fresh: 1,
            crashes: 0,
        }
    }

    /// The last bucket, its owner and where the log goes on: what a SERIAL read finds.
    pub fn last(&self) -> (u8, Owner, u8) {
        let there = (0_u8..).zip(self.buckets);
        let last = there.filter_map(|(at, bucket)| bucket.map(|(owner, next)| (at, owner, next)));
        last.last().unwrap_or((0, 0, 1))
    }

    pub fn entries(&self) -> &[Key] {
        &self.log[..usize::from(self.len)]
    }

    /// The seq of the first entry with this key.
    pub fn seq_of(&self, key: Key) -> Option<u8> {
        (1..)
            .zip(self.entries())
            .find(|(_, there)| **there == key)
            .map(|(seq, _)| seq)
    }

    /// Whether one more write may be under way.
    pub fn may_send(&self) -> bool {
        self.flying.iter().any(Option::is_none)
    }

    /// Sends a write. The order of what is under way means nothing.
    pub fn send(&mut self, write: Write) {
        if let Some(free) = self.flying.iter_mut().find(|place| place.is_none()) {
            *free = Some(write);
        }
        self.flying.sort_unstable_by(|a, b| b.cmp(a));
    }

    pub fn land(&mut self, at: usize) -> Option<Write> {
        let write = self.flying.get_mut(at)?.take();
        self.flying.sort_unstable_by(|a, b| b.cmp(a));
        write
    }

    /// Whether Bob is a member after the first `len` entries.
    pub fn bob_is_in_at(&self, len: u8) -> bool {
        !self.log[..usize::from(len)].contains(&BOB_LEAVES)
    }

    /// Keys of the entries (after, until], by bit.
    pub fn keys(&self, after: u8, until: u8) -> u8 {
        let range = usize::from(after.min(until))..usize::from(until);
        self.log[range].iter().fold(0, |keys, key| keys | 1 << key)
    }
}
