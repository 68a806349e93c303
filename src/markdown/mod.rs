//! Messages are CommonMark; this is the only place that turns them into HTML.
//!
//! Safe by construction: the writer emits a fixed set of elements, everything that came from a person
//! passes `escape`, and links have to begin with an allowed scheme. Linear in the length of the text and
//! bounded in depth, nodes and bytes; what goes beyond is shown as plain text.

mod text;
mod writer;

#[cfg(test)]
mod tests;

use crate::ids::UserId;
use pulldown_cmark::{Event, Options, Parser, TagEnd};

pub use text::escape;

/// Deepest nesting of elements in one message.
pub const DEPTH_MAX: usize = 16;
/// Most elements and pieces of text in one message.
pub const NODES_MAX: usize = 10_000;
/// Most bytes of HTML that one message may grow to before it is shown as plain text.
pub const HTML_BYTES_MAX: usize = 262_144;

/// What the writer needs besides the source: names of people and the few words around code.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub name: &'a dyn Fn(UserId) -> Option<String>,
    /// Stands for a person who is not known.
    pub unknown: &'a str,
    /// "Code".
    pub code: &'a str,
    /// "Copy code".
    pub copy: &'a str,
    /// "Table".
    pub table: &'a str,
    /// Address of the icon sprite.
    pub icons: &'a str,
}

fn options() -> Options {
    Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES
}

/// The HTML of a message body.
pub fn to_html(source: &str, look: &Look<'_>) -> String {
    let mut writer = writer::Writer::new(look, source.len());
    for event in Parser::new_ext(source, options()) {
        if !writer.event(event) {
            return plain(source, look);
        }
    }
    writer.finish()
}

/// The whole source as text in one paragraph: what exceeds a bound is shown, not dropped.
fn plain(source: &str, look: &Look<'_>) -> String {
    let mut html = String::with_capacity(source.len() + 32);
    html.push_str("<p dir=\"auto\">");
    text::write(&mut html, source, look, false);
    html.push_str("</p>");
    html
}

/// For tests of everything that shows text.
#[cfg(test)]
pub(crate) use tests::TAGS;

/// Texts that try to break out, for tests of everything that shows text.
#[cfg(test)]
pub(crate) fn attacks() -> &'static [&'static str] {
    tests::ATTACKS
}

/// One line of plain text for quotes and notices, at most `chars_max` characters.
pub fn to_line(source: &str, look: &Look<'_>, chars_max: usize) -> String {
    let mut words = String::new();
    for event in Parser::new_ext(source, options()) {
        match event {
            Event::Text(text) | Event::Code(text) | Event::Html(text) | Event::InlineHtml(text) => {
                words.push_str(&text);
            }
            Event::SoftBreak | Event::HardBreak | Event::Rule => words.push(' '),
            Event::End(
                TagEnd::Paragraph
                | TagEnd::Heading(_)
                | TagEnd::Item
                | TagEnd::TableCell
                | TagEnd::CodeBlock
                | TagEnd::HtmlBlock,
            ) => words.push(' '),
            _ => {}
        }
        if words.len() > 8 * chars_max {
            break;
        }
    }
    shorten(&text::with_names(&words, look), chars_max)
}

fn shorten(words: &str, chars_max: usize) -> String {
    use unicode_segmentation::UnicodeSegmentation as _;
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= chars_max {
        return line;
    }
    let mut short = String::new();
    let mut chars = 1;
    for grapheme in line.graphemes(true) {
        chars += grapheme.chars().count();
        if chars > chars_max {
            break;
        }
        short.push_str(grapheme);
    }
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}
