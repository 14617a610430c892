//! The traits of a host around a fake one: every call gives way before and after, and fails as the weather says.

use std::sync::Arc;

use seedbed::host::{
    DriverState, Host, HostFuture, Network, PoolAsk, PoolMedium, PoolSeen, PoolStep, PoolUsage, Storage,
};

use crate::machine::{Acts, Weather, breathe};

/// The same machine, slow and fallible. A host that covets shows what belongs to others as free.
pub fn host(inner: &Host, weather: &Weather, covets: bool) -> Host {
    let storage = SlowStorage { inner: Arc::clone(&inner.storage), weather: weather.clone(), covets };
    Host { storage: Arc::new(storage), network: Arc::clone(&inner.network), ..inner.clone() }
}

struct SlowStorage {
    inner: Arc<dyn Storage>,
    weather: Weather,
    covets: bool,
}

impl Storage for SlowStorage {
    fn drivers(&self) -> HostFuture<'_, Vec<DriverState>> {
        self.inner.drivers()
    }

    fn look<'a>(&'a self, pool: &'a PoolAsk) -> HostFuture<'a, Option<PoolSeen>> {
        Box::pin(async move {
            breathe().await;
            self.weather.check(&format!("look at pool `{}`", pool.name), Acts::No)?;
            let mut seen = self.inner.look(pool).await?;
            if let Some(seen) =
                seen.as_mut().filter(|seen| self.covets && matches!(seen.medium, PoolMedium::Foreign { .. }))
            {
                seen.medium = PoolMedium::Unmade;
            }
            Ok(seen)
        })
    }

    fn act<'a>(&'a self, pool: &'a PoolAsk, step: &'a PoolStep) -> HostFuture<'a, ()> {
        Box::pin(async move {
            breathe().await;
            self.weather.check(&format!("{step} pool `{}`", pool.name), Acts::Yes)?;
            self.inner.act(pool, step).await?;
            breathe().await;
            Ok(())
        })
    }

    fn usage<'a>(&'a self, pool: &'a PoolAsk) -> HostFuture<'a, PoolUsage> {
        self.inner.usage(pool)
    }
}

#[expect(dead_code, reason = "networks follow")]
struct SlowNetwork(Arc<dyn Network>);
