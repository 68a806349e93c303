use super::*;
use crate::entry::Role;
use crate::ids::ClientId;
use crate::reading::Reactions;
use scraper::{Html, Selector};

fn id(n: u8) -> UserId {
    let mut bytes = [0; 16];
    bytes[0] = 1;
    bytes[15] = n;
    UserId::from_bytes(bytes)
}

fn room() -> RoomId {
    RoomId::from_bytes(*id(99).bytes())
}

fn person(user: UserId, name: &str) -> (UserId, Arc<Profile>) {
    let profile = Profile {
        id: user,
        name: name.to_owned(),
        handle: "x".to_owned(),
        title: String::new(),
        tz: String::new(),
        avatar: None,
    };
    (user, Arc::new(profile))
}

fn people() -> Profiles {
    Profiles::from([person(id(1), "Inês"), person(id(2), "Søren <b>")])
}

fn view(seq: Seq, by: UserId, body: &str) -> MessageView {
    MessageView {
        room: room(),
        seq,
        ord: seq,
        at: Timestamp(1_795_000_000_000),
        by: Some(by),
        client_id: Some(ClientId::from_bytes(*id(7).bytes())),
        body: Some(body.to_owned()),
        edited_at: None,
        deleted: false,
        reactions: Reactions::default(),
        reply_to: None,
        mentions: Mentions::default(),
    }
}

fn entry(seq: Seq, by: UserId, event: Event) -> Entry {
    Entry {
        room: room(),
        seq,
        ord: seq,
        at: Timestamp(1_795_000_000_000),
        by: Some(by),
        client_id: None,
        event,
        redacted: false,
    }
}

fn post() -> Event {
    Event::Post {
        body: None,
        reply_to: None,
        mentions: Mentions::default(),
    }
}

fn texts_of(html: &str, selector: &str) -> Vec<String> {
    let selector = Selector::parse(selector).expect("a selector");
    let fragment = Html::parse_fragment(html);
    fragment
        .select(&selector)
        .map(|node| node.text().collect())
        .collect()
}

/// Names of elements in order, with their classes.
fn structure(html: &str) -> Vec<String> {
    let fragment = Html::parse_fragment(html);
    let elements = fragment.root_element().descendent_elements();
    elements
        .map(|it| format!("{}.{}", it.value().name(), it.attr("class").unwrap_or("")))
        .collect()
}

#[test]
fn a_message_names_its_author_and_place_and_says_nothing_about_the_viewer() {
    let html = Renderer::default().message(&view(42, id(1), "hi"), &people(), None);
    assert_eq!(texts_of(&html, "article.message#m42 #m42-by bdi"), ["Inês"]);
    assert_eq!(texts_of(&html, "#m42 .message-body > p"), ["hi"]);
    let selector = format!("article[data-seq='42'][data-author='{}']", id(1));
    assert_eq!(texts_of(&html, &selector).len(), 1);
    for neutral in ["data-mine", "data-mention ", "data-me"] {
        assert!(!html.contains(neutral), "{html}");
    }
}

#[test]
fn the_template_for_pending_messages_has_the_structure_of_a_message() {
    let renderer = Renderer::default();
    let people = people();
    let placeholder = renderer.placeholder(room(), &people[&id(1)]);
    let mut empty = view(1, id(1), "");
    empty.body = Some(String::new());
    let real = renderer.message(&empty, &people, None);
    assert_eq!(structure(&placeholder), structure(&real));
}

#[test]
fn a_live_edit_replaces_with_what_the_first_paint_shows() {
    let renderer = Renderer::default();
    let mut edited = view(5, id(1), "new text");
    edited.edited_at = Some(Timestamp(1_795_000_060_000));
    let event = Event::Edit {
        target: 5,
        body: None,
    };
    let fragment = renderer.entry_html(&entry(9, id(1), event), Some(&edited), &people(), None);
    assert_eq!(fragment.op, Op::Replace);
    assert_eq!(fragment.target.as_deref(), Some("m5"));
    let painted = renderer.message(&edited, &people(), None);
    assert_eq!(fragment.html, Some(painted.clone()));
    assert_eq!(texts_of(&painted, ".message-meta .edited"), ["edited"]);
}

