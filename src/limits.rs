//! Every bound of the product, with its unit and its reason (RELIABILITY.md §5.4, PROTOCOL.md).

/// Largest WebSocket frame or message, bytes; above: close 1009.
pub const FRAME_BYTES_MAX: usize = 65_536;
/// Most elements in one array frame.
pub const FRAME_ELEMENTS_MAX: usize = 64;
/// Deepest JSON; deeper is a protocol error on sockets and `bad_request` over HTTP.
pub const JSON_DEPTH_MAX: usize = 16;
/// Largest JSON body over HTTP, bytes.
pub const JSON_BYTES_MAX: usize = 65_536 * 2;
/// Of a body that is too large so many bytes are read and dropped before it is refused.
pub const PASSED_OVER_BYTES_MAX: usize = 1_048_576;
/// Longest `ref` of a frame, bytes.
pub const REF_BYTES_MAX: usize = 64;
/// Most `cursors` in a hello.
pub const CURSORS_MAX: usize = 100;
/// Rooms in `welcome`; the rest by `GET /rooms`.
pub const WELCOME_ROOMS_MAX: usize = 200;
/// Time from upgrade to `hello`, milliseconds; later: close 4010.
pub const HELLO_MS_MAX: u64 = 10_000;
/// A watch catches up over the socket up to this distance; beyond it sends `reset`.
pub const WATCH_GAP_MAX: u64 = 500;
/// Rooms one connection may watch at once.
pub const WATCHES_MAX: usize = 500;
/// Server ping interval and idle limit, milliseconds.
pub const PING_MS: u64 = 25_000;
pub const IDLE_MS_MAX: u64 = 75_000;

/// Longest message body, Unicode scalar values.
pub const BODY_CHARS_MAX: usize = 16_000;
pub const NAME_CHARS_MAX: usize = 64;
pub const TOPIC_CHARS_MAX: usize = 250;
pub const HANDLE_CHARS_MAX: usize = 32;
pub const EMAIL_BYTES_MAX: usize = 254;
pub const TITLE_CHARS_MAX: usize = 100;
pub const PASSWORD_CHARS_MIN: usize = 10;
pub const PASSWORD_CHARS_MAX: usize = 128;
/// Different emoji on one message.
pub const REACTION_KINDS_MAX: usize = 50;
/// People listed per emoji in a message view.
pub const REACTION_USERS_SHOWN: usize = 50;
/// Members named when a room is created.
pub const NEW_ROOM_MEMBERS_MAX: usize = 200;

/// Entries and bytes in one append (R2, group commit).
pub const BATCH_ENTRIES_MAX: usize = 64;
pub const BATCH_BYTES_MAX: usize = 65_536;
/// One line of an import: the longest body, escaped, with all that may stand around it.
pub const IMPORT_LINE_BYTES_MAX: u64 = 1_048_576;
/// A bucket holds seqs with equal `seq >> BUCKET_BITS`.
pub const BUCKET_BITS: u32 = 13;
/// Views may trail the log by this many entries; then the owner answers `busy` (R6).
pub const VIEW_LAG_MAX: u64 = 1_024;
/// What changed of a room is read again after so long when the store does not answer.
pub const ROOM_READ_AGAIN_MS: u64 = 500;
/// And so many sessions of a node read that at once.
pub const ROOM_READINGS_MAX: usize = 64;
/// Entries whose views are written at once: a long redo stands in steps, each of which counts.
pub const VIEW_BATCH_MAX: usize = 256;
/// Entries and dedupe keys that a room owner keeps in memory.
pub const ROOM_RECENT_MAX: usize = 512;
/// Of these a take-over reads so many, besides everything whose views may be missing: the fewer, the
/// sooner the room can be written to; keys that are older are looked up when they are repeated.
pub const ROOM_TAIL_MAX: u64 = 128;
/// Commands that wait in one room for a commit; beyond: `busy`.
pub const ROOM_PENDING_MAX: usize = 2_048;
/// Commands that wait behind one load of one sender; beyond: `busy`.
pub const ROOM_BEHIND_LOAD_MAX: usize = 64;
/// Connections whose order numbers a room remembers (R16).
pub const ROOM_CONNECTIONS_MAX: usize = 4_096;
/// A room without commands sleeps after this, milliseconds (R4).
pub const ROOM_IDLE_MS: u64 = 60_000;
/// Sleeping rooms whose hand-over note a node keeps.
pub const ROOM_NOTES_MAX: usize = 10_000;
/// A command to a room is answered within this, milliseconds; later the outcome is `unknown`.
pub const ROOM_REPLY_MS_MAX: u64 = 10_000;
/// How long a writer repeats one batch of unknown outcome before its senders are told, milliseconds.
pub const APPEND_RETRY_MS_MAX: u64 = 5_000;

