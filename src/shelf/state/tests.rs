use super::*;
use crate::clock::Timestamp;
use crate::entry::{Event, Mentions};
use crate::ids::RoomId;
use crate::limits::SHELF_SEGMENT_ENTRIES;
use crate::reading::Page;
use crate::store::Redaction;

fn entry(seq: Seq, body: &str) -> Arc<Entry> {
    let event = Event::Post {
        body: Some(body.to_owned()),
        reply_to: None,
        mentions: Mentions::default(),
    };
    Arc::new(Entry {
        room: RoomId::from_bytes([1; 16]),
        seq,
        ord: seq,
        at: Timestamp(0),
        by: None,
        client_id: None,
        event,
        redacted: false,
    })
}

fn run(seqs: std::ops::RangeInclusive<Seq>) -> Vec<Arc<Entry>> {
    seqs.map(|seq| entry(seq, "wave")).collect()
}

fn slots(seqs: std::ops::RangeInclusive<Seq>) -> Vec<Slot> {
    let slots = run(seqs).into_iter().map(|entry| Slot::new(entry, None));
    slots.collect()
}

fn segment(seqs: std::ops::RangeInclusive<Seq>) -> Segment {
    Segment::new(slots(seqs)).expect("a run")
}

/// A shelf at `head` that holds its newest segment.
fn shelf(head: Seq) -> Shelf {
    let mut shelf = Shelf::default();
    shelf.begin_at(head);
    let index = index_of(head);
    let known = shelf.begin_load();
    shelf.take_in(index, known, segment(range_of(index).0..=head));
    shelf.end_load();
    shelf
}

#[test]
fn the_newest_segment_grows_and_the_next_one_begins_by_itself() {
    let full = SHELF_SEGMENT_ENTRIES;
    let mut shelf = shelf(full - 1);
    shelf.hear(&run(full..=2 * full + 1));
    assert_eq!(shelf.head(), Some(2 * full + 1));
    let all = shelf.entries(1, 2 * full + 1).expect("all are here");
    let seqs: Vec<Seq> = all.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, (1..=2 * full + 1).collect::<Vec<Seq>>());
}

#[test]
fn nothing_is_shown_beyond_a_gap() {
    let mut shelf = shelf(10);
    shelf.hear(&run(12..=13));
    assert_eq!((shelf.head(), shelf.gap()), (Some(10), Some((11, 13))));
    shelf.hear(&run(9..=13));
    assert_eq!((shelf.head(), shelf.gap()), (Some(13), None));
    assert_eq!(shelf.entries(1, 13).map(|all| all.len()), Ok(13));
    shelf.head_is(14);
    assert_eq!(shelf.gap(), Some((14, 14)));
}

#[test]
fn what_came_before_the_first_head_is_a_gap() {
    let mut shelf = Shelf::default();
    shelf.hear(&run(5..=6));
    assert_eq!((shelf.head(), shelf.gap()), (None, None));
    shelf.begin_at(4);
    assert_eq!((shelf.head(), shelf.gap()), (Some(4), Some((5, 6))));
    // Another reader read a head, too, and his was older.
    shelf.begin_at(3);
    assert_eq!(shelf.head(), Some(4));
}

#[test]
fn what_does_not_fit_is_not_taken_in() {
    let check = |known: Seq, given: Segment, is_taken: bool| {
        let mut shelf = Shelf::default();
        shelf.begin_at(10);
        assert_eq!(shelf.begin_load(), 10);
        shelf.take_in(0, known, given);
        shelf.end_load();
        assert_eq!(shelf.entries(1, 10).is_ok(), is_taken);
    };
    let mut holed = slots(1..=10);
    holed.remove(4);
    assert!(Segment::new(holed).is_none());
    assert!(Segment::new(Vec::new()).is_none());
    check(10, segment(1..=10), true);
    check(10, segment(1..=9), false);
    check(9, segment(1..=9), false);
}

