//! The other way to each other: heads of rooms are read from the store, and each node keeps a row
//! there (R17).

use super::Mutant;
use super::happening::Happening;
use super::node::Inside;
use super::relays::Told;
use super::storage::now;
use super::world::World;
use crate::bus::Confirm;
use crate::cluster::state::{Event, Moment};
use crate::ids::{NodeId, RoomId, Seq};
use crate::limits::{STORE_BEAT_ASKED_MS, STORE_BEAT_MS};
use crate::store::{LeaseStore as _, LogStore as _, NodeLease};

/// The longest way to the store and back, half of it.
const WAY_MS: u64 = 20;
/// What did not answer is given up after this.
const PATIENCE_MS: u64 = 400;

/// What a node asks of the store.
#[derive(Clone, Debug)]
pub enum Wanted {
    WriteRow {
        row: NodeLease,
        asked_at: Moment,
        answered: bool,
    },
    ReadRows {
        asked_at: Moment,
    },
    Heads {
        settle: bool,
        upto: u64,
        rooms: Vec<RoomId>,
    },
}

impl World {
    /// Something was lost: the heads of all that is followed are read, one pass at a time.
    pub(super) fn heal(&mut self, node: usize) {
        if self.mutant == Some(Mutant::PublicationsWithoutHealing) {
            return;
        }
        let there = &mut self.nodes[node];
        there.heal_again = true;
        if !std::mem::replace(&mut there.healing, true) {
            self.read_heads(node);
        }
    }

    fn read_heads(&mut self, node: usize) {
        let there = &mut self.nodes[node];
        if !std::mem::take(&mut there.heal_again) {
            there.healing = false;
            return;
        }
        self.want_heads(node, false);
    }

    fn want_heads(&mut self, node: usize, settle: bool) {
        let (moment, there) = (self.moment(node), &self.nodes[node]);
        let (upto, rooms) = (there.core.rights(moment).last, there.core.followed());
        self.want(
            node,
            Wanted::Heads {
                settle,
                upto,
                rooms,
            },
        );
    }

    pub(super) fn heal_with(&mut self, node: usize, upto: u64, heads: Option<Vec<(RoomId, Seq)>>) {
        if heads.is_none() {
            self.tell_core(node, Event::NotRead);
        }
        for (room, head) in heads.unwrap_or_default() {
            self.read_head(node, room, (head, upto), None);
        }
        self.read_heads(node);
    }

    /// The row is due now, or as soon as the one under way is done.
    pub(super) fn row_soon(&mut self, node: usize) {
        let row = &mut self.nodes[node].row;
        row.wanted = true;
        if !row.writing {
            row.due += 1;
            let due = row.due;
            self.inside(node, 0, Inside::RowDue(due));
        }
    }

    pub(super) fn row_due(&mut self, node: usize, due: u64) {
        let moment = self.moment(node);
        let at = self.now();
        let there = &mut self.nodes[node];
        if there.row.due != due || there.row.writing {
            return;
        }
        (there.row.writing, there.row.wanted) = (true, false);
        there.row.beat += 1;
        let row = NodeLease {
            node: there.id,
            beat: there.row.beat,
            settled: there.row.settled,
            asks: there.core.asks(moment),
            alone: there.core.begin_row(moment),
            at,
            speaks: 1,
        };
        let answered = !self.wires.hits(self.luck.outcome_lost);
        let asked_at = moment;
        self.want(
            node,
            Wanted::WriteRow {
                row,
                asked_at,
                answered,
            },
        );
    }

    /// Only now the next pass may begin: whoever reads how often this node has settled must know
    /// that at most one pass was under way.
    pub(super) fn row_written(
        &mut self,
        node: usize,
        row: &NodeLease,
        asked_at: Moment,
        stands: bool,
    ) {
        let (moment, settled) = (self.moment(node), row.settled);
        if !stands {
            return self.row_done(node);
        }
        if row.alone {
            self.tell_core(node, Event::RowStands(asked_at));
        }
        let there = &mut self.nodes[node];
        let asked = there.core.is_asked(moment);
        if asked && !there.row.settling && there.row.settled == settled {
            there.row.settling = true;
            self.want_heads(node, true);
        }
        let asked_at = moment;
        self.want(node, Wanted::ReadRows { asked_at });
    }