/// Frames a relay keeps per room and format for watchers that come back.
pub const RELAY_RING_MAX: usize = 256;
/// Entries that wait in a relay because its node may show nothing (R17); beyond, its watchers resume.
pub const RELAY_HELD_MAX: u64 = 1_024;
/// Memberships that a relay looks up at a time for those who begin to watch.
pub const RELAY_LOOKS_MAX: usize = 64;
/// Bytes queued towards one connection; hints are dropped first, then close 4008.
pub const OUTBOX_BYTES_MAX: usize = 262_144;
/// Who sends to a room again within this, milliseconds, makes it a busy one: its frames gather in the
/// outboxes instead of being written one by one.
pub const HOT_ROOM_MS: u64 = 20;
/// Bytes that one socket write may gather.
pub const WRITE_BYTES_MAX: usize = 65_536;
/// WebSocket library buffers, bytes: the read buffer is paid by every idle connection; the write
/// buffer only while something is written, and one burst should be one system call.
pub const WS_READ_BUFFER_BYTES: usize = 1_024;
pub const WS_WRITE_BUFFER_BYTES: usize = 16_384;
/// Most that the library may hold for one connection: more than a whole outbox.
pub const WS_WRITE_BUFFER_BYTES_MAX: usize = 1_048_576;
/// Sends of one connection that may await their acknowledgement before the socket is not read.
pub const SENDS_IN_FLIGHT_MAX: usize = 256;
/// After a refusal that keeps order, the hold ends when no send came for this, milliseconds.
pub const HOLD_MS: u64 = 2_000;
/// The clock of holds looks this often, and counts no more than this for one look.
pub const AWAKE_LOOK_MS: u64 = 100;
pub const AWAKE_STEP_MS_MAX: u64 = 300;
/// No hold lasts longer, milliseconds: a sender who goes on without the first refused is not stuck for ever.
pub const HOLD_MS_MAX: u64 = 10_000;
/// The runtime is asked for a sign of life this often, milliseconds, and the process ends when none comes for so
/// many of these.
pub const WATCHDOG_STEP_MS: u64 = 1_000;
pub const WATCHDOG_STEPS: u32 = 30;
/// A send whose outcome is not known is sent again by the session itself for so long, milliseconds, before
/// its client is told; the pause between two tries doubles from the first to the second number.
pub const RESEND_MS_MAX: u64 = 8_000;
pub const RESEND_PAUSE_MS: u64 = 20;
pub const RESEND_PAUSE_MS_MAX: u64 = 320;
/// Head notices, marks and typing are gathered for this, milliseconds.
pub const COALESCE_MS: u64 = 100;
/// A typing hint lives this long, milliseconds, and may come again after the interval.
pub const TYPING_MS: u64 = 5_000;
pub const TYPING_INTERVAL_MS: u64 = 3_000;
/// Text of the messages on one page of HTML, bytes; one message is always there, however long.
pub const PAGE_TEXT_BYTES_MAX: usize = 131_072;
/// Typing is off in rooms that more connections of a node follow (UX.md, 40).
pub const TYPING_LISTENERS_MAX: usize = 500;
/// People whose presence one connection may watch.
pub const PRESENCE_WATCH_MAX: usize = 200;

/// Page sizes: default, and the most that `limit` counts as.
pub const PAGE_DEFAULT: usize = 50;
pub const PAGE_MAX: usize = 200;
/// A read with `min` waits this long for the state, milliseconds; then `unavailable`.
pub const MIN_WAIT_MS: u64 = 2_000;

