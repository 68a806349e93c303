use super::memory::{Faults, MemoryHub, MemoryTransport};
use super::transport::{Leases, Transport, TransportEvents};
use crate::ids::NodeId;
use bytes::Bytes;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Debug, PartialEq)]
enum Event {
    Received(NodeId, String),
    Gap(NodeId),
    Connected(bool),
}

#[derive(Default)]
struct Ear(Mutex<Vec<Event>>);

impl Ear {
    fn note(&self, event: Event) {
        self.0.lock().expect("no panic while noting").push(event);
    }
    fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock().expect("no panic while noting"))
    }
}

impl TransportEvents for Ear {
    fn received(&self, from: NodeId, payload: Bytes) {
        self.note(Event::Received(
            from,
            String::from_utf8_lossy(&payload).into_owned(),
        ));
    }
    fn gap(&self, from: NodeId) {
        self.note(Event::Gap(from));
    }
    fn connection_changed(&self, connected: bool) {
        self.note(Event::Connected(connected));
    }
}

fn node(n: u8) -> NodeId {
    NodeId::from_bytes([n; 16])
}

fn seat(hub: &Arc<MemoryHub>, n: u8) -> (Arc<MemoryTransport>, Arc<Ear>) {
    let transport = hub.join(node(n));
    let ear = Arc::new(Ear::default());
    transport.listen(Arc::clone(&ear) as Arc<dyn TransportEvents>);
    (transport, ear)
}

fn said(from: u8, text: &str) -> Event {
    Event::Received(node(from), text.to_owned())
}

#[test]
fn two_nodes_hear_each_other_in_order_and_never_themselves() {
    let hub = MemoryHub::new(1);
    let ((lisbon, lisbon_ear), (porto, porto_ear)) = (seat(&hub, 1), seat(&hub, 2));
    assert!(lisbon.send(node(2), Bytes::from("a")) && lisbon.send(node(2), Bytes::from("b")));
    assert!(lisbon.broadcast(Bytes::from("beat")) && porto.broadcast(Bytes::from("beat")));
    assert_eq!(
        porto_ear.take(),
        [said(1, "a"), said(1, "b"), said(1, "beat")]
    );
    assert_eq!(lisbon_ear.take(), [said(2, "beat")]);
}

#[test]
fn a_cut_goes_one_way_and_what_was_lost_behind_it_is_told() {
    let hub = MemoryHub::new(1);
    let ((lisbon, lisbon_ear), (porto, porto_ear)) = (seat(&hub, 1), seat(&hub, 2));
    lisbon.send(node(2), Bytes::from("a"));
    hub.cut(node(1), node(2));
    lisbon.send(node(2), Bytes::from("lost"));
    porto.send(node(1), Bytes::from("heard"));
    hub.mend();
    lisbon.broadcast(Bytes::from("1"));
    hub.advance(1_000);
    lisbon.broadcast(Bytes::from("2"));
    assert_eq!(lisbon_ear.take(), [said(2, "heard")]);
    let told = [
        said(1, "a"),
        said(1, "1"),
        Event::Gap(node(1)),
        said(1, "2"),
    ];
    assert_eq!(porto_ear.take(), told);
}

#[test]
fn whatever_the_hub_does_nothing_comes_twice_or_backwards_and_every_loss_is_told() {
    for seed in 0..200 {
        let hub = MemoryHub::new(seed);
        let ((lisbon, _), (_, ear)) = (seat(&hub, 1), seat(&hub, 2));
        hub.set_faults(Faults {
            dropped: 100,
            doubled: 200,
            delayed: 300,
            delay_ms: 5,
        });
        for n in 0..50 {
            lisbon.send(node(2), Bytes::from(format!("{n:02}")));
            hub.advance(1);
        }
        hub.set_faults(Faults::default());
        hub.advance(5);
        assert!(hub.is_quiet());
        lisbon.broadcast(Bytes::from("98"));
        hub.advance(1_000);
        lisbon.broadcast(Bytes::from("99"));
        let (mut expected, mut told) = (0_u32, false);
        for event in ear.take() {
            match event {
                Event::Gap(_) => told = true,
                Event::Received(_, text) => {
                    let n: u32 = text.parse().expect("a number");
                    assert!(n >= expected, "seed {seed}: {n} after {expected}");
                    let whole = n == expected || n >= 98;
                    assert!(whole || told, "seed {seed}: {n} without {expected}, untold");
                    assert!(
                        n != 99 || expected == 50 || told,
                        "seed {seed}: the end is lost"
                    );
                    if n < 98 {
                        (expected, told) = (n + 1, false);
                    }
                }
                Event::Connected(_) => {}
            }
        }
    }
}

#[tokio::test]
async fn without_its_connection_a_node_is_told_so_and_holds_no_lease_for_long() {
    let hub = MemoryHub::new(1);
    let ((lisbon, lisbon_ear), (porto, _)) = (seat(&hub, 1), seat(&hub, 2));
    let ttl = Duration::from_secs(2);
    hub.advance(2_001);
    lisbon.renew(node(1), ttl).await.expect("the hub is there");
    hub.set_connected(node(1), false);
    assert_eq!(lisbon_ear.take(), [Event::Connected(false)]);
    assert!(!lisbon.connected() && !lisbon.send(node(2), Bytes::from("a")));
    assert!(lisbon.renew(node(1), ttl).await.is_err());
    hub.advance(1_999);
    let roll = porto.roll().await.expect("the hub is there");
    assert!(!roll.lapsed(node(1), ttl), "{roll:?}");
    hub.advance(1);
    let roll = porto.roll().await.expect("the hub is there");
    assert!(roll.lapsed(node(1), ttl), "{roll:?}");
}

#[tokio::test]
async fn a_roll_that_was_flushed_proves_nothing_until_it_is_old_enough() {
    let hub = MemoryHub::new(1);
    let (lisbon, _) = seat(&hub, 1);
    let ttl = Duration::from_secs(2);
    hub.advance(10_000);
    lisbon.renew(node(1), ttl).await.expect("the hub is there");
    hub.flush_all();
    let roll = lisbon.roll().await.expect("the hub is there");
    assert!(!roll.lapsed(node(1), ttl), "{roll:?}");
    hub.advance(2_001);
    let roll = lisbon.roll().await.expect("the hub is there");
    assert!(roll.lapsed(node(1), ttl), "{roll:?}");
}
