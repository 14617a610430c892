//! The bodies of requests, read before a handler begins: within a size, a time, and one budget for all of them, so that
//! no number of requests takes more memory than that.

use std::fmt::Display;
use std::time::Duration;

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use crate::api::ApiError;

/// All bodies under way, those of members left out.
const BUDGET_BYTES: usize = 256 << 20;
/// The budget is counted in pieces of this size.
const PIECE_BYTES: usize = 4 << 10;
/// A body that stops to arrive for longer than this has broken off.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How much a body may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimit {
    /// Its size in bytes.
    pub bytes_max: usize,
    /// How long it may take to arrive; `None` for those who may take their time.
    pub time_max: Option<Duration>,
    /// Whether it counts for the budget. What members say to each other does not wait behind clients.
    pub is_budgeted: bool,
}

/// The bodies under way.
pub struct Bodies {
    pieces: Semaphore,
}

impl Default for Bodies {
    fn default() -> Self {
        Self { pieces: Semaphore::new(BUDGET_BYTES / PIECE_BYTES) }
    }
}

/// A body that has arrived, and its part of the budget for as long as it is worked on.
pub struct Arrived<'a> {
    /// All of it.
    pub bytes: Bytes,
    _held: Option<SemaphorePermit<'a>>,
}

impl Bodies {
    /// Waits for a body.
    ///
    /// # Errors
    /// 413 when it is too large, 408 when it does not arrive, 503 when too many others are under way.
    pub async fn read<B>(&self, mut body: B, limit: BodyLimit) -> Result<Arrived<'_>, ApiError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Display,
    {
        let too_large = || ApiError::new(413, format!("the body of the request is larger than {}", limit.bytes_max));
        // Who says beforehand that it is too large sends it for nothing.
        if body.size_hint().lower() > limit.bytes_max as u64 {
            return Err(too_large());
        }
        let deadline = limit.time_max.map(|limit| Instant::now() + limit);
        let (mut bytes, mut held) = (BytesMut::new(), None::<SemaphorePermit<'_>>);
        while let Some(frame) = next(&mut body, deadline).await? {
            let Ok(chunk) = frame.into_data() else { continue };
            if bytes.len() + chunk.len() > limit.bytes_max {
                return Err(too_large());
            }
            if limit.is_budgeted {
                self.hold(&mut held, (bytes.len() + chunk.len()).div_ceil(PIECE_BYTES))?;
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Arrived { bytes: bytes.freeze(), _held: held })
    }

    fn hold<'a>(&'a self, held: &mut Option<SemaphorePermit<'a>>, pieces: usize) -> Result<(), ApiError> {
        let more = pieces - held.as_ref().map_or(0, SemaphorePermit::num_permits);
        let full = |_| ApiError::unavailable("too many large requests are under way: try again in a moment");
        let more = self.pieces.try_acquire_many(u32::try_from(more).unwrap_or(u32::MAX)).map_err(full)?;
        match held {
            Some(held) => held.merge(more),
            None => *held = Some(more),
        }
        Ok(())
    }
}

async fn next<B>(body: &mut B, deadline: Option<Instant>) -> Result<Option<hyper::body::Frame<Bytes>>, ApiError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Display,
{
    let late = |_| ApiError::new(408, "the body of the request did not arrive in time");
    let frame = match deadline {
        Some(deadline) => timeout_at(deadline, body.frame()).await.map_err(late)?,
        None => timeout(PAUSE_MAX, body.frame()).await.map_err(late)?,
    };
    let broken = |cause: B::Error| ApiError::bad_request(format!("the body of the request broke off: {cause}"));
    frame.transpose().map_err(broken)
}

#[cfg(test)]
mod tests {
    use futures_util::{Stream, TryStreamExt as _, stream};
    use http_body_util::StreamBody;
    use http_body_util::combinators::UnsyncBoxBody;
    use hyper::body::Frame;

    use super::*;

    const LIMIT: BodyLimit = BodyLimit { bytes_max: 100 << 20, time_max: None, is_budgeted: true };

    type Sent = UnsyncBoxBody<Bytes, std::io::Error>;

    fn sent(pieces: impl Stream<Item = std::io::Result<Vec<u8>>> + Send + 'static) -> Sent {
        StreamBody::new(pieces.map_ok(|piece| Frame::data(Bytes::from(piece)))).boxed_unsync()
    }

    fn chunks(count: usize, size: usize) -> Sent {
        sent(stream::iter((0..count).map(move |_| Ok(vec![7; size]))))
    }

    /// One that says beforehand how large it is.
    fn sized(size: usize) -> Sent {
        http_body_util::Full::from(vec![7; size]).map_err(|never| match never {}).boxed_unsync()
    }

    fn status<T>(outcome: &Result<T, ApiError>) -> Option<u16> {
        outcome.as_ref().err().map(|error| error.status)
    }

    #[tokio::test]
    async fn a_body_arrives_whole_or_is_too_large() {
        let bodies = Bodies::default();
        let arrived = bodies.read(chunks(3, 5000), LIMIT).await.expect("arrived");
        assert_eq!(arrived.bytes, vec![7; 15_000]);
        let small = BodyLimit { bytes_max: 14_999, ..LIMIT };
        for body in [chunks(3, 5000), sized(15_000)] {
            assert_eq!(status(&bodies.read(body, small).await), Some(413));
        }
    }

    #[tokio::test]
    async fn a_body_that_drips_or_stops_is_given_up() {
        let drips = sent(stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((Ok(vec![7]), ()))
        }));
        let silent = sent(stream::pending());
        let (bodies, limit) = (Bodies::default(), BodyLimit { time_max: Some(Duration::from_millis(500)), ..LIMIT });
        for body in [drips, silent] {
            assert_eq!(status(&bodies.read(body, limit).await), Some(408));
        }
    }

    #[tokio::test]
    async fn all_bodies_together_have_a_budget_which_comes_back() {
        let bodies = Bodies::default();
        let mut kept = Vec::new();
        loop {
            match bodies.read(chunks(64, 1 << 20), LIMIT).await {
                Ok(arrived) => kept.push(arrived),
                Err(error) => break assert_eq!(error.status, 503),
            }
        }
        assert_eq!(kept.len(), BUDGET_BYTES / (64 << 20));
        let of_member = BodyLimit { is_budgeted: false, ..LIMIT };
        bodies.read(chunks(1, 1 << 20), of_member).await.expect("members do not wait behind clients");
        kept.pop();
        bodies.read(chunks(64, 1 << 20), LIMIT).await.expect("there is room again");
    }
}
