//! A WebSocket client that costs little: its share of the machine must not hide the server's.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One connection, after the handshake.
pub struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
    begin: usize,
    /// Bytes of all frames that came, with their headers.
    pub bytes: u64,
}

/// Why a socket ended, in words.
pub type Ended = String;

impl Socket {
    /// Upgrades at `path` with a bearer token.
    pub async fn connect(host: &str, path: &str, token: &str) -> Result<Self, Ended> {
        let stream = TcpStream::connect(host).await.map_err(|e| e.to_string())?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        let mut socket = Self {
            stream,
            buffer: Vec::with_capacity(2048),
            begin: 0,
            bytes: 0,
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: chapiana.v1\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        socket
            .stream
            .write_all(request.as_bytes())
            .await
            .map_err(|e| e.to_string())?;
        loop {
            let end = socket
                .buffer
                .windows(4)
                .position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                let head = String::from_utf8_lossy(&socket.buffer[..end]).into_owned();
                if !head.starts_with("HTTP/1.1 101") {
                    return Err(head);
                }
                socket.begin = end + 4;
                return Ok(socket);
            }
            socket.read_more().await?;
        }
    }

    /// Sends one text frame. The mask is zero, which the protocol allows and which costs nothing.
    pub async fn send(&mut self, text: &str) -> Result<(), Ended> {
        self.send_frame(0x81, text.as_bytes()).await
    }

    async fn send_frame(&mut self, first: u8, payload: &[u8]) -> Result<(), Ended> {
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..126 => frame.push(0x80 | length as u8),
            length => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        self.stream
            .write_all(&frame)
            .await
            .map_err(|e| e.to_string())
    }

    /// The next text message. Pings are answered. May be dropped while it waits, without loss.
    pub async fn next(&mut self) -> Result<String, Ended> {
        loop {
            let Some((opcode, payload, end)) = self.parsed() else {
                self.read_more().await?;
                continue;
            };
            let payload = self.buffer[payload..end].to_vec();
            self.bytes += (end - self.begin) as u64;
            self.begin = end;
            match opcode {
                1 => return String::from_utf8(payload).map_err(|e| e.to_string()),
                8 => return Err(format!("closed: {:?}", String::from_utf8_lossy(&payload))),
                9 => self.send_frame(0x8a, &payload).await?,
                _ => {}
            }
        }
    }

    /// Opcode, and where the payload of the first whole frame begins and ends.
    fn parsed(&self) -> Option<(u8, usize, usize)> {
        let bytes = &self.buffer[self.begin..];
        let (first, second) = (*bytes.first()?, *bytes.get(1)?);
        let (header, length) = match second & 0x7f {
            126 => (
                4,
                usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])),
            ),
            127 => {
                let eight: [u8; 8] = bytes.get(2..10)?.try_into().ok()?;
                (10, u64::from_be_bytes(eight) as usize)
            }
            length => (2, usize::from(length)),
        };
        let payload = self.begin + header;
        (bytes.len() >= header + length).then_some((first & 0x0f, payload, payload + length))
    }

    async fn read_more(&mut self) -> Result<(), Ended> {
        if self.begin > 0 {
            self.buffer.drain(..self.begin);
            self.begin = 0;
        }
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err("the server closed the connection".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}
