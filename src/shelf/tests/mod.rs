//! Shelves over a real store: the same pages as the store gives, for next to no queries.

mod lag;
mod pen;

use self::pen::{Pen, edit, post, react};
use super::load;
use super::state::{Lack, Shelf, index_of};
use super::{Asked, Shelves};
use crate::entry::{Entry, Event};
use crate::ids::{RoomId, Seq};
use crate::limits;
use crate::metrics::Metrics;
use crate::reading::{Page, entries_page, messages_page};
use crate::store::Store;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use crate::store::memory::MemoryStore;
use crate::testing::probe::user;
use futures_util::future::join_all;
use std::sync::Arc;
use tempfile::TempDir;

/// Chance that can be repeated.
struct Dice(u64);

impl Dice {
    fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % most
    }

    fn page(&mut self, head: Seq) -> Page {
        let seq = self.below(head + 3);
        match self.below(4) {
            0 => Page::Newest,
            1 => Page::After(seq),
            2 => Page::Before(seq),
            _ => Page::Around(seq),
        }
    }

    fn event(&mut self, pen: &Pen) -> Event {
        let posts = pen.posts();
        let target = match posts.len() {
            0 => return post("first", None),
            n => posts[self.below(n as u64) as usize],
        };
        let emoji = ["👍", "🎉", "🌊"][self.below(3) as usize];
        match self.below(10) {
            0..4 => post(&format!("words {}", pen.head()), Some(target)),
            4 | 5 => edit(target, &format!("better words {}", pen.head())),
            6 => Event::Delete { target },
            7 | 8 => react(target, emoji, true),
            _ => react(target, emoji, false),
        }
    }
}

fn asked(pen: &Pen, page: Page, limit: usize) -> Asked {
    Asked {
        room: pen.room,
        floor: 0,
        page,
        limit,
        min: 0,
    }
}

/// Reads a page both ways; whether the shelf had it.
async fn compare(pen: &Pen, shelves: &Shelves, page: Page, limit: usize) -> u32 {
    let ask = asked(pen, page, limit);
    let (entries, messages) = (shelves.entries(&ask).await, shelves.messages(&ask).await);
    let hits = u32::from(entries.is_some()) + u32::from(messages.is_some());
    if let Some(entries) = entries {
        let expected = entries_page(&*pen.store, pen.room, page, limit).await;
        assert_eq!(entries, expected.expect("read"), "{page:?} {limit}");
    }
    if let Some(messages) = messages {
        let expected = messages_page(&*pen.store, pen.room, page, limit).await;
        let expected = expected.expect("read");
        for (found, expected) in messages.messages.iter().zip(&expected.messages) {
            assert_eq!(found, expected, "{page:?} {limit}");
        }
        assert_eq!(messages, expected, "{page:?} {limit}");
    }
    hits
}

/// Everything that happens to a room, with pages read in between. Alone every publication comes; among
/// others most do.
async fn a_life(seed: u64, alone: bool) -> (u32, u32) {
    let mut dice = Dice::of(seed);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let mut pen = Pen::new(Arc::clone(&store)).await;
    let shelves = Shelves::new(store, &Metrics::new(), alone);
    let (mut hits, mut reads) = (0, 0);
    let mut unerased: Vec<Arc<Entry>> = Vec::new();
    for _ in 0..400 {
        let event = dice.event(&pen);
        let entry = pen.write(user(dice.below(4) as u8 + 1), event).await;
        if alone || dice.below(10) > 0 {
            shelves.published(pen.room, &[Arc::clone(&entry)]);
        }
        unerased.push(entry);
        if dice.below(5) == 0 {
            pen.view().await;
            for entry in unerased.drain(..) {
                pen.erase(&entry).await;
            }
        }
        if dice.below(3) == 0 {
            let (page, limit) = (dice.page(pen.head()), dice.below(90) as usize + 1);
            hits += compare(&pen, &shelves, page, limit).await;
            reads += 2;
        }
    }
    (hits, reads)
}

#[tokio::test]
async fn a_room_reads_from_its_shelf_as_from_the_store_through_all_that_happens() {
    for alone in [true, false] {
        let (mut hits, mut reads) = (0, 0);
        for seed in 1..=30 {
            let (some, of) = a_life(seed, alone).await;
            hits += some;
            reads += of;
        }
        assert!(hits * 10 > reads * 8, "{hits} of {reads} from memory");
    }
}

