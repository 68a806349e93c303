//! Serving: catch-up from the ring, then live; the html lane follows its renderer.

use super::{RelayEffect, RelayState, Rendered, Waiting, html_frame};
use crate::error::Error;
use crate::ids::{ConnectionId, Seq};
use crate::limits::WATCH_GAP_MAX;
use crate::relay::Watch;
use crate::session::SessionMessage;
use crate::session::outbox::{Fed, Frame};
use crate::wire::client::Format;
use crate::wire::server::{Place, ServerFrame};
use std::sync::Arc;

/// Entries rendered at once.
const RENDER_MAX: usize = 64;

/// The way from `after` to live.
struct CatchUp {
    /// The last seq before the live part.
    end: Seq,
    /// Too far: the client pages over HTTP.
    resets: bool,
}

impl RelayState {
    /// Makes every watch live that can be, or feeds it until its outbox has enough.
    pub(super) fn serve(&mut self) -> Vec<RelayEffect> {
        let mut effects = Vec::new();
        if !self.shows() {
            return effects;
        }
        for mut waiting in std::mem::take(&mut self.waiting) {
            let upto = waiting.upto.filter(|_| !waiting.paused);
            let Some(catch_up) = upto.and_then(|upto| self.catch_up(&mut waiting, upto)) else {
                self.waiting.push(waiting);
                continue;
            };
            match self.feed(&mut waiting.watch, &catch_up) {
                Fed::Taken => self.make_live(waiting.watch, catch_up),
                Fed::Closed => self.give_up(waiting.watch),
                Fed::Full => {
                    (waiting.begun, waiting.paused) = (true, true);
                    let connection = &waiting.watch.connection;
                    let outbox = connection.outbox.clone();
                    effects.push(RelayEffect::AwaitRoom(connection.id, outbox));
                    self.waiting.push(waiting);
                }
            }
        }
        effects
    }

    /// A connection has room for more of its catch-up.
    pub fn has_room(&mut self, id: ConnectionId) -> Vec<RelayEffect> {
        for waiting in &mut self.waiting {
            if waiting.watch.connection.id == id {
                waiting.paused = false;
            }
        }
        self.go_on()
    }

    /// How this watch catches up; `None`: it cannot yet.
    fn catch_up(&self, waiting: &mut Waiting, upto: Seq) -> Option<CatchUp> {
        let ring = self.ring.as_ref()?;
        let after = waiting.watch.after;
        // A person who was added again hears `room` first, from the session.
        let away = waiting.watch.connection.outbox.has_left(self.room);
        if ring.head() < upto || !self.early.is_empty() || away {
            return None;
        }
        let resets = is_far(after, ring.head());
        if !resets && after < ring.below() {
            // The ring moved on meanwhile: look again.
            waiting.asked = false;
            waiting.upto = None;
            return None;
        }
        if waiting.watch.format == Format::Data {
            let end = ring.head();
            return Some(CatchUp { end, resets });
        }
        let rendered = match resets {
            true => ring.head(),
            false => ring.rendered_from(after),
        };
        let end = match self.html.is_empty() {
            true => rendered,
            false => self.html_head,
        };
        (rendered >= end && end >= upto).then_some(CatchUp { end, resets })
    }

    /// Queues the catch-up as far as there is room; `after` says how far it came.
    fn feed(&mut self, watch: &mut Watch, catch_up: &CatchUp) -> Fed {
        while !catch_up.resets && watch.after < catch_up.end {
            let Some(frame) = self.frame(watch.format, watch.after + 1) else {
                return Fed::Closed;
            };
            match watch.connection.outbox.push_catch_up(self.room, &frame) {
                Fed::Taken => watch.after += 1,
                fed => return fed,
            }
        }
        Fed::Taken
    }

