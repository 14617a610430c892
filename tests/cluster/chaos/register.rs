//! Whether a history of one register is linearizable: the search of Wing and Gong, with the memory of Lowe.
//!
//! Every operation must have taken effect at one instant between its call and its answer, and all of them one after the
//! other as on a register that nobody else uses. An operation whose outcome nobody knows may take effect at any instant
//! after its call, or never.

use std::collections::{BTreeSet, HashSet};

/// What a register holds; 0 before anything was written. Written values are never used twice.
pub type Value = u64;

/// What was asked of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It was found to hold this.
    Read(Value),
    /// This was written, whatever was there.
    Write(Value),
    /// `to` was written because `from` was there.
    Swap { from: Value, to: Value },
}

/// One operation. Those that were refused are left out: they say nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Through whom and by what, for people.
    pub who: String,
    /// What.
    pub act: Act,
    /// When it was called.
    pub called: u64,
    /// When it was answered; `None` when nobody knows what became of it.
    pub answered: Option<u64>,
}

/// An instant of a history: an operation is called, or it is over.
#[derive(Clone, Copy)]
struct Event {
    operation: usize,
    is_call: bool,
}

/// Checks one history that begins with the value 0.
///
/// # Errors
/// What cannot be put into an order, with the operations around it.
pub fn check(history: &[Operation]) -> Result<(), String> {
    let history = without_unseen(history);
    let mut search = Search::new(&history);
    if search.run() {
        return Ok(());
    }
    Err(told(&history, search.deepest))
}

/// An open operation whose value nobody ever saw can always have had no effect: leaving it out keeps the search small.
fn without_unseen(history: &[Operation]) -> Vec<Operation> {
    let seen: BTreeSet<Value> = history
        .iter()
        .filter_map(|operation| match operation.act {
            Act::Read(value) | Act::Swap { from: value, .. } => Some(value),
            Act::Write(_) => None,
        })
        .collect();
    let matters = |operation: &&Operation| match operation.act {
        Act::Write(value) | Act::Swap { to: value, .. } => operation.answered.is_some() || seen.contains(&value),
        Act::Read(_) => operation.answered.is_some(),
    };
    history.iter().filter(matters).cloned().collect()
}

struct Search<'a> {
    history: &'a [Operation],
    events: Vec<Event>,
    /// A list of the events that are left: neighbours by position, the end at `events.len()`.
    next: Vec<usize>,
    before: Vec<usize>,
    /// Where an operation is over.
    ends: Vec<usize>,
    /// As far as the search has come: for the report.
    deepest: usize,
}

impl<'a> Search<'a> {
    fn new(history: &'a [Operation]) -> Self {
        let never = u64::MAX;
        let mut order: Vec<(u64, bool, usize)> = Vec::new();
        for (number, operation) in history.iter().enumerate() {
            order.push((operation.called, false, number));
            order.push((operation.answered.unwrap_or(never), true, number));
        }
        // Of a call and an answer at the same instant the call comes first: they overlap.
        order.sort_unstable();
        let events: Vec<Event> =
            order.into_iter().map(|(_, is_end, operation)| Event { operation, is_call: !is_end }).collect();
        let mut ends = vec![0; history.len()];
        for (at, event) in events.iter().enumerate().filter(|(_, event)| !event.is_call) {
            ends[event.operation] = at;
        }
        let count = events.len();
        // Position `count` is before the first and after the last.
        let next = (0..=count).map(|at| if at == count { 0 } else { at + 1 }).collect();
        let before = (0..=count).map(|at| if at == 0 { count } else { at - 1 }).collect();
        Self { history, events, next, before, ends, deepest: 0 }
    }

