//! What a verification has done, kept in a file: a line of JSON for each room, so that one that was
//! broken off goes on where it was.

use super::Found;
use crate::ids::RoomId;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;

/// What the lines mean.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Verify { format: u32, store: String },
    Room { id: RoomId, found: Found },
    End,
}

/// Rooms that were checked, in the order of their ids. By default nothing is kept.
#[derive(Debug, Default)]
pub struct Progress {
    file: Option<File>,
    known: Vec<(RoomId, Found)>,
}

impl Progress {
    /// Goes on with `path`, or begins it. `store` says what is verified: a file about another one is
    /// refused, as is one that is damaged before its last line. One that came to its end begins anew.
    pub fn open(path: &Path, store: &str) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let (known, whole) = read(&file, path, store)?;
        file.set_len(whole)?;
        io::Seek::seek(&mut file, io::SeekFrom::Start(whole))?;
        let mut progress = Self {
            file: Some(file),
            known,
        };
        if whole == 0 {
            let store = store.to_owned();
            progress.write(&Line::Verify {
                format: FORMAT,
                store,
            })?;
        }
        Ok(progress)
    }

    pub(super) fn known(&mut self) -> Vec<(RoomId, Found)> {
        std::mem::take(&mut self.known)
    }

    pub(super) fn keep(&mut self, id: RoomId, found: &Found) -> io::Result<()> {
        match self.file {
            Some(_) => self.write(&Line::Room {
                id,
                found: found.clone(),
            }),
            None => Ok(()),
        }
    }

    pub(super) fn end(&mut self) -> io::Result<()> {
        match self.file {
            Some(_) => self.write(&Line::End),
            None => Ok(()),
        }
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        file.write_all(&bytes)
    }
}

/// The rooms of the file, and how many bytes of it are whole lines.
fn read(file: &File, path: &Path, store: &str) -> io::Result<(Vec<(RoomId, Found)>, u64)> {
    let refused = |why: String| {
        let path = path.display();
        io::Error::other(format!("{path}: {why}; name another file or remove it"))
    };
    let (mut known, mut whole, mut number) = (Vec::new(), 0, 0);
    let mut lines = BufReader::new(file);
    let mut bytes = Vec::new();
    while lines.read_until(b'\n', &mut bytes)? > 0 {
        number += 1;
        // The last line may have been cut off in its middle.
        if bytes.last() != Some(&b'\n') {
            break;
        }
        let line = serde_json::from_slice(&bytes);
        match line.map_err(|_| refused(format!("line {number} is not of a verification")))? {
            Line::Verify { format, store: of } if number == 1 && format == FORMAT => {
                if of != store {
                    return Err(refused(format!("it is about {of}, not {store}")));
                }
            }
            Line::Room { id, found } if number > 1 => known.push((id, found)),
            Line::End if number > 1 => return Ok((Vec::new(), 0)),
            _ => return Err(refused(format!("line {number} is out of place"))),
        }
        whole += bytes.len() as u64;
        bytes.clear();
    }
    Ok((known, whole))
}
