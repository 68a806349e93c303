//! Counters per pair of nodes: what was lost is found, what comes twice is dropped.

use crate::ids::NodeId;
use std::collections::HashMap;

/// A node that was not heard for this long is forgotten.
const FORGET_MS: u64 = 600_000;
/// What a broadcast said was sent must be here when one comes that is so much younger. Several may
/// come within moments, while what they speak of is still on its way over another connection.
const PROMISE_MS: u64 = 250;

/// The number of one message on its way from one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub n: u64,
    /// The first of this pair: nothing went before it.
    pub opens: bool,
}

/// What to do with an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    Next,
    AfterGap,
    /// Heard before, or overtaken by a later one whose gap was told: drop it.
    Repeat,
}

/// What this node has sent.
#[derive(Debug, Default)]
pub struct Sent {
    total: u64,
    pairs: HashMap<NodeId, u64>,
}

impl Sent {
    /// The number of the next message to `to`; never one that was used, even after `keep`.
    pub fn next(&mut self, to: NodeId) -> Count {
        self.total += 1;
        let total = self.total;
        let mut opens = false;
        let n = *self
            .pairs
            .entry(to)
            .and_modify(|n| *n += 1)
            .or_insert_with(|| {
                opens = true;
                total
            });
        Count { n, opens }
    }

    /// The number of the next broadcast.
    pub fn next_broadcast(&mut self) -> u64 {
        self.total += 1;
        self.total
    }

    /// The last number of each pair, to be repeated by broadcasts.
    pub fn last(&self) -> Vec<(NodeId, u64)> {
        let mut last: Vec<_> = self.pairs.iter().map(|(node, n)| (*node, *n)).collect();
        last.sort_unstable();
        last
    }

    /// Forgets pairs with nodes that are gone.
    pub fn keep(&mut self, known: impl Fn(NodeId) -> bool) {
        self.pairs.retain(|node, _| known(*node));
    }
}

#[derive(Debug, Default)]
struct Peer {
    direct: u64,
    broadcast: u64,
    /// What a broadcast said was sent, and when it came.
    promised: u64,
    promised_ms: u64,
    heard_ms: u64,
}

/// What this node has heard.
#[derive(Debug, Default)]
pub struct Heard {
    peers: HashMap<NodeId, Peer>,
}

impl Heard {
    pub fn direct(&mut self, from: NodeId, count: Count, now_ms: u64) -> Arrival {
        let known = self.peers.contains_key(&from);
        let peer = self.peers.entry(from).or_default();
        if count.n <= peer.direct {
            return Arrival::Repeat;
        }
        let next = match peer.direct {
            0 => count.opens,
            heard => count.n == heard + 1,
        };
        peer.direct = count.n;
        if !known {
            peer.promised = count.n;
            peer.promised_ms = now_ms;
        }
        peer.heard_ms = now_ms;
        if next {
            Arrival::Next
        } else {
            Arrival::AfterGap
        }
    }

    /// `last`: what the sender says it has sent to us. The broadcast and direct messages may come
    /// over different connections, so only what an older one said must be here by now.
    pub fn broadcast(&mut self, from: NodeId, n: u64, last: Option<u64>, now_ms: u64) -> Arrival {
        let peer = self.peers.entry(from).or_default();
        if n <= peer.broadcast {
            return Arrival::Repeat;
        }
        peer.broadcast = n;
        peer.heard_ms = now_ms;
        let open = peer.promised > peer.direct;
        let lost = open && now_ms.saturating_sub(peer.promised_ms) >= PROMISE_MS;
        if lost {
            peer.direct = peer.promised;
        }
        if lost || !open {
            peer.promised = peer.promised.max(last.unwrap_or(0));
            peer.promised_ms = now_ms;
        }
        if lost {
            Arrival::AfterGap
        } else {
            Arrival::Next
        }
    }

    pub fn forget_silent(&mut self, now_ms: u64) {
        self.peers
            .retain(|_, peer| now_ms.saturating_sub(peer.heard_ms) < FORGET_MS);
    }

    pub fn knows(&self, node: NodeId) -> bool {
        self.peers.contains_key(&node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(n: u8) -> NodeId {
        NodeId::from_bytes([n; 16])
    }

    #[test]
    fn a_message_that_is_missing_in_the_middle_is_a_gap_and_one_that_comes_late_is_dropped() {
        let (mut sent, mut heard) = (Sent::default(), Heard::default());
        let counts: Vec<_> = (0..4).map(|_| sent.next(node(2))).collect();
        assert_eq!(heard.direct(node(1), counts[0], 0), Arrival::Next);
        assert_eq!(heard.direct(node(1), counts[2], 0), Arrival::AfterGap);
        assert_eq!(heard.direct(node(1), counts[1], 0), Arrival::Repeat);
        assert_eq!(heard.direct(node(1), counts[2], 0), Arrival::Repeat);
        assert_eq!(heard.direct(node(1), counts[3], 0), Arrival::Next);
    }

    #[test]
    fn what_is_still_on_its_way_while_broadcasts_come_in_quick_succession_is_not_lost() {
        let (mut sent, mut heard) = (Sent::default(), Heard::default());
        let first = sent.next(node(2));
        for now in 0..5 {
            let n = sent.next_broadcast();
            let beat = heard.broadcast(node(1), n, Some(first.n), now);
            assert_eq!(beat, Arrival::Next);
        }
        assert_eq!(heard.direct(node(1), first, 5), Arrival::Next);
    }

    #[test]
    fn a_loss_at_the_end_is_found_by_the_second_broadcast_and_told_once() {
        let (mut sent, mut heard) = (Sent::default(), Heard::default());
        let first = sent.next(node(2));
        assert_eq!(heard.direct(node(1), first, 0), Arrival::Next);
        let lost = sent.next(node(2));
        let mut beat = |sent: &mut Sent, now| {
            let n = sent.next_broadcast();
            heard.broadcast(node(1), n, Some(lost.n), now)
        };
        assert_eq!(beat(&mut sent, 0), Arrival::Next);
        assert_eq!(beat(&mut sent, 1_000), Arrival::AfterGap);
        assert_eq!(beat(&mut sent, 2_000), Arrival::Next);
        let next = sent.next(node(2));
        assert_eq!(heard.direct(node(1), next, 0), Arrival::Next);
    }

    #[test]
    fn a_node_that_joins_in_the_middle_of_a_stream_knows_that_it_missed_something() {
        let (mut sent, mut heard) = (Sent::default(), Heard::default());
        sent.next(node(2));
        let second = sent.next(node(2));
        assert_eq!(heard.direct(node(1), second, 0), Arrival::AfterGap);
    }

    #[test]
    fn numbers_go_on_rising_after_a_pair_was_forgotten() {
        let mut sent = Sent::default();
        sent.next(node(2));
        let before = sent.next(node(2));
        sent.keep(|_| false);
        let after = sent.next(node(2));
        assert!(after.n > before.n && after.opens);
        let mut heard = Heard::default();
        heard.direct(node(1), before, 0);
        assert_ne!(heard.direct(node(1), after, 0), Arrival::Repeat);
    }

    #[test]
    fn a_silent_node_is_forgotten_in_the_end() {
        let mut heard = Heard::default();
        heard.broadcast(node(1), 1, None, 0);
        heard.forget_silent(FORGET_MS - 1);
        assert!(heard.knows(node(1)));
        heard.forget_silent(FORGET_MS);
        assert!(!heard.knows(node(1)));
    }
}
