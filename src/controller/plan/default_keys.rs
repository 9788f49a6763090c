//! The rings of a Realm that has none, as resources that a person can see and change.

use std::collections::BTreeMap;

use super::{Owner, ResourceCreate, build::Builder};
use crate::{
    api::{self, DeletionPolicy, KeySource, KeyUse, MANAGED_BY_LABEL, MANAGED_BY_VALUE, RealmRef, SigningKeySpec},
    controller::{
        index::spec::algorithm_name,
        source::{Kind, ObjectKey},
    },
    jose::Algorithm,
    realm::ObjectName,
};

pub(super) fn plan(builder: &mut Builder<'_>, name: &ObjectName) {
    let index = builder.index;
    let (Some(record), Some(state)) = (index.world.realms.get(name), index.states.realms.get(name)) else { return };
    let Some(serving) = &state.serving else { return };
    if record.meta.is_frozen || !record.problems.is_empty() {
        return;
    }
    for algorithm in serving.spec.default_rings() {
        let ring = ring_name(name, algorithm);
        let is_there = index.world.signing_keys.contains_key(&ring) || has_ring(builder, name, algorithm);
        if !is_there {
            let owner = Owner { kind: Kind::Realm, name: name.name.to_string(), uid: record.meta.uid.clone() };
            let object = Box::new(ring_of(name, &ring, algorithm, &owner));
            let subject = ObjectKey { kind: Kind::Realm, name: name.clone() };
            builder.plan.resources.push(ResourceCreate { subject, object });
        }
    }
}

fn ring_name(realm: &ObjectName, algorithm: Algorithm) -> ObjectName {
    let suffix = algorithm.resource_name().to_ascii_lowercase();
    ObjectName::new(realm.namespace.clone(), format!("{}-{suffix}", realm.name))
}

fn has_ring(builder: &Builder<'_>, realm: &ObjectName, algorithm: Algorithm) -> bool {
    let world = &builder.index.world;
    let is_ring = |name: &ObjectName| {
        let spec = world.signing_keys.get(name).and_then(|record| record.spec.as_ref());
        name.namespace == realm.namespace && spec.is_some_and(|spec| spec.algorithm == algorithm.into())
    };
    world.children(realm, Kind::SigningKey).iter().any(is_ring)
}

fn ring_of(realm: &ObjectName, ring: &ObjectName, algorithm: Algorithm, owner: &Owner) -> api::SigningKey {
    let spec = SigningKeySpec {
        realm_ref: RealmRef { name: realm.name.to_string(), namespace: None },
        algorithm: algorithm_name(algorithm.into()),
        use_: KeyUse::Sig,
        source: KeySource::Generate,
        rotation: None,
        revoked_kids: Vec::new(),
        deletion_policy: DeletionPolicy::Retain,
    };
    let mut object = api::SigningKey::new(&ring.name, spec);
    object.metadata.namespace = Some(ring.namespace.to_string());
    object.metadata.labels = Some(BTreeMap::from([(MANAGED_BY_LABEL.to_owned(), MANAGED_BY_VALUE.to_owned())]));
    object.metadata.owner_references = Some(vec![owner.reference()]);
    object
}
