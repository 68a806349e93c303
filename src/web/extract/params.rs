//! The query of a request: names, numbers, places in lists.

use crate::error::{Error, Result};
use crate::ids::Seq;
use crate::limits;
use crate::node::Node;
use crate::reading::Page;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use std::sync::Arc;

/// The query, each name at most once.
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl FromRequestParts<Arc<Node>> for Params {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Node>) -> Result<Self> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Error::bad_request("The query is malformed."))?;
        Ok(Params(pairs))
    }
}

impl Params {
    /// The value of `name`.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        let mut values = self.0.iter().filter(|(key, _)| key == name);
        let first = values.next().map(|(_, value)| value.as_str());
        match values.next() {
            Some(_) => Err(Error::bad_request(format!(
                "`{name}` stands twice in the query."
            ))),
            None => Ok(first),
        }
    }

    /// An integer from 0 below 2^53, written as JSON writes it.
    pub fn integer(&self, name: &str) -> Result<Option<u64>> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let wrong = || Error::bad_request(format!("`{name}` must be an integer from 0."));
        let number: u64 = canonical(text)
            .ok_or_else(wrong)?
            .parse()
            .map_err(|_| wrong())?;
        match number <= limits::INTEGER_MAX {
            true => Ok(Some(number)),
            false => Err(wrong()),
        }
    }

    /// `limit`: 50 if not given; above 200 counts as 200.
    pub fn limit(&self) -> Result<usize> {
        let Some(text) = self.text("limit")? else {
            return Ok(limits::PAGE_DEFAULT);
        };
        match canonical(text) {
            None | Some("0") => Err(Error::bad_request("`limit` must be an integer from 1.")),
            Some(digits) => Ok(digits.parse().unwrap_or(usize::MAX).min(limits::PAGE_MAX)),
        }
    }

    /// `after`, `before` or `around`; none of them is the newest page.
    pub fn page(&self) -> Result<Page> {
        type Of = fn(Seq) -> Page;
        let places: [(&str, Of); 3] = [
            ("after", Page::After),
            ("before", Page::Before),
            ("around", Page::Around),
        ];
        let mut page = None;
        for (name, of) in places {
            if let Some(seq) = self.integer(name)?
                && page.replace(of(seq)).is_some()
            {
                return Err(Error::bad_request(
                    "Only one of `after`, `before` and `around` may be given.",
                ));
            }
        }
        Ok(page.unwrap_or(Page::Newest))
    }

    /// The place after which a list is continued: what `cursor` was made from.
    pub fn cursor(&self) -> Result<Option<String>> {
        let Some(text) = self.text("cursor")? else {
            return Ok(None);
        };
        let wrong = || Error::bad_request("`cursor` is none of ours.");
        decode_cursor(text).map(Some).ok_or_else(wrong)
    }
}

fn canonical(text: &str) -> Option<&str> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (text == "0" || !text.starts_with('0'));
    plain.then_some(text)
}

/// An opaque text for a place in a list.
pub fn encode_cursor(place: &str) -> String {
    crate::auth::tokens::hex(place.as_bytes())
}

fn decode_cursor(text: &str) -> Option<String> {
    if text.len() > 1_024 || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let pairs = (0..text.len()).step_by(2);
    let bytes: Option<Vec<u8>> = pairs
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect();
    String::from_utf8(bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.filter_map(|pair| pair.split_once('='));
        Params(
            pairs
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    #[test]
    fn a_limit_is_an_integer_from_one_and_never_above_two_hundred() {
        for (query, limit) in [
            ("", Some(50)),
            ("limit=1", Some(1)),
            ("limit=200", Some(200)),
            ("limit=201", Some(200)),
            ("limit=99999999999999999999999", Some(200)),
            ("limit=0", None),
            ("limit=-1", None),
            ("limit=1.0", None),
            ("limit=", None),
            ("limit=+5", None),
            ("limit=true", None),
            ("limit=5&limit=5", None),
        ] {
            assert_eq!(params(query).limit().ok(), limit, "{query}");
        }
    }

    #[test]
    fn at_most_one_place_is_asked_for_and_exactly() {
        for (query, page) in [
            ("", Some(Page::Newest)),
            ("after=0", Some(Page::After(0))),
            (
                "before=9007199254740991",
                Some(Page::Before(9_007_199_254_740_991)),
            ),
            ("around=7", Some(Page::Around(7))),
            ("after=9007199254740992", None),
            ("after=1&before=2", None),
            ("after=1&around=1", None),
            ("after=\"1\"", None),
            ("after=1e3", None),
        ] {
            assert_eq!(params(query).page().ok(), page, "{query}");
        }
    }

    #[test]
    fn a_cursor_comes_back_as_it_was_and_others_are_refused() {
        let cursor = encode_cursor("Größe:7");
        let given = params(&format!("cursor={cursor}"));
        assert_eq!(given.cursor(), Ok(Some("Größe:7".to_owned())));
        for wrong in ["x", "zz", "ff", "c3"] {
            assert!(
                params(&format!("cursor={wrong}")).cursor().is_err(),
                "{wrong}"
            );
        }
    }
}
