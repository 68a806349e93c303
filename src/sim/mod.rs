//! Seeded simulation (RELIABILITY.md §4.2): cores, a model store that loses, delays and forgets to
//! answer, zombie owners and people who repeat, in one thread under virtual time.
//!
//! One `u64` decides everything. `SIM_SEEDS=n` runs more, `SIM_SEED=0x…` one, `SIM_PLAN=FILE` a
//! written plan.

pub mod chance;
mod founding;
mod happening;
mod judge;
mod outbox;
mod owner;
mod people;
mod plan;
mod relays;
mod screens;
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
