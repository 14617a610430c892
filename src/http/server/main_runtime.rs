//! Work that is done on another runtime than the one that waits for it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};

/// A task that ends when nobody waits for it any more, as if it were done in place.
pub struct Apart<T>(JoinHandle<T>);

impl<T: Send + 'static> Apart<T> {
    /// Begins it there.
    pub fn on(runtime: &Handle, work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(runtime.spawn(work))
    }
}

impl<T> Future for Apart<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for Apart<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_nobody_waits_for_ends() {
        let (held, ended) = oneshot::channel::<()>();
        let work = Apart::on(&Handle::current(), async move {
            let _held = held;
            std::future::pending::<()>().await;
        });
        drop(work);
        ended.await.expect_err("it was dropped");
        assert_eq!(Apart::on(&Handle::current(), async { 7 }).await.expect("it ends"), 7);
    }
}