/// What comes while a segment is read is done to it; what was read may know of some of it already.
#[tokio::test]
async fn what_comes_while_a_segment_is_read_is_in_it() {
    let mut taken = 0;
    for seed in 1..=200 {
        let mut dice = Dice::of(seed + 1_000);
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let mut pen = Pen::new(Arc::clone(&store)).await;
        for _ in 0..dice.below(70) + 1 {
            let event = dice.event(&pen);
            pen.write(user(1), event).await;
        }
        let mut shelf = Shelf::default();
        shelf.begin_at(pen.head());
        let index = dice.below(index_of(pen.head()) + 1);
        let known = shelf.begin_load();
        let early = dice.below(6);
        let mut came = Vec::new();
        for _ in 0..early {
            let event = dice.event(&pen);
            came.push(pen.write(user(2), event).await);
        }
        let read = load::segment(&*store, pen.room, index, known).await;
        let segment = read.expect("read").expect("there is something");
        for _ in 0..dice.below(6) {
            let event = dice.event(&pen);
            came.push(pen.write(user(3), event).await);
        }
        shelf.hear(&came);
        shelf.take_in(index, known, segment);
        shelf.end_load();
        let first = index * limits::SHELF_SEGMENT_ENTRIES;
        let limit = limits::SHELF_SEGMENT_ENTRIES.min(pen.head() - first) as usize;
        let page = Page::After(first);
        let (entries, _) = shelf.entries_page(page, limit, 0).expect("taken in");
        let expected = entries_page(&*store, pen.room, page, limit).await;
        let shown: Vec<_> = entries.iter().map(|entry| (&**entry).into()).collect();
        assert_eq!(expected.expect("read").entries, shown, "seed {seed}");
        let seqs: Vec<Seq> = entries.iter().map(|entry| entry.seq).collect();
        let expected = crate::reading::message_views(&*store, pen.room, &seqs).await;
        let messages = seqs
            .iter()
            .filter_map(|seq| shelf.message(*seq).expect("known"));
        let messages: Vec<_> = messages.map(|view| (*view).clone()).collect();
        assert_eq!(expected.expect("read"), messages, "seed {seed}");
        taken += messages.len();
    }
    assert!(taken > 1_000, "{taken} messages");
}

/// Another node stored a deletion and an edit, and its guards are on their way: when they stand and it is
/// acknowledged, nobody tells this node again.
#[tokio::test]
async fn what_is_not_guarded_yet_when_a_segment_is_read_is_hidden_all_the_same() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let mut pen = Pen::new(Arc::clone(&store)).await;
    for n in 0..9 {
        pen.write(user(1), post(&format!("wave {n}"), None)).await;
    }
    pen.write(user(1), edit(3, "calm")).await;
    pen.view().await;
    pen.guards_follow = true;
    pen.write(user(1), Event::Delete { target: 5 }).await;
    pen.write(user(1), edit(3, "calmer")).await;
    pen.write(user(1), edit(4, "calm, too")).await;
    let mut shelf = Shelf::default();
    shelf.begin_at(pen.head());
    let known = shelf.begin_load();
    let read = load::segment(&*store, pen.room, 0, known).await;
    let segment = read.expect("read").expect("there is something");
    shelf.take_in(0, known, segment);
    shelf.end_load();
    let body = |shelf: &mut Shelf, seq| {
        let view = shelf.message(seq).expect("known").expect("a post");
        (view.body.clone(), view.deleted)
    };
    assert_eq!(body(&mut shelf, 3), (Some("calmer".to_owned()), false));
    assert_eq!(body(&mut shelf, 4), (Some("calm, too".to_owned()), false));
    assert_eq!(body(&mut shelf, 5), (None, true));
    let (entries, _) = shelf.entries_page(Page::After(2), 3, 0).expect("known");
    assert!(entries.iter().all(|entry| entry.redacted));
}

async fn long_room() -> (Pen, Metrics, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = EmbeddedStore::open(folder.path(), EmbeddedOptions::default());
    let store: Arc<dyn Store> = Arc::new(store.expect("a fresh store opens"));
    let mut pen = Pen::new(Arc::clone(&store)).await;
    for n in 0..700 {
        pen.write(user(1), post(&format!("wave {n}"), None)).await;
    }
    let metrics = Metrics::new();
    store.log_queries().count_into(&metrics.log_queries);
    (pen, metrics, folder)
}

/// On one thread, so that all have asked before anything is answered.
#[tokio::test]
async fn a_thousand_readers_at_once_cost_a_handful_of_queries() {
    let (pen, metrics, _folder) = long_room().await;
    for (alone, page) in [
        (true, Page::Newest),
        (true, Page::Around(200)),
        (false, Page::Newest),
        (false, Page::Before(300)),
    ] {
        let shelves = Shelves::new(Arc::clone(&pen.store), &metrics, alone);
        let before = metrics.log_queries.get();
        let hits = metrics.history_hits.get();
        let readers = (0..1_000).map(|_| {
            let (shelves, ask) = (shelves.clone(), asked(&pen, page, 50));
            let (store, room) = (Arc::clone(&pen.store), pen.room);
            tokio::spawn(async move {
                match shelves.messages(&ask).await {
                    Some(page) => page,
                    None => messages_page(&*store, room, page, 50).await.expect("read"),
                }
            })
        });
        let pages: Vec<_> = join_all(readers).await.into_iter().collect();
        let first = pages[0].as_ref().expect("read").clone();
        assert_eq!(
            first.messages.len(),
            50 - usize::from(page == Page::Around(200))
        );
        assert!(
            pages
                .iter()
                .all(|page| page.as_ref().expect("read") == &first)
        );
        let queries = metrics.log_queries.get() - before;
        // The first of a room or place that nobody wanted lately reads for himself.
        assert!(queries <= 10, "{queries} queries, alone: {alone}, {page:?}");
        assert!(metrics.history_hits.get() - hits >= 990);
    }
}

