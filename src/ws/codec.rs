//! RFC 6455, the server's side: frames from bytes and back. Knows no socket and no time.

use crate::limits::FRAME_BYTES_MAX;

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// Longest payload of a control frame.
const CONTROL_MAX: usize = 125;

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    Text(String),
    Binary,
    Ping(Vec<u8>),
    Pong,
    /// With the code that the other side gave, if any.
    Close(Option<u16>),
}

/// What ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    TooLarge,
    NotUtf8,
    /// Not RFC 6455.
    Protocol,
}

/// The head of a frame that the server sends: never masked, never in pieces.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    bytes: [u8; 10],
    length: usize,
}

impl Head {
    pub fn text(payload: usize) -> Self {
        Self::of(TEXT, payload)
    }

    fn of(opcode: u8, payload: usize) -> Self {
        let mut bytes = [0; 10];
        bytes[0] = 0x80 | opcode;
        let length = match payload {
            0..126 => {
                bytes[1] = payload as u8;
                2
            }
            126..=0xffff => {
                bytes[1] = 126;
                bytes[2..4].copy_from_slice(&(payload as u16).to_be_bytes());
                4
            }
            _ => {
                bytes[1] = 127;
                bytes[2..10].copy_from_slice(&(payload as u64).to_be_bytes());
                10
            }
        };
        Self { bytes, length }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// A whole ping.
pub fn ping() -> Vec<u8> {
    control(PING, &[])
}

/// The answer to a ping.
pub fn pong(payload: &[u8]) -> Vec<u8> {
    control(PONG, payload)
}

/// A whole close frame; `None`: without a code.
pub fn close(code: Option<u16>) -> Vec<u8> {
    let code = code.map(u16::to_be_bytes);
    control(CLOSE, code.as_ref().map_or(&[], <[u8; 2]>::as_slice))
}

fn control(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let payload = &payload[..payload.len().min(CONTROL_MAX)];
    let mut frame = Head::of(opcode, payload.len()).bytes().to_vec();
    frame.extend_from_slice(payload);
    frame
}

/// One frame as it came.
struct Piece {
    last: bool,
    opcode: u8,
    payload: Vec<u8>,
}

/// Bytes that came and are no message yet. Empty, it holds no memory.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    /// Opcode and payload so far of a message in pieces.
    begun: Option<(u8, Vec<u8>)>,
}

impl Inbox {
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message, if it is whole.
    pub fn next(&mut self) -> Result<Option<Incoming>, Broken> {
        while let Some(piece) = self.piece()? {
            if let Some(incoming) = self.take(piece)? {
                return Ok(Some(incoming));
            }
        }
        Ok(None)
    }

    fn take(&mut self, piece: Piece) -> Result<Option<Incoming>, Broken> {
        let Piece {
            last,
            opcode,
            payload,
        } = piece;
        let (opcode, payload) = match (opcode, self.begun.take()) {
            (PING | PONG | CLOSE, begun) => {
                self.begun = begun;
                return control_of(opcode, payload).map(Some);
            }
            (0, Some((opcode, mut whole))) => {
                whole.extend_from_slice(&payload);
                (opcode, whole)
            }
            (TEXT | BINARY, None) => (opcode, payload),
            _ => return Err(Broken::Protocol),
        };
        if payload.len() > FRAME_BYTES_MAX {
            return Err(Broken::TooLarge);
        }
        if !last {
            self.begun = Some((opcode, payload));
            return Ok(None);
        }
        match opcode {
            TEXT => match String::from_utf8(payload) {
                Ok(text) => Ok(Some(Incoming::Text(text))),
                Err(_) => Err(Broken::NotUtf8),
            },
            _ => Ok(Some(Incoming::Binary)),
        }
    }

    /// Takes the first frame off, if it is whole.
    fn piece(&mut self) -> Result<Option<Piece>, Broken> {
        let [first, second, rest @ ..] = self.bytes.as_slice() else {
            return Ok(None);
        };
        let (last, opcode) = (first & 0x80 != 0, first & 0x0f);
        let is_control = opcode & 0x08 != 0;
        let masked = second & 0x80 != 0;
        let short = second & 0x7f;
        // Reserved bits belong to extensions, of which there are none; clients must mask.
        let is_odd = first & 0x70 != 0 || !masked;
        if is_odd || is_control && (!last || usize::from(short) > CONTROL_MAX) {
            return Err(Broken::Protocol);
        }
        let Some((extended, length)) = length_of(short, rest) else {
            return Ok(None);
        };
        let so_far = self.begun.as_ref().map_or(0, |(_, begun)| begun.len());
        if !is_control && length > (FRAME_BYTES_MAX - so_far) as u64 {
            return Err(Broken::TooLarge);
        }
        let rest = &rest[extended..];
        let Some((mask, rest)) = rest.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let Some(payload) = rest.get(..length as usize) else {
            return Ok(None);
        };
        let bare = payload.iter().zip(mask.iter().cycle());
        let payload: Vec<u8> = bare.map(|(byte, mask)| byte ^ mask).collect();
        self.drop_front(2 + extended + 4 + payload.len());
        Ok(Some(Piece {
            last,
            opcode,
            payload,
        }))
    }

    fn drop_front(&mut self, count: usize) {
        match count == self.bytes.len() {
            true => self.bytes = Vec::new(),
            false => drop(self.bytes.drain(..count)),
        }
    }
}

/// Bytes of the extended length, and the length of the payload.
fn length_of(short: u8, rest: &[u8]) -> Option<(usize, u64)> {
    match short {
        126 => {
            let bytes = rest.first_chunk::<2>()?;
            Some((2, u16::from_be_bytes(*bytes).into()))
        }
        127 => {
            let bytes = rest.first_chunk::<8>()?;
            Some((8, u64::from_be_bytes(*bytes)))
        }
        short => Some((0, short.into())),
    }
}

fn control_of(opcode: u8, payload: Vec<u8>) -> Result<Incoming, Broken> {
    match opcode {
        PING => Ok(Incoming::Ping(payload)),
        PONG => Ok(Incoming::Pong),
        _ => match payload.as_slice() {
            [] => Ok(Incoming::Close(None)),
            [high, low, reason @ ..] => {
                let code = u16::from_be_bytes([*high, *low]);
                let is_known = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
                match is_known && std::str::from_utf8(reason).is_ok() {
                    true => Ok(Incoming::Close(Some(code))),
                    false => Err(Broken::Protocol),
                }
            }
            [_] => Err(Broken::Protocol),
        },
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
