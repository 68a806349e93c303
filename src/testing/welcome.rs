//! The first answer to a client, with nothing in it.

use crate::clock::Timestamp;
use crate::ids::{LoginId, NodeId};
use crate::session::state::Welcomed;
use crate::wire::server::{Limits, Welcome};

/// Of a person without rooms.
pub fn welcomed(now: Timestamp) -> Welcomed {
    let limits = Limits {
        frame_bytes: 0,
        frame_elements: 0,
        body_chars: 0,
        watches: 0,
        watch_gap: 0,
        sends_in_flight: 0,
        sends_per_second: 0.0,
        sends_burst: 0.0,
        typing_interval_ms: 0,
    };
    let frame = Welcome {
        user: serde_json::Value::Null,
        session: LoginId::from_bytes([3; 16]),
        node: NodeId::from_bytes([4; 16]),
        version: "1",
        now,
        limits,
        rooms: Vec::new(),
        next: None,
    };
    let rooms = Vec::new();
    Welcomed { frame, rooms }
}
