//! Hot history on one node while the room lives on another, with and without the bus.

use super::*;

async fn messages(person: &Person, room: &str) -> Value {
    let path = format!("/rooms/{room}/messages?limit=20");
    let (status, page) = person.call("GET", &path, Value::Null).await;
    assert_eq!(status, 200, "{page}");
    page
}

#[tokio::test]
async fn a_hot_page_of_another_node_shows_all_that_was_acknowledged_before_it_was_asked_for() {
    let world = World::of(2).await;
    let (ann, bob) = world.people().await;
    let bob = world.nodes[1].visit(&bob);
    let room = world.room_on(0, &ann, &bob).await;
    for _ in 0..4 {
        messages(&bob, &room).await;
    }
    let hits = || world.nodes[1].node.metrics.history_hits.get();
    assert!(hits() > 0);
    for connected in [true, false] {
        world.set_connected(connected);
        for n in 0..10 {
            let before = hits();
            let body = format!("wave {n}, {connected}");
            let mut post = post(&room, Uuid::now_v7(), &body);
            post["kind"] = json!("post");
            let path = format!("/rooms/{room}/entries");
            let (status, said) = ann.call("POST", &path, post).await;
            assert_eq!(status, 201, "{said}");
            let page = messages(&bob, &room).await;
            assert!(page.to_string().contains(&body), "{page}");
            let delete = json!({
                "client_id": Uuid::now_v7(), "after": 0, "kind": "delete", "target": said["seq"],
            });
            let (status, gone) = ann.call("POST", &path, delete).await;
            assert_eq!(status, 201, "{gone}");
            let page = messages(&bob, &room).await;
            assert!(!page.to_string().contains(&body), "{page}");
            assert_eq!(page["head"], gone["seq"]);
            assert_eq!(hits() - before, 2, "both came from memory");
        }
    }
}

#[tokio::test]
async fn who_was_removed_at_one_node_reads_nothing_hot_at_another() {
    let world = World::of(2).await;
    let (ann, bob) = world.people().await;
    let bob = world.nodes[1].visit(&bob);
    let room = world.room_on(0, &ann, &bob).await;
    for _ in 0..4 {
        messages(&bob, &room).await;
    }
    let path = format!("/rooms/{room}/members/{}", bob.id);
    let (status, gone) = ann.call("DELETE", &path, Value::Null).await;
    assert_eq!(status, 200, "{gone}");
    for page in ["messages", "entries", "messages?before=9"] {
        let path = format!("/rooms/{room}/{page}");
        let (status, answer) = bob.call("GET", &path, Value::Null).await;
        assert_eq!((status, &answer["code"]), (404, &json!("not_found")));
    }
}