    /// Answers `watching`, and puts the connection into its lane.
    fn make_live(&mut self, mut watch: Watch, CatchUp { end, resets }: CatchUp) {
        let room = self.room;
        let connection = Arc::clone(&watch.connection);
        let place = Place {
            reference: watch.reference.take(),
            room,
            head: end,
        };
        let mut open = true;
        if resets {
            let reset = ServerFrame::Reset(place.clone()).encode();
            open &= connection.outbox.push_of(room, Frame::from(reset));
        }
        let watching = ServerFrame::Watching(place).encode();
        open &= connection.outbox.push_of(room, Frame::from(watching));
        if !open {
            return self.give_up(watch);
        }
        let format = watch.format;
        watch.forget();
        connection.tell(SessionMessage::Watching { room });
        match format {
            Format::Data => {
                self.data.insert(connection.id, connection);
            }
            Format::Html => {
                if self.html.is_empty() {
                    self.html_head = end;
                }
                self.html.insert(connection.id, connection);
            }
        }
    }

    /// The connection gets nothing of the room any more.
    fn give_up(&mut self, watch: Watch) {
        let room = self.room;
        self.metrics.watches.dec();
        watch.connection.tell(SessionMessage::WatchEnded { room });
        watch.forget();
    }

    fn frame(&mut self, format: Format, seq: Seq) -> Option<Frame> {
        let ring = self.ring.as_mut()?;
        match format {
            Format::Data => ring.get_mut(seq).map(super::Item::data),
            Format::Html => ring.html(seq),
        }
    }

    /// The lowest seq above which something in the ring is still needed.
    pub(super) fn needed(&self) -> Seq {
        let head = self.head();
        let html = match self.html.is_empty() {
            true => head,
            false => self.html_head,
        };
        let waiting = self.waiting.iter().map(|waiting| waiting.watch.after);
        let near = waiting.filter(|after| !is_far(*after, head));
        near.min().map_or(html, |after| after.min(html))
    }

    /// What must be rendered next: for the live watchers, then for those that catch up.
    pub(super) fn start_render(&mut self) -> Option<RelayEffect> {
        let ring = self.ring.as_ref().filter(|_| !self.rendering)?;
        let live = (!self.html.is_empty()).then_some(self.html_head);
        let head = ring.head();
        let waiting = self.waiting.iter().filter(|waiting| {
            waiting.watch.format == Format::Html
                && waiting.upto.is_some()
                && !is_far(waiting.watch.after, head)
        });
        let lowest = waiting.map(|waiting| waiting.watch.after).min();
        let after = match (live, lowest) {
            (Some(live), Some(lowest)) => live.min(lowest),
            (Some(after), None) | (None, Some(after)) => after,
            (None, None) => return None,
        };
        let wanted = ring.unrendered(after, RENDER_MAX);
        self.rendering = !wanted.is_empty();
        (!wanted.is_empty()).then_some(RelayEffect::Render(wanted))
    }

    /// What the renderer made of `entries`; `Err`: nothing.
    pub fn rendered(
        &mut self,
        entries: Vec<(Seq, u64, Arc<crate::entry::Entry>)>,
        rendered: Result<Vec<Rendered>, Error>,
    ) -> Vec<RelayEffect> {
        self.rendering = false;
        let Ok(rendered) = rendered else {
            return vec![RelayEffect::Retry];
        };
        let (mut fresh, shows) = (Vec::new(), self.shows());
        for ((seq, version, entry), rendered) in entries.into_iter().zip(rendered) {
            let frame = html_frame(&entry, rendered);
            if let Some(ring) = &mut self.ring {
                ring.keep_html(seq, version, &frame);
            }
            // Who watches already may get what was hidden a moment ago; who comes now may not.
            if shows && !self.html.is_empty() && seq == self.html_head + 1 {
                fresh.push(frame);
                self.html_head = seq;
            }
        }
        self.spread_html(&fresh);
        self.go_on()
    }

    /// What is rendered beyond what the live watchers of the html lane have.
    pub(super) fn spread_rendered(&mut self) {
        if !self.shows() {
            return;
        }
        let mut fresh = Vec::new();
        while !self.html.is_empty()
            && let Some(frame) = self
                .ring
                .as_ref()
                .and_then(|ring| ring.html(self.html_head + 1))
        {
            fresh.push(frame);
            self.html_head += 1;
        }
        self.spread_html(&fresh);
    }
}

/// Too far for a catch-up over the socket.
fn is_far(after: Seq, head: Seq) -> bool {
    head.saturating_sub(after) > WATCH_GAP_MAX
}
