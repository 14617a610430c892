//! What one machine can do, as traits. `linux` does it, `fake` imagines it; kinds decide what is done.

mod error;

use std::future::Future;
use std::pin::Pin;

pub use error::{HostError, Lasting};

/// What a host call returns: traits with these can be kept as `dyn`.
pub type HostFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, HostError>> + Send + 'a>>;

/// One machine. Cheap to clone.
#[derive(Clone)]
pub struct Host {}
