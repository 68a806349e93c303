//! Parser events to HTML, one fixed element each.

use super::text::{self, escape};
use super::{DEPTH_MAX, HTML_BYTES_MAX, Look, NODES_MAX};
use pulldown_cmark::{Alignment, CodeBlockKind, CowStr, Event, HeadingLevel, Tag};

/// Levels that a table needs below itself: scroll box, table, section, row, cell.
const TABLE_LEVELS: usize = 5;
/// Levels that a list needs: list, item.
const LIST_LEVELS: usize = 2;

/// What an open element says when it ends.
struct Open {
    close: &'static str,
    is_link: bool,
    skipped: bool,
}

pub(super) struct Writer<'a> {
    html: String,
    look: &'a Look<'a>,
    open: Vec<Open>,
    /// Text waits here: a mention or link may be split over several events.
    waiting: String,
    nodes: usize,
    links: usize,
    skipped: usize,
    code: Option<String>,
    alignments: Vec<Alignment>,
    column: usize,
    in_table_head: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(look: &'a Look<'a>, source_bytes: usize) -> Self {
        Self {
            html: String::with_capacity(source_bytes + source_bytes / 2 + 32),
            look,
            open: Vec::new(),
            waiting: String::new(),
            nodes: 0,
            links: 0,
            skipped: 0,
            code: None,
            alignments: Vec::new(),
            column: 0,
            in_table_head: false,
        }
    }

    /// False once a bound is exceeded: then the whole message is shown as plain text.
    pub(super) fn event(&mut self, event: Event<'_>) -> bool {
        match event {
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.text(&text),
            Event::Start(tag) => {
                self.flush();
                self.start(tag);
            }
            Event::End(_) => {
                self.flush();
                self.end();
            }
            Event::Code(code) => {
                self.flush();
                self.html.push_str("<code>");
                escape(&mut self.html, &code);
                self.html.push_str("</code>");
                self.nodes += 2;
            }
            Event::SoftBreak | Event::HardBreak => {
                self.flush();
                self.html.push_str("<br>");
                self.nodes += 1;
            }
            Event::Rule => {
                self.flush();
                self.html.push_str("<hr>");
                self.nodes += 1;
            }
            // Extensions that are not enabled.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.text(&text);
            }
            Event::TaskListMarker(_) => {}
        }
        self.nodes <= NODES_MAX && self.html.len() + self.waiting.len() <= HTML_BYTES_MAX
    }

    pub(super) fn finish(mut self) -> String {
        self.flush();
        while !self.open.is_empty() {
            self.end();
        }
        self.html
    }

    fn text(&mut self, text: &str) {
        match &mut self.code {
            Some(code) => code.push_str(text),
            None => self.waiting.push_str(text),
        }
    }

    fn flush(&mut self) {
        if !self.waiting.is_empty() {
            let text = std::mem::take(&mut self.waiting);
            // The end of an HTML block is a line end that shows nothing.
            let text = text.strip_suffix('\n').unwrap_or(&text);
            self.nodes += text::write(&mut self.html, text, self.look, self.links > 0);
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        self.nodes += 1;
        let levels = match &tag {
            Tag::Table(_) => TABLE_LEVELS,
            Tag::List(_) => LIST_LEVELS,
            _ => 1,
        };
        if self.skipped > 0 || self.open.len() + levels > DEPTH_MAX {
            self.skipped += 1;
            self.open.push(Open {
                close: " ",
                is_link: false,
                skipped: true,
            });
            return;
        }
        let close = self.open_element(tag);
        let is_link = close == "</a>";
        self.links += usize::from(is_link);
        self.open.push(Open {
            close,
            is_link,
            skipped: false,
        });
    }

    /// Writes the start of an element and answers its end.
    fn open_element(&mut self, tag: Tag<'_>) -> &'static str {
        match tag {
            Tag::Heading { level, .. } => {
                self.html.push_str(heading(level));
                "</strong></p>"
            }
            Tag::BlockQuote(_) => self.put("<blockquote dir=\"auto\">", "</blockquote>"),
            Tag::CodeBlock(kind) => self.open_code(kind),
            Tag::List(None) => self.put("<ul dir=\"auto\">", "</ul>"),
            Tag::List(Some(first)) => {
                // Browsers read `start` as a signed 32-bit number.
                let first = first.min(999_999_999);
                self.html
                    .push_str(&format!("<ol dir=\"auto\" start=\"{first}\">"));
                "</ol>"
            }
            Tag::Item => self.put("<li dir=\"auto\">", "</li>"),
            Tag::Table(alignments) => self.open_table(alignments),
            Tag::TableHead => {
                self.in_table_head = true;
                self.column = 0;
                self.put("<thead><tr>", "</tr></thead><tbody>")
            }
            Tag::TableRow => {
                self.column = 0;
                self.put("<tr>", "</tr>")
            }
            Tag::TableCell => self.open_cell(),
            Tag::Emphasis => self.put("<em>", "</em>"),
            Tag::Strong => self.put("<strong>", "</strong>"),
            Tag::Strikethrough => self.put("<s>", "</s>"),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => self.open_link(&dest_url),
            Tag::Paragraph
            | Tag::HtmlBlock
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::MetadataBlock(_) => self.put("<p dir=\"auto\">", "</p>"),
            Tag::Superscript | Tag::Subscript => self.put("<span>", "</span>"),
        }
    }

    fn put(&mut self, open: &str, close: &'static str) -> &'static str {
        self.html.push_str(open);
        close
    }

    fn open_link(&mut self, target: &CowStr<'_>) -> &'static str {
        if self.links > 0 || !text::is_safe_target(target) {
            return self.put("<span>", "</span>");
        }
        text::open_link(&mut self.html, target);
        "</a>"
    }

    fn open_code(&mut self, kind: CodeBlockKind<'_>) -> &'static str {
        let language = match &kind {
            CodeBlockKind::Fenced(info) => language_of(info),
            CodeBlockKind::Indented => String::new(),
        };
        // The language waits at the front of the source until the block ends; see `close_code`.
        self.code = Some(language + "\n");
        ""
    }

    fn close_code(&mut self, code: &str) {
        let (language, source) = code.split_once('\n').unwrap_or(("", code));
        let look = self.look;
        self.html
            .push_str("<div class=\"code\"><div class=\"code-head\"><span>");
        escape(&mut self.html, language);
        self.html.push_str(
            "</span><button type=\"button\" class=\"icon-button\" data-size=\"sm\" data-do=\"copy-code\" data-script aria-label=\"",
        );
        escape(&mut self.html, look.copy);
        self.html
            .push_str("\"><svg class=\"icon icon-sm\" aria-hidden=\"true\"><use href=\"");
        escape(&mut self.html, look.icons);
        self.html
            .push_str("#copy\"/></svg></button></div><pre tabindex=\"0\" dir=\"ltr\" role=\"group\" aria-label=\"");
        escape(&mut self.html, look.code);
        if !language.is_empty() {
            self.html.push_str(", ");
            escape(&mut self.html, language);
        }
        self.html.push_str("\"><code");
        if !language.is_empty() {
            self.html.push_str(" class=\"language-");
            escape(&mut self.html, language);
            self.html.push('"');
        }
        self.html.push('>');
        escape(&mut self.html, source.strip_suffix('\n').unwrap_or(source));
        self.html.push_str("</code></pre></div>");
        self.nodes += 9;
    }

    fn open_table(&mut self, alignments: Vec<Alignment>) -> &'static str {
        self.alignments = alignments;
        self.html
            .push_str("<div class=\"table-scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
        escape(&mut self.html, self.look.table);
        self.put("\"><table>", "</tbody></table></div>")
    }

    fn open_cell(&mut self) -> &'static str {
        let align = match self.alignments.get(self.column) {
            Some(Alignment::Center) => " data-align=\"center\"",
            Some(Alignment::Right) => " data-align=\"end\"",
            _ => "",
        };
        self.column += 1;
        let (name, close) = if self.in_table_head {
            ("th", "</th>")
        } else {
            ("td", "</td>")
        };
        self.html.push('<');
        self.html.push_str(name);
        self.html.push_str(" dir=\"auto\"");
        self.html.push_str(align);
        self.html.push('>');
        close
    }

    fn end(&mut self) {
        let Some(open) = self.open.pop() else { return };
        if open.close.starts_with("</tr></thead>") {
            self.in_table_head = false;
        }
        self.skipped -= usize::from(open.skipped);
        self.links -= usize::from(open.is_link);
        if let Some(code) = self.code.take() {
            self.close_code(&code);
        }
        self.html.push_str(open.close);
    }
}

fn heading(level: HeadingLevel) -> &'static str {
    // Not h1…h6: a message must not change the outline of the page.
    match level {
        HeadingLevel::H1 => "<p class=\"heading\" data-level=\"1\" dir=\"auto\"><strong>",
        HeadingLevel::H2 => "<p class=\"heading\" data-level=\"2\" dir=\"auto\"><strong>",
        _ => "<p class=\"heading\" data-level=\"3\" dir=\"auto\"><strong>",
    }
}

/// The first word of the info string if it is a plain name.
fn language_of(info: &str) -> String {
    info.split_whitespace()
        .next()
        .filter(|word| word.len() <= 24)
        .filter(|word| {
            word.chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '#' | '.' | '_'))
        })
        .unwrap_or_default()
        .to_ascii_lowercase()
}
