use std::{
    collections::HashMap,
    future::pending,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::realm::ObjectName;

/// Hosts that nobody is at are forgotten when there are so many.
const MAX_IDLE: usize = 256;

/// Who may be on the way out at once.
pub(super) struct Places {
    all: Arc<Semaphore>,
    hosts: Mutex<HashMap<(ObjectName, String), Arc<Semaphore>>>,
    per_host: usize,
}

/// Leave to be on the way out, given back when it is dropped.
pub(super) struct Place {
    _host: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(all: usize, per_host: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), hosts: Mutex::default(), per_host }
    }

    /// Waits for a place; for one of the host's first, so that those who wait for a slow host take nothing from the others.
    pub(super) async fn take(&self, realm: &ObjectName, host: &str) -> Place {
        let host = self.host(realm, host);
        match (host.acquire_owned().await, self.all.clone().acquire_owned().await) {
            (Ok(host), Ok(all)) => Place { _host: host, _all: all },
            // They are never closed.
            _ => pending().await,
        }
    }

    fn host(&self, realm: &ObjectName, host: &str) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= MAX_IDLE {
            hosts.retain(|_, places| Arc::strong_count(places) > 1);
        }
        let make = || Arc::new(Semaphore::new(self.per_host));
        hosts.entry((realm.clone(), host.to_owned())).or_insert_with(make).clone()
    }
}
