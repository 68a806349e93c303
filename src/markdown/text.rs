//! Text between marks: escaping, mentions, bare links, line ends.

use super::Look;
use crate::ids::UserId;
use linkify::{LinkFinder, LinkKind};

/// Appends `text` so that it is text in element content and in a quoted attribute alike.
pub fn escape(html: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        html.push_str(&rest[..at]);
        html.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        });
        rest = &rest[at + 1..];
    }
    html.push_str(rest);
}

/// Whether a link may lead there: an allowed scheme, spelled plainly, and nothing that a browser would
/// silently remove.
pub(super) fn is_safe_target(url: &str) -> bool {
    let begins = |scheme: &str| {
        url.get(..scheme.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(scheme))
            && url.len() > scheme.len()
    };
    (begins("https://") || begins("http://") || begins("mailto:"))
        && !url.chars().any(|c| c.is_control() || c.is_whitespace())
}

pub(super) fn open_link(html: &mut String, url: &str) {
    html.push_str("<a href=\"");
    escape(html, url);
    html.push_str("\" rel=\"noopener noreferrer nofollow ugc\" target=\"_blank\">");
}

/// Whom `<@…>` names.
enum Named {
    User(UserId),
    Here,
    Channel,
}

const USER_MARK_BYTES: usize = 39;

/// Splits off the first mention: text before it, whom it names, text after it.
fn first_mention(text: &str) -> Option<(&str, Named, &str)> {
    let mut from = 0;
    while let Some(found) = text[from..].find("<@") {
        let start = from + found;
        let inner = &text[start + 2..];
        if let Some(rest) = inner.strip_prefix("here>") {
            return Some((&text[..start], Named::Here, rest));
        }
        if let Some(rest) = inner.strip_prefix("channel>") {
            return Some((&text[..start], Named::Channel, rest));
        }
        let id = inner.get(..USER_MARK_BYTES - 3);
        if let Some(user) = id.and_then(|id| id.parse().ok())
            && inner[USER_MARK_BYTES - 3..].starts_with('>')
        {
            return Some((
                &text[..start],
                Named::User(user),
                &inner[USER_MARK_BYTES - 2..],
            ));
        }
        from = start + 2;
    }
    None
}

/// Appends text with mentions, bare links (not `in_link`) and line ends. Answers how many nodes it made.
pub(super) fn write(html: &mut String, text: &str, look: &Look<'_>, in_link: bool) -> usize {
    let mut nodes = 1;
    let mut rest = text;
    while let Some((before, named, after)) = first_mention(rest) {
        nodes += 1 + write_links(html, before, in_link);
        write_mention(html, &named, look);
        rest = after;
    }
    nodes + write_links(html, rest, in_link)
}

fn write_mention(html: &mut String, named: &Named, look: &Look<'_>) {
    match named {
        Named::User(user) => {
            html.push_str("<span class=\"mention\" data-user=\"");
            html.push_str(&user.to_string());
            html.push_str("\">@");
            let name = (look.name)(*user);
            escape(html, name.as_deref().unwrap_or(look.unknown));
            html.push_str("</span>");
        }
        Named::Here => html.push_str("<span class=\"mention\" data-all=\"here\">@here</span>"),
        Named::Channel => {
            html.push_str("<span class=\"mention\" data-all=\"channel\">@channel</span>");
        }
    }
}

fn write_links(html: &mut String, text: &str, in_link: bool) -> usize {
    if in_link || !text.contains("://") {
        return write_lines(html, text);
    }
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]);
    let mut nodes = 0;
    for span in finder.spans(text) {
        if span.kind().is_some() && is_safe_target(span.as_str()) {
            open_link(html, span.as_str());
            escape(html, span.as_str());
            html.push_str("</a>");
            nodes += 2;
        } else {
            nodes += write_lines(html, span.as_str());
        }
    }
    nodes
}

fn write_lines(html: &mut String, text: &str) -> usize {
    let mut lines = text.split('\n');
    if let Some(first) = lines.next() {
        escape(html, first.trim_end_matches('\r'));
    }
    let mut nodes = 1;
    for line in lines {
        html.push_str("<br>");
        escape(html, line.trim_end_matches('\r'));
        nodes += 2;
    }
    nodes
}

/// The same text with `<@…>` replaced by names.
pub(super) fn with_names(text: &str, look: &Look<'_>) -> String {
    let mut words = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, named, after)) = first_mention(rest) {
        words.push_str(before);
        words.push('@');
        match named {
            Named::User(user) => {
                let name = (look.name)(user);
                words.push_str(name.as_deref().unwrap_or(look.unknown));
            }
            Named::Here => words.push_str("here"),
            Named::Channel => words.push_str("channel"),
        }
        rest = after;
    }
    words.push_str(rest);
    words
}
