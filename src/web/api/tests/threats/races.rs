//! Two who do opposite things at once.

use super::*;

#[tokio::test]
async fn t37_an_edit_and_a_deletion_that_race_leave_no_text_behind() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, "group", &[]).await;
    for round in 0..40 {
        let said = world.say(&ann, &room, "secret-old").await;
        let seq = said.json["seq"].as_u64().expect("a seq");
        let edit = json!({"kind": "edit", "target": seq, "body": "secret-new"});
        let delete = json!({"kind": "delete", "target": seq});
        let race = match round % 2 {
            0 => [edit.clone(), delete, edit],
            _ => [delete, edit.clone(), edit],
        };
        let answers = join_all(race.map(|fields| change(&world, &ann, &room, fields))).await;
        assert!(
            answers
                .iter()
                .all(|answer| answer == "ok" || answer == "conflict"),
            "{answers:?}"
        );
        let page = world
            .get(&ann, &format!("/rooms/{room}/entries?after={}", seq - 1))
            .await;
        assert!(!page.text.contains("secret"), "{}", page.text);
        let about = page.json["entries"].as_array().expect("entries");
        let last = about.last().expect("a deletion");
        assert_eq!(last["kind"], "delete", "nothing comes after it");
    }
}

#[tokio::test]
async fn t37_joins_and_leaves_that_race_end_as_the_log_says() {
    let world = World::new().await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    for _ in 0..10 {
        let room = world.room(&ann, "channel", &[]).await;
        let me = format!("/rooms/{room}/members/me");
        let race = (0..8).map(|turn| {
            let (world, bob, me) = (&world, &bob, &me);
            async move {
                match turn % 2 {
                    0 => world.put(bob, me, json!({})).await.status,
                    _ => world.delete(bob, me).await.status,
                }
            }
        });
        let statuses = join_all(race).await;
        assert!(
            statuses.iter().all(|status| matches!(status, 200 | 404)),
            "{statuses:?}"
        );
        let log = world.get(&ann, &format!("/rooms/{room}/entries")).await;
        let moves: Vec<&str> = log.json["entries"]
            .as_array()
            .expect("entries")
            .iter()
            .filter(|entry| entry["user"] == bob.id.as_str())
            .filter_map(|entry| entry["kind"].as_str())
            .collect();
        for pair in moves.windows(2) {
            assert_ne!(pair[0], pair[1], "twice in or out: {moves:?}");
        }
        let is_in = moves.last() == Some(&"join");
        let members = world.get(&ann, &format!("/rooms/{room}/members")).await;
        assert_eq!(members.text.contains(&bob.id), is_in, "{moves:?}");
        let read = world.get(&bob, &format!("/rooms/{room}/entries")).await;
        assert_eq!(read.status == 200, is_in, "{moves:?}");
    }
}
