//! Drafts and the texts in them.

use super::{Tried, text_of};
use crate::draft;
use crate::limits::{BODY_CHARS_MAX, NAME_CHARS_MAX};
use crate::room::Draft;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

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
