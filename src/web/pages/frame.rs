//! What surrounds every page: head, look of the person, texts.

use crate::ids::UserId;
use crate::store::{Store, StoreResult};
use crate::web::l10n::Texts;

/// How a person wants pages to look; empty means "as the system says".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appearance {
    pub theme: String,
    pub contrast: String,
    pub density: String,
}

/// Name, allowed values; each is a setting of the person under `look:` and an attribute of `<html>`.
pub const LOOKS: [(&str, &[&str]); 3] = [
    ("theme", &["light", "dark"]),
    ("contrast", &["normal", "more"]),
    ("density", &["compact"]),
];

impl Appearance {
    /// As the person chose it.
    pub async fn of(store: &dyn Store, user: UserId) -> StoreResult<Self> {
        let mut look = Self::default();
        for (key, value) in store.settings(Some(user), "look:").await? {
            look.set(key.trim_start_matches("look:"), &value);
        }
        Ok(look)
    }

    /// Takes a choice over if it is one of those there are; anything else is the default.
    pub fn set(&mut self, name: &str, value: &str) {
        let allowed = LOOKS.iter().find(|(look, _)| *look == name);
        let known = allowed.is_some_and(|(_, values)| values.contains(&value));
        let slot = match name {
            "theme" => &mut self.theme,
            "contrast" => &mut self.contrast,
            "density" => &mut self.density,
            _ => return,
        };
        *slot = if known {
            value.to_owned()
        } else {
            String::new()
        };
    }

    /// The choice of that name.
    pub fn get(&self, name: &str) -> &str {
        match name {
            "theme" => &self.theme,
            "contrast" => &self.contrast,
            _ => &self.density,
        }
    }
}

/// Everything that `layout.html` needs.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    pub t: Texts,
    /// Empty: the page runs no scripts.
    pub nonce: String,
    /// The token of this session's forms.
    pub csrf: String,
    pub workspace: String,
    pub host: String,
    pub look: Appearance,
}

impl Frame {
    /// Attributes of `<html>`; the values come from a fixed list.
    pub fn attributes(&self) -> String {
        let mut text = format!(" dir=\"{}\"", self.t.dir());
        for (name, _) in LOOKS {
            let value = self.look.get(name);
            if !value.is_empty() {
                text.push_str(&format!(" data-{name}=\"{value}\""));
            }
        }
        text
    }

    /// Up to two letters that stand for the workspace.
    pub fn mark(&self) -> String {
        crate::web::face::Face::new(&[], &self.workspace).initials
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_looks_that_exist_reach_the_page() {
        let mut look = Appearance::default();
        look.set("theme", "dark");
        look.set("contrast", "\"><script>");
        look.set("density", "compact");
        look.set("else", "x");
        let frame = Frame {
            look,
            ..Frame::default()
        };
        let attributes = frame.attributes();
        assert_eq!(
            attributes,
            " dir=\"ltr\" data-theme=\"dark\" data-density=\"compact\""
        );
    }
}
