//! By how much a page lags behind what other nodes stored, and when it must not.

use super::*;
use crate::bus::{Bus, Hint, Publication};
use crate::entry::Role;
use crate::limits::SHELF_TRUST_MS;
use crate::reading::EntriesPage;
use crate::room::Reply;
use crate::room::answer::Answer;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{Instant, advance};

/// The way to others of whom this node hears nothing.
#[derive(Default)]
struct Silence {
    lapsed: AtomicBool,
}

impl Bus for Silence {
    fn publish(&self, _: Publication) {}
    fn hint(&self, _: Hint) {}
    fn is_in_touch(&self) -> bool {
        !self.lapsed.load(Ordering::SeqCst)
    }
}

struct Scene {
    pen: Pen,
    shelves: Shelves,
    bus: Arc<Silence>,
    metrics: Metrics,
}

impl Scene {
    /// A room of a few posts that is hot on one node among others.
    async fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let mut pen = Pen::new(Arc::clone(&store)).await;
        for n in 0..9 {
            pen.write(user(1), post(&format!("wave {n}"), None)).await;
        }
        let metrics = Metrics::new();
        store.log_queries().count_into(&metrics.log_queries);
        let shelves = Shelves::new(store, &metrics, false);
        let bus = Arc::<Silence>::default();
        shelves.attach(bus.clone());
        let scene = Self {
            pen,
            shelves,
            bus,
            metrics,
        };
        for _ in 0..3 {
            scene.shelves.entries(&scene.asked(0)).await;
        }
        scene
    }

    fn asked(&self, min: Seq) -> Asked {
        Asked {
            min,
            ..asked(&self.pen, Page::Newest, 5)
        }
    }

    async fn page(&self, min: Seq) -> EntriesPage {
        let page = self.shelves.entries(&self.asked(min)).await;
        page.expect("in memory")
    }

    async fn head(&self) -> Seq {
        self.page(0).await.head
    }

    /// Something is stored elsewhere; whether it is on a page then, and after how many milliseconds.
    async fn lag(&mut self) -> u128 {
        self.pen.write(user(2), post("from afar", None)).await;
        let stored = Instant::now();
        while self.head().await < self.pen.head() {
            advance(Duration::from_millis(1)).await;
        }
        stored.elapsed().as_millis()
    }

    /// Somebody hears it on this node.
    fn is_answered(&self, reply: Reply) {
        let (answer, _) = Answer::awaited();
        let answer = answer.shown_by(self.shelves.clone(), self.pen.room);
        answer.give(reply);
    }

    /// The head was read just now.
    async fn fresh(&self) {
        advance(Duration::from_millis(SHELF_TRUST_MS)).await;
        self.head().await;
    }

    /// Reads for so many milliseconds; queries of the log for that.
    async fn read_for(&self, ms: u64) -> u64 {
        let before = self.metrics.log_queries.get();
        for _ in 0..ms {
            advance(Duration::from_millis(1)).await;
            self.head().await;
        }
        self.metrics.log_queries.get() - before
    }
}

