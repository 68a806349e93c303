//! Fuzzing of everything that reads what strangers write. `./check fuzz` gives each target more time;
//! `BOLERO_RANDOM_ITERATIONS` and `BOLERO_RANDOM_SEED` do by hand.
//!
//! Plain random bytes hardly ever get past a first bracket, so bytes choose pieces of a dictionary.

use crate::bus::seal::{Frame, Seal, Way};
use crate::cluster;
use crate::draft;
use crate::ids::{NodeId, UserId};
use crate::limits::{BODY_CHARS_MAX, FRAME_ELEMENTS_MAX, JSON_DEPTH_MAX, NAME_CHARS_MAX};
use crate::markdown::{self, Look};
use crate::room::Draft;
use crate::wire;
use bytes::Bytes;
use scraper::Html;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "null",
    "true",
    "0",
    "1",
    "-1",
    "1.0",
    "1e3",
    "42",
    " ",
    "\n",
    "\"t\":",
    "\"hello\"",
    "\"watch\"",
    "\"unwatch\"",
    "\"send\"",
    "\"mark\"",
    "\"typing\"",
    "\"ping\"",
    "\"room\":",
    "\"ref\":",
    "\"client_id\":",
    "\"after\":",
    "\"kind\":",
    "\"post\"",
    "\"edit\"",
    "\"delete\"",
    "\"react\"",
    "\"target\":",
    "\"emoji\":",
    "\"👍\"",
    "\"body\":",
    "\"reply_to\":",
    "\"format\":",
    "\"data\"",
    "\"html\"",
    "\"cursors\":",
    "\"read\":",
    "\"unread_from\":",
    "\"on\":",
    "\"0190a000-0000-7000-8000-00000000000a\"",
    "\"0190A000-0000-7000-8000-00000000000A\"",
    "9007199254740991",
    "9007199254740992",
    "18446744073709551616",
    "\\u0000",
    "\\ud800",
    "\\udc00",
    "\\\"",
    "\u{202e}",
    "\u{200b}",
    "{\"t\":\"ping\",\"n\":1}",
    "[[[[[[[[[[[[[[[[[",
    "]]]]]]]]]]]]]]]]]",
    "{\"t\":\"send\",\"room\":\"0190a000-0000-7000-8000-00000000000a\",\"client_id\":\"0190a000-0000-7000-8000-00000000000b\",\"after\":0,",
    "\"kind\":\"post\",\"body\":\"x\"}",
];

const TEXT: &[&str] = &[
    " ",
    "\n",
    "\r\n",
    "\t",
    "\u{0}",
    "\u{7}",
    "\u{1b}[31m",
    "\u{200b}",
    "\u{feff}",
    "\u{202e}",
    "\u{2066}",
    "\u{a0}",
    "\u{2028}",
    "e\u{301}",
    "👩‍👩‍👧‍👧",
    "مرحبا",
    "a",
    "B",
    "@",
    "<@",
    "0190a000-0000-7000-8000-00000000000a>",
    "<@here>",
    "`",
    "```",
];

/// How many inputs a target was given. Who asked for a number gets that number, or a failure: a
/// target that ran out of time must not pass for one that was tried.
struct Tried {
    target: &'static str,
    inputs: AtomicUsize,
}

impl Tried {
    fn new(target: &'static str) -> Self {
        Self {
            target,
            inputs: AtomicUsize::new(0),
        }
    }

    fn one(&self) {
        self.inputs.fetch_add(1, Ordering::Relaxed);
    }

    fn judge(self) {
        let inputs = self.inputs.into_inner();
        println!("{inputs} inputs: {}", self.target);
        let asked = std::env::var("BOLERO_RANDOM_ITERATIONS");
        let asked = asked.map_or(1, |text| text.parse().expect("a number of inputs"));
        assert!(inputs >= asked, "{}: {inputs} of {asked}", self.target);
    }
}

/// Each byte is a piece of the dictionary, or stands for itself.
fn text_of(bytes: &[u8], dictionary: &[&str]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match dictionary.get(usize::from(*byte)) {
            Some(piece) => text.push_str(piece),
            None => text.push(char::from(*byte)),
        }
    }
    text
}

#[test]
fn fuzz_frames_are_read_or_refused_within_their_bounds() {
    let tried = Tried::new("frames");
    bolero::check!().for_each(|bytes: &[u8]| {
        tried.one();
        let text = text_of(bytes, JSON);
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        match wire::client::read(&text) {
            Ok(elements) => {
                assert!(is_json, "{text:?}");
                assert!(elements.len() <= FRAME_ELEMENTS_MAX);
            }
            Err(_) => assert!(!is_json || deepest(&text) > JSON_DEPTH_MAX, "{text:?}"),
        }
    });
    tried.judge();
}