/// Hot history is kept in memory: entries in one segment; segments and bytes of one room; rooms and bytes
/// of a node. Beyond, what was of no use for longest goes.
pub const SHELF_SEGMENT_ENTRIES: u64 = 64;
pub const SHELF_SEGMENTS_MAX: usize = 32;
pub const SHELF_BYTES_MAX: usize = 4 * 1_048_576;
pub const SHELVES_MAX: usize = 4_096;
pub const SHELVES_BYTES_MAX: usize = 64 * 1_048_576;
/// Entries remembered while segments are read; beyond, they are read again.
pub const SHELF_RECENT_MAX: usize = 1_024;
/// A shelf that lacks more than this, or that so many entries came to since it was last read, goes.
pub const SHELF_GAP_MAX: u64 = 512;
pub const SHELF_UNREAD_MAX: usize = 1_024;
/// Places of history of which a node remembers that somebody read there: the second reader in turn finds
/// them hot. Twice as many, at most.
pub const SHELF_WANTED_MAX: usize = 4_096;
/// The newest segments of a room that are read into memory for the first who wants them.
pub const SHELF_TAIL_SEGMENTS: u64 = 4;
/// How often one reader waits for what a page lacks before he reads the store himself.
pub const SHELF_ROUNDS_MAX: usize = 8;
/// Among several nodes the end of a log, once read, is believed so long, milliseconds: below the two seconds
/// that a page without `min` may lag (PROTOCOL.md §3). What is published is on it at once.
pub const SHELF_TRUST_MS: u64 = 1_500;

/// Rooms whose end is kept for so long for those who are greeted; beyond, each reads for himself.
pub const ROOM_ENDS_MAX: usize = 10_000;

/// Sockets per person; per address before hello, and in all.
pub const SOCKETS_PER_USER_MAX: u64 = 10;
pub const SOCKETS_UNGREETED_PER_ADDRESS_MAX: u64 = 50;
pub const SOCKETS_PER_ADDRESS_MAX: u64 = 2_000;
/// People who are let in at a time: whose credential is looked at, and who get their rooms after hello. The
/// others wait in order: so many of each, a node; beyond: `busy`.
pub const ARRIVALS_MAX: usize = 32;
pub const WELCOMES_MAX: usize = 32;
pub const ARRIVALS_WAITING_MAX: usize = 20_000;
pub const WELCOMES_WAITING_MAX: usize = 50_000;
/// Log-ins per person that stay valid; the oldest gives way.
pub const LOGINS_PER_USER_MAX: usize = 50;
/// How often the log-ins behind open sockets are looked at, milliseconds.
pub const LOGIN_RECHECK_MS: u64 = 60_000;
pub const LOGIN_IDLE_MS: i64 = 30 * 86_400_000;
pub const LOGIN_ABSOLUTE_MS: i64 = 90 * 86_400_000;
/// Password hashes at work and waiting; beyond: 503.
pub const HASHES_QUEUED_MAX: usize = 32;
/// Largest number the protocol carries.
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// A token bucket: `per_second` refill, `burst` size. `--limits relaxed` multiplies both by 1,000.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    pub per_second: f64,
    pub burst: f64,
}

const fn rate(per_second: f64, burst: f64) -> Rate {
    Rate { per_second, burst }
}

pub const SEND_PER_SESSION: Rate = rate(20.0, 60.0);
pub const SEND_PER_USER: Rate = rate(40.0, 120.0);
pub const WATCH_PER_SESSION: Rate = rate(20.0, 100.0);
pub const MARK_PER_SESSION: Rate = rate(10.0, 30.0);
pub const PRESENCE_PER_SESSION: Rate = rate(0.2, 5.0);
pub const PING_PER_SESSION: Rate = rate(2.0, 20.0);
pub const READS_PER_USER: Rate = rate(20.0, 100.0);
pub const PEOPLE_PER_USER: Rate = rate(1.0, 60.0);
pub const CHANGES_PER_USER: Rate = rate(10.0, 60.0);
pub const LOGIN_PER_ADDRESS: Rate = rate(20.0 / 60.0, 20.0);
pub const SIGN_UP_PER_ADDRESS: Rate = rate(10.0 / 3_600.0, 10.0);
pub const SIGN_UP_WITH_INVITE_PER_ADDRESS: Rate = rate(100.0 / 3_600.0, 100.0);
pub const INVITE_LOOKUP_PER_ADDRESS: Rate = rate(20.0 / 60.0, 20.0);
/// Upgrades; an office that comes back after a cut shares one address.
pub const SOCKETS_PER_ADDRESS: Rate = rate(200.0, 2_000.0);
pub const PAGES_PER_ADDRESS: Rate = rate(20.0, 200.0);
/// Failed log-ins per account and address before waiting grows, and the window, milliseconds.
pub const LOGIN_FAILURES_FREE: u32 = 5;
pub const LOGIN_FAILURE_WINDOW_MS: i64 = 15 * 60_000;
/// Rate-limit keys that a node remembers; the idlest give way.
pub const RATE_KEYS_MAX: usize = 100_000;

