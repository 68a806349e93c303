//! Hot history on one node while the room lives on another, with and without the bus.

use super::*;
use crate::limits::SHELF_TRUST_MS;

/// By how much a page of another node may lag (PROTOCOL.md §3).
const LAG_MAX: Duration = Duration::from_secs(2);

/// Bob reads at the second node what Ann writes at the first, where the room lives.
struct Scene {
    world: World,
    ann: Person,
    bob: Person,
    room: String,
}

impl Scene {
    /// The room is hot where Bob reads.
    async fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let world = World::over(store, Limits::Relaxed, 2).await;
        let (ann, bob) = world.people().await;
        let bob = world.nodes[1].visit(&bob);
        let room = world.room_on(0, &ann, &bob).await;
        let scene = Self {
            world,
            ann,
            bob,
            room,
        };
        for _ in 0..4 {
            scene.page("").await;
        }
        assert!(scene.hits() > 0);
        scene
    }

    fn hits(&self) -> u64 {
        self.world.nodes[1].node.metrics.history_hits.get()
    }

    /// Queries of the log, by all nodes: they share the store.
    fn queries(&self) -> u64 {
        self.world.nodes[0].node.metrics.log_queries.get()
    }

    async fn page(&self, query: &str) -> Value {
        let path = format!("/rooms/{}/messages?limit=20{query}", self.room);
        let (status, page) = self.bob.call("GET", &path, Value::Null).await;
        assert_eq!(status, 200, "{page}");
        page
    }

    /// The seq of what `who` has stored now.
    async fn send(&self, who: &Person, fields: Value) -> u64 {
        let mut entry = json!({ "client_id": Uuid::now_v7(), "after": 0 });
        for (name, value) in fields.as_object().expect("fields") {
            entry[name] = value.clone();
        }
        let path = format!("/rooms/{}/entries", self.room);
        let (status, said) = who.call("POST", &path, entry).await;
        assert_eq!(status, 201, "{said}");
        said["seq"].as_u64().expect("a seq")
    }

    async fn say(&self, who: &Person, body: &str) -> u64 {
        self.send(who, json!({ "kind": "post", "body": body }))
            .await
    }

    async fn delete(&self, who: &Person, target: u64) -> u64 {
        self.send(who, json!({ "kind": "delete", "target": target }))
            .await
    }

    /// Bob's pages show the body, or not, within the time that they may lag.
    async fn shows_soon(&self, body: &str, shown: bool) {
        let answered = Instant::now();
        loop {
            let asked = answered.elapsed();
            if shows(&self.page("").await, body) == shown {
                return;
            }
            assert!(asked < LAG_MAX, "{body}: {shown}");
        }
    }
}

fn shows(page: &Value, body: &str) -> bool {
    page.to_string().contains(body)
}

#[tokio::test]
async fn a_hot_page_of_another_node_is_not_asked_for_at_the_store_each_time() {
    let scene = Scene::new().await;
    let (began, hits, queries) = (Instant::now(), scene.hits(), scene.queries());
    for n in 0..600 {
        if n % 200 == 0 {
            scene.say(&scene.ann, &format!("wave {n}")).await;
        }
        scene.page("").await;
    }
    assert_eq!(scene.hits() - hits, 600, "all came from memory");
    // A look each time trust ends; what came is read once; and each send costs its owner some.
    let looks = began.elapsed().as_millis() as u64 / SHELF_TRUST_MS;
    let queries = scene.queries() - queries;
    assert!(queries <= 30 + 2 * looks, "{queries} queries");
}

#[tokio::test]
async fn a_hot_page_of_another_node_lags_by_no_more_than_it_may() {
    let scene = Scene::new().await;
    for cut in [false, true] {
        if cut {
            let [one, two] = [0, 1].map(|node| scene.world.id(node));
            scene.world.hub.cut(one, two);
            scene.world.hub.cut(two, one);
        }
        for n in 0..2 {
            let body = format!("wave {n}, {cut}");
            let seq = scene.say(&scene.ann, &body).await;
            scene.shows_soon(&body, true).await;
            let gone = scene.delete(&scene.ann, seq).await;
            scene.shows_soon(&body, false).await;
            assert_eq!(scene.page("").await["head"], gone);
        }
    }
}