#[test]
fn a_deleted_message_leaves_a_note_and_nothing_else() {
    let mut gone = view(5, id(1), "secret");
    gone.deleted = true;
    gone.body = None;
    let html = Renderer::default().message(&gone, &people(), None);
    assert_eq!(
        texts_of(&html, "article[data-deleted] .message-body"),
        ["This message was deleted."]
    );
    assert!(!html.contains("secret"));
}

#[test]
fn an_answer_quotes_one_line_and_links_to_it() {
    let mut answer = view(8, id(1), "yes");
    answer.reply_to = Some(3);
    let asked = view(3, id(2), "**Can** we\n\ngo?");
    let html = Renderer::default().message(&answer, &people(), Some(&asked));
    let quote = format!("a.message-quote[href='/r/{}/3']", room());
    assert_eq!(texts_of(&html, &format!("{quote} b")), ["Søren <b>"]);
    assert_eq!(texts_of(&html, &format!("{quote} > span")), ["Can we go?"]);
    let lost = Renderer::default().message(&answer, &people(), None);
    assert_eq!(
        texts_of(&lost, ".message-quote[data-gone] > span"),
        ["This message was deleted."]
    );
}

#[test]
fn the_room_tells_what_happened_to_it() {
    let renderer = Renderer::default();
    for (event, seq, words) in [
        (join(1), 1, "Inês created this room"),
        (join(1), 2, "Inês joined"),
        (join(2), 2, "Søren <b> joined, added by Inês"),
        (Event::Leave { user: id(1) }, 3, "Inês left"),
        (
            Event::Leave { user: id(2) },
            3,
            "Søren <b> was removed by Inês",
        ),
        (role(2), 3, "Inês made Søren <b> an admin"),
        (rename("<i>x</i>"), 3, "Inês named this room <i>x</i>"),
        (topic("a & b"), 3, "Inês set the topic: a & b"),
        (topic(""), 3, "Inês cleared the topic"),
    ] {
        let html = renderer.system(&entry(seq, id(1), event), &people());
        let html = html.expect("a line");
        let line = texts_of(&html, "p.system[data-seq] > span").join("");
        assert!(line.starts_with(words), "{line:?} is not {words:?}");
    }
    assert_eq!(renderer.system(&entry(3, id(1), post()), &people()), None);
}

fn join(n: u8) -> Event {
    Event::Join {
        user: id(n),
        role: Role::Member,
    }
}

fn role(n: u8) -> Event {
    Event::Role {
        user: id(n),
        role: Role::Admin,
    }
}

fn rename(name: &str) -> Event {
    Event::Rename {
        name: Some(name.to_owned()),
    }
}

fn topic(topic: &str) -> Event {
    Event::Topic {
        topic: topic.to_owned(),
    }
}

#[test]
fn t22_every_field_shows_the_same_harmless_text_in_every_path() {
    let renderer = Renderer::default();
    for attack in crate::markdown::attacks() {
        let people = Profiles::from([person(id(1), attack), person(id(2), attack)]);
        let mut answer = view(8, id(1), attack);
        answer.reply_to = Some(3);
        let asked = view(3, id(2), attack);
        let live = renderer.entry_html(
            &entry(8, id(1), post()),
            Some(&answer),
            &people,
            Some(&asked),
        );
        let painted = renderer.message(&answer, &people, Some(&asked));
        assert_eq!(live.html.as_deref(), Some(painted.as_str()), "{attack:?}");
        assert_eq!(texts_of(&painted, "#m8-by bdi"), [*attack], "{attack:?}");
        let lines = [join(2), role(2), rename(attack), topic(attack)].map(|event| {
            renderer
                .system(&entry(9, id(1), event), &people)
                .unwrap_or_default()
        });
        for html in lines.iter().chain([&painted]) {
            let fragment = Html::parse_fragment(html);
            for element in fragment.root_element().descendent_elements() {
                let name = element.value().name();
                let forbidden = [
                    "script", "img", "iframe", "style", "form", "base", "template",
                ];
                assert!(!forbidden.contains(&name), "{attack:?}: {html}");
                let mut attributes = element.value().attrs();
                assert!(
                    attributes.all(|(it, _)| !it.starts_with("on")),
                    "{attack:?}: {html}"
                );
            }
        }
    }
}
