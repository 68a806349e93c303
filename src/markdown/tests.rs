use super::*;
use scraper::{Html, Selector};
use std::collections::{HashMap, HashSet};
use std::time::Instant;

const INES: &str = "0190a000-0000-7000-8000-00000000000a";

fn name(user: UserId) -> Option<String> {
    (user.to_string() == INES).then(|| "Inês <b>".to_owned())
}

fn look() -> Look<'static> {
    Look {
        name: &name,
        unknown: "somebody",
        code: "Code",
        copy: "Copy code",
        table: "Table",
        icons: "/static/icons.svg",
    }
}

fn html(source: &str) -> String {
    to_html(source, &look())
}

fn visible(html: &str) -> String {
    let fragment = Html::parse_fragment(html);
    fragment.root_element().text().collect()
}

#[test]
fn what_people_write_becomes_what_they_mean() {
    for (source, expected) in [
        ("hello", "<p dir=\"auto\">hello</p>"),
        (
            "**a** *b* ~~c~~",
            "<p dir=\"auto\"><strong>a</strong> <em>b</em> <s>c</s></p>",
        ),
        ("one\ntwo", "<p dir=\"auto\">one<br>two</p>"),
        ("`a<b`", "<p dir=\"auto\"><code>a&lt;b</code></p>"),
        (
            "> q",
            "<blockquote dir=\"auto\"><p dir=\"auto\">q</p></blockquote>",
        ),
        (
            "- a\n- b",
            "<ul dir=\"auto\"><li dir=\"auto\">a</li><li dir=\"auto\">b</li></ul>",
        ),
        (
            "7. a",
            "<ol dir=\"auto\" start=\"7\"><li dir=\"auto\">a</li></ol>",
        ),
        (
            "# Big",
            "<p class=\"heading\" data-level=\"1\" dir=\"auto\"><strong>Big</strong></p>",
        ),
        ("صباح الخير", "<p dir=\"auto\">صباح الخير</p>"),
        (
            "see https://a.example/x?y=1&z=2.",
            "<p dir=\"auto\">see <a href=\"https://a.example/x?y=1&amp;z=2\" rel=\"noopener noreferrer nofollow ugc\" target=\"_blank\">https://a.example/x?y=1&amp;z=2</a>.</p>",
        ),
        (
            "![a cat](https://a.example/cat.png)",
            "<p dir=\"auto\"><a href=\"https://a.example/cat.png\" rel=\"noopener noreferrer nofollow ugc\" target=\"_blank\">a cat</a></p>",
        ),
    ] {
        assert_eq!(html(source), expected, "{source:?}");
    }
}

#[test]
fn a_mention_shows_the_name_and_a_name_is_only_text() {
    let out = html(&format!("<@{INES}> and <@here> and <@channel>"));
    assert_eq!(
        out,
        format!(
            "<p dir=\"auto\"><span class=\"mention\" data-user=\"{INES}\">@Inês &lt;b&gt;</span> and <span class=\"mention\" data-all=\"here\">@here</span> and <span class=\"mention\" data-all=\"channel\">@channel</span></p>"
        )
    );
    let unknown = html("<@0190a000-0000-7000-8000-00000000000b>");
    assert!(unknown.contains("@somebody"), "{unknown}");
}

#[test]
fn a_mention_inside_code_stays_as_it_was_written() {
    for source in [format!("`<@{INES}>`"), format!("```\n<@{INES}>\n```")] {
        let out = html(&source);
        assert!(!out.contains("mention"), "{out}");
        assert!(visible(&out).contains(&format!("<@{INES}>")), "{out}");
    }
}

#[test]
fn code_keeps_its_language_and_a_place_for_the_copy_button() {
    let out = html("```Rust\nlet a = \"<b>\";\n```");
    let fragment = Html::parse_fragment(&out);
    let code = Selector::parse(".code > pre > code.language-rust").expect("selector");
    let text: String = fragment
        .select(&code)
        .flat_map(|node| node.text())
        .collect();
    assert_eq!(text, "let a = \"<b>\";");
    let copy = Selector::parse(".code-head button[aria-label='Copy code']").expect("selector");
    assert_eq!(fragment.select(&copy).count(), 1);
    let odd = html("```\"onclick=alert(1)\nx\n```");
    assert!(!odd.contains("language-"), "{odd}");
}