#[tokio::test]
async fn who_says_what_he_knows_sees_at_least_that_on_a_hot_page_of_another_node() {
    let scene = Scene::new().await;
    for n in 0..20 {
        let (body, hits) = (format!("wave {n}"), scene.hits());
        let seq = scene.say(&scene.ann, &body).await;
        assert!(shows(&scene.page(&format!("&min={seq}")).await, &body));
        let gone = scene.delete(&scene.ann, seq).await;
        let page = scene.page(&format!("&min={gone}")).await;
        assert!(!shows(&page, &body));
        assert_eq!(page["head"], gone);
        assert_eq!(scene.hits() - hits, 2, "both came from memory");
    }
    let path = format!("/rooms/{}/messages?min=999", scene.room);
    let (status, answer) = scene.bob.call("GET", &path, Value::Null).await;
    assert_eq!((status, &answer["code"]), (503, &json!("unavailable")));
}

#[tokio::test]
async fn what_was_acknowledged_at_a_node_is_on_its_next_page_wherever_the_room_lives() {
    let scene = Scene::new().await;
    for n in 0..20 {
        let (body, hits) = (format!("wave {n}"), scene.hits());
        let seq = scene.say(&scene.bob, &body).await;
        let page = scene.page("").await;
        assert!(shows(&page, &body), "{page}");
        scene.delete(&scene.bob, seq).await;
        assert!(!shows(&scene.page("").await, &body));
        assert_eq!(scene.hits() - hits, 2, "both came from memory");
    }
    // Over a socket, too.
    let mut socket = scene.bob.hello("data").await;
    for n in 0..10 {
        let body = format!("foam {n}");
        socket.insist(&scene.room, &body, 0).await;
        assert!(shows(&scene.page("").await, &body));
    }
    // And what was so already: Ann raised it at her node, and Bob hears here that there is nothing to do.
    let path = format!("/rooms/{}/members/{}", scene.room, scene.bob.id);
    let member = json!({ "role": "admin" });
    let (status, raised) = scene.ann.call("PUT", &path, member.clone()).await;
    assert_eq!(status, 200, "{raised}");
    let (status, same) = scene.bob.call("PUT", &path, member).await;
    assert_eq!((status, &same["changed"]), (200, &json!(false)));
    assert_eq!(scene.page("").await["head"], raised["seq"]);
}

#[tokio::test]
async fn a_node_without_a_lease_asks_the_store_for_each_hot_page() {
    let scene = Scene::new().await;
    scene.world.set_connected(false);
    let lapsed = async || !crate::bus::Bus::is_in_touch(scene.world.cluster(1));
    until("the lease lapses", lapsed).await;
    for n in 0..10 {
        let (body, hits) = (format!("wave {n}"), scene.hits());
        let seq = scene.say(&scene.ann, &body).await;
        assert!(shows(&scene.page("").await, &body));
        let gone = scene.delete(&scene.ann, seq).await;
        let page = scene.page("").await;
        assert!(!shows(&page, &body));
        assert_eq!(page["head"], gone);
        assert_eq!(scene.hits() - hits, 2, "both came from memory");
    }
}

#[tokio::test]
async fn who_was_removed_at_one_node_reads_nothing_hot_at_another() {
    let scene = Scene::new().await;
    let path = format!("/rooms/{}/members/{}", scene.room, scene.bob.id);
    let (status, gone) = scene.ann.call("DELETE", &path, Value::Null).await;
    assert_eq!(status, 200, "{gone}");
    for page in ["messages", "entries", "messages?before=9"] {
        let path = format!("/rooms/{}/{page}", scene.room);
        let (status, answer) = scene.bob.call("GET", &path, Value::Null).await;
        assert_eq!((status, &answer["code"]), (404, &json!("not_found")));
    }
}

#[tokio::test]
async fn a_crowd_that_comes_to_one_node_reads_the_end_of_its_room_once() {
    let world = World::of(2).await;
    let (ann, bob) = world.people().await;
    world.room_on(0, &ann, &bob).await;
    let at = &world.nodes[1];
    let (ann, bob) = (at.visit(&ann), at.visit(&bob));
    let welcomes = &at.node.sessions.greetings().welcomes;
    // Out of touch each reads for himself, and what was read counts for a moment: a slow machine has more tries.
    until("one reads for others", async || {
        // One at a time, and first nobody.
        let _others = welcomes.block_for_test(1).await;
        let turn = welcomes.turn().await.expect("free");
        let mut crowd = Vec::new();
        for who in [&ann, &bob].repeat(4) {
            let mut socket = who.connect().await;
            socket.send(json!({ "t": "hello", "format": "data" })).await;
            crowd.push(socket);
        }
        until("all wait", async || welcomes.waiting_for_test() == 8).await;
        drop(turn);
        for socket in &mut crowd {
            let welcome = socket.sees("welcome").await;
            assert_eq!(welcome["rooms"][0]["head"], json!(2));
        }
        at.node.shelves.ends_shared_for_test() > 0
    })
    .await;
}
