//! Mentions: `<@UUID>`, `<@here>` and `<@channel>` in a body, and how a typed `@handle` becomes one.

use crate::entry::Mentions;
use crate::ids::{UserId, parse_uuid};
use crate::limits::HANDLE_CHARS_MAX;
use pulldown_cmark::{Event, Options, Parser, Tag};
use std::collections::BTreeSet;
use std::ops::Range;

/// A stored body stays within this, bytes: a handle that no longer fits stays as typed.
const STORED_BYTES_MAX: usize = 64_000;
/// `<@` + 36 characters of a UUID + `>`.
const MENTION_BYTES: usize = 39;

/// What stands at an `@` outside code.
enum Found<'a> {
    /// A stored mention.
    Stored(Name),
    /// A typed name without its `@`.
    Typed(&'a str),
}

#[derive(Clone, Copy)]
enum Name {
    User(UserId),
    Here,
    Channel,
}

/// Rewrites typed handles to their stored form and says whom the body names. `member` knows the
/// handles of this room's members; `is_member` its ids. Code is left as typed.
pub fn resolve(
    body: &str,
    member: impl Fn(&str) -> Option<UserId>,
    is_member: impl Fn(UserId) -> bool,
) -> (String, Mentions) {
    let mut mentions = Mentions::default();
    if !body.contains('@') {
        return (body.to_owned(), mentions);
    }
    let mut seen = BTreeSet::new();
    let mut text = String::with_capacity(body.len() + MENTION_BYTES);
    let mut copied = 0;
    for (at, found) in names_in(body) {
        let name = match found {
            Found::Stored(name) => name,
            Found::Typed(typed) => {
                let left = STORED_BYTES_MAX.saturating_sub(text.len() + body.len() - copied);
                let Some((name, bytes)) = known(typed, &member) else {
                    continue;
                };
                if left < MENTION_BYTES {
                    continue;
                }
                text.push_str(&body[copied..at]);
                push_stored(&mut text, name);
                copied = at + 1 + bytes;
                name
            }
        };
        match name {
            Name::Here => mentions.here = true,
            Name::Channel => mentions.channel = true,
            Name::User(user) => {
                if is_member(user) && seen.insert(user) {
                    mentions.users.push(user);
                }
            }
        }
    }
    text.push_str(&body[copied..]);
    (text, mentions)
}

/// Handles, in lower case, that the body may name: what the directory of people is asked for.
pub fn candidates(body: &str) -> BTreeSet<String> {
    let mut handles = BTreeSet::new();
    if !body.contains('@') {
        return handles;
    }
    for (_, found) in names_in(body) {
        if let Found::Typed(typed) = found {
            for form in forms(typed) {
                handles.insert(form.to_lowercase());
            }
        }
    }
    handles
}

fn push_stored(text: &mut String, name: Name) {
    match name {
        Name::User(user) => {
            text.push_str("<@");
            text.push_str(&user.to_string());
            text.push('>');
        }
        Name::Here => text.push_str("<@here>"),
        Name::Channel => text.push_str("<@channel>"),
    }
}

/// The name and how many bytes of `typed` it takes.
fn known(typed: &str, member: &impl Fn(&str) -> Option<UserId>) -> Option<(Name, usize)> {
    forms(typed).find_map(|form| {
        let lower = form.to_lowercase();
        let name = match lower.as_str() {
            "here" => Some(Name::Here),
            "channel" => Some(Name::Channel),
            handle => member(handle).map(Name::User),
        };
        name.map(|name| (name, form.len()))
    })
}

/// As typed, then without the punctuation that ends a sentence or an emphasis.
fn forms(typed: &str) -> impl Iterator<Item = &str> {
    let bare = typed.trim_end_matches(['.', '-', '_']);
    [Some(typed), (bare != typed).then_some(bare)]
        .into_iter()
        .flatten()
        .filter(|form| !form.is_empty() && form.len() <= HANDLE_CHARS_MAX)
}

/// Every `@` outside code that may begin a name, by place.
fn names_in(body: &str) -> Vec<(usize, Found<'_>)> {
    let code = code_in(body);
    let mut code = code.iter().peekable();
    let mut names = Vec::new();
    for (at, _) in body.match_indices('@') {
        while code.next_if(|range| range.end <= at).is_some() {}
        if code.peek().is_some_and(|range| range.start <= at) {
            continue;
        }
        if let Some(found) = name_at(body, at) {
            names.push((at, found));
        }
    }
    names
}

