//! Text of people as it is stored: what is taken away, and what is refused.

use crate::error::{Code, Error, Result};
use crate::limits::{BODY_CHARS_MAX, NAME_CHARS_MAX};

/// A message body as it is stored: white space at the end and blank lines at the start are gone.
pub fn clean_body(text: &str) -> Result<String> {
    refuse_controls(text)?;
    let body = without_blank_start(text.trim_end());
    if body.chars().all(is_invisible) {
        return Err(Error::bad_request("The message is empty."));
    }
    if body.chars().count() > BODY_CHARS_MAX {
        let why = format!("A message has at most {BODY_CHARS_MAX} characters.");
        return Err(Error::new(Code::TooLarge, why));
    }
    Ok(body.to_owned())
}

/// The name of a room or person: one line of 1 to 64 characters.
pub fn clean_name(text: &str) -> Result<String> {
    let name = clean_line(text, NAME_CHARS_MAX)?;
    match name.chars().all(is_invisible) {
        true => Err(Error::bad_request("The name is empty.")),
        false => Ok(name),
    }
}

/// One line of at most `max` characters, perhaps none. What could break out of a line or turn the
/// direction of the text around it is removed, and so is white space at both ends.
pub fn clean_line(text: &str, max: usize) -> Result<String> {
    refuse_controls(text)?;
    let line: String = text
        .chars()
        .map(|c| {
            if is_line_break(c) || c == '\t' {
                ' '
            } else {
                c
            }
        })
        .filter(|c| !c.is_control() && !turns_direction(*c))
        .collect();
    let line = line.trim();
    match line.chars().count() > max {
        true => Err(Error::new(
            Code::TooLarge,
            format!("This may have at most {max} characters."),
        )),
        false => Ok(line.to_owned()),
    }
}

/// A handle: 1 to 32 of `a-z 0-9 . _ -`, beginning and ending with a letter or digit; lower case.
/// The names that address everybody are nobody's.
pub fn clean_handle(text: &str) -> Result<String> {
    let handle = text.trim().trim_start_matches('@').to_lowercase();
    let bytes = handle.as_bytes();
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let fits = (1..=crate::limits::HANDLE_CHARS_MAX).contains(&bytes.len())
        && bytes.iter().all(|b| plain(b) || b"._-".contains(b))
        && bytes.first().is_some_and(plain)
        && bytes.last().is_some_and(plain)
        && !["here", "channel", "everyone", "all"].contains(&handle.as_str());
    match fits {
        true => Ok(handle),
        false => Err(Error::bad_request(
            "A handle has 1 to 32 letters a to z, digits, dots, hyphens or underscores, and begins and ends with a letter or digit.",
        )),
    }
}

fn refuse_controls(text: &str) -> Result<()> {
    let wrong = |c: char| c < ' ' && !matches!(c, '\t' | '\n' | '\r');
    match text.chars().any(wrong) {
        true => Err(Error::bad_request(
            "Control characters other than tab and line breaks are not text.",
        )),
        false => Ok(()),
    }
}

/// Drops lines of only white space at the start; a line ends with LF, CR LF or CR.
fn without_blank_start(text: &str) -> &str {
    let mut start = 0;
    for (at, c) in text.char_indices() {
        match c {
            '\n' | '\r' => start = at + 1,
            c if c.is_whitespace() => {}
            _ => break,
        }
    }
    &text[start..]
}

fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Bidirectional overrides, embeddings and isolates.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// White space or a default-ignorable code point (Unicode 16, DerivedCoreProperties).
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(text: &str) -> Option<String> {
        clean_body(text).ok()
    }

    #[test]
    fn white_space_at_the_end_and_blank_lines_at_the_start_are_removed() {
        let cases = [
            ("hi \t\r\n", "hi"),
            ("\n \r\n\t\r  hi", "  hi"),
            ("\u{3000}\nhi\u{2003}", "hi"),
            ("a\n\n b", "a\n\n b"),
            ("\u{2028}hi", "\u{2028}hi"),
        ];
        for (given, stored) in cases {
            assert_eq!(body_of(given).as_deref(), Some(stored), "{given:?}");
        }
    }

    #[test]
    fn lines_lose_what_could_disturb_their_surroundings() {
        assert_eq!(
            clean_line(" a\tb\u{202e}\u{9f}\nc ", 20).as_deref(),
            Ok("a b c")
        );
        assert_eq!(
            clean_line("abc", 2).map_err(|e| e.code),
            Err(Code::TooLarge)
        );
        assert_eq!(
            clean_line("a\0", 9).map_err(|e| e.code),
            Err(Code::BadRequest)
        );
    }

    #[test]
    fn handles_are_plain_and_never_everybody() {
        assert_eq!(clean_handle("@Ann.B").as_deref(), Ok("ann.b"));
        for wrong in [
            "",
            ".a",
            "a-",
            "a b",
            "ä",
            "here",
            "Channel",
            &"a".repeat(33),
        ] {
            assert!(clean_handle(wrong).is_err(), "{wrong:?}");
        }
    }
}
