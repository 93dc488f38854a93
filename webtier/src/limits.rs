//! Bounds that only the web tier knows. Those that other parts share stand in `protocol::limits`.
//!
//! Each has its unit last, why it is what it is, and what happens when it is reached.

/// Body of any request: a login form with the longest password is a tenth of it. Longer: 413.
pub(crate) const REQUEST_BODY_BYTES_MAX: usize = 16 * 1024;

/// A request that is not answered after so long is given up with 408; the slowest honest one waits for two
/// password checks and a disk.
pub(crate) const REQUEST_MS_MAX: u64 = 15_000;

/// Password checks at the same time. Each takes 19 MiB and a core. More wait.
pub(crate) const PASSWORD_CHECKS_MAX: usize = 2;

/// Password checks that may wait for their turn: a few seconds of work. More: 503.
pub(crate) const PASSWORD_QUEUE_MAX: usize = 32;

/// Shortest password: what throttled guessing does not reach. Shorter is refused by the command line.
pub(crate) const PASSWORD_BYTES_MIN: usize = 10;

/// Longest password, so that nobody makes us hash megabytes. Longer is refused, and at login never right.
pub(crate) const PASSWORD_BYTES_MAX: usize = 1024;

/// Tries at one account in a row, then one each [`LOGIN_ACCOUNT_REFILL_MS`]; each browser that the account knows has as many. More: 429.
pub(crate) const LOGIN_ACCOUNT_BURST: u32 = 10;
/// See [`LOGIN_ACCOUNT_BURST`]: 120 guesses an hour.
pub(crate) const LOGIN_ACCOUNT_REFILL_MS: u64 = 30_000;

/// How long a browser remembers that an agent has logged in there, and has tries of its own: an absence is shorter. Later it tries with
/// everybody else.
pub(crate) const DEVICE_LIFE_S: u64 = 180 * 86_400;

/// Tries from one address in a row, then one each [`LOGIN_ADDRESS_REFILL_MS`]: an office that starts its day. More: 429.
pub(crate) const LOGIN_ADDRESS_BURST: u32 = 30;
/// See [`LOGIN_ADDRESS_BURST`].
pub(crate) const LOGIN_ADDRESS_REFILL_MS: u64 = 2_000;

/// Session keys that an agent may ask for in vain in one group, then one each [`GUESS_REFILL_MS`]. More: 429.
pub(crate) const GUESS_BURST: u32 = 20;
/// See [`GUESS_BURST`]: 120 guesses an hour, of a million keys with six digits.
pub(crate) const GUESS_REFILL_MS: u64 = 30_000;
/// Keys just missed that an agent may ask for again at no cost: so many tabs wait for their sessions at once.
pub(crate) const GUESSES_REMEMBERED_MAX: usize = 8;

/// Origins of applications that may frame our own pages, of all groups: a header of some 10 KB. The rest may not.
pub(crate) const ANCESTORS_MAX: usize = 200;

/// Entries of the audit log in one answer to the command line.
pub(crate) const AUDIT_LINES_MAX: usize = 1_000;

/// Bytes of them after which an answer ends: an entry that tells of a group's settings has up to 64 KiB.
pub(crate) const AUDIT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Longest name of an account or a role: a mail address of ordinary length. Longer: refused, and at login nobody's.
pub(crate) const NAME_BYTES_MAX: usize = 64;

/// The audit log's head is signed so often, if anything has happened: so much can be cut off unnoticed by who has the store.
pub(crate) const AUDIT_SIGN_MS: u64 = 60_000;

/// Accounts and addresses that a throttle remembers; idle ones are forgotten first. Full of busy ones: refused.
pub(crate) const THROTTLE_ENTRIES_MAX: usize = 100_000;

/// A login that nobody uses ends after so long: a lunch is shorter, a night is longer.
pub(crate) const LOGIN_IDLE_MS: u64 = 2 * 3_600_000;

