//! The suite of every realm that is served, over a real API server.

use std::collections::BTreeMap;

use async_trait::async_trait;
use k8s_openapi::api::core::v1 as core;
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams},
    core::ApiResource,
};
use serde_json::{Value, json};

use crate::{
    control_plane::Namespace,
    harness::{Operator, http, shared_cluster, shared_operator},
    suite::{
        conformance,
        served::{Resources, Served},
    },
};

conformance!(served);

async fn served(rule: &str) -> Served {
    let prefix: String = rule.replace('_', "-").chars().take(40).collect();
    let namespace = Namespace::create(&shared_cluster().plane, prefix.trim_end_matches('-'), json!({})).await;
    by(shared_operator(), &namespace)
}

/// A namespace whose Realm has the namespace's name, which no other has, as the suite sees it.
pub fn by(operator: &Operator, namespace: &Namespace) -> Served {
    Served {
        resources: Box::new(InNamespace(namespace.clone())),
        realm: namespace.name.clone(),
        public_url: operator.url.clone(),
        http: http(),
    }
}

struct InNamespace(Namespace);

impl InNamespace {
    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let Self(namespace) = self;
        match kind {
            "Secret" => Api::namespaced_with(
                namespace.client.clone(),
                &namespace.name,
                &ApiResource::erase::<core::Secret>(&()),
            ),
            ours => namespace.dynamic(ours),
        }
    }
}

#[async_trait]
impl Resources for InNamespace {
    async fn apply(&self, object: &Value) {
        let name = object["metadata"]["name"].as_str().unwrap();
        let mut patch = object.clone();
        patch["metadata"]["namespace"] = self.0.name.clone().into();
        let params = PatchParams::apply("test").force();
        self.api(object["kind"].as_str().unwrap()).patch(name, &params, &Patch::Apply(patch)).await.unwrap();
    }

    async fn delete(&self, kind: &str, name: &str) {
        self.api(kind).delete(name, &Default::default()).await.unwrap();
    }

    async fn status(&self, kind: &str, name: &str) -> Option<Value> {
        let status = self.0.get(kind, name).await.ok()?["status"].take();
        (!status.is_null()).then_some(status)
    }

    async fn secret(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let secrets: Api<core::Secret> = Api::namespaced(self.0.client.clone(), &self.0.name);
        let entries = secrets.get_opt(name).await.unwrap()?.data.unwrap_or_default();
        Some(entries.into_iter().map(|(key, value)| (key, String::from_utf8(value.0).unwrap())).collect())
    }
}
