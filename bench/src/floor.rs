//! Floors: what the same work costs without a product around it.

use rusqlite::{Connection, params};
use std::io::{BufRead as _, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One thread that writes frames of a given length to every socket of a room, one per write.
pub fn fanout(sockets: usize, rooms: usize, rate: u64, bytes: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    println!(
        "listening on {}",
        listener.local_addr().expect("an address")
    );
    let mut members: Vec<Vec<TcpStream>> = (0..rooms).map(|_| Vec::new()).collect();
    for _ in 0..sockets {
        let (stream, _) = listener.accept().expect("a connection");
        let (room, stream) = shake_hands(stream);
        members[room % rooms].push(stream);
    }
    let seconds = order();
    let began = Instant::now();
    let mut seqs = vec![0u64; rooms];
    for n in 0..rate * seconds {
        let due = began + Duration::from_secs_f64(n as f64 / rate as f64);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let room = n as usize % rooms;
        seqs[room] += 1;
        let frame = frame_of(seqs[room], bytes);
        for member in &mut members[room] {
            member.write_all(&frame).expect("the driver reads");
        }
    }
    // The sockets stay open until the driver has read everything and closes standard input.
    order();
}

/// Reads the request and answers it; the room is the number at the end of the path.
fn shake_hands(mut stream: TcpStream) -> (usize, TcpStream) {
    stream.set_nodelay(true).expect("a TCP socket");
    let mut request = Vec::new();
    let mut byte = [0; 1];
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a request");
        request.push(byte[0]);
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let room = path
        .rsplit('=')
        .next()
        .and_then(|number| number.parse().ok());
    let answer =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    stream
        .write_all(answer.as_bytes())
        .expect("the driver reads");
    (room.unwrap_or(0), stream)
}

/// `go SECONDS` on standard input; 0 when it is closed.
pub fn order() -> u64 {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .expect("standard input");
    line.trim()
        .rsplit(' ')
        .next()
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(0)
}

fn frame_of(seq: u64, bytes: usize) -> Vec<u8> {
    let head = format!(r#"{{"t":"entry","seq":{seq},"body":"{} "#, now());
    let payload = format!("{head:.<width$}\"}}", width = bytes.saturating_sub(2));
    let mut frame = vec![0x81];
    match payload.len() {
        length @ 0..126 => frame.push(length as u8),
        length => {
            frame.push(126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload.as_bytes());
    frame
}

/// Nanoseconds since 1970, the clock that driver and floors share.
pub fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_nanos() as u64
}

/// The same rows and the same durability in one loop: `batch` entries with their guard views in one
/// transaction, together with the sent keys of the batch before.
pub fn sqlite(folder: &Path, rooms: usize, batch: usize) {
    let database = Connection::open(folder.join("raw.db")).expect("a database");
    database.execute_batch(SCHEMA).expect("the tables");
    let mut writer = Raw {
        database,
        heads: vec![0; rooms],
        unviewed: Vec::new(),
        next: 0,
        random: 0x9e37_79b9_7f4a_7c15,
    };
    writer.open_rooms();
    println!("listening on standard input");
    let seconds = order();
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut sends, mut commits) = (0, 0);
    while Instant::now() < end {
        writer.append(batch);
        sends += batch;
        commits += 1;
    }
    tell(folder, sends, commits);
    order();
}

/// The result of a run, whole as soon as it is there.
pub fn tell(folder: &Path, sends: usize, commits: usize) {
    let part = folder.join("result.part");
    std::fs::write(&part, format!("{sends} {commits}")).expect("a result");
    std::fs::rename(&part, folder.join("result")).expect("a result");
}

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;
    CREATE TABLE bucket (room BLOB, bucket INTEGER, owner BLOB, epoch INTEGER, next_seq INTEGER,
        ord INTEGER, chain BLOB, viewed INTEGER, PRIMARY KEY (room, bucket)) WITHOUT ROWID;
    CREATE TABLE log (room BLOB, seq INTEGER, ord INTEGER, at INTEGER, by BLOB, client_id BLOB,
        kind TEXT, target INTEGER, user BLOB, role TEXT, content TEXT, extra TEXT, salt BLOB,
        digest BLOB, link BLOB, PRIMARY KEY (room, seq)) WITHOUT ROWID;
    CREATE TABLE marker (room BLOB, user BLOB, generation INTEGER, read INTEGER, read_ord INTEGER,
        delivered INTEGER, read_at INTEGER, PRIMARY KEY (room, user)) WITHOUT ROWID;
    CREATE TABLE sent (room BLOB, sender BLOB, client_id BLOB, seq INTEGER,
        PRIMARY KEY (room, sender, client_id)) WITHOUT ROWID;
    INSERT INTO meta VALUES ('commits', 0);
";

/// A stored key: room number, client id, seq.
type Key = (usize, [u8; 16], i64);

struct Raw {
    database: Connection,
    heads: Vec<i64>,
    unviewed: Vec<Key>,
    next: usize,
    random: u64,
}

impl Raw {
    fn open_rooms(&mut self) {
        let transaction = self.database.transaction().expect("a transaction");
        for room in 0..self.heads.len() {
            let row = params![id_of(room), [0u8; 16], [0u8; 32]];
            let sql = "INSERT INTO bucket VALUES (?1, 0, ?2, 1, 1, 0, ?3, 0)";
            transaction.execute(sql, row).expect("a row");
        }
        transaction.commit().expect("a commit");
    }

    fn append(&mut self, batch: usize) {
        let body = format!("{:.<200}", "raw ");
        let mut keys = Vec::with_capacity(batch);
        let transaction = self.database.transaction().expect("a transaction");
        for _ in 0..batch {
            let room = self.next % self.heads.len();
            self.next += 1;
            self.heads[room] += 1;
            let (seq, id) = (self.heads[room], id_of(room));
            let key = uuid::Uuid::now_v7().into_bytes();
            self.random = self
                .random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let digest: Vec<u8> = self.random.to_be_bytes().repeat(4);
            let head = "UPDATE bucket SET next_seq = ?2, ord = ?3, chain = ?4
                WHERE room = ?1 AND bucket = ?5 AND owner = ?6 AND next_seq = ?3";
            let entry = "INSERT INTO log VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'post', NULL, NULL, NULL,
                ?7, '{}', ?8, ?9, ?9)";
            let marker = "INSERT INTO marker VALUES (?1, ?2, 0, ?3, ?4, ?3, ?5)
                ON CONFLICT DO UPDATE SET read = excluded.read, read_ord = excluded.read_ord,
                delivered = excluded.delivered, read_at = excluded.read_at";
            let run = |sql, row: &[&dyn rusqlite::ToSql]| {
                let mut statement = transaction.prepare_cached(sql).expect("a statement");
                statement.execute(row).expect("a row");
            };
            let bucket = seq >> 13;
            run(head, params![id, seq + 1, seq, digest, bucket, [0u8; 16]]);
            let at = now() as i64;
            run(
                entry,
                params![id, seq, seq, at, id, key, body, [7u8; 16], digest],
            );
            run(marker, params![id, id, seq, seq, at]);
            keys.push((room, key, seq));
        }
        // What follows the acknowledgement of the last batch goes along, as in a group commit.
        for (room, key, seq) in std::mem::replace(&mut self.unviewed, keys) {
            let sql = "INSERT INTO sent VALUES (?1, ?2, ?3, ?4)";
            let mut statement = transaction.prepare_cached(sql).expect("a statement");
            let id = id_of(room);
            statement.execute(params![id, id, key, seq]).expect("a row");
        }
        let count = "UPDATE meta SET value = value + 1 WHERE key = 'commits'";
        transaction.execute(count, []).expect("a row");
        transaction.commit().expect("a commit");
    }
}

fn id_of(room: usize) -> [u8; 16] {
    // Spread like real ids, so that neighbours in time are not neighbours in the tree.
    let spread = (room as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    spread.to_be_bytes()
}