#[tokio::test(start_paused = true)]
async fn the_store_is_asked_now_and_then() {
    let mut scene = Scene::new().await;
    assert_eq!(scene.read_for(10 * SHELF_TRUST_MS).await, 10);
    // What is heard costs nothing, and changes nothing.
    let before = scene.metrics.log_queries.get();
    let entry = scene.pen.write(user(2), post("heard", None)).await;
    scene.shelves.published(scene.pen.room, &[entry]);
    assert_eq!(scene.head().await, scene.pen.head());
    assert_eq!(scene.metrics.log_queries.get(), before);
    assert_eq!(scene.read_for(SHELF_TRUST_MS).await, 1);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_told_is_on_the_page_before_it_lags_too_much() {
    let mut scene = Scene::new().await;
    for waits in [0, 1, 7, SHELF_TRUST_MS / 2] {
        scene.read_for(waits).await;
        let lag = scene.lag().await;
        assert!(0 < lag && lag <= u128::from(SHELF_TRUST_MS), "{lag} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn who_must_see_a_state_sees_it_though_the_head_was_read_a_moment_ago() {
    let mut scene = Scene::new().await;
    scene.fresh().await;
    // He says so.
    let gone = scene.pen.write(user(2), Event::Delete { target: 9 }).await;
    assert!(scene.head().await < gone.seq, "it is not there yet");
    let page = scene.page(gone.seq).await;
    assert_eq!(page.head, gone.seq);
    assert!(
        page.entries
            .iter()
            .any(|entry| entry.seq == 9 && entry.redacted)
    );
    // Or was answered here, whoever stored it: with what, or that all is so already.
    scene.fresh().await;
    let mine = scene.pen.write(user(2), post("mine", None)).await;
    assert!(scene.head().await < mine.seq, "it is not there yet");
    let stored = Reply::Stored {
        entry: Arc::clone(&mine),
        repeated: false,
    };
    scene.is_answered(stored);
    assert_eq!(scene.head().await, mine.seq);
    scene.fresh().await;
    let so_already = scene.pen.write(user(2), post("so already", None)).await;
    assert!(scene.head().await < so_already.seq, "it is not there yet");
    scene.is_answered(Reply::Unchanged);
    advance(Duration::from_millis(1)).await;
    assert_eq!(scene.head().await, so_already.seq);
    // Where the room ends is as new as its pages.
    scene.fresh().await;
    let room = scene.pen.room;
    let last = scene.pen.write(user(2), post("the last", None)).await;
    assert_eq!(scene.shelves.head_of(room, 0).await, Some(last.seq - 1));
    assert_eq!(scene.shelves.head_of(room, last.seq).await, Some(last.seq));
    assert_eq!(scene.shelves.head_of(room, last.seq + 1).await, None);
    assert_eq!(scene.head().await, last.seq);
}

#[tokio::test(start_paused = true)]
async fn out_of_touch_nothing_is_believed() {
    let mut scene = Scene::new().await;
    scene.fresh().await;
    scene.bus.lapsed.store(true, Ordering::SeqCst);
    for n in 0..5 {
        assert_eq!(scene.lag().await, 0, "{n}");
        let room = scene.pen.room;
        let entry = scene.pen.write(user(2), post("more", None)).await;
        assert_eq!(scene.shelves.head_of(room, 0).await, Some(entry.seq));
    }
    scene.bus.lapsed.store(false, Ordering::SeqCst);
    assert!(scene.lag().await > 0, "back in touch");
}

#[tokio::test(start_paused = true)]
async fn all_who_come_while_the_head_is_looked_up_share_that_look() {
    let (pen, metrics, _folder) = long_room().await;
    let shelves = Shelves::new(Arc::clone(&pen.store), &metrics, false);
    shelves.attach(Arc::<Silence>::default());
    let ask = asked(&pen, Page::Newest, 50);
    for _ in 0..3 {
        shelves.entries(&ask).await;
    }
    for _ in 0..10 {
        advance(Duration::from_millis(SHELF_TRUST_MS)).await;
        let before = metrics.log_queries.get();
        let readers = (0..200).map(|n| {
            let shelves = &shelves;
            async move {
                for _ in 0..n {
                    tokio::task::yield_now().await;
                }
                shelves.entries(&ask).await.expect("in memory")
            }
        });
        join_all(readers).await;
        assert_eq!(metrics.log_queries.get() - before, 1);
    }
}

impl Scene {
    /// Where the room ends for each of these people who are greeted now, all at once.
    async fn ends(&self, people: std::ops::RangeInclusive<u8>) -> Vec<Seq> {
        let places = people.map(|n| self.shelves.places(user(n)));
        let places = join_all(places).await.into_iter();
        let heads = places.map(|places| match &places.expect("read")[..] {
            [place] => place.statics.head(),
            other => panic!("one room: {other:?}"),
        });
        heads.collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_crowd_that_is_greeted_reads_the_end_of_a_room_once_and_lags_no_more_than_a_page() {
    let mut scene = Scene::new().await;
    for n in 1..=30 {
        let (user, role) = (user(n), Role::Member);
        scene.pen.write(user, Event::Join { user, role }).await;
    }
    let before = scene.metrics.log_queries.get();
    assert_eq!(scene.ends(1..=30).await, [scene.pen.head(); 30]);
    let queries = scene.metrics.log_queries.get() - before;
    assert!(
        (1..=2).contains(&queries),
        "{queries}: its statics, its tail"
    );
    // What was heard here is in it at once.
    let heard = scene.pen.write(user(2), post("here", None)).await;
    scene.shelves.published(scene.pen.room, &[heard]);
    assert_eq!(scene.ends(1..=1).await, [scene.pen.head()]);
    // Who was answered here sees what he was answered.
    scene.pen.write(user(2), post("from afar", None)).await;
    scene.is_answered(Reply::Unchanged);
    assert_eq!(scene.ends(1..=1).await, [scene.pen.head()]);
    // What was not is there in time.
    let known = scene.pen.head();
    scene.pen.write(user(2), post("from afar", None)).await;
    advance(Duration::from_millis(SHELF_TRUST_MS - 1)).await;
    assert_eq!(scene.ends(1..=1).await, [known]);
    advance(Duration::from_millis(1)).await;
    assert_eq!(scene.ends(1..=1).await, [scene.pen.head()]);
    // Out of touch nothing is heard, and nothing believed.
    scene.pen.write(user(2), post("from afar", None)).await;
    scene.bus.lapsed.store(true, Ordering::SeqCst);
    assert_eq!(scene.ends(1..=1).await, [scene.pen.head()]);
}