/// A request's headers: milliseconds from their first byte to their end, bytes, fields.
pub const HEAD_MS_MAX: u64 = 10_000;
pub const HEAD_BYTES_MAX: usize = 16_384;
pub const HEAD_FIELDS_MAX: usize = 64;
/// A body comes at least this fast, judged over windows of this many milliseconds.
pub const BODY_BYTES_PER_SECOND_MIN: u64 = 1_024;
pub const BODY_WINDOW_MS: u64 = 10_000;
/// HTTP/2: requests at once on one connection, windows, what waits to be written, resets.
pub const HTTP2_STREAMS_MAX: u32 = 100;
pub const HTTP2_STREAM_WINDOW_BYTES: u32 = 131_072;
pub const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 1_048_576;
pub const HTTP2_SEND_BUFFER_BYTES: usize = 131_072;
pub const HTTP2_RESETS_MAX: usize = 20;
/// New connections per node; more wait in the kernel.
pub const ACCEPTS: Rate = rate(2_000.0, 2_000.0);

/// Restarts within the window before the node gives up, and the window, milliseconds.
pub const RESTARTS_MAX: usize = 5;
pub const RESTART_WINDOW_MS: u64 = 30_000;
/// From SIGTERM to exit, milliseconds (RELIABILITY.md F3).
pub const DRAIN_MS_MAX: u64 = 20_000;
/// Slices in which a drain moves sessions.
pub const DRAIN_SLICES: usize = 10;

/// SQLite: jobs that wait for the writer, jobs in one transaction, readers, WAL pages before a checkpoint.
pub const STORE_QUEUE_MAX: usize = 16_384;
pub const STORE_GROUP_MAX: usize = 1_024;
pub const STORE_READERS: usize = 4;
pub const STORE_WAL_PAGES: i64 = 4_000;
/// CQL: rooms whose last bucket a node remembers.
pub const STORE_KNOWN_ROOMS_MAX: usize = 100_000;
/// Mentions of one person in one room are counted up to here.
pub const MENTIONS_COUNTED_MAX: u64 = 1_000;