/// Brackets of the text, inside strings too: never less than the depth of its JSON.
fn deepest(text: &str) -> usize {
    let (mut depth, mut most) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

#[test]
fn fuzz_drafts_that_pass_are_clean_and_stay_so() {
    let accepted = AtomicUsize::new(0);
    let tried = Tried::new("drafts");
    bolero::check!().for_each(|bytes: &[u8]| {
        tried.one();
        match draft::parse(&fields_of(bytes)) {
            Ok((_, _, Draft::Post { body, .. } | Draft::Edit { body, .. })) => assert_clean(&body),
            Ok((_, _, Draft::React { emoji, .. })) => assert!(draft::is_emoji(&emoji)),
            Ok(_) => {}
            Err(_) => return,
        }
        accepted.fetch_add(1, Ordering::Relaxed);
    });
    tried.judge();
    assert!(
        accepted.into_inner() > 0,
        "no input was ever accepted: the target is blind"
    );
}

/// Fields of a send: mostly the right names, mostly with values of the right kind.
fn fields_of(bytes: &[u8]) -> draft::Fields {
    const KINDS: [&str; 8] = [
        "post", "edit", "delete", "react", "unreact", "rename", "topic", "join",
    ];
    let (head, rest) = bytes.split_at(bytes.len().min(8));
    let byte = |at: usize| usize::from(head.get(at).copied().unwrap_or(0));
    let id = "0190a000-0000-7000-8000-00000000000a";
    let values = [
        json!(text_of(rest, TEXT)),
        json!("👍"),
        json!(1),
        json!(9_007_199_254_740_992_u64),
        json!(-1),
        json!(1.0),
        json!(true),
        Value::Null,
        json!([id]),
        json!({"a": id}),
    ];
    let value = |at: usize, usual: Value| match byte(at) {
        place @ 0..10 => values[place].clone(),
        _ => usual,
    };
    let text = text_of(rest, TEXT);
    let fields = json!({
        "client_id": value(0, json!(id)), "after": value(1, json!(0)), "kind": KINDS[byte(2) % 8],
        "body": value(3, json!(text)), "target": value(4, json!(7)), "emoji": value(5, json!("👍")),
        "name": value(6, json!(text)), "topic": text, "reply_to": value(7, Value::Null),
    });
    match fields {
        Value::Object(fields) => fields,
        _ => draft::Fields::new(),
    }
}

#[test]
fn fuzz_texts_are_cleaned_once_and_for_all() {
    let tried = Tried::new("texts");
    bolero::check!().for_each(|bytes: &[u8]| {
        tried.one();
        let text = text_of(bytes, TEXT);
        if let Ok(body) = draft::clean_body(&text) {
            assert_clean(&body);
        }
        if let Ok(name) = draft::clean_name(&text) {
            assert!(
                (1..=NAME_CHARS_MAX).contains(&name.chars().count()),
                "{name:?}"
            );
            assert!(!name.chars().any(char::is_control), "{name:?}");
            assert_eq!(draft::clean_name(&name).as_deref(), Ok(name.as_str()));
        }
        if let Ok(handle) = draft::clean_handle(&text) {
            assert_eq!(draft::clean_handle(&handle).as_deref(), Ok(handle.as_str()));
        }
    });
    tried.judge();
}

fn assert_clean(body: &str) {
    let length = body.chars().count();
    assert!(
        (1..=BODY_CHARS_MAX).contains(&length),
        "{length} characters"
    );
    // C0 without the three that text needs; DEL and C1 are not forbidden by the contract.
    let stray = |c: char| c < ' ' && !matches!(c, '\t' | '\n' | '\r');
    assert!(!body.contains(stray), "{body:?}");
    assert_eq!(draft::clean_body(body).as_deref(), Ok(body));
}

const MARKDOWN: &[&str] = &[
    "\n",
    "\n\n",
    " ",
    "    ",
    "*",
    "**",
    "_",
    "~~",
    "`",
    "```",
    "```rust\n",
    "> ",
    "- ",
    "1. ",
    "# ",
    "---",
    "[",
    "](",
    ")",
    "![",
    "<",
    ">",
    "</",
    "&",
    "&lt;",
    "&#106;",
    "&colon;",
    "&Tab;",
    "\"",
    "'",
    "=",
    "\\",
    "|",
    "|-|-|\n",
    "a",
    "javascript:",
    "JaVaScRiPt:",
    "java\tscript:",
    "data:text/html,",
    "vbscript:",
    "https://a.example/",
    "//a.example",
    "mailto:a@b.example",
    "<script>",
    "</script>",
    "<img src=x onerror=",
    "<svg onload=",
    "<style>",
    "<iframe ",
    "<a href=\"",
    "<math><mtext>",
    "<!--",
    "-->",
    "<![CDATA[",
    "alert(1)",
    "onclick=",
    "style=",
    "\u{0}",
    "\u{202e}",
    "\u{200b}",
    "<@0190a000-0000-7000-8000-00000000000a>",
    "<@here>",
    "<@channel>",
    "[a]: javascript:x\n",
    "[a]",
    "https://a.example/?q=<b>",
    "\t",
    "\r\n",
    "مرحبا",
    "👍",
];

#[test]
fn fuzz_markdown_becomes_harmless_html_only() {
    const TAGS: [&str; 25] = [
        // "html" is the parser's own root.
        "html",
        "p",
        "br",
        "hr",
        "strong",
        "em",
        "s",
        "code",
        "pre",
        "a",
        "span",
        "ul",
        "ol",
        "li",
        "blockquote",
        "div",
        "button",
        "svg",
        "use",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    ];
    let tried = Tried::new("markdown");
    bolero::check!().for_each(|bytes: &[u8]| {
        tried.one();
        let name = |_: UserId| Some("Inês <b onclick=x>\"'".to_owned());
        let look = Look {
            name: &name,
            unknown: "somebody",
            code: "Code",
            copy: "Copy",
            table: "Table",
            icons: "/static/icons.svg",
        };
        let source = text_of(bytes, MARKDOWN);
        let html = markdown::to_html(&source, &look);
        let tree = Html::parse_fragment(&html);
        for element in tree.root_element().descendent_elements() {
            let element = element.value();
            assert!(
                TAGS.contains(&element.name()),
                "<{}> of {source:?}: {html}",
                element.name()
            );
            for (attribute, value) in element.attrs() {
                let harmless = !attribute.starts_with("on")
                    && !matches!(attribute, "style" | "src" | "srcdoc");
                assert!(harmless, "{attribute}={value:?} of {source:?}");
                if attribute == "href" {
                    assert!(is_safe_link(value), "{value:?} of {source:?}");
                }
            }
        }
        let line = markdown::to_line(&source, &look, 80);
        assert!(
            line.chars().count() <= 81 && !line.contains(['\n', '\r']),
            "{line:?}"
        );
    });
    tried.judge();
}

fn is_safe_link(target: &str) -> bool {
    let target = target.to_ascii_lowercase();
    ["http://", "https://", "mailto:", "/static/icons.svg#"]
        .iter()
        .any(|start| target.starts_with(start))
}

#[test]
fn fuzz_bus_frames_of_a_neighbour_are_read_or_refused() {
    let tried = Tried::new("bus frames");
    let seal = Seal::new("chat", &["secret".to_owned()]).expect("there is a secret");
    let frame = Frame {
        from: NodeId::from_bytes([1; 16]),
        to: NodeId::from_bytes([2; 16]),
        at_ms: 1_000,
        way: Way::Probe { n: 1 },
        payload: Bytes::new(),
    };
    let opened = AtomicUsize::new(0);
    bolero::check!().for_each(|bytes: &[u8]| {
        tried.one();
        // A neighbour signs whatever he says, so what is said must be read with care, too.
        let said = message_of(bytes);
        let read = cluster::wire::decode(&said);
        if let Ok(message) = &read {
            opened.fetch_add(1, Ordering::Relaxed);
            let again = cluster::wire::decode(&cluster::wire::encode(message));
            assert_eq!(again.as_ref(), Ok(message));
        }
        let payload = Bytes::from(said);
        let whole = seal.close(&Frame {
            payload,
            ..frame.clone()
        });
        let whole = whole.expect("it is short");
        assert!(seal.open(&whole, 1_000).is_ok());
        assert!(seal.open(&Bytes::copy_from_slice(bytes), 1_000).is_err());
        let _ = seal.open_unsigned(bytes);
    });
    let opened = opened.into_inner();
    assert!(
        opened > 0,
        "no input was ever a message: the target is blind"
    );
    tried.judge();
}

/// A whole message of some version, with up to two pieces put in anywhere.
fn message_of(bytes: &[u8]) -> Vec<u8> {
    const WHOLE: usize = 4;
    let (head, rest) = bytes.split_at(bytes.len().min(2));
    let byte = |at: usize| usize::from(head.get(at).copied().unwrap_or(1));
    let mut said = vec![byte(0) as u8 % 4];
    said.extend_from_slice(BUS[byte(1) % WHOLE].as_bytes());
    for pair in rest.chunks_exact(2).take(rest.len() % 3) {
        let at = 1 + usize::from(pair[0]) % said.len();
        let piece = BUS[usize::from(pair[1]) % BUS.len()];
        said.splice(at..at, piece.bytes());
    }
    said
}

const BUS: &[&str] = &[
    "{\"t\":\"bye\"}",
    "{\"t\":\"want_interest\"}",
    "{\"t\":\"confirm\",\"fence\":7}",
    "{\"t\":\"heartbeat\",\"draining\":false,\"interest\":1}",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "null",
    "true",
    "1",
    "-1",
    "\"t\":",
    "\"send\"",
    "\"found\"",
    "\"publication\"",
    "\"interest\"",
    "\"head\"",
    "\"mark\"",
    "\"room\":",
    "\"user\":",
    "\"entries\":",
    "\"fence\":",
    "\"follow\":",
    "\"leave\":",
    "\"base\":",
    "\"version\":",
    "\"id\":",
    "\"0190a000-0000-7000-8000-00000000000a\"",
];
