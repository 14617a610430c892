//! Clients of a round: each asks any member for anything, and writes down what it was told.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::dice::Dice;
use super::history::{Fate, History};
use super::register::{self, Act};
use crate::wire::{Reply, Silence, exchange};

/// A member that is stopped answers nobody: what it was asked is open after this time.
const LIMIT: Duration = Duration::from_secs(4);
/// Each of these parts of a profile is a register of its own.
const KEYS: [&str; 2] = ["user.a", "user.b"];

/// Values are never used twice.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// What all clients of a round share.
pub struct Round<'a> {
    pub number: usize,
    pub sockets: Vec<PathBuf>,
    pub history: &'a History,
    pub stop: &'a AtomicBool,
}

/// The profiles whose parts are the registers of a round.
pub fn profiles(round: usize) -> [String; 2] {
    [0, 1].map(|number| format!("registers-{round}-{number}"))
}

/// One client that reads and writes registers until it is told to stop.
pub fn use_registers(round: &Round<'_>, client: usize, mut dice: Dice) {
    let names = profiles(round.number);
    while !round.stop.load(Ordering::Relaxed) {
        let via = &round.sockets[dice.below(round.sockets.len())];
        let other = &round.sockets[dice.below(round.sockets.len())];
        let name = &names[dice.below(names.len())];
        let who = |what: &str| format!("client {client}, {what}");
        match dice.below(6) {
            0 | 1 => {
                read(round.history, via, name, &who("read"));
            }
            2 => swap(round.history, (via, other), name, "PUT", &who("PUT with If-Match")),
            3 => swap(round.history, (via, other), name, "PATCH", &who("PATCH with If-Match")),
            _ => {
                let key = KEYS[dice.below(KEYS.len())];
                let value = NEXT.fetch_add(1, Ordering::Relaxed);
                let body = json!({ "config": { key: text(value) } });
                let called = round.history.now();
                let fate = fate(&exchange(via, "PATCH", &path(name), None, Some(&body), LIMIT));
                round.history.record(&format!("{name} {key}"), &who("PATCH"), Act::Write(value), called, fate);
            }
        }
        std::thread::sleep(Duration::from_millis(dice.below(8) as u64));
    }
}

/// One client that makes things until it is told to stop.
pub fn make_things(round: &Round<'_>, client: usize, mut dice: Dice) {
    let mut count = 0;
    while !round.stop.load(Ordering::Relaxed) {
        let via = &round.sockets[dice.below(round.sockets.len())];
        let name = format!("made-{}-{client}-{count}", round.number);
        let body = json!({ "name": name });
        if fate(&exchange(via, "POST", "/1.0/profiles", None, Some(&body), LIMIT)) == Fate::Done {
            round.history.created(name);
        }
        count += 1;
        std::thread::sleep(Duration::from_millis(10 + dice.below(30) as u64));
    }
}

/// Reads all registers of a profile as they are now. Planning is what waits until this member has everything.
pub fn read(history: &History, via: &Path, name: &str, who: &str) -> bool {
    let called = history.now();
    let nothing = json!({ "desired": { "objects": [] } });
    let current = exchange(via, "POST", "/1.0/seedbed/plan", None, Some(&nothing), LIMIT);
    if !matches!(current, Ok(Reply { status: 200, .. })) {
        return false;
    }
    let Ok(Reply { status: 200, value, .. }) = exchange(via, "GET", &path(name), None, None, LIMIT) else {
        return false;
    };
    let found = number(&value["description"]);
    history.record(&format!("{name} description"), who, Act::Read(found), called, Fate::Done);
    for key in KEYS {
        let found = number(&value["config"][key]);
        history.record(&format!("{name} {key}"), who, Act::Read(found), called, Fate::Done);
    }
    true
}

/// Replaces what one member shows through another one, unless it has changed by then.
fn swap(history: &History, (via, other): (&Path, &Path), name: &str, method: &str, who: &str) {
    let Ok(Reply { status: 200, value, etag: Some(etag) }) = exchange(via, "GET", &path(name), None, None, LIMIT)
    else {
        return;
    };
    let (from, to) = (number(&value["description"]), NEXT.fetch_add(1, Ordering::Relaxed));
    let body = match method {
        "PUT" => json!({ "description": text(to), "config": value["config"], "devices": value["devices"] }),
        _ => json!({ "description": text(to) }),
    };
    let called = history.now();
    let fate = fate(&exchange(other, method, &path(name), Some(&etag), Some(&body), LIMIT));
    history.record(&format!("{name} description"), who, Act::Swap { from, to }, called, fate);
}

fn fate(answer: &Result<Reply, Silence>) -> Fate {
    match answer {
        Ok(Reply { status: 200..=299, .. }) => Fate::Done,
        Ok(Reply { status: 400..=499, .. }) | Err(Silence::Unsent) => Fate::Refused,
        Ok(_) | Err(Silence::Open(_)) => Fate::Unknown,
    }
}

fn path(name: &str) -> String {
    format!("/1.0/profiles/{name}")
}

fn text(value: register::Value) -> String {
    format!("v{value}")
}

fn number(text: &Value) -> register::Value {
    text.as_str().and_then(|text| text.strip_prefix('v')?.parse().ok()).unwrap_or(0)
}