/// Heartbeats between nodes, milliseconds.
pub const HEARTBEAT_MS: u64 = 450;
/// A node that was not heard for this gets no rooms and is asked for nothing, milliseconds. It may be
/// there all the same: the store fences it (R1), and removals wait for its lease (R17).
pub const SILENT_MS: u64 = 1_200;
/// A node that was not heard for this is not there, milliseconds (R17).
pub const LEASE_MS: u64 = 2_000;
/// How much longer others wait than the node itself believes in its lease, milliseconds.
pub const LEASE_MARGIN_MS: u64 = 250;
/// Without the bus, nodes learn what happened from the store within this, milliseconds (R17).
pub const STORE_LEASE_MS: u64 = 5_000;
/// A node whose clock is further from the store's, or behind another node's, does not begin, milliseconds.
pub const CLOCKS_APART_MS_MAX: i64 = 5_000;
/// A node that begins waits this long for what the store says about the others, milliseconds.
pub const STORE_PATIENCE_MS: u64 = 15_000;
/// A node renews its row in the store this often, milliseconds, and this often while somebody waits
/// for what the rows say.
pub const STORE_BEAT_MS: u64 = 500;
pub const STORE_BEAT_ASKED_MS: u64 = 100;
/// Commands of this node that wait for an answer from another; beyond: `busy`.
pub const FORWARDED_MAX: usize = 65_536;
/// Who takes a room asks the others first, again after the first number; waits the second for those that
/// do not answer (longer than a node that fell silent counts as there), and the third for an owner that
/// says it is finishing; milliseconds.
pub const CLAIM_AGAIN_MS: u64 = 500;
pub const CLAIM_MS: u64 = 2_500;
pub const HAND_OVER_MS: u64 = 5_000;
/// What an owner knew of the order of sends is kept this long after it ended, milliseconds, and of so many
/// connections.
pub const RELEASED_MS: u64 = 5_000;
pub const RELEASED_CONNECTIONS_MAX: usize = 1_024;
/// A node that begins takes no rooms before all have met: for so long after it reached the bus, and
/// so long in all if it does not, milliseconds.
pub const ARRIVAL_MS: u64 = 500;
pub const ARRIVAL_MS_MAX: u64 = 3_000;
/// Rooms in one message about what a node follows.
pub const INTEREST_ROOMS_MAX: usize = 1_000;
/// Heads of followed rooms are read again this often, milliseconds: while nodes are out of touch,
/// and otherwise (the last net under everything).
pub const POLL_APART_MS: u64 = 1_000;
pub const POLL_CALM_MS: u64 = 10_000;
/// After a node vanished without a word, its rooms are polled as if out of touch for this long, milliseconds.
pub const POLL_AFTER_LOSS_MS: u64 = 30_000;
/// While the bus cannot say where rooms live, nodes take a room that several of them write to in turns
/// of this length, milliseconds. Long enough to take it and store what waits.
pub const ROOM_TURN_MS: u64 = 400;
/// A room that another node took is not taken back for this, milliseconds; it doubles up to sixteen times
/// as long while that goes on, and is forgotten after the window.
pub const ROOM_HOLD_MS: u64 = 50;
pub const ROOM_HOLD_WINDOW_MS: u64 = 10_000;
/// What a node follows is told to the others after this, milliseconds.
pub const INTEREST_FLUSH_MS: u64 = 10;
/// Who has a lease is known for this long after it was learned, milliseconds (R17).
pub const ROLL_FRESH_MS: u64 = 1_500;
/// A removal that a node did not confirm is told to it again after this, milliseconds.
pub const FENCE_RETRY_MS: u64 = 500;
/// Out of touch, sessions look this often whether their log-in still stands, milliseconds.
pub const LOOK_AGAIN_MS: u64 = 4_000;

/// Messages to other nodes that wait to be published; beyond: surely not sent.
pub const BUS_QUEUE_MAX: usize = 8_192;
/// Messages from Redis that wait to be read; beyond: lost, and found by the counts. About 700 bytes of memory each.
pub const BUS_HEARD_MAX: usize = 8_192;

/// Timers are spread over so many shards; one node looks at each.
pub const TIMER_SHARDS: u16 = 16;
/// How often a node looks for what is due, milliseconds.
pub const TIMER_LOOK_MS: u64 = 1_000;
/// A claim on a timer lasts this long, milliseconds: then another node may do it.
pub const TIMER_CLAIM_MS: i64 = 30_000;
/// Timers that one node does at a time; the rest waits where it is.
pub const TIMERS_AT_ONCE: usize = 64;
/// What came to no end is tried again after the first number; the pause doubles with each try up to the
/// second, milliseconds.
pub const TIMER_PAUSE_MS: i64 = 1_000;
pub const TIMER_PAUSE_MS_MAX: i64 = 300_000;
/// After so many claims, about a day in all, a timer that never came to an end has failed.
pub const TIMER_TRIES_MAX: u32 = 300;
/// CQL: what one look reads of one shard at most; the next look goes on there. And rows in one page of it.
pub const TIMER_LOOK_ROWS_MAX: usize = 512;
pub const TIMER_LOOK_PAGE: usize = 64;
/// Messages that one person may have scheduled, and how far ahead, milliseconds.
pub const SCHEDULED_PER_USER_MAX: usize = 100;
pub const SCHEDULED_AHEAD_MS_MAX: i64 = 366 * 86_400_000;