    fn run(&mut self) -> bool {
        let nothing = self.events.len();
        if nothing == 0 {
            return true;
        }
        let mut tried: HashSet<(Vec<u64>, Value)> = HashSet::new();
        let mut done = vec![0_u64; self.history.len().div_ceil(64)];
        let mut taken: Vec<(usize, Value)> = Vec::new();
        let (mut state, mut at) = (0, self.next[nothing]);
        while self.next[nothing] != nothing {
            let Event { operation, is_call } = self.events[at];
            if is_call {
                if let Some(after) = step(state, &self.history[operation]) {
                    done[operation / 64] |= 1 << (operation % 64);
                    if tried.insert((done.clone(), after)) {
                        taken.push((at, state));
                        state = after;
                        self.lift(at, operation);
                        self.deepest = self.deepest.max(taken.len());
                        at = self.next[nothing];
                        continue;
                    }
                    done[operation / 64] &= !(1 << (operation % 64));
                }
                at = self.next[at];
                continue;
            }
            // Somebody was answered who has not been given a turn: one of those before came too early.
            let Some((call, earlier)) = taken.pop() else { return false };
            let operation = self.events[call].operation;
            done[operation / 64] &= !(1 << (operation % 64));
            state = earlier;
            self.put_back(call, operation);
            at = self.next[call];
        }
        true
    }

    fn lift(&mut self, call: usize, operation: usize) {
        for at in [call, self.ends[operation]] {
            let (before, next) = (self.before[at], self.next[at]);
            self.next[before] = next;
            self.before[next] = before;
        }
    }

    fn put_back(&mut self, call: usize, operation: usize) {
        for at in [self.ends[operation], call] {
            let (before, next) = (self.before[at], self.next[at]);
            self.next[before] = at;
            self.before[next] = at;
        }
    }
}

/// What a register holds after an operation; `None` where the operation cannot have its turn now.
fn step(state: Value, operation: &Operation) -> Option<Value> {
    let is_open = operation.answered.is_none();
    match operation.act {
        Act::Read(value) => (value == state).then_some(state),
        Act::Write(value) => Some(value),
        Act::Swap { from, to } if from == state => Some(to),
        // One that nobody knows the end of was refused then.
        Act::Swap { .. } => is_open.then_some(state),
    }
}

