//! What goes wrong with one server, and how the nodes find each other again.

use super::*;
use crate::bus::transport::Leases as _;
use crate::testing::redis::Server;

#[tokio::test(flavor = "multi_thread")]
async fn redis_client_kill_in_a_loop_loses_no_subscription() {
    let redis = Server::start(&[]);
    let (lisbon, porto) = (seat(1, &redis.url()).await, seat(2, &redis.url()).await);
    for round in 0..12 {
        redis.cli(&["client", "kill", "type", "pubsub"]);
        if round % 3 == 0 {
            redis.cli(&["client", "kill", "type", "normal", "skipme", "yes"]);
        }
        say(&lisbon, &porto, &format!("{round} direct")).await;
        say(&porto, &lisbon, &format!("{round} direct")).await;
        call(&lisbon, &porto, &format!("{round} beat")).await;
        call(&porto, &lisbon, &format!("{round} beat")).await;
    }
    for node in [&lisbon, &porto] {
        let own = format!("chapiana:chat:node:{}", node.id);
        let subscribers = redis.cli(&["pubsub", "numsub", &own, "chapiana:chat:ctl"]);
        assert_eq!(subscribers, format!("{own}\n1\nchapiana:chat:ctl\n2"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_a_server_that_dies_is_noticed_and_what_was_lost_is_told_when_it_is_back() {
    let mut redis = Server::start(&[]);
    let (lisbon, porto) = (seat(1, &redis.url()).await, seat(2, &redis.url()).await);
    say(&lisbon, &porto, "before").await;
    let gaps = porto.ear.gaps.load(Ordering::Relaxed);
    redis.kill();
    eventually("both notice", || {
        !lisbon.transport.connected() && !porto.transport.connected()
    })
    .await;
    assert_eq!(porto.ear.lost.load(Ordering::Relaxed), 1);
    assert!(!lisbon.transport.send(porto.id, Bytes::from("lost")));
    assert!(lisbon.transport.roll().await.is_err());
    redis.restart();
    say(&lisbon, &porto, "after").await;
    say(&porto, &lisbon, "after").await;
    assert!(!porto.ear.heard("lost"));
    assert!(
        porto.ear.gaps.load(Ordering::Relaxed) > gaps,
        "a loss, untold"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_a_server_that_hangs_is_taken_for_gone_and_believed_again_afterwards() {
    let redis = Server::start(&[]);
    let (lisbon, porto) = (seat(1, &redis.url()).await, seat(2, &redis.url()).await);
    redis.cli(&["client", "pause", "4000", "all"]);
    let began = Instant::now();
    eventually("both notice", || {
        !lisbon.transport.connected() && !porto.transport.connected()
    })
    .await;
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    say(&lisbon, &porto, "after").await;
    say(&porto, &lisbon, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_after_flushall_nodes_go_on_and_no_lease_is_taken_for_lapsed_too_early() {
    let redis = Server::start(&[]);
    let (lisbon, porto) = (seat(1, &redis.url()).await, seat(2, &redis.url()).await);
    let ttl = Duration::from_secs(2);
    lisbon
        .transport
        .renew(lisbon.id, ttl)
        .await
        .expect("it is there");
    let held = Instant::now();
    redis.cli(&["flushall"]);
    let mut lapsed = false;
    while !lapsed {
        let roll = porto.transport.roll().await.expect("it is there");
        lapsed = roll.lapsed(lisbon.id, ttl);
        assert!(!lapsed || held.elapsed() >= ttl, "{roll:?}");
        assert!(held.elapsed() < PATIENCE, "{roll:?}");
    }
    say(&lisbon, &porto, "after").await;
    assert_eq!(porto.ear.lost.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_a_lease_is_seen_by_others_until_it_lapses_or_is_given_up() {
    let redis = Server::start(&[]);
    let (lisbon, porto) = (seat(1, &redis.url()).await, seat(2, &redis.url()).await);
    let (long, short) = (Duration::from_secs(60), Duration::from_millis(300));
    lisbon
        .transport
        .renew(lisbon.id, long)
        .await
        .expect("it is there");
    porto
        .transport
        .renew(porto.id, short)
        .await
        .expect("it is there");
    let until = Instant::now() + PATIENCE;
    loop {
        let roll = porto.transport.roll().await.expect("it is there");
        assert!(!roll.lapsed(lisbon.id, short), "{roll:?}");
        if roll.lapsed(porto.id, short) {
            break;
        }
        assert!(Instant::now() < until, "{roll:?}");
    }
    lisbon
        .transport
        .release(lisbon.id)
        .await
        .expect("it is there");
    let roll = porto.transport.roll().await.expect("it is there");
    assert_eq!(roll.live, []);
}
