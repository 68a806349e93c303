//! The checker is itself checked: a sound history passes, and each planted fault is found.

use crate::checker::{Rule, check};
use crate::history::{Claim, Evidence, Record, Seen, What};
use uuid::Uuid;

type Plant = fn(&mut Evidence);

/// What is planted, the rule that must notice it, and how it is planted.
const MUTANTS: [(&str, Rule, Plant); 20] = [
    ("an acknowledged entry is gone", Rule::Lost, |e| {
        let seq = first_acked(e);
        log(e).truncate(seq as usize - 1);
    }),
    ("the log is empty", Rule::Lost, |e| log(e).clear()),
    ("one entry stands twice", Rule::Doubled, |e| {
        let at = acked_at(e);
        let twin = Seen {
            seq: log(e).len() as u64 + 1,
            ..log(e)[at].clone()
        };
        log(e).push(twin);
    }),
    ("two entries are swapped", Rule::Changed, |e| {
        let at = acked_at(e);
        swap_contents(log(e), at, at + 1);
    }),
    (
        "an acknowledgement names the next place",
        Rule::Changed,
        |e| {
            on_record(e, |what| match what {
                What::Ok { seq, .. } => {
                    *seq += 1;
                    true
                }
                _ => false,
            });
        },
    ),
    ("an acknowledgement counts wrongly", Rule::Changed, |e| {
        on_record(e, |what| match what {
            What::Ok { ord, .. } => {
                *ord += 1;
                true
            }
            _ => false,
        });
    }),
    (
        "a stored body differs from what was sent",
        Rule::Changed,
        |e| {
            let at = last_plain(e);
            log(e)[at].body = Some("something else".to_owned());
        },
    ),
    ("a hole in the log", Rule::Gap, |e| {
        let at = acked_at(e);
        log(e).remove(at);
    }),
    ("ord skips one", Rule::Gap, |e| {
        let at = acked_at(e);
        log(e)[at].ord += 1;
    }),
    ("a delivery is missing", Rule::Stream, |e| {
        let at = delivery(e);
        e.records.remove(at);
    }),
    ("a delivery comes twice", Rule::Stream, |e| {
        let at = delivery(e);
        let twin = e.records[at].clone();
        e.records.insert(at, twin);
    }),
    ("two deliveries are swapped", Rule::Stream, |e| {
        let at = delivery(e);
        let next = same_stream_after(e, at);
        let (first, second) = (e.records[at].what.clone(), e.records[next].what.clone());
        e.records[at].what = second;
        e.records[next].what = first;
    }),
    ("a resume begins one too late", Rule::Stream, |e| {
        on_record(e, |what| match what {
            What::Watch { after } => {
                *after += 1;
                true
            }
            _ => false,
        });
    }),
    (
        "a delivered entry is not the stored one",
        Rule::Stream,
        |e| {
            on_record(e, |what| match what {
                What::Deliver(seen) if seen.key.is_some() => {
                    seen.key = Some(Uuid::from_u128(0xbad));
                    true
                }
                _ => false,
            });
        },
    ),
    (
        "acknowledged before it, stored behind it",
        Rule::Reordered,
        |e| {
            let at = e
                .records
                .iter()
                .position(|r| matches!(r.what, What::Ok { .. }));
            let acked = e.records.remove(at.expect("something was acknowledged"));
            e.records.insert(0, Record { t: 0, ..acked });
            let What::Ok { seq, .. } = &mut e.records[0].what else {
                unreachable!("the record was an acknowledgement");
            };
            *seq += 1;
        },
    ),
    ("a refused send is in the log", Rule::FailedPresent, |e| {
        on_record(e, |what| match what {
            What::Ok { key, .. } => {
                let code = "conflict".to_owned();
                *what = What::Fail { key: *key, code };
                true
            }
            _ => false,
        });
    }),
    ("a read marker falls", Rule::MarkerFell, |e| {
        let claim = &mut e.claims[0];
        claim.unread += claim.read;
        claim.read = 0;
    }),
    ("unread is one too many", Rule::Miscounted, |e| {
        e.claims[0].unread += 1
    }),
    ("an entry reaches a removed person", Rule::Leaked, |e| {
        let place = |r: &Record| (r.user, r.conn, r.room);
        // On the connection on which he was removed somebody also gets the leave entry itself, before `gone`: the very
        // first thing that he must not get. Between it and the last that he got there may be more, which he never saw.
        let (gone, mut leak, leave) = (0..e.records.len())
            .filter(|at| e.records[*at].what == What::Gone)
            .find_map(|gone| {
                let here = |r: &&Record| place(r) == place(&e.records[gone]);
                let mut stream = e.records[..gone].iter().filter(here);
                let last = stream.rfind(|r| matches!(r.what, What::Deliver(_)))?;
                let What::Deliver(seen) = &last.what else {
                    return None;
                };
                let mut later = e.logs[&last.room][seen.seq as usize..].iter();
                let leave = later.find(|s| s.kind == "leave" && s.user == Some(last.user))?;
                Some((gone, last.clone(), leave.clone()))
            })
            .expect("somebody who had seen entries was removed");
        leak.what = What::Deliver(leave);
        e.records.insert(gone, leak);
    }),
    ("a deleted body is still readable", Rule::Redaction, |e| {
        let hidden = log(e)
            .iter()
            .position(|s| s.kind == "post" && s.body.is_none());
        log(e)[hidden.expect("something was deleted")].body = Some("still here".to_owned());
    }),
];

