use std::{collections::HashMap, future::Future, sync::Arc};

use tokio::task::JoinSet;

/// So many deliveries are under way at once.
const AT_ONCE: usize = 32;
/// So many of them to one client.
const AT_ONCE_PER_CLIENT: usize = 4;

/// A client of a realm.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Recipient {
    realm: Arc<str>,
    client_id: Arc<str>,
}

impl Recipient {
    pub(super) fn new(realm: &Arc<str>, client_id: &str) -> Self {
        Self { realm: realm.clone(), client_id: client_id.into() }
    }
}

/// The deliveries that this process is making.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    tasks: JoinSet<()>,
    recipients: HashMap<tokio::task::Id, Recipient>,
}

impl UnderWay {
    pub(super) fn is_full(&self) -> bool {
        self.recipients.len() >= AT_ONCE
    }

    /// True where a client has as many under way as it may.
    pub(super) fn is_busy(&self, recipient: &Recipient) -> bool {
        self.recipients.values().filter(|known| *known == recipient).count() >= AT_ONCE_PER_CLIENT
    }

    pub(super) fn begin(&mut self, recipient: Recipient, delivery: impl Future<Output = ()> + Send + 'static) {
        let task = self.tasks.spawn(delivery);
        self.recipients.insert(task.id(), recipient);
    }

    /// Waits until one has ended, for ever where there is none.
    pub(super) async fn one_ended(&mut self) {
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            // It panicked: it is due again later.
            Some(Err(error)) => error.id(),
            None => return std::future::pending().await,
        };
        self.recipients.remove(&id);
    }

    /// Waits until all have ended.
    pub(super) async fn all_ended(&mut self) {
        while !self.tasks.is_empty() {
            self.one_ended().await;
        }
    }
}