/// A login ends after so long in any case: a working day.
pub(crate) const LOGIN_LIFE_MS: u64 = 12 * 3_600_000;

/// The last use of a login is written down at most so often, or every click would cost a disk write.
pub(crate) const LOGIN_TOUCH_MS: u64 = 60_000;

/// Longest `next` of a login; longer leads to the home page.
pub(crate) const NEXT_BYTES_MAX: usize = 512;

/// Starts in a minute from one address, unless configured: many visitors sit behind one.
pub(crate) const STARTS_PER_MINUTE_ADDRESS: u32 = 120;

/// Starts in a minute of one group, unless configured.
pub(crate) const STARTS_PER_MINUTE_GROUP: u32 = 3_000;

/// A session may be so long on its way from one domain to another, and a frame's script on its way to its settings: a page load.
pub(crate) const CROSSING_MS_MAX: u64 = 60_000;

/// Codes of each of both at once. More: 503 `no_server`; the visitor starts anew on the other page, the frame is not shown.
pub(crate) const CROSSINGS_MAX: usize = 10_000;

/// Pages that are known to be there, of all CServers: some 300 bytes each. More are not known of.
pub(crate) const PAGES_MAX: usize = 1_000_000;

/// Pages in one answer.
pub(crate) const PAGES_LISTED_MAX: usize = 200;

/// An address that a page says of itself; longer is left out.
pub(crate) const URL_BYTES_MAX: usize = 900;

/// An offer can be declined so long.
pub(crate) const OFFER_MS_MAX: u64 = 600_000;

/// Offers at once. More: 503.
pub(crate) const OFFERS_MAX: usize = 100_000;

/// Of them of one agent: one every six seconds, all the time. More: 503.
pub(crate) const OFFERS_OF_AGENT_MAX: usize = 100;

/// A start waits so long for a CServer that has the group's settings, then 503 `no_server`.
pub(crate) const SERVER_WAIT_MS: u64 = 2_000;

/// An agent view waits so long for a session that was given out and is not there yet: its visitor's first connection, or the way from one home
/// to the next, takes some hundred milliseconds. Then 404, or a page that asks again.
pub(crate) const SESSION_WAIT_MS: u64 = 2_000;

/// Shortest life of a home that is given up at its visitor's word alone: what it says cannot be checked, and each move costs the store a write and
/// agents a reconnect.
pub(crate) const HOME_MS_MIN: u64 = 10_000;

/// Begun sessions that a waiting agent view may not have looked at yet. More: it looks into the store instead.
pub(crate) const BEGUN_MAX: usize = 1_024;

/// What `Retry-After` says with a 503: the dialler tries again within a second.
pub(crate) const RETRY_AFTER_S: u64 = 2;

/// A session whose visitor never came is forgotten after so long: a ticket's life, doubled.
pub(crate) const ASSIGNED_MS_MAX: u64 = 60_000;

/// How long a session that has ended, and who had joined it, is kept on record. Then it is deleted.
pub(crate) const ENDED_KEEP_MS: u64 = 30 * 24 * 3_600_000;

/// How long a browser keeps the way back to the web tier, beside a ticket: a server that died comes back within minutes.
pub(crate) const WAY_LIFE_S: u64 = 300;

/// How often the store is swept of what has expired.
pub(crate) const SWEEP_MS: u64 = 5_000;

/// Entries that one transaction of a sweep touches; more are left to the next.
pub(crate) const SWEEP_BATCH_MAX: usize = 1_000;

/// Sessions listed for an agent, newest first; the rest is reached by key.
pub(crate) const SESSIONS_LISTED_MAX: usize = 500;

/// The page that waits for a session asks again so often, and gives up after [`WAIT_MS_MAX`].
pub(crate) const WAIT_REFRESH_S: u64 = 2;
/// See [`WAIT_REFRESH_S`].
pub(crate) const WAIT_MS_MAX: u64 = 600_000;