/// Plants every fault in `sound` and says which ones the checker did not find.
pub fn survivors(sound: &Evidence) -> Vec<&'static str> {
    let missed = |(_, rule, plant): &&(&str, Rule, Plant)| {
        let mut evidence = sound.clone();
        plant(&mut evidence);
        check(&evidence).count(*rule) == 0
    };
    MUTANTS
        .iter()
        .filter(missed)
        .map(|mutant| mutant.0)
        .collect()
}

fn log(e: &mut Evidence) -> &mut Vec<Seen> {
    e.logs.values_mut().next().expect("there is a room")
}

fn room(e: &Evidence) -> Uuid {
    *e.logs.keys().next().expect("there is a room")
}

fn first_acked(e: &Evidence) -> u64 {
    let room = room(e);
    let acked = e.records.iter().filter(|r| r.room == room);
    let mut seqs = acked.filter_map(|r| match r.what {
        What::Ok { seq, .. } => Some(seq),
        _ => None,
    });
    seqs.next().expect("something was acknowledged")
}

fn acked_at(e: &Evidence) -> usize {
    first_acked(e) as usize - 1
}

fn last_plain(e: &mut Evidence) -> usize {
    let plain = log(e)
        .iter()
        .rposition(|s| s.kind == "post" && s.body.is_some());
    plain.expect("a post stands unedited")
}

/// Exchanges who wrote what, but leaves the numbers, as a store with crossed rows would.
fn swap_contents(log: &mut [Seen], a: usize, b: usize) {
    let (first, second) = (log[a].clone(), log[b].clone());
    log[a] = Seen {
        seq: first.seq,
        ord: first.ord,
        ..second.clone()
    };
    log[b] = Seen {
        seq: second.seq,
        ord: second.ord,
        ..first
    };
}

/// Changes the first record of the first room for which `change` says that it did.
fn on_record(e: &mut Evidence, mut change: impl FnMut(&mut What) -> bool) {
    let room = room(e);
    let changed = e
        .records
        .iter_mut()
        .filter(|r| r.room == room)
        .any(|r| change(&mut r.what));
    assert!(
        changed,
        "the history has nothing to change: the mutant would be vacuous"
    );
}

/// A delivery of the first room that has another one behind it in its stream.
fn delivery(e: &Evidence) -> usize {
    let room = room(e);
    let mut places = 0..e.records.len();
    let found = places.find(|at| {
        let record = &e.records[*at];
        record.room == room
            && matches!(record.what, What::Deliver(_))
            && next_delivery(e, *at).is_some()
    });
    found.expect("somebody got two entries in a row")
}

