use super::super::outbox::Drained;
use super::*;
use crate::testing::probe::{Probe, connect, frames, user};

#[tokio::test]
async fn revoking_a_log_in_ends_its_sockets_and_leaves_the_others() {
    let sessions = Sessions::new(&Metrics::new(), 1);
    let (ann, _) = connect(user(1)).await;
    let (bob, _) = connect(user(2)).await;
    sessions.register(ann.clone()).expect("room for Ann");
    sessions.register(bob.clone()).expect("room for Bob");
    let socket = tokio::spawn({
        let (sessions, ann) = (sessions.clone(), ann.clone());
        async move {
            let drained = ann.outbox.drain(&mut Vec::new(), usize::MAX).await;
            sessions.unregister(ann.id);
            drained
        }
    });
    sessions.revoke(ann.login).await;
    assert!(!sessions.is_online(ann.user));
    let drained = socket.await.expect("the socket task ends");
    assert_eq!(drained, Drained::Close(code::NOT_AUTHENTICATED));
    assert!(sessions.is_online(bob.user));
    assert!(bob.outbox.push("still here".into()));
}

#[tokio::test]
async fn a_removed_person_gets_gone_on_every_device_and_nobody_else_does() {
    let sessions = Sessions::new(&Metrics::new(), 1);
    let (laptop, mut heard) = connect(user(1)).await;
    let (phone, _) = connect(user(1)).await;
    let (bob, _) = connect(user(2)).await;
    for connection in [&laptop, &phone, &bob] {
        sessions.register(Arc::clone(connection)).expect("room");
    }
    let room = RoomId::from_bytes([9; 16]);
    sessions.removed(room, user(1), 7);
    for device in [&laptop, &phone] {
        let got = frames(device);
        assert_eq!(got.len(), 1);
        assert_eq!(got[0], json!({ "t": "gone", "room": room, "seq": 7 }));
    }
    assert!(frames(&bob).is_empty());
    let Probe::Heard(message) = heard.next().await;
    assert!(matches!(message, SessionMessage::Removed { seq: 7, .. }));
}

#[tokio::test]
async fn a_person_has_a_bounded_number_of_sockets() {
    let sessions = Sessions::new(&Metrics::new(), 1);
    for _ in 0..SOCKETS_PER_USER_MAX {
        let (connection, _) = connect(user(1)).await;
        sessions.register(connection).expect("room for ten");
    }
    let (eleventh, _) = connect(user(1)).await;
    let refused = sessions.register(eleventh).expect_err("not for eleven");
    assert_eq!(refused.code, Code::RateLimited);
    let (bob, _) = connect(user(2)).await;
    sessions.register(bob).expect("Bob is not concerned");
}

#[tokio::test(start_paused = true)]
async fn a_drain_says_bye_to_everybody_and_takes_no_new_connection() {
    let sessions = Sessions::new(&Metrics::new(), 1);
    let (ann, _) = connect(user(1)).await;
    sessions.register(ann.clone()).expect("room for Ann");
    sessions.drain(Duration::from_secs(4)).await;
    assert_eq!(ann.outbox.closing(), Some(code::GOING_AWAY));
    assert_eq!(frames(&ann)[0]["t"], "bye");
    let (late, _) = connect(user(2)).await;
    assert!(sessions.register(late).is_err());
}
