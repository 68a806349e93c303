//! What a message looks like on its way through Redis: numbered, dated, and authenticated by the
//! cluster secret. Whoever can write to Redis but does not know the secret is not listened to.
//!
//! `version, flags, from, to, n, at, number of counts, (node, count)…, payload, MAC`. The MAC
//! (HMAC-SHA256, cut to 16 bytes) covers everything before it and the id of the cluster. A later
//! version may change what stands in the payload, never this frame.

use super::counts::Count;
use crate::ids::NodeId;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Of the messages that this program writes.
pub const VERSION: u8 = 1;
/// One older and one newer are understood.
const READABLE: std::ops::RangeInclusive<u8> = VERSION - 1..=VERSION + 1;
/// Longest payload, bytes: a full batch of entries and some.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// Nodes whose counts a broadcast carries.
const COUNTS_MAX: usize = 1_024;
/// An older message is a replay, or clocks are far apart.
const AGE_MS_MAX: u64 = 300_000;
const MAC_BYTES: usize = 16;
const HEAD_BYTES: usize = 2 + 16 + 16 + 8 + 8 + 2;
const COUNT_BYTES: usize = 16 + 8;

const OPENS: u8 = 1;
const BROADCAST: u8 = 2;
const PROBE: u8 = 4;

/// What a frame is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    Direct(Count),
    Broadcast {
        n: u64,
        counts: Vec<(NodeId, u64)>,
    },
    /// A node listens for its own voice: whether what it subscribed to arrives.
    Probe {
        n: u64,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub from: NodeId,
    /// Nil for broadcasts.
    pub to: NodeId,
    /// Milliseconds since 1970, by the clock of the sender.
    pub at_ms: u64,
    pub way: Way,
    pub payload: Bytes,
}

/// Why a frame was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Malformed,
    /// Too far from our version.
    Version(u8),
    Forged,
    Stale,
}

/// One secret: HMAC-SHA256 with both halves of its key made ready (RFC 2104).
#[derive(Clone)]
struct Key {
    inner: Sha256,
    outer: Sha256,
}

impl Key {
    fn new(secret: &[u8]) -> Self {
        let mut block = [0_u8; 64];
        if secret.len() > block.len() {
            block[..32].copy_from_slice(&Sha256::digest(secret));
        } else {
            block[..secret.len()].copy_from_slice(secret);
        }
        Self {
            inner: Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)),
            outer: Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)),
        }
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut inner = self.inner.clone();
        for part in parts {
            inner.update(part);
        }
        let inner = inner.finalize();
        self.outer.clone().chain_update(inner).finalize().into()
    }
}

/// The secrets of a cluster: all are believed, the first one signs. A change takes three rounds of
/// restarts: `old,new`, then `new,old`, then `new`.
#[derive(Clone)]
pub struct Seal {
    keys: Vec<Key>,
    domain: Vec<u8>,
}

impl Seal {
    /// `None` without a secret.
    pub fn new(cluster: &str, secrets: &[String]) -> Option<Self> {
        let keys: Vec<_> = secrets
            .iter()
            .map(|text| Key::new(text.as_bytes()))
            .collect();
        let mut domain = b"chapiana bus\0".to_vec();
        domain.extend_from_slice(cluster.as_bytes());
        domain.push(0);
        (!keys.is_empty()).then_some(Self { keys, domain })
    }

    /// What may be told to Redis about each secret, so that two clusters notice each other.
    pub fn fingerprints(&self) -> Vec<String> {
        let print = |key: &Key| {
            let mac = key.mac(&[&self.domain, b"fingerprint"]);
            mac[..8].iter().map(|byte| format!("{byte:02x}")).collect()
        };
        self.keys.iter().map(print).collect()
    }

    /// `None` if it is too long.
    pub fn close(&self, frame: &Frame) -> Option<Bytes> {
        self.close_as(frame, VERSION)
    }

