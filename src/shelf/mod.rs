//! Hot history in memory: what many read of a room is read from the store once, kept up to date by
//! what is published, and shown at a head that is not older than the store's when the reading began.
//!
//! `state` holds the rules, pure; `load` reads the store; `flights` makes many readers one. Who may read
//! is none of its business: that is asked of the store before and after each page.

mod flights;
mod library;
mod load;
pub mod state;
#[cfg(test)]
mod tests;

use self::flights::{Flights, Heads};
use self::library::{Kept, Library};
use self::state::{Lack, Shelf};
use crate::entry::{Entry, WireEntry};
use crate::ids::{RoomId, Seq};
use crate::limits;
use crate::metrics::Metrics;
use crate::reading::{EntriesPage, MessageView, MessagesPage, Page, log_range};
use crate::store::Store;
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub room: RoomId,
    /// Where the room begins.
    pub floor: Seq,
    pub page: Page,
    pub limit: usize,
    /// The state that must be shown at least.
    pub min: Seq,
}

/// A room, and where in it somebody reads, unless that is its end.
pub type Place = (RoomId, Option<Seq>);

/// The hot history of a node. Clones share it.
#[derive(Clone)]
pub struct Shelves(Arc<Shared>);

struct Shared {
    store: Arc<dyn Store>,
    metrics: Metrics,
    /// Nobody else writes to the store: what was published here is all that there is.
    alone: bool,
    library: Library,
    flights: Flights<Flight>,
    heads: Heads,
}

/// What is read once for many.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Flight {
    Gap(RoomId),
    Segment(RoomId, u64),
}

/// What one look at a shelf gives.
enum Look<T> {
    Page(T),
    /// It went meanwhile.
    Gone,
    Gap,
    Lack(Lack),
}

impl Shelves {
    /// `alone`: whatever is stored from now on is published here before it is acknowledged.
    pub fn new(store: Arc<dyn Store>, metrics: &Metrics, alone: bool) -> Self {
        Self(Arc::new(Shared {
            heads: Heads::new(Arc::clone(&store)),
            store,
            metrics: metrics.clone(),
            alone,
            library: Library::default(),
            flights: Flights::default(),
        }))
    }

    /// Entries that were stored, before anybody is told so.
    pub fn published(&self, room: RoomId, entries: &[Arc<Entry>]) {
        self.hear(room, |shelf| shelf.hear(entries));
    }

    /// The log of the room is at least this long.
    pub fn head(&self, room: RoomId, head: Seq) {
        self.hear(room, |shelf| shelf.head_is(head));
    }

    /// Whether there is a shelf of the room.
    pub fn has(&self, room: RoomId) -> bool {
        self.0.library.find(room).is_some()
    }

    /// Where the room ends, if that is known here without the store.
    pub fn head_of(&self, room: RoomId) -> Option<Seq> {
        let kept = self.0.library.find(room).filter(|_| self.0.alone)?;
        let head = kept.change(|shelf| shelf.head().filter(|_| shelf.gap().is_none()));
        head.flatten()
    }

    /// The next who reads the room does so from the store.
    #[cfg(test)]
    pub fn forget_for_test(&self, room: RoomId) {
        self.0.library.forget_all(room);
    }

    fn hear(&self, room: RoomId, what: impl FnOnce(&mut Shelf)) {
        let Some(kept) = self.0.library.find(room) else {
            return;
        };
        let unread = kept.change(|shelf| {
            what(shelf);
            shelf.unread()
        });
        if unread.is_some_and(|unread| unread > limits::SHELF_UNREAD_MAX) {
            self.0.library.forget(room);
        }
        self.0.library.make_room();
    }

    /// A page of entries; `None`: it is for the store.
    pub async fn entries(&self, asked: &Asked) -> Option<EntriesPage> {
        let Asked {
            page, limit, floor, ..
        } = *asked;
        let of = |shelf: &mut Shelf| shelf.entries_page(page, limit, floor);
        let (entries, head) = self.look((asked.room, page.place()), asked.min, of).await?;
        Some(EntriesPage {
            entries: entries
                .iter()
                .map(|entry| WireEntry::from(&**entry))
                .collect(),
            head,
            floor,
        })
    }

    /// A page of messages; `None`: it is for the store.
    pub async fn messages(&self, asked: &Asked) -> Option<MessagesPage> {
        let Asked {
            page, limit, floor, ..
        } = *asked;
        let of = |shelf: &mut Shelf| shelf.messages_page(page, limit, floor);
        let (messages, head) = self.look((asked.room, page.place()), asked.min, of).await?;
        Some(MessagesPage {
            messages: messages
                .iter()
                .map(|view| MessageView::clone(view))
                .collect(),
            head,
            floor,
        })
    }