#[tokio::test]
async fn a_hot_page_costs_nothing_and_a_new_entry_is_on_it_at_once() {
    let (mut pen, metrics, _folder) = long_room().await;
    let shelves = Shelves::new(Arc::clone(&pen.store), &metrics, true);
    let ask = asked(&pen, Page::Newest, 50);
    for _ in 0..3 {
        shelves.messages(&ask).await;
    }
    let before = metrics.log_queries.get();
    for n in 0..200 {
        let entry = pen.write(user(1), post(&format!("more {n}"), None)).await;
        shelves.published(pen.room, &[entry]);
        let page = shelves.messages(&ask).await.expect("in memory");
        assert_eq!((page.head, page.messages.len()), (701 + n, 50));
        let last = page.messages.last().and_then(|last| last.body.clone());
        assert_eq!(last, Some(format!("more {n}")));
    }
    assert_eq!(metrics.log_queries.get(), before);
}

#[tokio::test]
async fn what_another_node_stored_is_read_although_nothing_was_heard_of_it() {
    let (mut pen, metrics, _folder) = long_room().await;
    let shelves = Shelves::new(Arc::clone(&pen.store), &metrics, false);
    let ask = asked(&pen, Page::Newest, 3);
    for _ in 0..3 {
        shelves.messages(&ask).await;
    }
    pen.write(user(2), post("from afar", None)).await;
    let gone = pen.write(user(2), Event::Delete { target: 700 }).await;
    pen.erase(&gone).await;
    let page = shelves.messages(&ask).await.expect("in memory");
    assert_eq!(page.head, 702);
    let shown = page.messages.iter().map(|view| view.body.as_deref());
    let shown: Vec<_> = shown.collect();
    assert_eq!(shown, [Some("wave 698"), None, Some("from afar")]);
    // Far behind it begins anew, and the store answers meanwhile.
    for n in 0..=limits::SHELF_GAP_MAX {
        pen.write(user(2), post(&format!("much {n}"), None)).await;
    }
    assert!(shelves.messages(&ask).await.is_none());
    let page = shelves.messages(&ask).await.expect("in memory");
    assert_eq!(page.head, pen.head());
}

#[tokio::test]
async fn a_state_that_is_not_there_yet_is_for_the_store() {
    let (pen, metrics, _folder) = long_room().await;
    let shelves = Shelves::new(Arc::clone(&pen.store), &metrics, true);
    let ask = |min| Asked {
        min,
        ..asked(&pen, Page::Newest, 10)
    };
    for _ in 0..3 {
        shelves.entries(&ask(0)).await;
    }
    assert!(shelves.entries(&ask(700)).await.is_some());
    assert!(shelves.entries(&ask(701)).await.is_none());
    // That was hearsay of a stranger: the next is answered all the same.
    assert!(shelves.entries(&ask(700)).await.is_some());
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_asked_by_who_wants_to_know() {
    let (pen, metrics, _folder) = long_room().await;
    let shelves = Shelves::new(Arc::clone(&pen.store), &metrics, true);
    let hot = asked(&pen, Page::Newest, 50);
    let cold = asked(&pen, Page::Around(100), 50);
    for _ in 0..3 {
        shelves.entries(&hot).await;
    }
    shelves.entries(&cold).await;
    pen.store.close().await;
    assert!(shelves.entries(&hot).await.is_some());
    assert!(shelves.entries(&cold).await.is_none());
    let other = Asked {
        room: RoomId::from_bytes([5; 16]),
        ..hot
    };
    for _ in 0..3 {
        assert!(shelves.entries(&other).await.is_none());
    }
}

#[test]
fn a_lack_names_what_would_help() {
    let mut shelf = Shelf::default();
    assert_eq!(
        shelf.entries_page(Page::Newest, 50, 0).err(),
        Some(Lack::Other)
    );
    shelf.begin_at(1_000);
    let lack = |indices: &[u64]| Some(Lack::Segments(indices.iter().copied().collect()));
    for (page, limit, expected) in [
        (Page::Newest, 40, lack(&[15])),
        (Page::Newest, 41, lack(&[14, 15])),
        (Page::Before(65), 64, lack(&[0])),
        (Page::Around(64), 3, lack(&[0, 1])),
        (Page::After(1_000), 50, None),
        (Page::Before(1), 50, None),
    ] {
        let found = shelf.entries_page(page, limit, 0).err();
        assert_eq!(found, expected, "{page:?} {limit}");
    }
    for (page, expected) in [
        (Page::Newest, lack(&[14, 15])),
        (Page::After(0), lack(&[0, 1])),
        (Page::After(980), lack(&[15])),
        (Page::Before(10), lack(&[0])),
    ] {
        let found = shelf.messages_page(page, 50, 0).err();
        assert_eq!(found, expected, "{page:?}");
    }
}