#[test]
fn a_table_has_head_body_and_alignment() {
    let out = html("| a | b |\n|--:|:-:|\n| 1 | 2 |");
    assert!(
        out.contains("<th dir=\"auto\" data-align=\"end\">a</th>"),
        "{out}"
    );
    assert!(
        out.contains("<tbody><tr><td dir=\"auto\" data-align=\"end\">1</td>"),
        "{out}"
    );
}

/// T21: nesting, entities, case, spaces, schemes.
pub(crate) const ATTACKS: &[&str] = &[
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?php echo 1 ?><img src=x onerror=alert(1)>",
    "<template><img src=x onerror=alert(1)></template>",
    "<iframe srcdoc=\"<script>alert(1)</script>\">",
    "<a href=javascript:alert(1)>x</a>",
    "<form><button formaction=javascript:alert(1)>x</button></form>",
    "<base href=//evil.example>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](  javascript:alert(1))",
    "[x](java&#115;cript:alert(1))",
    "[x](&#x6A;avascript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](<java\nscript:alert(1)>)",
    "[x](\\x01javascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](file:///etc/passwd)",
    "[x](//evil.example)",
    "[x](https:javascript:alert(1))",
    "<javascript:alert(1)>",
    "<data:text/html,x>",
    "![x](javascript:alert(1))",
    "![\" onerror=alert(1) x=\"](https://a.example/\"onerror=alert(1))",
    "[x](https://a.example/\" onmouseover=alert(1) x=\")",
    "[x](<https://a.example/\"><script>alert(1)</script>>)",
    "[x]: javascript:alert(1)\n[x]",
    "[a](https://a.example \"title\" onclick=alert(1))",
    "`</code><script>alert(1)</script>`",
    "```\n</code></pre><script>alert(1)</script>\n```",
    "```html\"><script>alert(1)</script>\nx\n```",
    "| <script>alert(1)</script> | </td></table><img src=x onerror=alert(1)> |\n|-|-|\n| <b> | x |",
    "# <img src=x onerror=alert(1)>",
    "> <script>\n> alert(1)\n> </script>",
    "- <svg onload=alert(1)>",
    "https://a.example/\"><script>alert(1)</script>",
    "https://a.example/'onclick='alert(1)",
    "<@here><script>alert(1)</script>",
    "<@0190a000-0000-7000-8000-00000000000a\"><img src=x onerror=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)",
    "\\<script>alert(1)\\</script>",
    "<a\nhref=\"javascript:alert(1)\"\n>x",
    "[<img src=x onerror=alert(1)>](https://a.example)",
    "[![x](https://a.example/\"><script>)](javascript:alert(1))",
    "**<script>**alert(1)</script>",
    "{{7*7}} ${7*7} <% 7 %>",
];

/// Every element that a message may have.
pub(crate) const TAGS: [&str; 24] = [
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

fn oracle() -> ammonia::Builder<'static> {
    let mut builder = ammonia::Builder::empty();
    builder
        .tags(HashSet::from(TAGS))
        .generic_attributes(HashSet::from([
            "dir",
            "class",
            "aria-label",
            "role",
            "tabindex",
        ]))
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href", "rel", "target"])),
            ("ol", HashSet::from(["start"])),
            ("p", HashSet::from(["data-level"])),
            ("span", HashSet::from(["data-user", "data-all"])),
            (
                "button",
                HashSet::from(["type", "data-size", "data-do", "data-script"]),
            ),
            ("svg", HashSet::from(["aria-hidden"])),
            ("use", HashSet::from(["href"])),
            ("th", HashSet::from(["data-align"])),
            ("td", HashSet::from(["data-align"])),
        ]))
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(ammonia::UrlRelative::PassThrough)
        .link_rel(None);
    builder
}

fn same_to_a_browser(a: &str, b: &str) -> bool {
    Html::parse_fragment(a).html() == Html::parse_fragment(b).html()
}