fn told(history: &[Operation], deepest: usize) -> String {
    let mut lines: Vec<&Operation> = history.iter().collect();
    lines.sort_by_key(|operation| operation.called);
    let from = deepest.saturating_sub(12).min(lines.len());
    let line = |operation: &&Operation| {
        let answered = operation.answered.map_or_else(|| "never".to_owned(), |at| at.to_string());
        format!("  {} to {answered}: {:?} ({})", operation.called, operation.act, operation.who)
    };
    let around: Vec<String> = lines[from..].iter().take(30).map(line).collect();
    format!("no order explains these {} operations; about here:\n{}", history.len(), around.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::super::dice::Dice;
    use super::*;

    fn op(act: Act, called: u64, answered: u64) -> Operation {
        Operation { who: "a test".to_owned(), act, called, answered: Some(answered) }
    }

    fn open(act: Act, called: u64) -> Operation {
        Operation { answered: None, ..op(act, called, 0) }
    }

    #[test]
    fn what_one_register_can_do_passes() {
        use Act::{Read, Swap, Write};
        for history in [
            vec![],
            vec![op(Read(0), 1, 2), op(Write(1), 3, 4), op(Read(1), 5, 6)],
            // Two at the same time, in either order.
            vec![op(Write(1), 1, 5), op(Write(2), 1, 5), op(Read(1), 6, 7)],
            vec![op(Write(1), 1, 5), op(Write(2), 1, 5), op(Read(2), 6, 7)],
            // A read beside a write may see what was before or what comes.
            vec![op(Write(1), 1, 9), op(Read(0), 2, 3), op(Read(1), 4, 5)],
            vec![op(Swap { from: 0, to: 1 }, 1, 2), op(Swap { from: 1, to: 2 }, 3, 4), op(Read(2), 5, 6)],
            // An open write may be seen late, or never.
            vec![open(Write(1), 1), op(Read(0), 2, 3), op(Read(1), 4, 5)],
            vec![open(Write(1), 1), op(Write(2), 2, 3), op(Read(2), 4, 5)],
            vec![open(Swap { from: 0, to: 1 }, 1), op(Write(2), 2, 3), op(Read(2), 4, 5)],
        ] {
            assert_eq!(check(&history), Ok(()), "{history:?}");
        }
    }

    #[test]
    fn planted_violations_are_found() {
        use Act::{Read, Swap, Write};
        for (what, history) in [
            ("a stale read", vec![op(Write(1), 1, 2), op(Read(0), 3, 4)]),
            ("a lost write", vec![op(Write(1), 1, 2), op(Write(2), 3, 4), op(Read(1), 5, 6)]),
            ("a value from nowhere", vec![op(Read(7), 1, 2)]),
            ("a read that goes back", vec![op(Write(1), 1, 9), op(Read(1), 2, 3), op(Read(0), 4, 5)]),
            ("two swaps of one value", vec![op(Swap { from: 0, to: 1 }, 1, 9), op(Swap { from: 0, to: 2 }, 1, 9)]),
            (
                "an update taken back",
                vec![op(Swap { from: 0, to: 1 }, 1, 2), op(Write(2), 3, 4), op(Swap { from: 1, to: 3 }, 5, 6)],
            ),
            ("an open write before its call", vec![op(Read(1), 1, 2), open(Write(1), 3)]),
            (
                "an open write that comes and goes",
                vec![open(Write(1), 1), op(Read(1), 2, 3), op(Read(0), 4, 5), op(Read(1), 6, 7)],
            ),
        ] {
            assert!(check(&history).is_err(), "{what} was not found");
        }
    }

    /// A history of a real register: each operation takes effect at one instant of its time.
    fn of_a_register(dice: &mut Dice, count: usize) -> Vec<Operation> {
        let (mut state, mut now, mut history) = (0, 0, Vec::new());
        for number in 1..=count as u64 {
            now += 10;
            let act = match dice.below(3) {
                0 => Act::Read(state),
                1 => Act::Write(number),
                _ => Act::Swap { from: state, to: number },
            };
            if let Act::Write(value) | Act::Swap { to: value, .. } = act {
                state = value;
            }
            let operation = op(act, now - dice.below(40).min(now as usize) as u64, now + dice.below(40) as u64);
            let is_open = dice.below(8) == 0;
            history.push(if is_open { Operation { answered: None, ..operation } } else { operation });
        }
        history
    }

    /// The same question, answered by trying every order.
    fn by_force(left: &[&Operation], state: Value) -> bool {
        if left.iter().all(|operation| operation.answered.is_none()) {
            return true;
        }
        let earliest = left.iter().filter_map(|operation| operation.answered).min().unwrap_or(u64::MAX);
        left.iter().enumerate().filter(|(_, operation)| operation.called <= earliest).any(|(number, operation)| {
            let rest: Vec<&Operation> =
                left.iter().enumerate().filter(|(other, _)| *other != number).map(|(_, other)| *other).collect();
            step(state, operation).is_some_and(|after| by_force(&rest, after))
        })
    }

    #[test]
    fn the_search_agrees_with_trying_every_order() {
        let (mut dice, mut wrong) = (Dice(17), 0);
        for _ in 0..3000 {
            let mut history = of_a_register(&mut dice, 6);
            assert_eq!(check(&history), Ok(()), "{history:?}");
            // Something is read that may not have been there.
            let spoiled = dice.below(history.len());
            history[spoiled].act = Act::Read(dice.below(7) as u64);
            let all: Vec<&Operation> = history.iter().collect();
            let expected = by_force(&all, 0);
            assert_eq!(check(&history).is_ok(), expected, "{history:?}");
            wrong += usize::from(!expected);
        }
        assert!(wrong > 300, "only {wrong} violations were planted");
    }

    #[test]
    fn thousands_of_operations_take_no_time() {
        let history = of_a_register(&mut Dice(3), 5000);
        assert_eq!(check(&history), Ok(()));
    }
}
