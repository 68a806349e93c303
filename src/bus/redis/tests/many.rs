//! Several servers: Sentinel and Redis Cluster.

use super::*;
use crate::bus::transport::Leases as _;
use crate::testing::redis::{Server, cluster_of_three};

#[tokio::test(flavor = "multi_thread")]
async fn redis_sentinel_names_a_new_master_and_the_nodes_meet_there() {
    let mut master = Server::start(&[]);
    let follow = format!("replicaof 127.0.0.1 {}", master.port);
    let replica = Server::start(&[&follow]);
    eventually("the replica follows", || {
        replica
            .cli(&["info", "replication"])
            .contains("master_link_status:up")
    })
    .await;
    let sentinel = Server::sentinel(master.port);
    let known = || sentinel.cli(&["sentinel", "replicas", "chat"]);
    eventually("the sentinel knows the replica", || {
        known().contains(&replica.port.to_string())
    })
    .await;
    let url = format!("redis-sentinel://127.0.0.1:{}?service=chat", sentinel.port);
    let (lisbon, porto) = (seat(1, &url).await, seat(2, &url).await);
    say(&lisbon, &porto, "before").await;
    let ttl = Duration::from_secs(2);
    lisbon
        .transport
        .renew(lisbon.id, ttl)
        .await
        .expect("it is there");
    master.kill();
    eventually("the replica is the master", || {
        replica.cli(&["role"]).starts_with("master")
    })
    .await;
    say(&lisbon, &porto, "after").await;
    say(&porto, &lisbon, "after").await;
    call(&lisbon, &porto, "beat").await;
    let roll = porto.transport.roll().await.expect("it is there");
    assert!(roll.kept < PATIENCE, "another server begins another roll");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cluster_carries_each_channel_on_its_shard_and_survives_client_kill() {
    let servers = cluster_of_three();
    let hosts: Vec<_> = servers
        .iter()
        .map(|server| format!("127.0.0.1:{}", server.port))
        .collect();
    let url = format!("redis-cluster://{}", hosts.join(","));
    let (lisbon, porto) = (seat(1, &url).await, seat(2, &url).await);
    for round in 0..6 {
        for server in &servers {
            server.cli(&["client", "kill", "type", "pubsub"]);
        }
        say(&lisbon, &porto, &format!("{round} direct")).await;
        say(&porto, &lisbon, &format!("{round} direct")).await;
        call(&lisbon, &porto, &format!("{round} beat")).await;
        call(&porto, &lisbon, &format!("{round} beat")).await;
    }
    let sharded: usize = servers
        .iter()
        .map(|server| {
            server
                .cli(&["pubsub", "shardchannels"])
                .lines()
                .filter(|line| !line.is_empty())
                .count()
        })
        .sum();
    assert_eq!(sharded, 3, "two own channels and one for all");
    let ttl = Duration::from_secs(2);
    lisbon
        .transport
        .renew(lisbon.id, ttl)
        .await
        .expect("it is there");
    let roll = porto.transport.roll().await.expect("it is there");
    assert!(roll.live.iter().any(|(node, _)| *node == lisbon.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cluster_that_gives_slots_to_another_server_is_followed() {
    let servers = cluster_of_three();
    let url = format!("redis-cluster://127.0.0.1:{}", servers[0].port);
    let (lisbon, porto) = (seat(1, &url).await, seat(2, &url).await);
    say(&lisbon, &porto, "before").await;
    let slot = servers[0].cli(&[
        "cluster",
        "keyslot",
        &format!("chapiana:chat:node:{}", porto.id),
    ]);
    let ids: Vec<_> = servers
        .iter()
        .map(|server| server.cli(&["cluster", "myid"]))
        .collect();
    let held = |n: usize| {
        servers[n]
            .cli(&["pubsub", "shardchannels"])
            .contains(&porto.id.to_string())
    };
    let from = (0..3).find(|n| held(*n)).expect("somebody serves it");
    let to = (from + 1) % 3;
    servers[to].cli(&["cluster", "setslot", &slot, "importing", &ids[from]]);
    servers[from].cli(&["cluster", "setslot", &slot, "migrating", &ids[to]]);
    for server in [to, from, 3 - to - from] {
        servers[server].cli(&["cluster", "setslot", &slot, "node", &ids[to]]);
    }
    eventually("the channel moved", || held(to)).await;
    say(&lisbon, &porto, "after").await;
    say(&porto, &lisbon, "after").await;
}
