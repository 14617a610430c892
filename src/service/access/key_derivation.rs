//! The costly step behind a password. Strangers can ask for it, so it is done once at a time: what they ask for at once
//! takes no more memory than one of them, and none when it is done.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::oneshot;

use crate::api::{ApiError, Secret};

/// The length of a key.
pub const KEY_BYTES: usize = 32;

/// So many strangers may wait for their turn, some 50 ms each.
const WAITING_MAX: usize = 4;

/// Who guesses asks again sooner than that.
const IDLE: Duration = Duration::from_secs(1);

/// For whom a key is derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// Somebody who is trusted, or this member itself: waits for as long as it takes.
    Trusted,
    /// Anybody else: is sent away when others wait already.
    Stranger,
}

/// Derives keys, one after the other, on a thread of its own.
///
/// The memory of a hash, some 20 MiB, is kept while others wait for their turn, and given back when nobody does.
#[derive(Default)]
pub struct KeyDerivation {
    jobs: Mutex<Option<Sender<Job>>>,
    strangers: Arc<AtomicUsize>,
}

struct Job {
    password: Secret,
    parameters: Params,
    salt: Vec<u8>,
    /// Whoever hangs up does not make room for another one before this is done.
    place: Option<Place>,
    answer: oneshot::Sender<Result<Vec<u8>, argon2::Error>>,
}

impl KeyDerivation {
    /// The argon2id key of a password.
    ///
    /// # Errors
    /// 429 when too many strangers ask at once; 400 when the parameters cannot be used.
    pub async fn derive(
        &self,
        password: &Secret,
        parameters: Params,
        salt: Vec<u8>,
        asker: Asker,
    ) -> Result<Vec<u8>, ApiError> {
        let place = match asker {
            Asker::Trusted => None,
            Asker::Stranger => Some(Place::take(&self.strangers)?),
        };
        let (answer, answered) = oneshot::channel();
        self.send(Job { password: password.clone(), parameters, salt, place, answer })?;
        let derived = answered.await.map_err(|_| ApiError::unavailable("the daemon is shutting down"))?;
        derived.map_err(|cause| ApiError::bad_request(format!("the password cannot be hashed: {cause}")))
    }

    fn send(&self, job: Job) -> Result<(), ApiError> {
        let failed =
            |cause: String| ApiError::failed(format!("cannot start the thread that checks passwords: {cause}"));
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = match jobs.take() {
            Some(sender) => sender,
            None => {
                let (sender, receiver) = channel();
                let thread = std::thread::Builder::new().name("passwords".to_owned());
                thread.spawn(move || work(&receiver)).map_err(|cause| failed(cause.to_string()))?;
                sender
            }
        };
        // A thread that has gone is replaced by the next request.
        sender.send(job).map_err(|_| failed("it has stopped".to_owned()))?;
        *jobs = Some(sender);
        Ok(())
    }
}

/// Until nobody can ask any more.
fn work(jobs: &Receiver<Job>) {
    let mut memory = Vec::new();
    loop {
        let job = match jobs.recv_timeout(IDLE) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => {
                memory = Vec::new();
                let Ok(job) = jobs.recv() else { return };
                job
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let Job { password, parameters, salt, place, answer } = job;
        let key = key(&password, parameters, &salt, &mut memory);
        drop(place);
        // Whoever has hung up needs no answer.
        let _ = answer.send(key);
    }
}

fn key(password: &Secret, parameters: Params, salt: &[u8], memory: &mut Vec<Block>) -> Result<Vec<u8>, argon2::Error> {
    let mut key = vec![0; KEY_BYTES];
    memory.resize(parameters.block_count(), Block::new());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    argon2.hash_password_into_with_memory(password.reveal().as_bytes(), salt, &mut key, memory)?;
    Ok(key)
}

/// A place among the strangers who wait or are at work.
struct Place {
    taken: Arc<AtomicUsize>,
}

impl Place {
    fn take(taken: &Arc<AtomicUsize>) -> Result<Self, ApiError> {
        let place = Self { taken: Arc::clone(taken) };
        if taken.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            return Err(ApiError::new(429, "too many passwords are being checked now: try again in a moment"));
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_key_is_argon2s_and_a_crowd_of_strangers_is_sent_away_while_the_trusted_wait() {
        let salt = vec![7; 16];
        let mut wanted = [0; KEY_BYTES];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default());
        argon2.hash_password_into(b"sekret", &salt, &mut wanted).expect("a key");
        let (derivation, password) = (KeyDerivation::default(), Secret::new("sekret"));
        let ask = |asker| derivation.derive(&password, Params::default(), salt.clone(), asker);
        let strangers = join_all((0..40).map(|_| ask(Asker::Stranger)));
        let trusted = join_all((0..8).map(|_| ask(Asker::Trusted)));
        let (strangers, trusted) = tokio::join!(strangers, trusted);
        assert!(trusted.iter().all(|key| key.as_deref() == Ok(&wanted[..])));
        let (served, refused): (Vec<_>, Vec<_>) = strangers.into_iter().partition(Result::is_ok);
        assert!(served.iter().all(|key| key.as_deref() == Ok(&wanted[..])));
        assert!(!served.is_empty() && served.len() <= WAITING_MAX, "{} were served", served.len());
        assert!(refused.iter().all(|refused| refused.as_ref().is_err_and(|error| error.status == 429)));
        ask(Asker::Stranger).await.expect("once they are gone");
    }
}
