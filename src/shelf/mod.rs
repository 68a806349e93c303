//! Hot history in memory: what many read of a room is read from the store once, kept up to date by
//! what is published. Where one node has the store to itself, a page shows all that was acknowledged before
//! it was asked for; among others it may lag (by `limits::SHELF_TRUST_MS` at most), but never behind what
//! this node answered itself, nor behind `min`.
//!
//! `state` holds the rules, pure; `load` reads the store; `flights` makes many readers one. Who may read
//! is none of its business: that is asked of the store before and after each page.

mod ends;
mod flights;
mod library;
mod load;
pub mod state;
#[cfg(test)]
mod tests;

use self::ends::Ends;
use self::flights::{Flights, Heads};
use self::library::{Kept, Library};
use self::state::{Lack, Looked, Moment, Shelf};
use crate::bus::Bus;
use crate::entry::{Entry, WireEntry};
use crate::ids::{RoomId, Seq};
use crate::limits;
use crate::metrics::Metrics;
use crate::reading::{EntriesPage, MessageView, MessagesPage, Page, log_range};
use crate::store::Store;
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use tokio::time::Instant;

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
    /// The way to the others.
    bus: OnceLock<Arc<dyn Bus>>,
    started: Instant,
    library: Library,
    flights: Flights<Flight>,
    heads: Heads,
    ends: Ends,
}

/// What is read once for many.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Flight {
    Look(RoomId),
    Gap(RoomId),
    Segment(RoomId, u64),
    End(RoomId),
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
            bus: OnceLock::new(),
            started: Instant::now(),
            library: Library::default(),
            flights: Flights::default(),
            ends: Ends::default(),
        }))
    }

    /// From now on `bus` says whether this node is in touch with the others.
    pub fn attach(&self, bus: Arc<dyn Bus>) {
        let _ = self.0.bus.set(bus);
    }

    /// Entries that were stored, before anybody is told so.
    pub fn published(&self, room: RoomId, entries: &[Arc<Entry>]) {
        if let Some(last) = entries.last() {
            self.0.ends.heard(room, last.seq);
        }
        self.hear(room, |shelf| shelf.hear(entries));
    }

    /// The log of the room is at least this long.
    pub fn head(&self, room: RoomId, head: Seq) {
        self.0.ends.heard(room, head);
        self.hear(room, |shelf| shelf.head_is(head));
    }

    /// Whether there is a shelf of the room.
    pub fn has(&self, room: RoomId) -> bool {
        self.0.library.find(room).is_some()
    }

    /// Somebody was told here that all is as he wants it: whoever reads after that sees it so, too.
    pub fn doubt(&self, room: RoomId) {
        self.0.ends.doubt(room);
        if let Some(kept) = self.0.library.find(room) {
            kept.change(|shelf| shelf.doubt(self.0.now()));
        }
    }

    /// Where the room ends, as new as a page of it has to be, and not below `min`. `None`: only the
    /// store knows.
    pub async fn head_of(&self, room: RoomId, min: Seq) -> Option<Seq> {
        let kept = self.0.library.find(room)?;
        if let Some(looked) = self.look_up(room, &kept, min).await? {
            kept.change(|shelf| shelf.looked(looked))?;
        }
        let end = kept.change(|shelf| match self.0.alone {
            true => shelf.head().filter(|_| shelf.gap().is_none()),
            false => shelf.end(),
        });
        end.flatten().filter(|end| *end >= min)
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

    /// What `of` finds on the room's shelf, at a state as new as a page has to be and not below `min`; what
    /// it lacks is brought if it is hot. `None`: the store is to be read.
    pub async fn look<T>(
        &self,
        (room, near): Place,
        min: Seq,
        of: impl Fn(&mut Shelf) -> Result<T, Lack>,
    ) -> Option<T> {
        self.0.metrics.history_reads.inc();
        let (mut looked, mut brought) = (None, false);
        for _ in 0..limits::SHELF_ROUNDS_MAX {
            let kept = self.0.library.take(room, near.map(state::index_of))?;
            if self.0.alone {
                looked = None;
            }
            // Asked after the shelf was there: what comes later is heard.
            if looked.is_none() {
                looked = self.look_up(room, &kept, min).await?;
            }
            match look_at(&kept, looked, min, &of) {
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

    /// Where the log ends, unless that is known well enough. `None`: the store did not answer.
    async fn look_up(&self, room: RoomId, kept: &Kept, min: Seq) -> Option<Option<Looked>> {
        if self.0.believes(kept, min) {
            return Some(None);
        }
        // A look that is under way began before this reader came, which is soon enough for most.
        if self.0.may_join(kept, min) {
            let (shared, at) = (Arc::clone(&self.0), kept.clone());
            let work = move || async move { shared.look_for_all(room, at).await };
            let landed = self.0.flights.join(Flight::Look(room), work).await;
            if !landed || self.0.believes(kept, min) {
                return landed.then_some(None);
            }
        }
        self.0.ask(room).await.map(Some)
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
    looked: Option<Looked>,
    min: Seq,
    of: impl Fn(&mut Shelf) -> Result<T, Lack>,
) -> Look<T> {
    let look = kept.change(|shelf| {
        if let Some(looked) = looked {
            shelf.looked(looked);
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
    fn now(&self) -> Moment {
        self.moment(Instant::now())
    }

    fn moment(&self, at: Instant) -> Moment {
        let passed = at.saturating_duration_since(self.started).as_millis();
        Moment::try_from(passed).unwrap_or(Moment::MAX)
    }

    /// Whether the end of the log is known without the store. Alone, a shelf that began hears of
    /// everything. Among others it was read a moment ago, and this node is in touch with them.
    fn believes(&self, kept: &Kept, min: Seq) -> bool {
        let known = kept.change(|shelf| match self.alone {
            true => shelf.head().is_some(),
            false => self.is_in_touch() && shelf.is_trusted(self.now(), min),
        });
        known == Some(true)
    }

    fn is_in_touch(&self) -> bool {
        self.bus.get().is_some_and(|bus| bus.is_in_touch())
    }

    /// Whether `min` may well be known to whoever looks already.
    fn may_join(&self, kept: &Kept, min: Seq) -> bool {
        let knows = |shelf: &mut Shelf| shelf.end().unwrap_or(0) >= min;
        !self.alone && self.is_in_touch() && kept.change(knows) == Some(true)
    }

    async fn look_for_all(&self, room: RoomId, kept: Kept) -> bool {
        let Some(looked) = self.ask(room).await else {
            return false;
        };
        kept.change(|shelf| shelf.looked(looked)).is_some()
    }

    async fn ask(&self, room: RoomId) -> Option<Looked> {
        let (head, at) = self.heads.ask(room).await?;
        let began = self.moment(at);
        Some(Looked { head, began })
    }

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
