//! Entries to HTML with everything that it needs from the store: for pages, history and live frames.

use crate::entry::Entry;
use crate::error::Result;
use crate::ids::{RoomId, Seq, UserId};
use crate::people::People;
use crate::reading::{MessageView, message_views, views};
use crate::relay::{RenderEntries, Rendered};
use crate::store::Store;
use crate::web::render::{Fragment, Renderer, people_of, people_of_message};
use async_trait::async_trait;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The change that each entry makes, in their order, at the present state or a later one.
pub async fn fragments(
    (store, people): (&dyn Store, &People),
    renderer: Renderer,
    room: RoomId,
    entries: &[&Entry],
) -> Result<Vec<Fragment>> {
    let messages = messages_for(store, room, entries).await?;
    made(people, renderer, entries, &messages).await
}

/// Every message that the entries are, are about or quote.
pub async fn messages_for(
    store: &dyn Store,
    room: RoomId,
    entries: &[&Entry],
) -> Result<HashMap<Seq, MessageView>> {
    let shown = messages_of(store, room, entries).await?;
    let wanted: Vec<Seq> = shown
        .values()
        .filter_map(|view| view.reply_to)
        .filter(|seq| !shown.contains_key(seq))
        .collect();
    let quoted = by_seq(match wanted.is_empty() {
        true => Vec::new(),
        false => message_views(store, room, &wanted).await?,
    });
    Ok(shown.into_iter().chain(quoted).collect())
}

/// The change that each entry makes, given every message that it is, is about or quotes.
pub async fn made(
    people: &People,
    renderer: Renderer,
    entries: &[&Entry],
    messages: &HashMap<Seq, MessageView>,
) -> Result<Vec<Fragment>> {
    let mut named: BTreeSet<UserId> = entries.iter().copied().flat_map(people_of).collect();
    named.extend(messages.values().flat_map(people_of_message));
    let named: Vec<UserId> = named.into_iter().collect();
    let profiles = people.get(&named).await?;
    let fragment = |entry: &&Entry| {
        let view = messages.get(&entry.event.target().unwrap_or(entry.seq));
        let replied = view
            .and_then(|view| view.reply_to)
            .and_then(|seq| messages.get(&seq));
        renderer.entry_html(entry, view, &profiles, replied)
    };
    Ok(entries.iter().map(fragment).collect())
}

/// The messages that the entries are or are about.
async fn messages_of(
    store: &dyn Store,
    room: RoomId,
    entries: &[&Entry],
) -> Result<HashMap<Seq, MessageView>> {
    let posts = entries.iter().filter(|entry| entry.event.is_countable());
    let posts: Vec<Entry> = posts.copied().cloned().collect();
    let own: BTreeSet<Seq> = posts.iter().map(|post| post.seq).collect();
    let targets = entries.iter().filter_map(|entry| entry.event.target());
    let targets: BTreeSet<Seq> = targets.filter(|seq| !own.contains(seq)).collect();
    let targets: Vec<Seq> = targets.into_iter().collect();
    let mut found = match posts.is_empty() {
        true => Vec::new(),
        false => views(store, room, posts).await?,
    };
    if !targets.is_empty() {
        found.extend(message_views(store, room, &targets).await?);
    }
    Ok(by_seq(found))
}

fn by_seq(views: Vec<MessageView>) -> HashMap<Seq, MessageView> {
    views.into_iter().map(|view| (view.seq, view)).collect()
}

/// What relays ask for `html` frames.
pub struct LiveRenderer {
    pub store: Arc<dyn Store>,
    pub people: People,
    pub renderer: Renderer,
}

#[async_trait]
impl RenderEntries for LiveRenderer {
    async fn render(&self, room: RoomId, entries: &[Arc<Entry>]) -> Result<Vec<Rendered>> {
        let entries: Vec<&Entry> = entries.iter().map(Arc::as_ref).collect();
        let from = (&*self.store, &self.people);
        let made = fragments(from, self.renderer, room, &entries).await?;
        let rendered = made.into_iter().map(|fragment| Rendered {
            op: fragment.op.as_str(),
            html: fragment.html.unwrap_or_default(),
        });
        Ok(rendered.collect())
    }
}
