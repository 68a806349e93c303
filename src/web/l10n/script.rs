//! The words of the scripts, as the page brings them: the same Fluent files, with the forms that only the
//! browser can choose between, because it alone knows the number.

use super::{Texts, longer};
use crate::web::pages::shell::for_script;
use fluent_syntax::ast::{
    Entry, Expression, InlineExpression, Pattern, PatternElement, VariantKey,
};
use fluent_syntax::parser;
use serde_json::{Map, Value};
use std::sync::LazyLock;

const ENGLISH: &str = include_str!("../../../locales/en/script.ftl");
const PREFIX: &str = "script-";

/// JSON of all texts by the names that scripts use, fit for an element of the page: a text with blanks
/// in braces, or one text for each plural form.
pub fn script_texts(texts: Texts) -> &'static str {
    static PLAIN: LazyLock<String> = LazyLock::new(|| for_script(&read(&|text| text)));
    static PSEUDO: LazyLock<String> = LazyLock::new(|| for_script(&read(&|text| longer(&text))));
    if texts.pseudo { &PSEUDO } else { &PLAIN }
}

fn read(say: &dyn Fn(String) -> String) -> Value {
    let resource = parser::parse(ENGLISH).unwrap_or_else(|(good, _)| good);
    let mut all = Map::new();
    for entry in &resource.body {
        let Entry::Message(message) = entry else {
            continue;
        };
        let (Some(name), Some(pattern)) = (message.id.name.strip_prefix(PREFIX), &message.value)
        else {
            continue;
        };
        all.insert(name.replace('-', "_"), forms(pattern, say));
    }
    Value::Object(all)
}

fn forms(pattern: &Pattern<&str>, say: &dyn Fn(String) -> String) -> Value {
    let choice = pattern.elements.iter().find_map(|element| match element {
        PatternElement::Placeable {
            expression: Expression::Select { variants, .. },
        } => Some(variants),
        _ => None,
    });
    let Some(variants) = choice else {
        return Value::String(say(words(pattern)));
    };
    let form = |variant: &fluent_syntax::ast::Variant<&str>| {
        let key = match variant.key {
            VariantKey::Identifier { name } | VariantKey::NumberLiteral { value: name } => name,
        };
        (key.to_owned(), Value::String(say(words(&variant.value))))
    };
    Value::Object(variants.iter().map(form).collect())
}

/// The text with its blanks in braces.
fn words(pattern: &Pattern<&str>) -> String {
    let mut text = String::new();
    for element in &pattern.elements {
        match element {
            PatternElement::TextElement { value } => text.push_str(value),
            PatternElement::Placeable {
                expression: Expression::Inline(InlineExpression::VariableReference { id }),
            } => {
                text.push('{');
                text.push_str(id.name);
                text.push('}');
            }
            PatternElement::Placeable { .. } => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    fn texts() -> Map<String, Value> {
        let read: Value = serde_json::from_str(script_texts(Texts::default())).expect("JSON");
        read.as_object().expect("an object").clone()
    }

    fn scripts() -> Vec<(PathBuf, String)> {
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("static/js")];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for item in std::fs::read_dir(folder).expect("a folder").flatten() {
                let path = item.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "js") {
                    let text = std::fs::read_to_string(&path).expect("text");
                    found.push((path, text));
                }
            }
        }
        assert!(found.len() > 20, "the scripts moved");
        found
    }

    /// What stands in double quotes, line by line, without what comments say.
    fn literals(source: &str) -> impl Iterator<Item = &str> {
        let code = source.lines().filter(|line| {
            let line = line.trim_start();
            !line.starts_with("//") && !line.starts_with('*') && !line.starts_with("/**")
        });
        code.flat_map(|line| line.split('"').skip(1).step_by(2))
    }

    #[test]
    fn every_text_that_scripts_ask_for_exists_and_every_text_is_asked_for() {
        let texts = texts();
        let all = scripts();
        let mut asked = 0;
        for (path, source) in &all {
            for rest in source.split("text(\"").skip(1) {
                let key = rest.split('"').next().unwrap_or_default();
                asked += 1;
                assert!(
                    texts.contains_key(key),
                    "{}: no text {key:?}",
                    path.display()
                );
            }
        }
        assert!(asked > 50, "the search itself finds calls: {asked}");
        let said: BTreeSet<&str> = all
            .iter()
            .flat_map(|(_, source)| literals(source))
            .collect();
        for key in texts.keys() {
            let by_rule = ["why_", "key_", "sc_"]
                .iter()
                .any(|start| key.starts_with(start));
            assert!(
                by_rule || said.contains(key.as_str()),
                "nobody asks for {key:?}"
            );
        }
    }

    #[test]
    fn no_script_says_a_word_of_english_by_itself() {
        // Names of keys and of things that browsers and servers call so.
        let names = [
            "Arrow", "Enter", "Escape", "Tab", "NFKD", "GET", "PUT", "POST", "DELETE",
        ];
        for (path, source) in scripts() {
            for literal in literals(&source) {
                let capital = literal.starts_with(|c: char| c.is_ascii_uppercase());
                let name =
                    names.iter().any(|name| literal.starts_with(name)) && !literal.contains(' ');
                assert!(!capital || name, "{}: {literal:?}", path.display());
                let words = literal.split(' ').filter(|word| word.len() > 1);
                let plain = words.filter(|word| word.bytes().all(|b| b.is_ascii_lowercase()));
                assert!(plain.count() < 3, "{}: {literal:?}", path.display());
            }
        }
    }

    #[test]
    fn a_number_has_its_forms_and_a_blank_its_braces() {
        let texts = texts();
        assert_eq!(texts["new_messages"]["one"], "{n} new message");
        assert_eq!(texts["new_messages"]["other"], "{n} new messages");
        assert_eq!(texts["seen"], "Seen by {k} of {n}");
    }

    #[test]
    fn the_pseudo_language_keeps_the_blanks() {
        let read: Value = serde_json::from_str(script_texts(Texts::pseudo())).expect("JSON");
        let text = read["seen"].as_str().expect("a text");
        assert!(text.contains("{k}") && text.contains("{n}"), "{text}");
        assert!(text.chars().count() > "Seen by {k} of {n}".len() * 14 / 10);
    }
}
