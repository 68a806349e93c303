//! The picture that stands for a person or room until it has a real one.

use crate::ids::UserId;
use unicode_segmentation::UnicodeSegmentation as _;

/// Colours to choose from.
const HUES: u32 = 8;

/// Letters on a coloured disc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Face {
    pub initials: String,
    pub letter: String,
    /// 1..=8
    pub hue: u32,
}

impl Face {
    /// The face of a person. The colour comes from the id, so that it stays when the name changes.
    pub fn of(user: Option<UserId>, name: &str) -> Self {
        let bytes = user.map(|user| *user.bytes()).unwrap_or_default();
        Self::new(&bytes, name)
    }

    /// The face of anything with an id and a name.
    pub fn new(id: &[u8], name: &str) -> Self {
        let mut words = name.split_whitespace().filter_map(first);
        let letter = words.next().unwrap_or_else(|| "?".to_owned());
        let mut initials = letter.clone();
        if is_latin(&letter)
            && let Some(last) = words.next_back().filter(|last| is_latin(last))
        {
            initials.push_str(&last);
        }
        let sum = id
            .iter()
            .fold(7_u32, |sum, byte| sum.wrapping_mul(31) + u32::from(*byte));
        Self {
            initials,
            letter,
            hue: (sum >> 4) % HUES + 1,
        }
    }
}

fn first(word: &str) -> Option<String> {
    let grapheme = word
        .graphemes(true)
        .find(|it| it.chars().any(char::is_alphanumeric))?;
    let upper = grapheme.to_uppercase();
    // "ß" and ligatures would become two letters.
    Some(if upper.graphemes(true).count() == 1 {
        upper
    } else {
        grapheme.to_owned()
    })
}

fn is_latin(letter: &str) -> bool {
    letter.chars().next().is_some_and(|c| c < '\u{0590}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_follow_the_script() {
        for (name, initials) in [
            ("Ximena Villaseñor de la Cruz", "XC"),
            ("inês", "I"),
            ("佐藤 美咲", "佐"),
            ("يوسف الخطيب", "ي"),
            ("  ", "?"),
            ("🌊 wave", "W"),
        ] {
            assert_eq!(Face::of(None, name).initials, initials, "{name}");
        }
    }
}
