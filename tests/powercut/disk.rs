//! A disk that keeps what was synced and any part of the rest.

use crate::recording::Event;
use std::collections::BTreeMap;
use std::path::Path;

const PAGE: usize = 4_096;
const SECTOR: usize = 512;

/// A small generator, so that a seed repeats a run.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

enum Change {
    Write(u64, Vec<u8>),
    Truncate(u64),
}

#[derive(Default)]
struct File {
    synced: Vec<u8>,
    /// Since then, in order.
    changes: Vec<Change>,
}

enum Naming {
    Create(String, usize),
    Unlink(String),
    Rename(String, String),
}

pub struct Disk {
    /// Whether it obeys when it is told to sync.
    syncs: bool,
    pub acked: u64,
    files: Vec<File>,
    /// As the writer sees them.
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    namings: Vec<Naming>,
}

impl Disk {
    pub fn new(syncs: bool) -> Self {
        Self {
            syncs,
            acked: 0,
            files: Vec::new(),
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            namings: Vec::new(),
        }
    }

    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Acked(number) => self.acked = *number,
            Event::Create(name) => {
                self.files.push(File::default());
                self.name(Naming::Create(name.clone(), self.files.len() - 1));
            }
            Event::Unlink(name) => self.name(Naming::Unlink(name.clone())),
            Event::Rename(from, to) => self.name(Naming::Rename(from.clone(), to.clone())),
            Event::Write(name, offset, bytes) => {
                let change = Change::Write(*offset, bytes.clone());
                self.file(name).changes.push(change);
            }
            Event::Truncate(name, length) => {
                self.file(name).changes.push(Change::Truncate(*length));
            }
            Event::Sync(name) if self.syncs => {
                let file = self.file(name);
                for change in std::mem::take(&mut file.changes) {
                    apply(&mut file.synced, &change);
                }
            }
            Event::SyncNames if self.syncs => {
                self.synced_names = self.names.clone();
                self.namings.clear();
            }
            Event::Sync(_) | Event::SyncNames => {}
        }
    }

    fn name(&mut self, naming: Naming) {
        rename(&mut self.names, &naming);
        self.namings.push(naming);
    }

    fn file(&mut self, name: &str) -> &mut File {
        let place = self.names[name];
        &mut self.files[place]
    }

    /// What the power cut leaves, into `dir`.
    pub fn image(&self, random: &mut Random, dir: &Path) {
        let mut names = self.synced_names.clone();
        let kept = random.below(self.namings.len() as u64 + 1) as usize;
        for naming in &self.namings[..kept] {
            rename(&mut names, naming);
        }
        for (name, place) in names {
            let bytes = self.files[place].after_the_cut(random);
            std::fs::write(dir.join(name), bytes).expect("an image");
        }
    }
}

impl File {
    /// Any subset of the pages written since the last sync; some only in part.
    fn after_the_cut(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        // All, none or any: the corners are likelier than chance would make them.
        let share = [0, 100, random.below(101)][random.below(3) as usize];
        for change in &self.changes {
            match change {
                Change::Truncate(_) => {
                    if random.below(100) < share {
                        apply(&mut bytes, change);
                    }
                }
                Change::Write(offset, written) => {
                    write_some(&mut bytes, *offset as usize, written, share, random);
                }
            }
        }
        bytes
    }
}

fn write_some(bytes: &mut Vec<u8>, offset: usize, written: &[u8], share: u64, random: &mut Random) {
    let mut from = 0;
    while from < written.len() {
        let to = written.len().min(from + PAGE - (offset + from) % PAGE);
        if random.below(100) < share {
            put(bytes, offset + from, &written[from..to]);
        } else if random.below(8) == 0 {
            let torn = to.min(from + SECTOR * (1 + random.below(7) as usize));
            put(bytes, offset + from, &written[from..torn]);
        }
        from = to;
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, written: &[u8]) {
    let end = offset + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(written);
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(offset, written) => put(bytes, *offset as usize, written),
        Change::Truncate(length) => bytes.resize(*length as usize, 0),
    }
}

fn rename(names: &mut BTreeMap<String, usize>, naming: &Naming) {
    match naming {
        Naming::Create(name, place) => {
            names.insert(name.clone(), *place);
        }
        Naming::Unlink(name) => {
            names.remove(name);
        }
        Naming::Rename(from, to) => {
            if let Some(place) = names.remove(from) {
                names.insert(to.clone(), place);
            }
        }
    }
}
