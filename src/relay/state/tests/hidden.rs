//! What an edit or a deletion hid is shown to nobody who comes later, in neither format.

use super::*;

#[tokio::test]
async fn who_comes_after_an_edit_does_not_see_what_it_hid() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    scene.watch(&ann, 0, 0, &[]);
    let edit = Event::Edit {
        target: 1,
        body: Some("better".to_owned()),
    };
    scene.state.published(shared(&[post(1, "secret")]));
    scene.state.published(shared(&[entry(2, user(1), edit)]));
    assert_eq!(told(&ann), ["watching", "1 secret", "2 better"]);
    let (bob, _) = connect(user(2)).await;
    scene.watch(&bob, 0, 2, &[]);
    assert_eq!(told(&bob), ["1 post", "2 better", "watching"]);
    scene
        .state
        .published(shared(&[entry(3, user(1), Event::Delete { target: 1 })]));
    let (carol, _) = connect(user(3)).await;
    scene.watch(&carol, 0, 3, &[]);
    assert_eq!(told(&carol), ["1 post", "2 edit", "3 delete", "watching"]);
}

#[tokio::test]
async fn the_html_lane_keeps_order_and_renders_anew_what_was_hidden() {
    let mut scene = scene();
    let (ann, _) = connect(user(1)).await;
    let render = |effects: Vec<RelayEffect>| {
        let found = effects.into_iter().find_map(|effect| match effect {
            RelayEffect::Render(items) => Some(items),
            _ => None,
        });
        found.expect("something to render")
    };
    let html = |items: &[(Seq, u64, Arc<Entry>)], text: &str| {
        let one = |_| Rendered {
            op: "add",
            html: text.to_owned(),
        };
        Ok(items.iter().map(one).collect())
    };
    scene.ask(&ann, Format::Html, 0);
    let effects = scene
        .state
        .loaded(history(1, &[user(1)], &[post(1, "secret")]));
    let items = render(effects);
    assert_eq!(told(&ann), [""; 0]);
    scene.state.rendered(items.clone(), html(&items, "old"));
    assert_eq!(told(&ann), ["1 old", "watching"]);
    let edit = Event::Edit {
        target: 1,
        body: Some("better".to_owned()),
    };
    let items = render(scene.state.published(shared(&[entry(2, user(1), edit)])));
    let more = scene.state.published(shared(&[post(3, "three")]));
    assert!(more.is_empty(), "one rendering at a time: {more:?}");
    let items_after = render(scene.state.rendered(items.clone(), html(&items, "edited")));
    scene
        .state
        .rendered(items_after.clone(), html(&items_after, "third"));
    assert_eq!(told(&ann), ["2 edited", "3 third"]);
    let (bob, _) = connect(user(2)).await;
    scene.ask(&bob, Format::Html, 0);
    let items = render(scene.state.loaded(history(3, &[user(2)], &[])));
    assert_eq!(items.len(), 1, "only what was hidden");
    assert!(items[0].2.redacted);
    scene.state.rendered(items.clone(), html(&items, "new"));
    assert_eq!(told(&bob), ["1 new", "2 edited", "3 third", "watching"]);
    assert_eq!(told(&ann), [""; 0]);
}
