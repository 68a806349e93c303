-- The embedded store. Ids are 16 bytes, times are milliseconds UTC, seq counts from 1.
-- WITHOUT ROWID: the primary key is the table, so a room's log lies together in order.

-- How often something was committed (compared with the witness), and the bucket width.
CREATE TABLE IF NOT EXISTS meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

-- The statics of each bucket; those of the last one are the room's.
CREATE TABLE IF NOT EXISTS bucket (
    room     BLOB NOT NULL,
    bucket   INTEGER NOT NULL,
    owner    BLOB,
    epoch    INTEGER NOT NULL,
    next_seq INTEGER NOT NULL,
    ord      INTEGER NOT NULL,
    chain    BLOB NOT NULL,
    viewed   INTEGER NOT NULL,
    PRIMARY KEY (room, bucket)
) WITHOUT ROWID, STRICT;

-- The log. `content` is what a redaction hides; erased content has no salt any more (R15).
CREATE TABLE IF NOT EXISTS log (
    room      BLOB NOT NULL,
    seq       INTEGER NOT NULL,
    ord       INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    by        BLOB,
    client_id BLOB,
    kind      TEXT NOT NULL,
    target    INTEGER,   -- the post that it is about, or that a post replies to
    user      BLOB,
    role      TEXT,
    content   TEXT,
    extra     TEXT,      -- mentions of a post, text of a topic
    salt      BLOB,
    digest    BLOB NOT NULL,
    link      BLOB NOT NULL,
    PRIMARY KEY (room, seq)
) WITHOUT ROWID, STRICT;

-- Guard views (R6). Who left keeps a row without role: an older entry cannot bring him back.
CREATE TABLE IF NOT EXISTS member (
    room BLOB NOT NULL,
    user BLOB NOT NULL,
    kind TEXT NOT NULL,
    role TEXT,
    seq  INTEGER NOT NULL,
    PRIMARY KEY (room, user)
) WITHOUT ROWID, STRICT;
CREATE INDEX IF NOT EXISTS member_rooms ON member (user, room);

CREATE TABLE IF NOT EXISTS redaction (
    room    BLOB NOT NULL,
    target  INTEGER NOT NULL,
    edited  INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    PRIMARY KEY (room, target)
) WITHOUT ROWID, STRICT;

CREATE TABLE IF NOT EXISTS marker (
    room       BLOB NOT NULL,
    user       BLOB NOT NULL,
    generation INTEGER NOT NULL,
    read       INTEGER NOT NULL,
    read_ord   INTEGER NOT NULL,
    delivered  INTEGER NOT NULL,
    read_at    INTEGER NOT NULL,
    PRIMARY KEY (room, user)
) WITHOUT ROWID, STRICT;

-- Views that follow the acknowledgement.
CREATE TABLE IF NOT EXISTS sent (
    room      BLOB NOT NULL,
    sender    BLOB NOT NULL,
    client_id BLOB NOT NULL,
    seq       INTEGER NOT NULL,
    PRIMARY KEY (room, sender, client_id)
) WITHOUT ROWID, STRICT;

CREATE TABLE IF NOT EXISTS reaction (
    room   BLOB NOT NULL,
    target INTEGER NOT NULL,
    emoji  TEXT NOT NULL,
    user   BLOB NOT NULL,
    stands INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    PRIMARY KEY (room, target, emoji, user)
) WITHOUT ROWID, STRICT;

-- An empty `user` is everybody.
CREATE TABLE IF NOT EXISTS mention (
    room BLOB NOT NULL,
    user BLOB NOT NULL,
    seq  INTEGER NOT NULL,
    by   BLOB NOT NULL,
    PRIMARY KEY (room, user, seq)
) WITHOUT ROWID, STRICT;

CREATE TABLE IF NOT EXISTS room (
    id          BLOB PRIMARY KEY,
    kind        TEXT NOT NULL,
    name        TEXT,
    name_folded TEXT NOT NULL,
    name_seq    INTEGER NOT NULL,
    topic       TEXT NOT NULL,
    topic_seq   INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    created_by  BLOB NOT NULL,
    pair_low    BLOB,
    pair_high   BLOB,
    floor       INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE IF NOT EXISTS pair (
    low  BLOB NOT NULL,
    high BLOB NOT NULL,
    room BLOB NOT NULL,
    PRIMARY KEY (low, high)
) WITHOUT ROWID, STRICT;

CREATE TABLE IF NOT EXISTS room_key (
    creator   BLOB NOT NULL,
    client_id BLOB NOT NULL,
    room      BLOB NOT NULL,
    PRIMARY KEY (creator, client_id)
) WITHOUT ROWID, STRICT;

CREATE TABLE IF NOT EXISTS person (
    id         BLOB PRIMARY KEY,
    name       TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    handle     TEXT NOT NULL UNIQUE,
    email      TEXT NOT NULL UNIQUE,
    password   TEXT NOT NULL,
    role       TEXT NOT NULL,
    title      TEXT NOT NULL,
    tz         TEXT NOT NULL,
    active     INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE IF NOT EXISTS login (
    id         BLOB PRIMARY KEY,
    user       BLOB NOT NULL,
    kind       TEXT NOT NULL,
    secret     BLOB NOT NULL UNIQUE,
    device     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX IF NOT EXISTS login_user ON login (user, seen_at);

CREATE TABLE IF NOT EXISTS invite (
    code       TEXT PRIMARY KEY,
    by         BLOB NOT NULL,
    role       TEXT NOT NULL,
    rooms      BLOB NOT NULL,   -- their ids, one after the other
    uses_left  INTEGER,
    expires_at INTEGER,
    created_at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

-- An empty `owner` is the workspace.
CREATE TABLE IF NOT EXISTS setting (
    owner BLOB NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID, STRICT;

-- Nodes among others; one node by itself has no row.
CREATE TABLE IF NOT EXISTS node_row (
    node    BLOB PRIMARY KEY,
    beat    INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    asks    INTEGER NOT NULL,
    alone   INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    speaks  INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

-- What is to happen later. An empty claimant is 16 zero bytes.
CREATE TABLE IF NOT EXISTS timer (
    id            BLOB PRIMARY KEY,
    user          BLOB NOT NULL,
    due           INTEGER NOT NULL,
    shard         INTEGER NOT NULL,
    task          TEXT NOT NULL,
    claimant      BLOB NOT NULL DEFAULT (zeroblob(16)),
    claimed_until INTEGER NOT NULL DEFAULT 0,
    tries         INTEGER NOT NULL DEFAULT 0,
    failed        TEXT
) WITHOUT ROWID, STRICT;
CREATE INDEX IF NOT EXISTS timer_due ON timer (due) WHERE failed IS NULL;
CREATE INDEX IF NOT EXISTS timer_user ON timer (user, due);