fn name_at(body: &str, at: usize) -> Option<Found<'_>> {
    let rest = &body[at + 1..];
    match body[..at].chars().next_back() {
        Some('<') => {
            if let Some(name) = stored_name(rest) {
                return Some(Found::Stored(name));
            }
        }
        Some(before) if before.is_alphanumeric() || "@/\\.-+=&#".contains(before) => return None,
        _ => {}
    }
    let end = rest
        .bytes()
        .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')))
        .unwrap_or(rest.len());
    (end > 0).then(|| Found::Typed(&rest[..end]))
}

fn stored_name(rest: &str) -> Option<Name> {
    if rest.starts_with("here>") {
        return Some(Name::Here);
    }
    if rest.starts_with("channel>") {
        return Some(Name::Channel);
    }
    let user = parse_uuid(rest.get(..36)?).ok()?;
    (rest.as_bytes().get(36) == Some(&b'>')).then_some(Name::User(UserId(user)))
}

/// Code spans and blocks, ascending and apart.
fn code_in(body: &str) -> Vec<Range<usize>> {
    if !body.contains(['`', '~', '\t']) && !body.contains("    ") {
        return Vec::new();
    }
    let options = Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES;
    Parser::new_ext(body, options)
        .into_offset_iter()
        .filter_map(|(event, range)| match event {
            Event::Code(_) | Event::Start(Tag::CodeBlock(_)) => Some(range),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(n: u8) -> UserId {
        UserId::from_bytes([n; 16])
    }

    fn check(body: &str, stored: &str, named: &[UserId]) {
        let handle = |name: &str| match name {
            "ann" => Some(user(1)),
            "bob.b" => Some(user(2)),
            _ => None,
        };
        let (text, mentions) = resolve(body, handle, |id| id == user(1) || id == user(2));
        assert_eq!(text, stored, "{body:?}");
        assert_eq!(mentions.users, named, "{body:?}");
    }

    #[test]
    fn typed_handles_of_members_are_stored_as_ids() {
        let (ann, bob) = (format!("<@{}>", user(1)), format!("<@{}>", user(2)));
        check("hi @ann", &format!("hi {ann}"), &[user(1)]);
        check(
            "@Ann, @bob.b.",
            &format!("{ann}, {bob}."),
            &[user(1), user(2)],
        );
        check("*@ann*", &format!("*{ann}*"), &[user(1)]);
        check("_@ann_", &format!("_{ann}_"), &[user(1)]);
        check("@ann @ann", &format!("{ann} {ann}"), &[user(1)]);
        check("@nobody", "@nobody", &[]);
        check("me@ann.example", "me@ann.example", &[]);
        check("https://x.example/@ann", "https://x.example/@ann", &[]);
        check(r"\@ann", r"\@ann", &[]);
        check(&ann, &ann, &[user(1)]);
    }

    #[test]
    fn code_stays_as_typed_and_names_nobody() {
        let stored = format!("`<@{}>`", user(1));
        check(&stored, &stored, &[]);
        check("`@ann`", "`@ann`", &[]);
        check("```\n@ann\n```", "```\n@ann\n```", &[]);
        check("~~~\n@ann", "~~~\n@ann", &[]);
        check("    @ann", "    @ann", &[]);
        let after = format!("`x` <@{}>", user(1));
        check("`x` @ann", &after, &[user(1)]);
    }

    #[test]
    fn strangers_are_not_named_but_everybody_can_be() {
        let carl = format!("<@{}>", user(3));
        check(&carl, &carl, &[]);
        let (text, mentions) = resolve("@here and <@channel>", |_| None, |_| false);
        assert_eq!(text, "<@here> and <@channel>");
        assert!(mentions.here && mentions.channel && mentions.users.is_empty());
    }

    #[test]
    fn a_body_full_of_handles_stays_small_enough_to_store() {
        let body = "@ann ".repeat(3_200);
        let (text, mentions) = resolve(&body, |_| Some(user(1)), |_| true);
        assert!(text.len() <= STORED_BYTES_MAX, "{}", text.len());
        assert_eq!(mentions.users, [user(1)]);
    }

    #[test]
    fn the_directory_is_asked_for_every_form_of_a_name() {
        let asked = candidates("@Ann. `@bob` mail@x.y @here");
        assert_eq!(
            asked.into_iter().collect::<Vec<_>>(),
            ["ann", "ann.", "here"]
        );
    }
}
