//! Nodes without the bus, over one store: they take turns at a room that all of them write to.

use super::*;
use crate::cluster::state::{ClusterState, Event};
use crate::ids::NodeId;
use crate::limits::{RESEND_PAUSE_MS, RESEND_PAUSE_MS_MAX, ROOM_HOLD_WINDOW_MS, ROOM_TURN_MS};
use crate::store::NodeLease;

/// One of so many nodes that hear nothing of each other but their rows.
pub(super) struct Apart {
    began: Instant,
    nodes: u8,
    core: Mutex<(ClusterState, u64)>,
}

impl Apart {
    fn new(began: Instant, me: u8, nodes: u8) -> Self {
        let mut core = ClusterState::new(NodeId::from_bytes([me; 16]));
        core.apply(0, Event::Connected(false));
        let core = Mutex::new((core, 0));
        Self { began, nodes, core }
    }

    pub(super) fn turn(&self, room: RoomId) -> Duration {
        let now = self.began.elapsed().as_millis() as u64;
        let mut core = self.core.lock().expect("no panic here");
        let (core, beat) = &mut *core;
        *beat += 1;
        let row = |node| NodeLease {
            node: NodeId::from_bytes([node; 16]),
            beat: *beat,
            settled: 0,
            asks: false,
            alone: true,
            at: Timestamp(0),
            speaks: 1,
        };
        let rows = (0..self.nodes).map(row).collect();
        let asked_at = now;
        core.apply(now, Event::Rows { asked_at, rows });
        let turn = core.turn(now, Timestamp(now as i64), room);
        Duration::from_millis(turn.expect("the bus is away"))
    }
}

/// So many nodes over the store of the first one, which is so far away.
async fn nodes(count: u8, latency_ms: u64) -> (Scene, Vec<Rooms>) {
    let began = Instant::now();
    let ear = |me| Ear {
        shared: true,
        apart: Some(Apart::new(began, me, count)),
        ..Ear::default()
    };
    let store = MemoryStore::with_latency(Duration::from_millis(latency_ms));
    let scene = scene_over(store, ear(0)).await;
    let mut all = vec![scene.rooms.clone()];
    for me in 1..count {
        let store: Arc<dyn Store> = scene.store.clone();
        let bits = crate::limits::BUCKET_BITS;
        let rooms = Rooms::start(store, Arc::new(ear(me)), &Metrics::new(), bits).await;
        all.push(rooms.expect("the supervisor starts"));
    }
    (scene, all)
}

/// Says something every `pace` for `during`, each again until it is stored as a session does it:
/// how long the slowest took.
async fn talk(rooms: &Rooms, room: RoomId, pace: Duration, during: Duration) -> Duration {
    let (began, mut longest) = (Instant::now(), Duration::ZERO);
    while began.elapsed() < during {
        let (key, said) = (ClientId(Uuid::new_v4()), Instant::now());
        let mut pause = RESEND_PAUSE_MS;
        while let Reply::Refused(error) = rooms.send(room, post(user(1), key)).await {
            assert!(error.code.holds_order(), "{error:?}");
            tokio::time::sleep(Duration::from_millis(pause)).await;
            pause = (pause * 2).min(RESEND_PAUSE_MS_MAX);
        }
        longest = longest.max(said.elapsed());
        tokio::time::sleep(pace.saturating_sub(said.elapsed())).await;
    }
    longest
}

/// A round is 1.2 s, and whoever loses the room at the end of a turn waits for the next one.
#[tokio::test(start_paused = true)]
async fn without_the_bus_no_send_of_three_nodes_waits_for_longer_than_two_rounds() {
    for latency_ms in [5, 40] {
        let (scene, nodes) = nodes(3, latency_ms).await;
        let pace = Duration::from_millis(300);
        let during = Duration::from_millis(2 * ROOM_HOLD_WINDOW_MS);
        let talks = nodes.iter().flat_map(|rooms| {
            let people = 0..3;
            people.map(|_| talk(rooms, scene.room, pace, during))
        });
        let slowest = futures_util::future::join_all(talks).await;
        let slowest = slowest.into_iter().max().expect("somebody talks");
        let rounds = Duration::from_millis(2 * 3 * ROOM_TURN_MS);
        assert!(slowest <= rounds, "{slowest:?} at {latency_ms} ms");
        let log = scene.log().await;
        let seqs: Vec<Seq> = log.iter().map(|entry| entry.seq).collect();
        assert_eq!(seqs, Vec::from_iter(1..=log.len() as u64));
    }
}