    pub(super) fn rows_read(
        &mut self,
        node: usize,
        asked_at: Moment,
        rows: Option<Vec<NodeLease>>,
    ) {
        if let Some(rows) = rows {
            self.tell_core(node, Event::Rows { asked_at, rows });
        }
        self.row_done(node);
    }

    fn row_done(&mut self, node: usize) {
        let moment = self.moment(node);
        let there = &mut self.nodes[node];
        there.row.writing = false;
        there.row.due += 1;
        let due = there.row.due;
        let busy = there.core.asks(moment) || there.core.is_asked(moment);
        let wait = match (there.row.wanted, busy) {
            (true, _) => 0,
            (false, true) => STORE_BEAT_ASKED_MS,
            (false, false) => STORE_BEAT_MS,
        };
        self.inside(node, wait, Inside::RowDue(due));
    }

    /// Every relay here shows what it lacks; then this node has settled once more.
    pub(super) fn settle_with(
        &mut self,
        node: usize,
        upto: u64,
        heads: Option<Vec<(RoomId, Seq)>>,
    ) {
        let Some(heads) = heads else {
            self.nodes[node].row.settling = false;
            return self.row_soon(node);
        };
        let (told, me) = (self.told.clone(), self.nodes[node].id);
        let all = std::sync::Arc::new(Confirm::new(move || told.push(Told::Settled(me))));
        for (room, head) in heads {
            let held = std::sync::Arc::clone(&all);
            let confirm = Confirm::new(move || drop(held));
            self.read_head(node, room, (head, upto), Some(confirm));
        }
    }

    pub(super) fn settled(&mut self, id: NodeId) {
        let Some(node) = self.node_of(id) else {
            return;
        };
        let row = &mut self.nodes[node].row;
        row.settled += 1;
        row.settling = false;
        self.coverage.settled += 1;
        self.row_soon(node);
    }

    fn want(&mut self, node: usize, wanted: Wanted) {
        let luck = self.luck;
        let from = self.nodes[node].id;
        if self.wires.hits(luck.refused) || self.wires.hits(luck.request_lost) {
            let nothing = nothing(&wanted);
            return self.inside(node, PATIENCE_MS, nothing);
        }
        let wait = self.wires.between(1, WAY_MS) as i64;
        self.at(self.clock + wait, Happening::Read { from, wanted });
    }

    /// The store is asked.
    pub(super) fn reach_rows(&mut self, from: NodeId, wanted: Wanted) {
        let down = self.clock < self.down_until;
        let answer = match &wanted {
            _ if down => nothing(&wanted),
            Wanted::WriteRow {
                row,
                asked_at,
                answered,
            } => {
                let silent = self.mutant == Some(Mutant::RowsSilent);
                let alone = row.alone && !silent;
                now(self.store.renew_lease(&NodeLease {
                    alone,
                    ..row.clone()
                }));
                let (row, asked_at, stands) = (row.clone(), *asked_at, *answered);
                Inside::RowWritten {
                    row,
                    asked_at,
                    stands,
                }
            }
            Wanted::ReadRows { asked_at } => {
                let rows = Some(now(self.store.leases()));
                let asked_at = *asked_at;
                Inside::Rows { asked_at, rows }
            }
            Wanted::Heads {
                settle,
                upto,
                rooms,
            } => {
                let heads = now(self.store.heads(rooms)).into_iter();
                let mut heads: Vec<_> = heads.map(|(room, (head, _))| (room, head)).collect();
                heads.sort_unstable();
                let (settle, upto, heads) = (*settle, *upto, Some(heads));
                Inside::Heads {
                    settle,
                    upto,
                    heads,
                }
            }
        };
        if let Some(node) = self.node_of(from) {
            let wait = self.wires.between(1, WAY_MS);
            self.inside(node, wait, answer);
        }
    }
}

/// The store did not answer.
fn nothing(wanted: &Wanted) -> Inside {
    match wanted {
        Wanted::WriteRow { row, asked_at, .. } => Inside::RowWritten {
            row: row.clone(),
            asked_at: *asked_at,
            stands: false,
        },
        Wanted::ReadRows { asked_at } => Inside::Rows {
            asked_at: *asked_at,
            rows: None,
        },
        Wanted::Heads { settle, upto, .. } => Inside::Heads {
            settle: *settle,
            upto: *upto,
            heads: None,
        },
    }
}
