//! A TCP connection that several write to: the relays directly, and the socket's own task what the
//! kernel did not take. Whole frames only: a rest goes out before anything else.

use super::codec::Head;
use crate::session::outbox::{Direct, Frame, Wrote};
use bytes::{Buf as _, Bytes};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Most slices of one system call.
const SLICES_MAX: usize = 64;

/// Shared by the socket's task and its outbox.
#[derive(Debug)]
pub struct Line {
    stream: TcpStream,
    /// On its way out.
    rest: Mutex<VecDeque<Bytes>>,
}

impl Line {
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            rest: Mutex::default(),
        }
    }

    /// Appends a text frame for the next flush.
    pub fn feed(&self, frame: &Frame) {
        let mut rest = self.rest();
        rest.push_back(Bytes::copy_from_slice(Head::text(frame.len()).bytes()));
        rest.push_back(frame.clone().into());
    }

    /// Appends whole frames for the next flush.
    pub fn feed_raw(&self, frame: Vec<u8>) {
        self.rest().push_back(frame.into());
    }

    /// What an answer to a ping may wait behind.
    pub fn is_flushed(&self) -> bool {
        self.rest().is_empty()
    }

    /// Writes what the kernel takes; true: everything.
    pub fn try_flush(&self) -> io::Result<bool> {
        let mut rest = self.rest();
        while !rest.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut count = 0;
            for (slice, bytes) in slices.iter_mut().zip(rest.iter()) {
                *slice = IoSlice::new(bytes);
                count += 1;
            }
            match self.stream.try_write_vectored(&slices[..count]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => take_off(&mut rest, written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        // An idle connection holds no memory for what it wrote.
        *rest = VecDeque::new();
        Ok(true)
    }

    pub async fn flush(&self) -> io::Result<()> {
        while !self.try_flush()? {
            self.stream.writable().await?;
        }
        Ok(())
    }

    /// Waits until something can be read, and reads it; 0: the end. What is left to write is
    /// written meanwhile. Cancel safe.
    pub async fn read(&self, into: &mut impl FnMut(&[u8])) -> io::Result<usize> {
        loop {
            let interest = match self.is_flushed() {
                true => Interest::READABLE,
                false => Interest::READABLE | Interest::WRITABLE,
            };
            let ready = self.stream.ready(interest).await?;
            if ready.is_writable() {
                self.try_flush()?;
            }
            if !ready.is_readable() {
                continue;
            }
            match self.try_read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }

    /// The buffer lives on the stack for this moment only: an idle connection has none.
    fn try_read(&self, into: &mut impl FnMut(&[u8])) -> io::Result<usize> {
        let mut buffer = [0; 4_096];
        let count = self.stream.try_read(&mut buffer)?;
        into(&buffer[..count]);
        Ok(count)
    }

    fn rest(&self) -> MutexGuard<'_, VecDeque<Bytes>> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_off(rest: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(first) = rest.front_mut() {
        if written < first.len() {
            return first.advance(written);
        }
        written -= first.len();
        rest.pop_front();
    }
}

impl Direct for Line {
    fn try_write(&self, frames: &[Frame]) -> Wrote {
        let mut rest = self.rest();
        if !rest.is_empty() || 2 * frames.len() > SLICES_MAX {
            return Wrote::Nothing;
        }
        let mut heads = [Head::text(0); SLICES_MAX / 2];
        for (head, frame) in heads.iter_mut().zip(frames) {
            *head = Head::text(frame.len());
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        for ((pair, head), frame) in slices.chunks_exact_mut(2).zip(&heads).zip(frames) {
            pair[0] = IoSlice::new(head.bytes());
            pair[1] = IoSlice::new(frame.as_bytes());
        }
        let slices = &slices[..2 * frames.len()];
        let whole: usize = slices.iter().map(|slice| slice.len()).sum();
        let written = match self.stream.try_write_vectored(slices) {
            Ok(0) | Err(_) => return Wrote::Nothing,
            Ok(written) if written == whole => return Wrote::All,
            Ok(written) => written,
        };
        for (head, frame) in heads.iter().zip(frames) {
            rest.push_back(Bytes::copy_from_slice(head.bytes()));
            rest.push_back(frame.clone().into());
        }
        take_off(&mut rest, written);
        Wrote::Part
    }
}
