//! The store does not answer: what is known for certain can still be read.

use super::*;
use crate::error::Code;

fn silence() -> Result<LoadedHistory, Error> {
    Err(Error::new(Code::Unavailable, "no quorum"))
}

/// Ann listens to the room, whose log ends at 1, and has heard of entry 2.
async fn heard() -> (Scene, Arc<Connection>) {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    scene.state.listen(Arc::clone(&ann), 1);
    scene.state.published(shared(&[post(2, "two")]));
    (scene, ann)
}

#[tokio::test]
async fn who_was_told_of_the_room_here_reads_its_recent_tail_while_the_store_is_away() {
    for expires in [false, true] {
        let (mut scene, ann) = heard().await;
        scene.ask(&ann, Format::Data, 1);
        match expires {
            false => scene.state.loaded(silence()),
            true => scene.state.expire(Timestamp(2_000)),
        };
        assert_eq!(told(&ann), ["2 two", "watching"]);
        scene.state.published(shared(&[post(3, "three")]));
        assert_eq!(told(&ann), ["3 three"]);
    }
}

#[tokio::test]
async fn a_stranger_is_not_served_from_memory_nor_is_who_was_removed() {
    let (mut scene, ann) = heard().await;
    let (eve, _) = connect(user(6)).await;
    scene.ask(&eve, Format::Data, 1);
    scene.state.loaded(silence());
    assert_eq!(told(&eve), ["unavailable"]);
    let leave = entry(3, user(2), Event::Leave { user: user(1) });
    scene.state.published(shared(&[leave]));
    scene.ask(&ann, Format::Data, 1);
    scene.state.loaded(silence());
    assert_eq!(told(&ann), ["unavailable"]);
}

#[tokio::test]
async fn what_is_not_certain_is_not_served_from_memory() {
    type Case = (&'static str, fn(&mut Scene), Seq);
    let cases: [Case; 4] = [
        (
            "out of touch",
            |scene| {
                let none = Rights {
                    since: None,
                    ..Rights::ALWAYS
                };
                scene.state.at(Timestamp(0), none);
            },
            1,
        ),
        (
            "behind by hearsay",
            |scene| {
                scene.state.head_is(9);
            },
            1,
        ),
        ("older than the ring", |_| {}, 0),
        ("the reader knows more", |_| {}, 3),
    ];
    for (why, change, after) in cases {
        let (mut scene, ann) = heard().await;
        change(&mut scene);
        scene.ask(&ann, Format::Data, after);
        scene.state.loaded(silence());
        scene.state.expire(Timestamp(2_000));
        assert_eq!(told(&ann), ["unavailable"], "{why}");
    }
}

#[tokio::test]
async fn a_refusal_of_the_store_is_not_its_silence() {
    let (mut scene, ann) = heard().await;
    scene.ask(&ann, Format::Data, 1);
    scene.state.loaded(Err(Error::not_found()));
    assert_eq!(told(&ann), ["not_found"]);
}