fn same_stream_after(e: &Evidence, at: usize) -> usize {
    next_delivery(e, at).expect("`delivery` chose one with a successor")
}

/// The next record of the same stream, if it is a delivery too.
fn next_delivery(e: &Evidence, at: usize) -> Option<usize> {
    let place = |r: &Record| (r.user, r.conn, r.room);
    let mine = |i: &usize| place(&e.records[*i]) == place(&e.records[at]);
    let streams = |i: &usize| {
        let what = &e.records[*i].what;
        matches!(
            what,
            What::Deliver(_) | What::Watch { .. } | What::Watching { .. } | What::Gone
        )
    };
    let next = (at + 1..e.records.len()).filter(mine).find(streams)?;
    matches!(e.records[next].what, What::Deliver(_)).then_some(next)
}

/// Ann and Ben write; Mallory watches and is removed; Ann deletes her first post.
fn small_sound_history() -> Evidence {
    let id = |n: u128| Uuid::from_u128(n);
    let (ann, ben, mallory, room) = (id(1), id(2), id(3), id(9));
    let mut e = Evidence::default();
    let entry = |seq, ord, by, key: u128, kind: &str, body: Option<&str>| Seen {
        seq,
        ord,
        by: Some(by),
        key: (key > 0).then(|| id(key)),
        kind: kind.to_owned(),
        body: body.map(str::to_owned),
        target: None,
        user: None,
    };
    let moved = |seq, ord, kind: &str, user| Seen {
        user: Some(user),
        ..entry(seq, ord, ann, 0, kind, None)
    };
    let stored = vec![
        moved(1, 0, "join", ann),
        moved(2, 0, "join", ben),
        moved(3, 0, "join", mallory),
        entry(4, 1, ann, 101, "post", Some("good morning")),
        entry(5, 2, ben, 102, "post", Some("hello Ann")),
        moved(6, 2, "leave", mallory),
        entry(7, 3, ann, 103, "post", Some("now among us")),
        Seen {
            target: Some(4),
            ..entry(8, 3, ann, 104, "delete", None)
        },
    ];
    let mut add = |user, what| {
        let t = e.records.len() as u64;
        e.records.push(Record {
            t,
            user,
            conn: 1,
            room,
            what,
        });
    };
    for user in [ann, ben, mallory] {
        add(user, What::Watch { after: 3 });
        add(user, What::Watching { head: 3 });
    }
    for seen in &stored[3..] {
        if let (Some(by), Some(key)) = (seen.by, seen.key) {
            add(
                by,
                What::Invoke {
                    key,
                    body: seen.body.clone(),
                },
            );
            add(
                by,
                What::Ok {
                    key,
                    seq: seen.seq,
                    ord: seen.ord,
                },
            );
        }
        if seen.kind == "leave" {
            add(mallory, What::Gone);
        }
        // Mallory is out before the last entry that he may see comes to him.
        let readers: &[Uuid] = if seen.seq < 5 {
            &[ann, ben, mallory]
        } else {
            &[ann, ben]
        };
        for reader in readers {
            add(*reader, What::Deliver(seen.clone()));
        }
    }
    add(ben, What::Marked { read: 5 });
    e.claims = vec![
        Claim {
            user: ben,
            room,
            read: 5,
            unread: 1,
        },
        Claim {
            user: ann,
            room,
            read: 7,
            unread: 0,
        },
    ];
    let mut now = stored;
    now[3].body = None;
    e.logs.insert(room, now);
    e
}

#[test]
fn the_checker_passes_a_sound_history_and_finds_every_planted_fault() {
    let sound = small_sound_history();
    let verdict = check(&sound);
    assert!(
        verdict.broken.is_empty(),
        "{verdict}\n{:#?}",
        verdict.findings
    );
    assert_eq!((verdict.acked, verdict.delivered), (4, 11));
    assert_eq!(survivors(&sound), Vec::<&str>::new());
}
