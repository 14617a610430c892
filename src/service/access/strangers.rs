//! Strangers: what those may ask whom the store does not trust, and how often. Everything else is refused before it is
//! looked at.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::Method;
use tokio::time::Instant;

use super::rate_limit::{Rate, RateLimit};
use super::summary::Summary;
use crate::api::{ApiError, paths};
use crate::service::cluster::join;
use crate::service::peers::request_origin;

/// Where a member asks whether it is in the cluster; its number follows.
pub const STANDING: &str = "/internal/cluster/standing/";

/// How long somebody who has shown a password or a token may take to send what it wants to join with.
const PROVEN: Duration = Duration::from_secs(120);
/// Those are few.
const PROVEN_MAX: usize = 64;

const REQUESTS_OF_ADDRESS: Rate = Rate { burst: 100.0, per_second: 20.0 };
const REQUESTS_OF_ALL: Rate = Rate { burst: 1000.0, per_second: 200.0 };
const GUESSES_OF_ADDRESS: Rate = Rate { burst: 10.0, per_second: 1.0 / 6.0 };
const GUESSES_OF_ALL: Rate = Rate { burst: 60.0, per_second: 1.0 };

/// What strangers have done.
pub struct Strangers {
    requests: RateLimit,
    guesses: RateLimit,
    wrong: Summary,
    proven: Mutex<HashMap<String, Instant>>,
}

impl Default for Strangers {
    fn default() -> Self {
        Self {
            requests: RateLimit::new(REQUESTS_OF_ADDRESS, REQUESTS_OF_ALL),
            guesses: RateLimit::new(GUESSES_OF_ADDRESS, GUESSES_OF_ALL),
            wrong: Summary::new("strangers gave a wrong trust password or token"),
            proven: Mutex::default(),
        }
    }
}

/// Whether strangers may ask this. Whatever is not named here is not theirs.
pub fn is_open(method: &Method, path: &str) -> bool {
    match *method {
        Method::GET | Method::HEAD => {
            matches!(path, "/" | paths::SERVER | join::CHALLENGE) || path.starts_with(STANDING)
        }
        Method::POST => matches!(path, paths::CERTIFICATES | join::HELLO | join::OFFER | join::COMMIT | join::UNDO),
        _ => false,
    }
}

/// What a member that is still joining may ask: to go on with that.
pub fn is_open_to_joiner(method: &Method, path: &str) -> bool {
    is_open(method, path) && path != paths::CERTIFICATES
}

impl Strangers {
    /// Counts a request of a stranger.
    ///
    /// # Errors
    /// 429 when there were too many.
    pub fn count(&self) -> Result<(), ApiError> {
        match address() {
            Some(address) if !self.requests.take(address, Instant::now()) => {
                Err(ApiError::new(429, "too many requests: try again in a moment"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Counts a password or token as wrong, until [`Self::was_right`] says otherwise.
    ///
    /// # Errors
    /// 429 when there were too many wrong ones.
    pub fn guess(&self) -> Result<(), ApiError> {
        match address() {
            Some(address) if !self.guesses.take(address, Instant::now()) => {
                self.wrong.note(Some(address));
                Err(ApiError::new(429, "too many wrong passwords or tokens: try again in a minute"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The last guess was right.
    pub fn was_right(&self) {
        if let Some(address) = address() {
            self.guesses.give_back(address);
        }
    }

    /// The last guess was wrong.
    pub fn was_wrong(&self) {
        self.wrong.note(address());
    }

    /// Whoever uses this certificate has shown that it may join.
    pub fn prove(&self, fingerprint: &str) {
        let (mut proven, now) = (self.proven.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        proven.retain(|_, until| *until > now);
        if proven.len() < PROVEN_MAX {
            proven.insert(fingerprint.to_owned(), now + PROVEN);
        }
    }

    /// Whether whoever uses this certificate has shown that it may join.
    pub fn is_proven(&self, fingerprint: &str) -> bool {
        let proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.get(fingerprint).is_some_and(|until| *until > Instant::now())
    }
}

/// From where the request of this task came; none over the unix socket.
fn address() -> Option<IpAddr> {
    let from: SocketAddr = request_origin::now()?.address.parse().ok()?;
    Some(from.ip())
}