/// Digits of a made session key, and of one made while six digits seem to be used up.
pub(crate) const KEY_DIGITS: u32 = 6;
/// See [`KEY_DIGITS`].
pub(crate) const KEY_DIGITS_CROWDED: u32 = 9;
/// Tries with each number of digits. All taken: 429.
pub(crate) const KEY_TRIES_MAX: u32 = 16;

/// Dialling a CServer, its TLS and its upgrade, and its `hello`: each at most so long.
pub(crate) const DIAL_MS_MAX: u64 = 5_000;

/// First pause before dialling again; it doubles up to [`DIAL_PAUSE_MS_MAX`].
pub(crate) const DIAL_PAUSE_MS_MIN: u64 = 100;
/// See [`DIAL_PAUSE_MS_MIN`].
pub(crate) const DIAL_PAUSE_MS_MAX: u64 = 1_000;

/// A control stream is pinged after so much silence, and ended after [`CONTROL_SILENCE_MS`] of it.
pub(crate) const CONTROL_PING_MS: u64 = 5_000;
/// See [`CONTROL_PING_MS`].
pub(crate) const CONTROL_SILENCE_MS: u64 = 15_000;

/// A control stream whose clocks were apart ends after so long, so that the next one compares them. Tests do not wait.
pub(crate) const CLOCK_AGAIN_MS: u64 = if cfg!(test) { 500 } else { 60_000 };

/// Reports stored in one transaction, with one flush and one ack.
pub(crate) const REPORTS_BATCH_MAX: usize = 256;

/// Records waiting for one control stream. Full: the stream is ended, and the next one begins with everything anew.
pub(crate) const CONTROL_QUEUE_MAX: usize = 1_024;

/// Length of an order of the command line. Longer: refused.
pub(crate) const ADMIN_LINE_BYTES_MAX: u64 = 1024 * 1024;

/// Length of what it is answered. Longer cannot be read.
pub(crate) const ADMIN_ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What a drain gives sessions to move, unless told.
pub(crate) const DRAIN_MS_DEFAULT: u64 = 600_000;

/// A stop waits so long for requests under way; with the flush of the store it stays within 10 s.
pub(crate) const STOP_MS_MAX: u64 = 8_000;

const _: () = {
    assert!(
        ASSIGNED_MS_MAX > protocol::limits::TICKET_LIFE_MS + 2 * protocol::limits::CLOCK_SKEW_MS
    );
    assert!(LOGIN_TOUCH_MS < LOGIN_IDLE_MS && LOGIN_IDLE_MS < LOGIN_LIFE_MS);
    assert!(SERVER_WAIT_MS < REQUEST_MS_MAX && SESSION_WAIT_MS < REQUEST_MS_MAX);
    assert!(CONTROL_PING_MS < CONTROL_SILENCE_MS);
    assert!(PASSWORD_BYTES_MAX * 4 < REQUEST_BODY_BYTES_MAX);
    // Each quote and backslash of an entry takes two bytes in the answer, and the last entry may be as long as an order.
    assert!(2 * (AUDIT_BYTES_MAX as u64 + ADMIN_LINE_BYTES_MAX) < ADMIN_ANSWER_BYTES_MAX);
};

/// Room that the store's file system must have: sled writes segments of 512 KiB, and some of them at once. Less: `/healthz`
/// says `store_full`, and a log line in time.
pub(crate) const STORE_FREE_BYTES_MIN: u64 = 32 * 1024 * 1024;

/// A token of `/metrics`: shorter ones can be guessed.
pub(crate) const METRICS_TOKEN_CHARS_MIN: usize = 16;

/// Earlier releases whose scripts are served: some years of them, 0.5 MB each. More: the oldest are left out.
pub(crate) const RELEASES_MAX: usize = 32;

/// A kept script. None of ours comes near; a larger file is none of them and is left out.
pub(crate) const SCRIPT_BYTES_MAX: u64 = 4 * 1024 * 1024;
