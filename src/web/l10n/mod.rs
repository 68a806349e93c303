//! All words that people read, from `locales/*/*.ftl`.

pub mod script;

use crate::clock::Timestamp;
use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader, langid};
use std::borrow::{Borrow, Cow};
use std::collections::HashMap;

fluent_templates::static_loader! {
    static LOCALES = {
        locales: "./locales",
        fallback_language: "en",
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

const ENGLISH: LanguageIdentifier = langid!("en");

/// Stand for names while a sentence is put together; never typed by people.
const MARKS: [char; 4] = ['\u{F8F0}', '\u{F8F1}', '\u{F8F2}', '\u{F8F3}'];

/// The texts of one language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// Every text 40 % longer and the page mirrored, so that tests see what breaks.
    pseudo: bool,
}

/// A part of a sentence: words of ours, a name that somebody chose, or a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Words(String),
    Name(String),
    /// A moment as RFC 3339, and how it is written in UTC; the browser writes it in the reader's zone.
    Moment {
        at: String,
        utc: String,
    },
}

impl Piece {
    /// A moment: its day and time.
    pub fn moment(at: Timestamp) -> Self {
        Self::Moment {
            at: at.to_rfc3339(),
            utc: long_time(at),
        }
    }
}

impl From<&str> for Piece {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

/// Day and time in UTC.
pub fn long_time(at: Timestamp) -> String {
    let text = at.to_rfc3339();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(time)) => format!("{day}, {time} UTC"),
        _ => text,
    }
}

impl Texts {
    /// English with every text 40 % longer, on mirrored pages.
    pub fn pseudo() -> Self {
        Self { pseudo: true }
    }

    /// The texts of a language, by the name that settings use.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "en" => Some(Self::default()),
            "pseudo" => Some(Self::pseudo()),
            _ => None,
        }
    }

    /// Which way the language is written, as `dir` of the page.
    pub fn dir(&self) -> &'static str {
        if self.pseudo { "rtl" } else { "ltr" }
    }

    /// A text without blanks.
    pub fn t(&self, key: &str) -> String {
        self.look_up(key, None)
    }

    /// A text whose blank `$n` is a number; it chooses the plural form.
    pub fn n(&self, key: &str, n: impl Borrow<u64>) -> String {
        let n = *n.borrow();
        let blanks = HashMap::from([(Cow::Borrowed("n"), FluentValue::from(n))]);
        self.look_up(key, Some(&blanks))
    }

    /// A text whose blank `$name` is filled with words.
    pub fn a(&self, key: &str, name: &str) -> String {
        let blanks = HashMap::from([(Cow::Borrowed("name"), FluentValue::from(name))]);
        self.look_up(key, Some(&blanks))
    }

    /// A sentence in which names and moments stand apart from words; at most four of them.
    pub fn pieces<P: Into<Piece> + Clone>(
        &self,
        key: &str,
        apart: &[(&'static str, P)],
    ) -> Vec<Piece> {
        let blanks: HashMap<Cow<'static, str>, FluentValue<'_>> = apart
            .iter()
            .zip(MARKS)
            .map(|((blank, _), mark)| (Cow::Borrowed(*blank), FluentValue::from(mark.to_string())))
            .collect();
        let sentence = self.look_up(key, Some(&blanks));
        let mut pieces = Vec::new();
        let mut words = String::new();
        for c in sentence.chars() {
            match MARKS.iter().position(|mark| *mark == c) {
                Some(at) if at < apart.len() => {
                    if !words.is_empty() {
                        pieces.push(Piece::Words(std::mem::take(&mut words)));
                    }
                    pieces.push(apart[at].1.clone().into());
                }
                _ => words.push(c),
            }
        }
        if !words.is_empty() {
            pieces.push(Piece::Words(words));
        }
        pieces
    }

    fn look_up(
        &self,
        key: &str,
        blanks: Option<&HashMap<Cow<'static, str>, FluentValue<'_>>>,
    ) -> String {
        let found = match blanks {
            Some(blanks) => LOCALES.try_lookup_with_args(&ENGLISH, key, blanks),
            None => LOCALES.try_lookup(&ENGLISH, key),
        };
        debug_assert!(found.is_some(), "no text {key:?}");
        let text = found.unwrap_or_else(|| key.to_owned());
        if self.pseudo { longer(&text) } else { text }
    }
}

fn longer(text: &str) -> String {
    let more = text.chars().count() * 2 / 5;
    let filling: String = "lorem ipsum dolor ".chars().cycle().take(more).collect();
    format!("[{text} {filling}]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn sources(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, found);
            } else {
                found.push(std::fs::read_to_string(&path).expect("text"));
            }
        }
    }

    #[test]
    fn every_text_that_pages_ask_for_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut all = Vec::new();
        sources(&root.join("templates"), &mut all);
        sources(&root.join("src/web"), &mut all);
        let mut asked = 0;
        for source in &all {
            for call in [
                "t.t(\"",
                "t.n(\"",
                "t.a(\"",
                "t.pieces(\"",
                "texts.t(\"",
                "texts.n(\"",
                "texts.a(\"",
            ] {
                for rest in source.split(call).skip(1) {
                    let key = rest.split('"').next().unwrap_or_default();
                    if key.contains(['(', ',', '$', '{']) {
                        continue;
                    }
                    asked += 1;
                    assert!(exists(key), "no text {key:?}");
                }
            }
        }
        assert!(asked > 50, "the search itself finds calls: {asked}");
    }

    fn exists(key: &str) -> bool {
        let words = ["name", "who", "user", "topic", "when"].map(|blank| (blank, "x".into()));
        let blanks = words.into_iter().chain([("n", FluentValue::from(2))]);
        let blanks = blanks.map(|(blank, value)| (Cow::Borrowed(blank), value));
        LOCALES
            .try_lookup_with_args(&ENGLISH, key, &blanks.collect())
            .is_some()
    }

    #[test]
    fn numbers_choose_the_form() {
        let texts = Texts::default();
        assert_eq!(texts.n("members-count", 1_u64), "1 member");
        assert_eq!(texts.n("members-count", 12_u64), "12 members");
    }

    #[test]
    fn names_stand_apart_even_when_they_look_like_words() {
        let texts = Texts::default();
        let pieces = texts.pieces("system-added", &[("who", "Ann"), ("user", "{$who} <b>")]);
        let names: Vec<&Piece> = pieces
            .iter()
            .filter(|piece| matches!(piece, Piece::Name(_)))
            .collect();
        assert_eq!(names.len(), 2, "{pieces:?}");
        assert!(pieces.contains(&Piece::Name("{$who} <b>".to_owned())));
    }

    #[test]
    fn the_pseudo_language_is_longer() {
        let (plain, pseudo) = (Texts::default().t("sign-in"), Texts::pseudo().t("sign-in"));
        assert!(pseudo.chars().count() * 10 >= plain.chars().count() * 14);
    }
}
