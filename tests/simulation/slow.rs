//! The traits of a host around a fake one: every call gives way before and after, and fails as the weather says.

use std::sync::Arc;

use seedbed::host::{
    BridgeAsk, BridgeMedium, BridgeSeen, BridgeStep, DriverState, Host, HostFuture, Lease, Link, Network, PoolAsk,
    PoolMedium, PoolSeen, PoolStep, PoolUsage, Storage, Unfit,
};

use crate::machine::{Acts, Weather, breathe};

/// The same machine, slow and fallible. A host that covets shows what belongs to others as free.
pub fn host(inner: &Host, weather: &Weather, covets: bool) -> Host {
    let storage = SlowStorage { inner: Arc::clone(&inner.storage), weather: weather.clone(), covets };
    let network = SlowNetwork { inner: Arc::clone(&inner.network), weather: weather.clone(), covets };
    Host { storage: Arc::new(storage), network: Arc::new(network), ..inner.clone() }
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
            let foreign = |seen: &&mut PoolSeen| matches!(seen.medium, PoolMedium::Foreign { .. });
            if let Some(seen) = seen.as_mut().filter(foreign).filter(|_| self.covets) {
                seen.medium = PoolMedium::Unmade;
            }
            Ok(seen)
        })
    }

    fn act<'a>(&'a self, pool: &'a PoolAsk, step: &'a PoolStep) -> HostFuture<'a, ()> {
        Box::pin(async move {
            breathe().await;
            self.weather.check(&format!("{step}: pool `{}`", pool.name), Acts::Yes)?;
            self.inner.act(pool, step).await?;
            breathe().await;
            Ok(())
        })
    }

    fn judge<'a>(&'a self, pool: &'a PoolAsk) -> HostFuture<'a, ()> {
        self.inner.judge(pool)
    }

    fn usage<'a>(&'a self, pool: &'a PoolAsk) -> HostFuture<'a, PoolUsage> {
        self.inner.usage(pool)
    }
}

struct SlowNetwork {
    inner: Arc<dyn Network>,
    weather: Weather,
    covets: bool,
}

impl Network for SlowNetwork {
    fn look<'a>(&'a self, bridge: &'a BridgeAsk) -> HostFuture<'a, Option<BridgeSeen>> {
        Box::pin(async move {
            breathe().await;
            self.weather.check(&format!("look at bridge `{}`", bridge.name), Acts::No)?;
            let mut seen = self.inner.look(bridge).await?;
            let foreign = |seen: &&mut BridgeSeen| matches!(seen.medium, BridgeMedium::Foreign { .. });
            if let Some(seen) = seen.as_mut().filter(foreign).filter(|_| self.covets) {
                seen.medium = BridgeMedium::Absent;
            }
            Ok(seen)
        })
    }

    fn act<'a>(&'a self, bridge: &'a BridgeAsk, step: &'a BridgeStep) -> HostFuture<'a, ()> {
        Box::pin(async move {
            breathe().await;
            self.weather.check(&format!("{step}: bridge `{}`", bridge.name), Acts::Yes)?;
            self.inner.act(bridge, step).await?;
            breathe().await;
            Ok(())
        })
    }

    fn judge<'a>(&'a self, bridge: &'a BridgeAsk) -> HostFuture<'a, Option<Unfit>> {
        self.inner.judge(bridge)
    }

    fn attachable<'a>(&'a self, bridge: &'a BridgeAsk, port: &'a str) -> HostFuture<'a, ()> {
        self.inner.attachable(bridge, port)
    }

    fn links(&self) -> HostFuture<'_, Vec<Link>> {
        self.inner.links()
    }

    fn link<'a>(&'a self, name: &'a str) -> HostFuture<'a, Option<Link>> {
        self.inner.link(name)
    }

    fn leases<'a>(&'a self, bridge: &'a str) -> HostFuture<'a, Vec<Lease>> {
        self.inner.leases(bridge)
    }
}
