//! Markdown of messages.

use super::{Tried, text_of};
use crate::ids::UserId;
use crate::markdown::{self, Look};
use scraper::Html;

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
        // "html" is the parser's own root.
        for element in tree.root_element().descendent_elements() {
            let element = element.value();
            assert!(
                element.name() == "html" || markdown::TAGS.contains(&element.name()),
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
