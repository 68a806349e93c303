//! Power cuts (RELIABILITY.md 4.4): what a real writer did to its folder is recorded, and from any
//! moment of it the disks that a power cut may leave are built. Each must open as if nothing
//! happened: every acknowledged batch, none half, whole, and ready for more.

mod disk;
mod recording;
mod writer;

use chapiana::ids::OwnerId;
use chapiana::store::Outcome;
use chapiana::store::Store;
use chapiana::store::embedded::{EmbeddedOptions, EmbeddedStore};
use chapiana::verify::verify;
use disk::{Disk, Random};
use recording::Event;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use uuid::Uuid;

const OPEN_MAX: Duration = Duration::from_secs(1);

fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).unwrap_or_default();
    let text = text.trim_start_matches("0x");
    u64::from_str_radix(text, if name.ends_with("SEED") { 16 } else { 10 }).unwrap_or(default)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
}

/// What is wrong with the store in `dir`, of which `acked` batches were acknowledged.
async fn judge(dir: &Path, acked: u64) -> Result<(), String> {
    let began = Instant::now();
    let options = EmbeddedOptions::default();
    let store = EmbeddedStore::open(dir, options).map_err(|error| error.to_string())?;
    if began.elapsed() > OPEN_MAX {
        return Err(format!("opened only after {:?}", began.elapsed()));
    }
    let stored = writer::batches_of(&store).await?;
    if stored < acked {
        return Err(format!(
            "{acked} batches were acknowledged, {stored} are there"
        ));
    }
    let report = verify(&store).await.map_err(|error| error.to_string())?;
    if let Some(fault) = report.faults.first() {
        return Err(fault.to_string());
    }
    if acked == 0 {
        return Ok(());
    }
    takes_more(&store, stored).await
}

async fn takes_more(store: &dyn Store, stored: u64) -> Result<(), String> {
    let mut pen = writer::Pen::take_over(store, OwnerId(Uuid::from_u128(0xffff))).await?;
    let batch = pen.batch(stored + 1, 2, 10);
    match store.append(&batch).await {
        Ok(Outcome::Applied) => Ok(()),
        other => Err(format!("takes no more: {other:?}")),
    }
}

/// Builds `images` disks after cuts at random moments; the first fault of each bad one.
fn cut(events: &[Event], images: u64, seed: u64, syncs: bool) -> Vec<String> {
    let mut random = Random(seed);
    let mut moments = BTreeSet::new();
    while (moments.len() as u64) < images.min(events.len() as u64) {
        moments.insert(random.below(events.len() as u64) as usize);
    }
    let each = images.div_ceil(moments.len() as u64);
    let mut disk = Disk::new(syncs);
    let mut faults = Vec::new();
    let mut built = 0;
    let runtime = runtime();
    for (moment, event) in events.iter().enumerate() {
        disk.apply(event);
        if !moments.contains(&moment) {
            continue;
        }
        for _ in 0..each.min(images - built) {
            built += 1;
            let dir = TempDir::new().expect("a folder");
            disk.image(&mut random, dir.path());
            if let Err(fault) = runtime.block_on(judge(dir.path(), disk.acked)) {
                faults.push(format!("cut after event {moment}, seed {seed:#x}: {fault}"));
            }
        }
    }
    assert_eq!(built, images, "as many images as were asked for");
    faults
}

#[test]
fn powercut_embedded_keeps_every_acknowledged_batch() {
    let events = recording::of_a_writer(true);
    let batches = events
        .iter()
        .filter(|e| matches!(e, Event::Acked(_)))
        .count();
    assert_eq!(batches as u64, writer::BATCHES, "the writer finished");
    let images = number("POWERCUT_IMAGES", 100);
    let seed = number(
        "POWERCUT_SEED",
        u64::from(std::process::id()) << 32 | 0x5eed,
    );
    let faults = cut(&events, images, seed, true);
    assert!(
        faults.is_empty(),
        "{} of {images}: {:#?}",
        faults.len(),
        faults.first()
    );
    // The same writer on a disk that ignores fsync, and one that does not sync: both must be caught.
    let faults = cut(&events, 40, seed, false);
    assert!(!faults.is_empty(), "a disk that ignores fsync goes unseen");
    let events = recording::of_a_writer(false);
    let faults = cut(&events, 40, seed, true);
    assert!(!faults.is_empty(), "synchronous = OFF goes unseen");
}

#[test]
fn the_writer_that_is_recorded_writes_what_it_says() {
    let dir = match std::env::var_os(recording::DIR) {
        Some(dir) => {
            // Under the recorder: acknowledgements go to the file that it watches.
            let durable = std::env::var(recording::DURABLE).as_deref() != Ok("false");
            runtime().block_on(writer::write_all(Path::new(&dir), true, durable));
            return;
        }
        None => TempDir::new().expect("a folder"),
    };
    let runtime = runtime();
    runtime.block_on(writer::write_all(dir.path(), false, true));
    assert_eq!(runtime.block_on(judge(dir.path(), writer::BATCHES)), Ok(()));
    let lost = runtime.block_on(judge(dir.path(), writer::BATCHES + 2));
    assert!(lost.is_err(), "a missing batch is seen");
}
