//! Ann and Bob chat.

use super::*;

#[tokio::test]
async fn ann_writes_edits_reacts_and_deletes_without_scripts() {
    let site = Site::new().await;
    let ann = site.signed_up("ann").await;
    let room = ann.room("night-line").await;
    let post = format!("{room}/post");
    let sent = ann
        .submit(&room, &post, &[("body", "one\r\n**two**")])
        .await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    let page = ann.get(&room).await;
    assert_eq!(page.texts("#m2 .message-body strong"), ["two"]);

    let (link, edit) = (format!("{room}/2"), format!("{room}/2/edit"));
    let edited = ann.submit(&link, &edit, &[("body", "three")]).await;
    assert_eq!(edited.location, format!("{room}/2#m2"));
    let page = ann.get(&link).await;
    assert_eq!(page.texts("#m2 .message-body"), ["three"]);
    assert_eq!(page.texts("#m2 .message-meta"), ["edited"]);

    let react = format!("{room}/2/react");
    let reacted = ann
        .submit(&link, &react, &[("emoji", "👍"), ("on", "true")])
        .await;
    assert_eq!(reacted.status, StatusCode::SEE_OTHER, "{}", reacted.text);
    assert_eq!(ann.get(&room).await.texts("#m2 .reaction"), ["👍1"]);

    let delete = format!("{room}/2/delete");
    ann.submit(&link, &delete, &[]).await;
    let page = ann.get(&room).await;
    assert_eq!(
        page.texts("#m2[data-deleted] .message-body"),
        ["This message was deleted."]
    );
    assert!(!page.text.contains("three"));
}

#[tokio::test]
async fn a_form_sent_twice_posts_once_and_another_text_under_its_key_comes_back() {
    let site = Site::new().await;
    let ann = site.signed_up("ann").await;
    let room = ann.room("night-line").await;
    let post = format!("{room}/post");
    let form = ann.get(&room).await.hidden(&post);
    let with = |body: &'static str| {
        let fields = form.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        fields.chain([("body", body)]).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        let sent = ann.post(&post, &with("hello @ann")).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    }
    let back = ann.post(&post, &with("another text")).await;
    assert_eq!(back.status, StatusCode::CONFLICT);
    assert_eq!(back.texts("textarea#composer"), ["another text"]);
    let fresh = back.hidden(&post);
    let key = |fields: &[(String, String)]| {
        let found = fields.iter().find(|(name, _)| name == "client_id");
        found.map(|(_, value)| value.clone())
    };
    assert_ne!(key(&fresh), key(&form));
    assert_eq!(
        back.texts(".timeline article.message").len(),
        1,
        "one post stands"
    );
}

#[tokio::test]
async fn bob_is_offered_to_join_a_public_channel_at_its_address() {
    let site = Site::new().await;
    let ann = site.signed_up("ann").await;
    let bob = site.signed_up("bob").await;
    let room = ann.room("night-line").await;
    let action = format!("{room}/members");
    for path in [room.clone(), format!("{room}/1"), format!("{room}/details")] {
        let page = bob.get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert_eq!(page.texts("h1"), ["#night-line"], "{path}");
        assert!(page.text.contains("1 member"), "{path}");
        assert!(page.texts(".timeline").is_empty(), "{path}");
    }
    let items = bob.get(&format!("{room}/items")).await;
    assert_eq!(items.status, StatusCode::NOT_FOUND);
    let joined = bob.submit(&room, &action, &[]).await;
    assert_eq!(joined.location, room);
    assert_eq!(bob.get(&room).await.texts(".timeline").len(), 1);
}

#[tokio::test]
async fn bob_marks_a_message_as_unread_and_ann_is_told_who_has_read_hers() {
    let site = Site::new().await;
    let ann = site.signed_up("ann").await;
    let bob = site.signed_up("bob").await;
    let room = ann.room("night-line").await;
    bob.submit(&room, &format!("{room}/members"), &[]).await;
    let body = [("body", "Is the ramp free?")];
    ann.submit(&room, &format!("{room}/post"), &body).await;
    let badge = format!("a[href='{room}'] .badge");
    assert_eq!(bob.get("/").await.texts(&badge), ["1"]);
    let read = format!("{room}/read");
    bob.submit(&room, &read, &[]).await;
    assert!(bob.get("/").await.texts(&badge).is_empty());
    let message = format!("{room}/3");
    assert_eq!(ann.get(&message).await.texts(".seen li"), ["bob"]);
    let page = bob.submit(&message, &read, &[]).await;
    assert_eq!(page.location, "/");
    assert_eq!(bob.get("/").await.texts(&badge), ["1"]);
    assert!(ann.get(&message).await.texts(".seen li").is_empty());
}
