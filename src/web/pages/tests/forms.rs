//! Landmarks, labels and what a form keeps.

use super::*;

#[tokio::test]
async fn a_page_names_its_fields_landmarks_and_one_heading() {
    let site = Site::new().await;
    let ann = site.signed_up("ann").await;
    let room = ann.room("night-line").await;
    let paths = [
        "/",
        "/rooms/new",
        "/rooms/browse",
        "/people",
        "/settings/profile",
        "/settings/appearance",
        "/settings/devices",
        "/settings/password",
        "/admin/invites",
        &room,
    ];
    for path in paths {
        let page = ann.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert_eq!(page.texts("h1").len(), 1, "{path}");
        assert_eq!(page.texts("main").len(), 1, "{path}");
        assert_eq!(page.texts("a.skip").len(), 1, "{path}");
        let html = Html::parse_document(&page.text);
        let fields = Selector::parse("input:not([type=hidden], [type=radio]), textarea, select");
        for field in html.select(&fields.expect("a selector")) {
            let id = field.attr("id").expect("an id");
            assert_eq!(
                page.texts(&format!("label[for='{id}']")).len(),
                1,
                "{path} {id}"
            );
        }
        assert!(!page.text.contains(" style="), "{path}");
        assert!(!page.text.contains("onclick"), "{path}");
    }
}

#[tokio::test]
async fn a_sign_up_that_fails_keeps_what_was_typed_and_says_why_beside_the_field() {
    let site = Site::new().await;
    let stranger = site.stranger();
    let fields = [
        ("name", "Ann"),
        ("email", "ann@halden.example"),
        ("password", "short"),
    ];
    let page = stranger.submit("/signup", "/signup", &fields).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert_eq!(page.texts("#password-error").len(), 1);
    assert!(page.text.contains("value=\"ann@halden.example\""));
    assert!(!page.text.contains("value=\"short\""));
}

#[tokio::test]
async fn whoever_is_signed_out_comes_back_to_the_page_he_asked_for() {
    let site = Site::new().await;
    let _ann = site.signed_up("ann").await;
    let stranger = site.stranger();
    let page = stranger.get("/settings/profile").await;
    assert_eq!(page.location, "/login?next=/settings/profile");
    let fields = [
        ("email", "ann@halden.example"),
        ("password", "three green lanterns"),
        ("next", "//evil.example"),
    ];
    let page = stranger.submit("/login", "/login", &fields).await;
    assert_eq!(page.location, "/");
}
