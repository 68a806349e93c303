//! Seeded simulation (RELIABILITY.md §4.2): the product's cores of rooms, sessions, relays and the
//! cluster; a model store that loses, delays and forgets to answer; a bus that does so too and is
//! away; zombie owners and people who repeat, in one thread under virtual time.
//!
//! One `u64` decides everything. `SIM_SEEDS=n` runs more, `SIM_SEED=0x…` one, `SIM_PLAN=FILE` a
//! written plan.

mod bus;
pub mod chance;
mod commands;
mod faults;
mod founding;
mod handing;
mod happening;
mod judge;
mod node;
mod outbox;
mod owner;
mod people;
mod plan;
mod relays;
mod rows;
mod screens;
mod seeking;
mod session;
mod storage;
mod taking;
mod tests;
mod world;

use plan::Plan;
use std::ops::AddAssign;

/// A bug planted on purpose: the judge must find each of them (G4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Senders are answered when the append is on its way.
    AckBeforeCommit,
    /// A new owner believes every sent key to be in the views.
    NoDedupeAfterRestart,
    /// A new owner trusts what it read before it took the room.
    NoRereadAfterTakeOver,
    /// A node's owner id is the same at every take-over.
    OwnerIdReused,
    /// The order of a connection's sends is not looked at.
    OrderIgnored,
    /// A session lets sends through after it reported a refusal that keeps order.
    HoldForgotten,
    /// An open outcome is reported as failed.
    UnknownIsFailed,
    /// Views of (viewed, head] are taken for written.
    ViewsNotRedone,
    /// A question that failed while views are redone is not put again.
    NeverAskedAgain,
    /// What came first is shown last.
    FramesReordered,
    /// A relay does not see who is removed.
    RemovalNotHeard,
    /// A relay does not read what it lacks.
    GapNotFilled,
    /// The store appends for whoever asks.
    OwnerNotChecked,
    /// A removal is acknowledged before the relays passed it on.
    RemovalNotFenced,
    /// Whatever is lost between nodes, nobody reads for that what the store has: neither when a loss
    /// was counted or a node vanished, nor now and then.
    PublicationsWithoutHealing,
    /// Nobody counts what is lost between nodes.
    LossesNotCounted,
    /// A node shows what it knows, whether somebody waits for it or not.
    ShownWithoutRight,
    /// A node that has a right again goes on before it has read what it missed.
    NotReadAnew,
    /// No row says that its node shows rooms by it.
    RowsSilent,
    /// A relay believes what it read of who is in, though an entry let somebody in meanwhile.
    JoinNotSeen,
    /// Whoever was added while no word of it came is never told.
    RoomsNotSought,
}

/// What broke, where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub invariant: &'static str,
    pub step: u64,
    pub what: String,
}

/// How often the interesting things happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    pub acked: u64,
    pub take_overs: u64,
    pub fenced: u64,
    pub unknown_then_won: u64,
    pub late_refused: u64,
    pub dedupe_by_view: u64,
    pub dedupe_by_memory: u64,
    pub rolls: u64,
    pub redone: u64,
    pub held: u64,
    pub targets_loaded: u64,
    pub erased: u64,
    /// Entries on screens.
    pub streamed: u64,
    pub publications_lost: u64,
    pub gaps_filled: u64,
    /// Watches that went on where an earlier one had ended.
    pub resumed: u64,
    pub gone: u64,
    /// Found by the counters between nodes.
    pub losses_counted: u64,
    pub peers_lost: u64,
    /// Commands that another node answers, came too late there, or were given up.
    pub forwarded: u64,
    pub sent_on: u64,
    pub given_up: u64,
    /// Owners that ended in good order, and that went on where another left off.
    pub handed_over: u64,
    pub orders_left: u64,
    /// Times that a node read everything for a removal (R17).
    pub settled: u64,
    /// Times that a relay had something to show and no right to (R17).
    pub shown_late: u64,
}

impl AddAssign for Coverage {
    fn add_assign(&mut self, other: Self) {
        self.acked += other.acked;
        self.take_overs += other.take_overs;
        self.fenced += other.fenced;
        self.unknown_then_won += other.unknown_then_won;
        self.late_refused += other.late_refused;
        self.dedupe_by_view += other.dedupe_by_view;
        self.dedupe_by_memory += other.dedupe_by_memory;
        self.rolls += other.rolls;
        self.redone += other.redone;
        self.held += other.held;
        self.targets_loaded += other.targets_loaded;
        self.erased += other.erased;
        self.streamed += other.streamed;
        self.publications_lost += other.publications_lost;
        self.gaps_filled += other.gaps_filled;
        self.resumed += other.resumed;
        self.gone += other.gone;
        self.losses_counted += other.losses_counted;
        self.peers_lost += other.peers_lost;
        self.forwarded += other.forwarded;
        self.sent_on += other.sent_on;
        self.given_up += other.given_up;
        self.handed_over += other.handed_over;
        self.orders_left += other.orders_left;
        self.settled += other.settled;
        self.shown_late += other.shown_late;
    }
}

/// What one run leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// A digest of every event in order.
    pub trace: u64,
    pub coverage: Coverage,
    pub broken: Option<Broken>,
}

/// Runs one plan to its end and judges it.
pub fn run(plan: &Plan, mutant: Option<Mutant>) -> Run {
    let mut world = world::World::new(plan, mutant);
    let broken = world.run().and_then(|()| judge::judge(&world)).err();
    Run {
        trace: world.trace,
        coverage: world.coverage,
        broken,
    }
}
