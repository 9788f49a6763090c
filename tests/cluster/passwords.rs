//! New passwords of people, written to their Secrets at a real API server, with the rights that `deploy/` grants.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as core;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use realmkeeper::{
    controller::apply::passwords::KubernetesPasswords,
    realm::{ObjectName, Password, PasswordChange, PasswordNotWritten, PasswordWriter},
    secret::Secret,
};
use serde_json::{Value, json};

use crate::{
    conformance::by,
    control_plane::{Namespace, objects},
    harness::{SYSTEM, shared_cluster, shared_operator},
    suite::served::{PASSWORD, Served},
};

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$N2Y3ZjdmN2Y3ZjdmN2Y3ZjdmN2Y3ZjdmN2Y3ZjdmN2Y";

struct Scene {
    namespace: Namespace,
    writer: KubernetesPasswords,
    _served: Served,
}

/// Ada with her Secret, and a writer with the operator's own rights.
async fn scene() -> Scene {
    let cluster = shared_cluster();
    let namespace = Namespace::create(&cluster.plane, "passwords", json!({})).await;
    let served = by(shared_operator(), &namespace);
    served.apply_realm_with_ada().await;
    let token = objects::token(&cluster.plane.admin().await, SYSTEM, "realmkeeper", "").await;
    let client = cluster.plane.client(&token).await;
    Scene { namespace, writer: KubernetesPasswords::new(client), _served: served }
}

impl Scene {
    async fn write(&self, old: &str) -> Result<(), PasswordNotWritten> {
        let user = ObjectName::new(self.namespace.name.as_str(), "ada");
        let old = Password::Plain(Secret::new(old));
        self.writer.write(PasswordChange { user, old, new: Secret::new(HASH) }).await
    }

    fn secrets(&self) -> Api<core::Secret> {
        Api::namespaced(self.namespace.client.clone(), &self.namespace.name)
    }

    async fn secret(&self) -> core::Secret {
        self.secrets().get("ada-login").await.unwrap()
    }

    async fn patch(&self, patch: Value) {
        self.secrets().patch("ada-login", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }
}

fn entries(secret: &core::Secret) -> BTreeMap<&str, &str> {
    let entries = secret.data.iter().flatten();
    entries.map(|(name, value)| (name.as_str(), std::str::from_utf8(&value.0).unwrap())).collect()
}

#[tokio::test]
async fn a_new_password_takes_the_place_of_the_old_one_and_leaves_the_rest_of_the_secret() {
    let scene = scene().await;
    scene.patch(json!({"stringData": {"theirs": "kept"}, "metadata": {"annotations": {"theirs": "kept"}}})).await;
    let before = scene.secret().await;
    scene.write(PASSWORD).await.unwrap();
    let after = scene.secret().await;
    assert_eq!(entries(&after), BTreeMap::from([("password-hash", HASH), ("theirs", "kept")]));
    assert_eq!(
        (after.uid(), after.labels(), after.annotations()),
        (before.uid(), before.labels(), before.annotations())
    );
    assert_eq!(scene.write(PASSWORD).await, Err(PasswordNotWritten::Changed), "the old one is the old one no more");
}

#[tokio::test]
async fn a_secret_that_is_not_to_be_read_is_immutable_or_holds_another_password_by_now_is_left_as_it_is() {
    let scene = scene().await;
    let untouched = async |expected: &str| {
        let secret = scene.secret().await;
        assert_eq!(entries(&secret), BTreeMap::from([("password", expected)]));
    };
    assert_eq!(scene.write("another").await, Err(PasswordNotWritten::Changed));
    untouched(PASSWORD).await;
    scene.patch(json!({"metadata": {"labels": {"realmkeeper.dev/readable": null}}})).await;
    assert_eq!(scene.write(PASSWORD).await, Err(PasswordNotWritten::Changed));
    untouched(PASSWORD).await;
    scene.patch(json!({"metadata": {"labels": {"realmkeeper.dev/readable": "true"}}, "immutable": true})).await;
    let refused = scene.write(PASSWORD).await.unwrap_err();
    assert!(matches!(&refused, PasswordNotWritten::NotOurs(said) if said.contains("immutable")), "{refused}");
    untouched(PASSWORD).await;
}

#[tokio::test]
async fn of_many_who_change_it_at_once_one_wins() {
    let scene = scene().await;
    let outcomes = futures::future::join_all((0..8).map(|_| scene.write(PASSWORD))).await;
    let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(won, 1, "{outcomes:?}");
    assert!(
        outcomes.iter().all(|outcome| matches!(outcome, Ok(()) | Err(PasswordNotWritten::Changed))),
        "{outcomes:?}"
    );
}
