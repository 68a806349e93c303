//! A workspace as lines of JSON: a header, one line a record, and an end that counts them.

use super::record::Record;
use super::sink::Sink;
use super::{PAGE, Problem, Taker, refused, walk};
use crate::limits::IMPORT_LINE_BYTES_MAX;
use crate::store::Store;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Read as _, Write};

/// The version of the lines. What a newer one says is not guessed.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    chapiana_export: u32,
    /// Whether password hashes, log-ins and invites are in it.
    secrets: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    end: u64,
}

/// Writes records as lines.
struct Lines<'a> {
    out: &'a mut (dyn Write + Send),
    secrets: bool,
    count: u64,
}

#[async_trait]
impl Taker for Lines<'_> {
    async fn take(&mut self, record: Record) -> Result<(), Problem> {
        let record = match self.secrets {
            true => Some(record),
            false => record.without_secrets(),
        };
        if let Some(record) = record {
            line(self.out, &record)?;
            self.count += 1;
        }
        Ok(())
    }
}

fn line(out: &mut (dyn Write + Send), what: &impl Serialize) -> Result<(), Problem> {
    let mut text = serde_json::to_vec(what).map_err(|error| refused(error.to_string()))?;
    text.push(b'\n');
    Ok(out.write_all(&text)?)
}

/// Writes everything; answers how many records.
pub async fn export(
    from: &dyn Store,
    secrets: bool,
    out: &mut (dyn Write + Send),
) -> Result<u64, Problem> {
    let header = Header {
        chapiana_export: VERSION,
        secrets,
    };
    line(out, &header)?;
    let count = 0;
    let mut lines = Lines {
        out,
        secrets,
        count,
    };
    walk::people(from, &mut lines).await?;
    let mut after = None;
    loop {
        let page = from.all_rooms(after, PAGE).await?;
        after = page.last().copied();
        if after.is_none() {
            break;
        }
        for room in page {
            walk::room(from, room, &mut lines).await?;
        }
    }
    walk::room_keys(from, &mut lines).await?;
    let count = lines.count;
    line(out, &End { end: count })?;
    out.flush()?;
    Ok(count)
}

/// Takes every line in; what is there already is passed over. Answers how many records.
pub async fn import(
    to: &dyn Store,
    bits: u32,
    input: &mut (dyn BufRead + Send),
) -> Result<u64, Problem> {
    let mut sink = Sink::new(to, bits);
    let mut text = Vec::new();
    let mut number = 0u64;
    let mut count = 0;
    loop {
        number += 1;
        let at = |problem: Problem| match problem {
            Problem::Refused(why) => refused(format!("line {number}: {why}")),
            other => other,
        };
        text.clear();
        let bound = IMPORT_LINE_BYTES_MAX + 1;
        let read = (&mut *input).take(bound).read_until(b'\n', &mut text)?;
        if read as u64 == bound {
            let why = format!("it is longer than {IMPORT_LINE_BYTES_MAX} bytes");
            return Err(at(refused(why)));
        }
        if read == 0 {
            return Err(at(refused(
                "the file ends without its last line {\"end\":…}: it was cut. Export again",
            )));
        }
        if number == 1 {
            header(&text).map_err(at)?;
            continue;
        }
        if text.starts_with(b"{\"end\"") {
            let end: End = parsed(&text).map_err(at)?;
            if end.end != count {
                let why = format!("there were {count} records, but it says {}", end.end);
                return Err(at(refused(why)));
            }
            sink.finish().await.map_err(at)?;
            return Ok(count);
        }
        let record: Record = parsed(&text).map_err(at)?;
        sink.take(record).await.map_err(at)?;
        count += 1;
    }
}

fn parsed<T: for<'a> Deserialize<'a>>(text: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(text).map_err(|error| refused(format!("it is no record: {error}")))
}

fn header(text: &[u8]) -> Result<(), Problem> {
    let wrong = "this is no export of chapiana: {\"chapiana_export\":1,…} should come first";
    let header: Header = serde_json::from_slice(text).map_err(|_| refused(wrong))?;
    if header.chapiana_export != VERSION {
        let got = header.chapiana_export;
        return Err(refused(format!(
            "the file has version {got}, this program reads {VERSION}: use the program that wrote it"
        )));
    }
    Ok(())
}
