//! People on two nodes that meet over a real Redis, whatever becomes of it.

use super::*;
use crate::cluster::shell::Way;
use crate::store::Store;
use crate::store::memory::MemoryStore;
use crate::testing::node::{Socket, TestNode};
use crate::testing::redis::Server;

async fn node(n: u8, redis: &Server, store: &Arc<dyn Store>) -> TestNode {
    let seat = way_of(n, &redis.url()).await;
    let way = Way {
        transport: seat.1.clone(),
        leases: seat.1,
    };
    TestNode::start_among(Arc::clone(store), seat.0, way).await
}

async fn way_of(n: u8, url: &str) -> (NodeId, Arc<RedisTransport>) {
    crate::tls::install_provider();
    let id = NodeId::from_bytes([n; 16]);
    let started = RedisTransport::start(options(url, "chat", &["secret"]), id, Metrics::new());
    (id, started.await.expect("nothing is wrong"))
}

async fn hears(socket: &mut Socket, body: &str) {
    let heard = socket.until(|frame| frame["t"] == "entry" && frame.to_string().contains(body));
    let heard = tokio::time::timeout(PATIENCE, heard).await;
    assert!(heard.is_ok(), "{body} is heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_people_on_two_nodes_chat_on_while_redis_is_flushed_killed_and_back() {
    let mut redis = Server::start(&[]);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (lisbon, porto) = (node(1, &redis, &store).await, node(2, &redis, &store).await);
    let peers = |node: &TestNode| node.node.cluster.as_ref().map_or(0, |c| c.peers().len());
    eventually("the nodes see each other", || {
        peers(&lisbon) == 1 && peers(&porto) == 1
    })
    .await;
    let (ines, rui) = (lisbon.sign_up("ines").await, lisbon.sign_up("rui").await);
    let rui = porto.visit(&rui);
    let room = ines.group(&[&rui]).await;
    let (mut hers, mut his) = (ines.hello("data").await, rui.hello("data").await);
    hers.watch(&room, 0).await;
    his.watch(&room, 0).await;
    for (round, fault) in ["nothing", "flushall", "kill", "restart"]
        .into_iter()
        .enumerate()
    {
        match fault {
            "flushall" => drop(redis.cli(&["flushall"])),
            "kill" => redis.kill(),
            "restart" => redis.restart(),
            _ => {}
        }
        let (from_her, from_him) = (format!("{round} from Ines"), format!("{round} from Rui"));
        hers.insist(&room, &from_her, 0).await;
        hears(&mut his, &from_her).await;
        his.insist(&room, &from_him, 0).await;
        hears(&mut hers, &from_him).await;
    }
}
