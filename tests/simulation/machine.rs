//! The machine of one member: the fake host of the program, made slow, fallible and observable from outside.
//!
//! Slow: each call gives way to the scheduler before and after it acts, so that a crash can fall in between.
//! Fallible: any call can fail. Observable: a look through the kinds themselves tells what stands.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use seedbed::host::fake::FakeHost;
use seedbed::host::{Host, HostError, Lasting};
use seedbed::kinds::{self, ActOutcome, Intent, Local, Work};
use seedbed::model::{Generation, Key, MemberName, Object, Timestamp};

use crate::faults::Foreign;
use crate::slow;

/// One machine. It outlives crashes of the member that runs on it.
pub struct Machine {
    /// What stands on it.
    pub fake: FakeHost,
    /// What fails on it.
    pub weather: Weather,
    /// What belongs to somebody else.
    pub foreign: Option<Foreign>,
    /// What somebody has changed by hand: a pass may have looked at it before.
    pub disturbed: BTreeSet<Key>,
    /// When it last lost its power: what was said before may be true no more.
    pub rebooted_at: Option<Timestamp>,
}

/// Failures of a machine. Clones are the same weather.
#[derive(Clone, Default)]
pub struct Weather(Arc<Mutex<Sky>>);

#[derive(Default)]
struct Sky {
    calls_until_failure: u32,
    failures_left: u32,
    lasting: bool,
    reads_only: bool,
}

impl Weather {
    /// After `calls` more calls, the next `times` fail.
    pub fn storm(&self, calls: u32, times: u32, lasting: Lasting) {
        let lasting = lasting == Lasting::UntilMended;
        *self.sky() = Sky { calls_until_failure: calls, failures_left: times, lasting, reads_only: false };
    }

    /// Nothing fails any more.
    pub fn clear(&self) {
        *self.sky() = Sky::default();
    }

    /// Lets this call fail, if it is to.
    pub fn check(&self, doing: &str, acts: Acts) -> Result<(), HostError> {
        let mut sky = self.sky();
        if sky.reads_only && acts == Acts::Yes {
            return Err(HostError::passing(doing, READ_ONLY, "this host is only looked at"));
        }
        if sky.calls_until_failure > 0 {
            sky.calls_until_failure -= 1;
        } else if sky.failures_left > 0 {
            sky.failures_left -= 1;
            let make = if sky.lasting { HostError::lasting } else { HostError::passing };
            return Err(make(doing.to_owned(), "BadWeather", "the simulated machine failed".to_owned()));
        }
        Ok(())
    }

    fn sky(&self) -> std::sync::MutexGuard<'_, Sky> {
        self.0.lock().expect("no test panics while it holds the weather")
    }
}

/// Whether a call changes the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Acts {
    Yes,
    No,
}

const READ_ONLY: &str = "ReadOnly";

/// Gives way to the scheduler once.
pub async fn breathe() {
    let mut has_waited = false;
    poll_fn(|context| {
        if has_waited {
            return Poll::Ready(());
        }
        has_waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls a future once.
pub fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

impl Machine {
    pub fn new() -> Self {
        Self {
            fake: FakeHost::new(),
            weather: Weather::default(),
            foreign: None,
            disturbed: BTreeSet::new(),
            rebooted_at: None,
        }
    }

    /// The machine as the member's loop uses it.
    pub fn host(&self, covets: bool) -> Host {
        slow::host(&self.fake.host(), &self.weather, covets)
    }

    /// Whether what was said of an object at this time must still be true.
    pub fn is_bound_by(&self, key: &Key, said_at: Timestamp) -> bool {
        !self.disturbed.contains(key) && self.rebooted_at.is_none_or(|at| said_at > at)
    }

    pub fn set_time(&self, now: Timestamp) {
        self.fake.clock.set(now);
    }

    /// Whether all of the object stands, as of its generation in `object`.
    pub fn holds(&self, me: &MemberName, object: &Object) -> bool {
        matches!(self.look(me, object, Intent::Present), Some(ActOutcome::Converged { .. }) | None)
    }

    /// Whether anything of the object stands.
    pub fn has_traces(&self, me: &MemberName, object: &Object) -> bool {
        matches!(self.look(me, object, Intent::Absent), Some(ActOutcome::Failed(_)))
    }

    /// What the kind would do, without letting it. `None` for kinds that leave nothing on a host.
    fn look(&self, me: &MemberName, object: &Object, intent: Intent) -> Option<ActOutcome> {
        let node = kinds::find(object.key.kind.as_str())?.node()?;
        let config = object.placements.get(me).map(|placement| placement.config.clone()).unwrap_or_default();
        let known = object.placements.get(me).is_some_and(|placement| placement.realised > Generation(0));
        let (key, uid, spec) = (object.key.clone(), object.uid, object.spec.clone());
        let work = Work { local: Local { key, uid, member: me.clone(), spec, config, known }, intent };
        let weather = Weather(Arc::new(Mutex::new(Sky { reads_only: true, ..Sky::default() })));
        let host = slow::host(&self.fake.host(), &weather, false);
        Some(self.now(node.converge(&host, &work)))
    }

    /// Waits for something that only gives way.
    pub fn now<F: Future + Unpin>(&self, mut future: F) -> F::Output {
        loop {
            if let Poll::Ready(output) = poll_once(&mut future) {
                return output;
            }
        }
    }
}
