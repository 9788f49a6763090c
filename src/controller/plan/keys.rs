//! The Secrets of a generated ring: one immutable Secret a generation.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret as KubeSecret;

use super::{SecretMode, SecretWrite, bindings, build::Builder};
use crate::{
    api::{self, MANAGED_BY_LABEL, MANAGED_BY_VALUE, READABLE_LABEL, READABLE_VALUE},
    controller::{
        checks::{
            ownership::{self, Ownership, Standing},
            rotation,
        },
        index::{
            record::Record,
            spec::{KeySource, SigningKeySpec},
        },
        marks,
        rings::{self, KEY_ENTRY},
        source::{Kind, ObjectKey},
    },
    jose::{self, PrivateKey},
    realm::ObjectName,
    secret::Secret,
};

pub(super) fn plan(builder: &mut Builder<'_>, name: &ObjectName) -> Result<(), jose::Error> {
    let index = builder.index;
    let (Some(record), Some(state)) = (index.world.signing_keys.get(name), index.states.signing_keys.get(name)) else {
        return Ok(());
    };
    if record.meta.is_frozen || !state.verdict.is_accepted() {
        return Ok(());
    }
    let Some(spec) = record.spec.as_ref().filter(|spec| spec.source == KeySource::Generate) else { return Ok(()) };
    let key = ObjectKey { kind: Kind::SigningKey, name: name.clone() };
    mend_owners(builder, &key, record, spec);
    let Some(new) = rotation::due(&state.generations, builder.now) else { return Ok(()) };
    let secret = rings::secret_name(&key, new.number);
    // One of somebody else is never overwritten; one of ours that is there, and that the ring does not know, is on its way.
    if !matches!(ownership::standing(&key, index.world.secrets.get(&secret), false), Standing::Free) {
        return Ok(());
    }
    if !builder.may_create(&key, &secret) {
        return Ok(());
    }
    if !builder.may_make_key() {
        builder.plan.deferred.push(key);
        return Ok(());
    }
    let pem = builder.generator.key(spec.algorithm)?;
    let kid = PrivateKey::from_pem(spec.algorithm, &pem)?.material().thumbprint();
    let times = [(marks::PUBLISHED_AT, new.times.published_at), (marks::ACTIVE_FROM, new.times.active_from)];
    let written = |(annotation, at): (&str, Timestamp)| (annotation.to_owned(), at.to_string());
    let annotations = times.map(written).into_iter().chain([(marks::KEY_ID.to_owned(), kid)]).collect();
    builder.plan.secrets.push(write(&key, record, spec, secret, SecretMode::Create, annotations, pem));
    Ok(())
}

fn write(
    key: &ObjectKey,
    record: &Record<api::SigningKey>,
    spec: &SigningKeySpec,
    name: ObjectName,
    mode: SecretMode,
    mut annotations: BTreeMap<String, String>,
    pem: Secret,
) -> SecretWrite {
    annotations.insert(marks::OWNER.to_owned(), marks::owner_value(key));
    SecretWrite {
        name,
        subject: key.clone(),
        mode,
        type_: "Opaque",
        immutable: true,
        labels: BTreeMap::from([
            (MANAGED_BY_LABEL.to_owned(), MANAGED_BY_VALUE.to_owned()),
            (READABLE_LABEL.to_owned(), READABLE_VALUE.to_owned()),
        ]),
        annotations,
        data: BTreeMap::from([(KEY_ENTRY.to_owned(), pem)]),
        owner: bindings::owner(key, record.meta.uid.clone(), spec.deletion_policy),
    }
}

/// `deletionPolicy` may change: the data of an immutable Secret stay as they are, its ownerReference need not.
fn mend_owners(builder: &mut Builder<'_>, key: &ObjectKey, record: &Record<api::SigningKey>, spec: &SigningKeySpec) {
    let uid = record.meta.uid.as_deref();
    let world = &builder.index.world;
    let wrong = world
        .owned(key)
        .filter(|(_, secret)| ownership::ownership(secret, key, uid, spec.deletion_policy) == Ownership::Wrong);
    let rewrite = |(name, secret): (&ObjectName, &KubeSecret)| {
        let pem = Secret::new(marks::entry(secret, KEY_ENTRY)?);
        let kept = [marks::PUBLISHED_AT, marks::ACTIVE_FROM, marks::KEY_ID];
        let kept =
            kept.into_iter().filter_map(|name| Some((name.to_owned(), marks::annotation(secret, name)?.to_owned())));
        let mode = SecretMode::over(secret);
        Some(write(key, record, spec, name.clone(), mode, kept.collect(), pem))
    };
    let writes: Vec<_> = wrong.filter_map(rewrite).collect();
    builder.plan.secrets.extend(writes);
}
