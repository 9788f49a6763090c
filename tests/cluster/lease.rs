//! The election, with candidates in this process.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use realmkeeper::controller::apply::lease::{Election, LEASE_DURATION, LEASE_NAME, Leadership, RETRY_EVERY};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    control_plane::{
        Namespace,
        wait::{eventually, throughout},
    },
    harness::{SOON, quiet_cluster},
};

struct Candidate {
    leadership: Leadership,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

async fn candidate(namespace: &Namespace, identity: &str) -> Candidate {
    let clock = Arc::new(Timestamp::now);
    let election = Election::new(namespace.client.clone(), &namespace.name, identity.into(), clock);
    let (leadership, stop) = (election.leadership(), CancellationToken::new());
    let task = tokio::spawn(election.run(stop.clone()));
    Candidate { leadership, stop, task }
}

impl Candidate {
    fn leads(&self) -> bool {
        self.leadership.may_write(Timestamp::now())
    }

    async fn until_leads(&self, limit: Duration) {
        eventually("the Lease", limit, || async { self.leads().then_some(()).ok_or("not held") }).await;
    }
}

async fn lease(namespace: &Namespace) -> Lease {
    Api::namespaced(namespace.client.clone(), &namespace.name).get(LEASE_NAME).await.unwrap()
}

/// What is given back is taken at once; nobody waits for its end.
#[tokio::test]
async fn a_lease_that_is_given_back_is_taken_at_once() {
    let namespace = Namespace::create(&quiet_cluster().plane, "lease", json!({})).await;
    let first = candidate(&namespace, "first").await;
    first.until_leads(SOON).await;
    let second = candidate(&namespace, "second").await;
    throughout("one holder at a time", RETRY_EVERY * 2, || async {
        (first.leads() && !second.leads()).then_some(()).ok_or("changed")
    })
    .await;
    first.stop.cancel();
    first.task.await.unwrap();
    assert!(!first.leadership.may_write(Timestamp::now()));
    assert_eq!(lease(&namespace).await.spec.unwrap().holder_identity, None);
    second.until_leads(RETRY_EVERY * 2).await;
    let spec = lease(&namespace).await.spec.unwrap();
    assert_eq!((spec.holder_identity.as_deref(), spec.lease_transitions), (Some("second"), Some(2)));
}

/// A holder that vanishes keeps the Lease for its duration, and not much longer.
#[tokio::test]
async fn a_lease_whose_holder_vanished_is_taken_over_after_its_duration() {
    let namespace = Namespace::create(&quiet_cluster().plane, "lease", json!({})).await;
    let first = candidate(&namespace, "first").await;
    first.until_leads(SOON).await;
    first.task.abort();
    let vanished = Instant::now();
    let second = candidate(&namespace, "second").await;
    second.until_leads(LEASE_DURATION + RETRY_EVERY * 3).await;
    assert!(vanished.elapsed() >= LEASE_DURATION, "{:?}", vanished.elapsed());
    assert!(!first.leads(), "its own time was over before");
}

/// A holder that finds another in the Lease stops writing, though its own time is not over.
#[tokio::test]
async fn a_holder_that_is_ousted_stops_writing() {
    let namespace = Namespace::create(&quiet_cluster().plane, "lease", json!({})).await;
    let first = candidate(&namespace, "first").await;
    first.until_leads(SOON).await;
    let leases: Api<Lease> = Api::namespaced(namespace.client.clone(), &namespace.name);
    let theirs = Patch::Merge(json!({"spec": {"holderIdentity": "usurper"}}));
    leases.patch(LEASE_NAME, &PatchParams::default(), &theirs).await.unwrap();
    eventually("it sees so", SOON, || async { (!first.leads()).then_some(()).ok_or("still leads") }).await;
    assert!(!*first.leadership.changes().borrow());
}