#[test]
fn t21_no_attack_survives_and_the_sanitizer_has_nothing_to_remove() {
    let oracle = oracle();
    for attack in ATTACKS {
        let out = html(attack);
        let clean = oracle.clean(&out).to_string();
        assert!(
            same_to_a_browser(&out, &clean),
            "{attack:?}\n{out}\n{clean}"
        );
        let fragment = Html::parse_fragment(&out);
        for element in fragment.root_element().descendent_elements() {
            for (attribute, value) in element.value().attrs() {
                assert!(!attribute.starts_with("on"), "{attack:?}: {out}");
                if attribute == "href" && element.value().name() == "a" {
                    assert!(text::is_safe_target(value), "{attack:?}: {out}");
                }
            }
        }
    }
}

#[test]
fn raw_html_is_shown_as_the_text_that_was_typed() {
    for source in [
        "<b>bold</b>",
        "<script>alert(1)</script>",
        "a <i x=\"y\">b</i>",
    ] {
        assert_eq!(visible(&html(source)), source);
    }
}

#[test]
fn the_parsed_tree_is_the_written_tree() {
    // Mutation XSS lives where parsing and serializing again gives another tree.
    for attack in ATTACKS {
        let out = html(attack);
        let once = Html::parse_fragment(&out).root_element().inner_html();
        let twice = Html::parse_fragment(&once).root_element().inner_html();
        assert_eq!(once, twice, "{attack:?}");
    }
}

#[test]
fn nesting_stops_at_the_bound_and_loses_no_word() {
    for source in [
        format!("{} deep", ">".repeat(200)),
        format!("{} deep", "- ".repeat(200)),
        format!("{}deep{}", "*_".repeat(200), "_*".repeat(200)),
        format!("{}\n{} deep | b |", "> ".repeat(13), ""),
    ] {
        let out = html(&source);
        assert!(visible(&out).contains("deep"), "{out}");
        let fragment = Html::parse_fragment(&out);
        let deepest = fragment
            .root_element()
            .descendent_elements()
            .map(|element| element.ancestors().count())
            .max()
            .unwrap_or(0);
        // The document and its root come on top.
        assert!(deepest <= DEPTH_MAX + 3, "{deepest} levels");
    }
}

#[test]
fn a_message_with_too_many_nodes_is_shown_as_plain_text() {
    let source = "*a* ".repeat(4_000);
    let out = html(&source);
    assert!(!out.contains("<em>"));
    assert_eq!(visible(&out), source);
}

#[test]
fn t33_the_worst_texts_take_no_longer_than_long_plain_ones() {
    let n = 16_000;
    let rows = format!(
        "|{}\n|{}\n{}",
        "a|".repeat(100),
        "-|".repeat(100),
        "|a\n".repeat(5_000)
    );
    for source in [
        "[".repeat(n),
        "![".repeat(n / 2),
        "*a_".repeat(n / 3),
        "`".repeat(n),
        (0..170).map(|i| "`".repeat(i) + "a").collect(),
        "<".repeat(n),
        "<@".repeat(n / 2),
        "> ".repeat(n / 2),
        "- ".repeat(n / 2),
        "<!--".repeat(n / 4),
        "<?".repeat(n / 2),
        "http://".repeat(n / 7),
        "a://".repeat(n / 4),
        "://".repeat(n / 3),
        "a@".repeat(n / 2),
        "((((".repeat(n / 4) + "https://a",
        "[a](".repeat(n / 4),
        "[a]: b\n".repeat(n / 7) + "[a]",
        "&".repeat(n),
        rows,
    ] {
        let start = Instant::now();
        let out = html(&source);
        let took = start.elapsed();
        assert!(took.as_millis() < 2_000, "{} took {took:?}", &source[..20]);
        assert!(out.len() <= 2 * HTML_BYTES_MAX, "{} bytes", out.len());
    }
}

#[test]
fn a_quote_is_one_line_without_marks() {
    let line = to_line(
        &format!("**Hello** <@{INES}>,\n\n- one\n- `two`"),
        &look(),
        80,
    );
    assert_eq!(line, "Hello @Inês <b>, one two");
    assert_eq!(to_line("👨‍👩‍👧‍👦👨‍👩‍👧‍👦", &look(), 9), "👨‍👩‍👧‍👦…");
    assert_eq!(to_line("abcdef", &look(), 4), "abc…");
}
