//! What the clients did and saw, on one clock, and what the logs said after the faults.

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;
use uuid::Uuid;

/// One observation of one person.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Nanoseconds since the history began (monotonic).
    pub t: u64,
    pub user: Uuid,
    /// Counts the connections of this person.
    pub conn: u32,
    pub room: Uuid,
    pub what: What,
}

/// The operations of RELIABILITY's histories that this test performs.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Before each try of an append.
    Invoke {
        key: Uuid,
        body: Option<String>,
    },
    /// The try was acknowledged.
    Ok {
        key: Uuid,
        seq: u64,
        ord: u64,
    },
    /// The try was refused for good.
    Fail {
        key: Uuid,
        code: String,
    },
    /// The try ended without an answer, or with an open code.
    Unknown {
        key: Uuid,
        code: Option<String>,
    },
    Watch {
        after: u64,
    },
    /// The catch-up of the watch is complete.
    Watching {
        head: u64,
    },
    /// The live part begins after `head`; the rest is paged.
    Reset {
        head: u64,
    },
    Deliver(Seen),
    /// A page read over HTTP after a reset.
    Page {
        after: u64,
        entries: Vec<Seen>,
    },
    /// I was removed: nothing of this watch follows.
    Gone,
    /// The node goes away: come back in so many milliseconds.
    Bye {
        retry_after_ms: u64,
    },
    /// The server confirmed this read marker.
    Marked {
        read: u64,
    },
}

/// An entry as a client sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub seq: u64,
    pub ord: u64,
    pub by: Option<Uuid>,
    pub key: Option<Uuid>,
    pub kind: String,
    pub body: Option<String>,
    pub target: Option<u64>,
    pub user: Option<Uuid>,
}

impl Seen {
    /// From the JSON of PROTOCOL §2.
    pub fn of(entry: &Value) -> Self {
        let id = |field: &str| entry[field].as_str().and_then(|text| text.parse().ok());
        Self {
            seq: entry["seq"].as_u64().unwrap_or(0),
            ord: entry["ord"].as_u64().unwrap_or(0),
            by: id("by"),
            key: id("client_id"),
            kind: entry["kind"].as_str().unwrap_or_default().to_owned(),
            body: entry["body"].as_str().map(str::to_owned),
            target: entry["target"].as_u64(),
            user: id("user"),
        }
    }

    /// Everything but the content, which a later redaction may hide.
    pub fn same_place(&self, other: &Self) -> bool {
        let bare = |seen: &Self| Self {
            body: None,
            ..seen.clone()
        };
        bare(self) == bare(other)
    }
}

/// What the server says of one person's place in one room when all is calm.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub user: Uuid,
    pub room: Uuid,
    pub read: u64,
    pub unread: u64,
}

/// All that the checker judges.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    pub records: Vec<Record>,
    pub logs: BTreeMap<Uuid, Vec<Seen>>,
    pub claims: Vec<Claim>,
}

/// The growing history, shared by all clients.
pub struct History {
    began: Instant,
    records: Mutex<Vec<Record>>,
}

impl History {
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            records: Mutex::default(),
        }
    }

    /// Nanoseconds since it began.
    pub fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub fn add(&self, user: Uuid, conn: u32, room: Uuid, what: What) {
        let mut records = self
            .records
            .lock()
            .expect("no client panics while it writes");
        // The clock is read under the lock: the order of the records is the order of time.
        let t = self.now();
        records.push(Record {
            t,
            user,
            conn,
            room,
            what,
        });
    }

    pub fn take(&self) -> Vec<Record> {
        std::mem::take(
            &mut *self
                .records
                .lock()
                .expect("no client panics while it writes"),
        )
    }
}
