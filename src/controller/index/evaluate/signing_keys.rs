use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::SignedDuration;

use super::{super::Index, verdict_of, waits_for_realm};
use crate::{
    api,
    controller::{
        checks::{Finding, Reason, conflicts, ownership, tenancy},
        index::{record::Record, state::SigningKeyState},
        rings::{self, Ring, RingKey},
        source::{Kind, ObjectKey},
    },
    jose::KeyAlgorithm,
    realm::{Keyring, MAX_JWKS_AGE, ObjectName},
};

/// The rings of a Realm are loaded together, because together they are its keyring.
pub(in super::super) fn evaluate(index: &mut Index) {
    let mut realms = BTreeSet::new();
    for name in index.take_dirty(Kind::SigningKey) {
        index.planned_later(Kind::SigningKey, &name);
        realms.extend(index.states.signing_keys.remove(&name).and_then(|old| old.realm));
        let Some(record) = index.world.signing_keys.get(&name) else { continue };
        match &record.spec {
            Some(spec) => {
                realms.insert(spec.realm.clone());
            }
            None => {
                let state = state(None, verdict_of(record), Ring::default());
                index.states.signing_keys.insert(name, state);
            }
        }
    }
    for realm in realms {
        load(index, &realm);
    }
}

fn state(
    spec: Option<&crate::controller::index::spec::SigningKeySpec>,
    verdict: crate::controller::checks::Verdict,
    ring: Ring,
) -> SigningKeyState {
    SigningKeyState {
        verdict,
        realm: spec.map(|spec| spec.realm.clone()),
        algorithm: spec.map(|spec| spec.algorithm),
        ring,
    }
}

fn load(index: &mut Index, realm: &ObjectName) {
    let mut rings: Vec<_> = index.world.children(realm, Kind::SigningKey);
    // The oldest first: where two rings hold one key, it is the older one's.
    rings.sort_by_key(|name| index.world.signing_keys.get(name).map(|record| record.rank(name)));
    let (mut keys, mut recipients, mut unseen) = (Vec::new(), Vec::new(), Vec::new());
    let mut max_age = MAX_JWKS_AGE;
    let mut holders = BTreeMap::new();
    for name in rings {
        let Some(record) = index.world.signing_keys.get(&name) else { continue };
        let (state, of_ring) = judge(index, realm, &name, record, &mut holders);
        if let (Some(spec), false) = (&record.spec, of_ring.is_empty()) {
            max_age = state.ring.max_age(spec).map_or(max_age, |age| age.min(max_age));
        }
        for key in of_ring {
            match key {
                RingKey::Signing(key) => keys.push(key),
                RingKey::Decrypting(recipient) => recipients.push(recipient),
            }
        }
        if let (Some(KeyAlgorithm::Sign(algorithm)), false) = (state.algorithm, index.options.sees_secrets) {
            unseen.push(algorithm);
        }
        index.states.signing_keys.insert(name.clone(), state);
        index.planned_later(Kind::SigningKey, &name);
    }
    index.planned_later(Kind::Realm, realm);
    let algorithms: BTreeSet<_> = keys.iter().map(|key| key.signer.algorithm()).chain(unseen).collect();
    let keyring = Arc::new(Keyring::new(keys, max_age).with_recipients(recipients));
    index.served.change(realm, |realm| realm.keyring = keyring);
    let Some(state) = index.states.realms.get_mut(realm) else { return };
    if state.algorithms != algorithms {
        state.algorithms = algorithms;
        let choosy = |name: &ObjectName| {
            let spec = index.world.clients.get(name).and_then(|record| record.spec.as_ref());
            spec.is_some_and(|spec| spec.signature_algorithms().next().is_some())
        };
        let clients: Vec<_> = index.world.children(realm, Kind::OidcClient).into_iter().filter(choosy).collect();
        index.mark_all(Kind::OidcClient, clients);
    }
}

fn judge(
    index: &Index,
    realm: &ObjectName,
    name: &ObjectName,
    record: &Record<api::SigningKey>,
    holders: &mut BTreeMap<Arc<str>, ObjectName>,
) -> (SigningKeyState, Vec<RingKey>) {
    let mut verdict = verdict_of(record);
    let Some(spec) = &record.spec else { return (state(None, verdict, Ring::default()), Vec::new()) };
    let admitted = index.serving(realm).map(|_| ());
    let admitted = admitted.map_err(|finding| waits_for_realm(&mut verdict, finding)).is_ok()
        && tenancy::check_signing_key(realm, &name.namespace).map_err(|finding| verdict.accepted.push(finding)).is_ok();
    if !admitted {
        return (state(Some(spec), verdict, Ring::default()), Vec::new());
    }
    if !index.options.sees_secrets {
        verdict.is_served = true;
        return (state(Some(spec), verdict, Ring::default()), Vec::new());
    }
    let owner = ObjectKey { kind: Kind::SigningKey, name: name.clone() };
    let longest_token = index.states.realms.get(realm).map_or(SignedDuration::ZERO, |realm| realm.longest_token);
    let (mut ring, loaded) = rings::load(&index.world, &owner, spec, longest_token);
    let mut keys = Vec::new();
    for key in loaded {
        let kid: Arc<str> = key.jwk().kid.as_str().into();
        let holder = holders.entry(kid.clone()).or_insert_with(|| name.clone());
        match conflicts::check_holder(name, Some(holder), "spec", || format!("the key {kid}")) {
            Ok(()) => keys.push(key),
            Err(finding) => {
                ring.keys.retain(|other| other.kid != kid);
                verdict.accepted.push(finding);
            }
        }
    }
    verdict.resolved.append(&mut ring.findings);
    let hidden = ring
        .keys
        .iter()
        .filter(|key| key.is_lost)
        .filter(|key| index.refused_until(&ObjectName::new(name.namespace.clone(), key.secret.clone())).is_some());
    verdict.resolved.extend(hidden.map(|key| ownership::hidden(&key.secret, &key.kid)));
    verdict.is_served = !keys.is_empty();
    if keys.is_empty() && verdict.resolved.is_empty() && verdict.accepted.is_empty() {
        verdict.programmed.push(missing(index, &owner, &ring));
    }
    (state(Some(spec), verdict, ring), keys)
}

/// Why an accepted ring has no key: it is not made yet, or something is in its way.
fn missing(index: &Index, owner: &ObjectKey, ring: &Ring) -> Finding {
    let name = rings::secret_name(owner, ring.next_number());
    let is_refused = index.is_in_the_way(&name, owner);
    match ownership::standing(owner, index.world.secrets.get(&name), is_refused) {
        ownership::Standing::Foreign => ownership::foreign(owner, "metadata.name", &name.name),
        _ => Finding::new(Reason::KeyPending, "", format!("the key is about to be made, in the Secret {}", name.name)),
    }
}