#[test]
fn a_reading_that_missed_too_much_is_not_taken_in() {
    let head = 10 + SHELF_RECENT_MAX as u64 + 1;
    for (came, is_taken) in [(head - 1, true), (head, false)] {
        let mut shelf = Shelf::default();
        shelf.begin_at(10);
        let known = shelf.begin_load();
        for seq in 11..=came {
            shelf.hear(&run(seq..=seq));
        }
        shelf.take_in(0, known, segment(1..=10));
        assert_eq!(shelf.entries(1, 10).is_ok(), is_taken, "{came}");
    }
}

#[test]
fn a_shelf_has_bounds_and_keeps_what_is_of_use() {
    let mut shelf = Shelf::default();
    let full = SHELF_SEGMENT_ENTRIES;
    let most = SHELF_SEGMENTS_MAX as u64;
    shelf.begin_at((most + 4) * full);
    for index in 0..most + 4 {
        shelf.begin_reading();
        let known = shelf.begin_load();
        let (first, last) = range_of(index);
        shelf.take_in(index, known, segment(first..=last));
        shelf.end_load();
        assert!(
            shelf.entries(1, 1).is_ok(),
            "the first is read all the time"
        );
    }
    assert_eq!(shelf.segments.len(), SHELF_SEGMENTS_MAX);
    assert!(shelf.entries(full + 1, full + 1).is_err());
    let huge = entry(
        shelf.head().unwrap_or(0) + 1,
        &"w".repeat(SHELF_BYTES_MAX / 2),
    );
    shelf.hear(&[huge]);
    assert!(shelf.bytes() <= SHELF_BYTES_MAX);
    assert_eq!(shelf.gap(), None);
}

/// A post whose text is gone, with what is said of it, as the reading found both.
fn erased(about: Option<About>) -> Slot {
    let entry = Entry::clone(&entry(1, "gone")).redacted();
    Slot::new(Arc::new(entry), about)
}

fn said(edited: Seq, deleted: Seq, edit: Option<Option<&str>>) -> Option<About> {
    Some(About {
        redaction: Redaction { edited, deleted },
        edit: edit.map(|text| (text.map(str::to_owned), Timestamp(7))),
        reactions: Vec::new(),
    })
}

#[test]
fn a_text_that_was_erased_is_never_shown_as_an_empty_one() {
    // The store has erased it; what erased it is known, or not yet, or is gone itself.
    let cases = [
        (None, None),
        (said(5, 0, None), None),
        (said(5, 0, Some(None)), None),
        (said(5, 0, Some(Some("calm"))), Some((Some("calm"), false))),
        (said(0, 6, None), Some((None, true))),
        (said(5, 6, Some(None)), Some((None, true))),
    ];
    for (about, expected) in cases {
        let view = erased(about.clone()).message();
        let shown = view
            .as_ref()
            .map(|view| (view.body.as_deref(), view.deleted));
        assert_eq!(shown, expected, "{about:?}");
    }
}

#[test]
fn an_edit_that_comes_without_its_text_leaves_the_message_to_the_store_until_the_next_one() {
    let edit = |seq, body: Option<&str>| {
        let body = body.map(str::to_owned);
        let event = Event::Edit { target: 3, body };
        let redacted = event.content().is_none();
        let plain = Entry::clone(&entry(seq, ""));
        Arc::new(Entry {
            event,
            redacted,
            ..plain
        })
    };
    let mut shelf = shelf(10);
    shelf.hear(&[edit(11, None)]);
    assert_eq!(shelf.message(3).err(), Some(Lack::Other));
    assert_eq!(
        shelf.messages_page(Page::Newest, 10, 0).err(),
        Some(Lack::Other)
    );
    let entries = shelf.entries(3, 3).expect("known");
    assert!(entries[0].redacted, "what it hides is hidden");
    shelf.hear(&[edit(12, Some("calm"))]);
    let view = shelf.message(3).expect("known").expect("a post");
    assert_eq!(view.body.as_deref(), Some("calm"));
}