    fn close_as(&self, frame: &Frame, version: u8) -> Option<Bytes> {
        let none = Vec::new();
        let (flags, n, counts) = match &frame.way {
            Way::Direct(count) => (u8::from(count.opens) * OPENS, count.n, &none),
            Way::Broadcast { n, counts } => (BROADCAST, *n, counts),
            Way::Probe { n } => (PROBE, *n, &none),
        };
        if frame.payload.len() > PAYLOAD_BYTES_MAX || counts.len() > COUNTS_MAX {
            return None;
        }
        let length = HEAD_BYTES + counts.len() * COUNT_BYTES + frame.payload.len() + MAC_BYTES;
        let mut bytes = BytesMut::with_capacity(length);
        bytes.put_u8(version);
        bytes.put_u8(flags);
        bytes.put_slice(frame.from.bytes());
        bytes.put_slice(frame.to.bytes());
        bytes.put_u64(n);
        bytes.put_u64(frame.at_ms);
        bytes.put_u16(u16::try_from(counts.len()).ok()?);
        for (node, count) in counts {
            bytes.put_slice(node.bytes());
            bytes.put_u64(*count);
        }
        bytes.put_slice(&frame.payload);
        let mac = self.keys.first()?.mac(&[&self.domain, &bytes]);
        bytes.put_slice(&mac[..MAC_BYTES]);
        Some(bytes.freeze())
    }

    /// Reads what came: nothing of it is believed before its MAC is.
    pub fn open(&self, bytes: &Bytes, now_ms: u64) -> Result<Frame, Refused> {
        let whole = HEAD_BYTES + MAC_BYTES;
        let most = whole + COUNTS_MAX * COUNT_BYTES + PAYLOAD_BYTES_MAX;
        if !(whole..=most).contains(&bytes.len()) {
            return Err(Refused::Malformed);
        }
        let (said, mac) = bytes.split_at(bytes.len() - MAC_BYTES);
        let genuine = self.keys.iter().any(|key| {
            let own = key.mac(&[&self.domain, said]);
            bool::from(own[..MAC_BYTES].ct_eq(mac))
        });
        if !genuine {
            return Err(Refused::Forged);
        }
        if !READABLE.contains(&said[0]) {
            return Err(Refused::Version(said[0]));
        }
        let frame = read(bytes.slice(..said.len())).ok_or(Refused::Malformed)?;
        if now_ms.abs_diff(frame.at_ms) > AGE_MS_MAX {
            return Err(Refused::Stale);
        }
        Ok(frame)
    }
}

#[cfg(test)]
impl Seal {
    /// For fuzzing: what a right signature would let in.
    pub fn open_unsigned(&self, bytes: &[u8]) -> Option<Frame> {
        (bytes.len() >= HEAD_BYTES).then(|| read(Bytes::copy_from_slice(bytes)))?
    }
}

fn read(mut bytes: Bytes) -> Option<Frame> {
    bytes.advance(1);
    let flags = bytes.try_get_u8().ok()?;
    let (from, to) = (node(&mut bytes)?, node(&mut bytes)?);
    let n = bytes.try_get_u64().ok()?;
    let at_ms = bytes.try_get_u64().ok()?;
    let length = usize::from(bytes.try_get_u16().ok()?);
    if length > COUNTS_MAX {
        return None;
    }
    let mut counts = Vec::with_capacity(length);
    for _ in 0..length {
        counts.push((node(&mut bytes)?, bytes.try_get_u64().ok()?));
    }
    let way = match flags {
        0 | OPENS => Way::Direct(Count {
            n,
            opens: flags == OPENS,
        }),
        BROADCAST => Way::Broadcast { n, counts },
        PROBE => Way::Probe { n },
        _ => return None,
    };
    (bytes.len() <= PAYLOAD_BYTES_MAX).then_some(Frame {
        from,
        to,
        at_ms,
        way,
        payload: bytes,
    })
}

fn node(bytes: &mut Bytes) -> Option<NodeId> {
    let mut id = [0; 16];
    bytes.try_copy_to_slice(&mut id).ok()?;
    Some(NodeId::from_bytes(id))
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
