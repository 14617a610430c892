//! What the clients of a round did, and what came of it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use super::register::{Act, Operation, check};

/// Everything that was asked for in one round.
pub struct History {
    begun: Instant,
    registers: Mutex<BTreeMap<String, Vec<Operation>>>,
    /// Names whose creation was acknowledged.
    created: Mutex<Vec<String>>,
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was acknowledged.
    Done,
    /// It was refused: it has no effect, now or later.
    Refused,
    /// Nobody knows.
    Unknown,
}

impl History {
    pub fn new() -> Self {
        Self { begun: Instant::now(), registers: Mutex::default(), created: Mutex::default() }
    }

    /// The present instant of this history.
    pub fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).expect("a short test")
    }

    /// Remembers an operation that was called at `called` and is over now.
    pub fn record(&self, register: &str, who: &str, act: Act, called: u64, fate: Fate) {
        let answered = match fate {
            Fate::Done => Some(self.now()),
            Fate::Refused => return,
            Fate::Unknown => None,
        };
        let operation = Operation { who: who.to_owned(), act, called, answered };
        self.registers.lock().expect("the registers").entry(register.to_owned()).or_default().push(operation);
    }

    /// The creation of this name was acknowledged.
    pub fn created(&self, name: String) {
        self.created.lock().expect("the names").push(name);
    }

    pub fn all_created(&self) -> Vec<String> {
        self.created.lock().expect("the names").clone()
    }

    /// Checks every register; returns how many operations there were, and how many of them are open.
    pub fn verify(&self) -> Result<(usize, usize), String> {
        let registers = self.registers.lock().expect("the registers");
        let mut wrong = Vec::new();
        for (name, history) in registers.iter() {
            if let Err(why) = check(history) {
                wrong.push(format!("{name}: {why}"));
            }
        }
        let all = || registers.values().flatten();
        match wrong.is_empty() {
            true => Ok((all().count(), all().filter(|operation| operation.answered.is_none()).count())),
            false => Err(wrong.join("\n")),
        }
    }
}
