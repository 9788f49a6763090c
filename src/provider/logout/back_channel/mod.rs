//! Back-Channel Logout 1.0 sections 2.5 to 2.8: each client of an ended session that has registered a `backchannel_logout_uri` is sent a logout
//! token there. What is to be sent stands in the store ([`crate::account::logout_delivery`]); whoever claims it first sends it, so
//! replicas share the work, and what one dies over another sends, or the same after a restart. A client may so be told twice, and is
//! never left out.
//!
//! | the client answers | |
//! |---|---|
//! | 2xx | it is done |
//! | 400 | it could not do it (section 2.8): [`MAX_REFUSALS`] attempts in all |
//! | anything else, or nothing | tried again, later each time, for a day |

mod token;
mod under_way;

use std::{net::IpAddr, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::under_way::{Recipient, UnderWay};
use crate::{
    account::logout_delivery::{Claimed, LogoutDelivery},
    provider::{Call, Endpoint, Peer, Provider, outbound},
    realm::{ObjectName, Realm},
    store::{Artifact, Change, Kind, StoreError},
    telemetry::LogoutOutcome,
};

/// The store is asked this often for what another replica, or this one before it died, has left.
const POLL: Duration = Duration::from_secs(1);
/// So many deliveries are looked at in one go.
const BATCH: usize = 64;
/// A delivery to a client that has as many under way as it may waits for so long.
const BUSY_PAUSE: SignedDuration = SignedDuration::from_secs(2);
/// A client that says that it can't is asked so often in all.
const MAX_REFUSALS: u32 = 3;

/// Why a delivery was not made.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the OidcClient is not served at the moment")]
    NotServed,
    #[error("no logout token could be made: {0}")]
    Token(String),
    #[error(transparent)]
    Outbound(#[from] outbound::Error),
    #[error("the client answered {0}")]
    Status(u16),
}

/// How an attempt ended.
enum Attempt {
    Delivered,
    /// Nobody is left to be told: the Realm or the OidcClient was deleted, or has no `backchannelLogoutUri` any more.
    Obsolete,
    Failed(Failure),
}

impl Provider {
    /// Sends logout tokens until `stop` is cancelled; then what is under way ends, within the few seconds that a client has for its answer.
    /// Whatever is left stays in the store.
    pub async fn deliver_logouts(self: Arc<Self>, stop: CancellationToken) {
        let mut under_way = UnderWay::default();
        while !stop.is_cancelled() {
            if let Err(error) = self.send_due(&mut under_way).await {
                tracing::warn!(%error, "logout tokens could not be read; it is tried again");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.logout_due.notified() => {}
                () = sleep(POLL) => {}
                () = under_way.one_ended() => {}
            }
        }
        under_way.all_ended().await;
    }

    /// Claims what is due, as far as there is room, and begins to send it.
    async fn send_due(self: &Arc<Self>, under_way: &mut UnderWay) -> Result<(), StoreError> {
        // A realm that is not there yet is not gone.
        if under_way.is_full() || !self.registry.load().is_synced() {
            return Ok(());
        }
        let now = (self.clock)();
        for artifact in self.store.due(Kind::LogoutDelivery, now, BATCH).await? {
            if under_way.is_full() {
                break;
            }
            match LogoutDelivery::claim(&artifact, now) {
                Ok(claimed) => self.send_claimed(artifact, claimed, under_way, now).await?,
                Err(error) => {
                    tracing::error!(%error, "a stored logout delivery makes no sense; it is thrown away");
                    self.settle(&artifact, now).await;
                }
            }
        }
        Ok(())
    }

    async fn send_claimed(
        self: &Arc<Self>,
        artifact: Artifact,
        claimed: Claimed,
        under_way: &mut UnderWay,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let recipient = Recipient::new(&artifact.realm, &claimed.delivery.client_id);
        let is_busy = under_way.is_busy(&recipient);
        let changes = match is_busy {
            // One that is slow must not keep the others waiting, however much there is for it.
            true => vec![Change::Schedule { kind: artifact.kind, id: artifact.id, due: now + BUSY_PAUSE }],
            false => claimed.changes,
        };
        match self.store.commit(changes, now).await {
            // Another replica was first.
            Err(StoreError::Conflict) => return Ok(()),
            result => result?,
        }
        if !is_busy {
            let (provider, delivery, is_last) = (self.clone(), claimed.delivery, claimed.is_last);
            under_way.begin(recipient, async move { provider.make_attempt(&artifact, &delivery, is_last, now).await });
        }
        Ok(())
    }

    /// One attempt, and what comes of it. One that fails is due again already.
    async fn make_attempt(
        self: &Arc<Self>,
        artifact: &Artifact,
        delivery: &LogoutDelivery,
        is_last: bool,
        now: Timestamp,
    ) {
        let (client, attempts) = (&*delivery.client_id, delivery.attempts);
        let realm = &*artifact.realm;
        let outcome = match self.attempt(realm, delivery, now).await {
            Attempt::Delivered => {
                tracing::info!(realm, client, attempts, "a client was told that a session has ended");
                LogoutOutcome::Delivered
            }
            Attempt::Obsolete => {
                tracing::info!(realm, client, "a client that was to be told that a session has ended is gone");
                LogoutOutcome::Obsolete
            }
            Attempt::Failed(Failure::Status(400)) if attempts >= MAX_REFUSALS => {
                tracing::warn!(
                    realm,
                    client,
                    attempts,
                    "a client refuses to be told that a session has ended; it is left at that"
                );
                LogoutOutcome::Refused
            }
            Attempt::Failed(error) if is_last => {
                tracing::warn!(realm, client, attempts, %error, "a client was never told that a session has ended");
                LogoutOutcome::GivenUp
            }
            Attempt::Failed(error) => {
                tracing::warn!(realm, client, attempts, %error, "a client could not be told that a session has ended; it is tried again");
                LogoutOutcome::Failed
            }
        };
        self.metrics.logout_delivery(realm, outcome);
        if outcome != LogoutOutcome::Failed {
            self.settle(artifact, now).await;
        }
    }

    async fn attempt(self: &Arc<Self>, realm: &str, delivery: &LogoutDelivery, now: Timestamp) -> Attempt {
        let Some(realm) = self.realm_called(realm) else { return Attempt::Obsolete };
        let Some(client) = realm.client(&delivery.client_id).cloned() else {
            return Attempt::Failed(Failure::NotServed);
        };
        let Some(uri) = client.logout.backchannel_uri.as_deref().filter(|_| delivery.is_for(&client)) else {
            return Attempt::Obsolete;
        };
        let peer = Peer { address: IpAddr::from([0, 0, 0, 0]) };
        let call = Call { provider: self.clone(), realm: realm.clone(), endpoint: Endpoint::Logout, peer, now };
        let token = match token::mint(&call, &client, delivery).await {
            Ok(token) => token,
            Err(error) => return Attempt::Failed(Failure::Token(error.description.to_string())),
        };
        match self.outbound.post_form(&realm, uri, &[("logout_token", &token)]).await {
            Ok(200..=299) => Attempt::Delivered,
            Ok(status) => Attempt::Failed(Failure::Status(status)),
            Err(error) => Attempt::Failed(error.into()),
        }
    }

    fn realm_called(&self, name: &str) -> Option<Arc<Realm>> {
        let (namespace, name) = name.split_once('/')?;
        self.registry.load().realm(&ObjectName::new(namespace, name)).cloned()
    }

    /// There is nothing left to do about it.
    async fn settle(&self, artifact: &Artifact, now: Timestamp) {
        let remove = Change::Remove { kind: artifact.kind, id: artifact.id };
        if let Err(error) = self.store.commit(vec![remove], now).await {
            tracing::warn!(%error, "a logout delivery that is done could not be taken out; it is made once more");
        }
    }
}

#[cfg(test)]
mod tests;