    /// What `of` finds on the room's shelf, at a state not older than the store's now and not below `min`;
    /// what it lacks is brought if it is hot. `None`: the store is to be read.
    pub async fn look<T>(
        &self,
        (room, near): Place,
        min: Seq,
        of: impl Fn(&mut Shelf) -> Result<T, Lack>,
    ) -> Option<T> {
        self.0.metrics.history_reads.inc();
        let (mut head, mut brought) = (None, false);
        for _ in 0..limits::SHELF_ROUNDS_MAX {
            let kept = self.0.library.take(room, near.map(state::index_of))?;
            // Alone, a shelf that began hears of everything. Asked after the shelf was there: what
            // comes later is heard.
            let begun = kept.change(|shelf| shelf.head().is_some());
            if self.0.alone {
                head = None;
            }
            if head.is_none() && !(self.0.alone && begun == Some(true)) {
                head = Some(self.0.heads.ask(room).await?);
            }
            match look_at(&kept, head, min, &of) {
                Look::Page(page) => {
                    self.0.metrics.history_hits.inc();
                    return Some(page);
                }
                Look::Gone => {}
                Look::Gap => {
                    if !self.fill(room, kept).await {
                        return None;
                    }
                }
                Look::Lack(Lack::Segments(missing)) => {
                    if !brought && !self.is_hot(room, &kept, &missing) {
                        return None;
                    }
                    // What else the page lacks is as hot as that.
                    brought = true;
                    self.bring(room, &kept, missing).await?;
                }
                Look::Lack(Lack::Other) => return None,
            }
        }
        None
    }

    async fn fill(&self, room: RoomId, kept: Kept) -> bool {
        let shared = Arc::clone(&self.0);
        let work = || async move { shared.fill_gap(room, &kept).await };
        self.0.flights.join(Flight::Gap(room), work).await
    }

    /// Whether some of it is the newest of the room, or was wanted lately by somebody else.
    fn is_hot(&self, room: RoomId, kept: &Kept, missing: &BTreeSet<u64>) -> bool {
        let head = kept.change(|shelf| shelf.head().unwrap_or(0));
        let last = state::index_of(head.unwrap_or(0));
        let hot = missing.iter().filter(|index| {
            let before = self.0.library.was_wanted(room, **index);
            before || *index + limits::SHELF_TAIL_SEGMENTS > last
        });
        // All are noted, whatever is said of one.
        hot.count() > 0
    }

    /// Reads what is missing; `None`: the store did not answer.
    async fn bring(&self, room: RoomId, kept: &Kept, missing: BTreeSet<u64>) -> Option<()> {
        let reads = missing.into_iter().map(|index| {
            let (shared, kept) = (Arc::clone(&self.0), kept.clone());
            let work = move || async move { shared.load(room, index, kept).await };
            self.0.flights.join(Flight::Segment(room, index), work)
        });
        let done = join_all(reads).await;
        self.0.library.make_room();
        done.into_iter().all(|done| done).then_some(())
    }
}

fn look_at<T>(
    kept: &Kept,
    head: Option<Seq>,
    min: Seq,
    of: impl Fn(&mut Shelf) -> Result<T, Lack>,
) -> Look<T> {
    let look = kept.change(|shelf| {
        if let Some(head) = head {
            shelf.begin_at(head);
        }
        if shelf.gap().is_some() {
            return Look::Gap;
        }
        if shelf.head().is_none_or(|head| head < min) {
            return Look::Lack(Lack::Other);
        }
        shelf.begin_reading();
        match of(shelf) {
            Ok(page) => Look::Page(page),
            Err(lack) => Look::Lack(lack),
        }
    });
    look.unwrap_or(Look::Gone)
}

impl Shared {
    /// Reads what came and was not heard. What cannot be found makes a shelf that is of no use.
    async fn fill_gap(&self, room: RoomId, kept: &Kept) -> bool {
        let Some(Some((from, to))) = kept.change(|shelf| shelf.gap()) else {
            return true;
        };
        if to - from >= limits::SHELF_GAP_MAX {
            self.library.forget(room);
            return false;
        }
        let Ok(found) = log_range(&*self.store, room, from, to).await else {
            return false;
        };
        let found = found.into_iter().map(|stored| Arc::new(stored.entry));
        let found: Vec<Arc<Entry>> = found.collect();
        let reached = kept.change(|shelf| {
            shelf.hear(&found);
            shelf.head() >= Some(to)
        });
        if reached == Some(false) {
            self.library.forget(room);
        }
        reached != Some(false)
    }

    async fn load(&self, room: RoomId, index: u64, kept: Kept) -> bool {
        let Some(load) = kept.begin_load() else {
            return false;
        };
        let found = load::segment(&*self.store, room, index, load.known).await;
        match found {
            Ok(Some(segment)) => {
                kept.change(|shelf| shelf.take_in(index, load.known, segment));
                true
            }
            Ok(None) | Err(_) => false,
        }
    }
}
