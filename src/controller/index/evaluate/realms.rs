use super::{super::Index, verdict_of};
use crate::{
    api,
    controller::{
        checks::{Finding, Reason, conflicts},
        index::{
            record::Record,
            state::{RealmState, Serving},
        },
        source::Kind,
    },
    realm::ObjectName,
};

const FIELD: &str = "spec.issuer";

pub(in super::super) fn evaluate(index: &mut Index) {
    let mut names = index.take_dirty(Kind::Realm);
    for name in names.clone() {
        let claim = index.world.realms.get(&name).and_then(|record| {
            let issuer = index.options.issuer(record.spec.as_ref()?, &name).ok()?;
            Some((record.rank(&name), issuer.shared()))
        });
        names.extend(index.names.issuers.claim(&name, claim));
    }
    for name in names {
        judge(index, &name);
    }
}

fn judge(index: &mut Index, name: &ObjectName) {
    let old = index.states.realms.remove(name);
    index.planned_later(Kind::Realm, name);
    let Some(record) = index.world.realms.get(name) else {
        if old.is_some() {
            index.served.remove(name);
            index.memberships.remove(name);
            mark_children(index, name);
        }
        return;
    };
    let mut verdict = verdict_of(record);
    let serving = match serving(index, name, record) {
        Ok(serving) => serving,
        Err(finding) => {
            verdict.accepted.push(finding);
            None
        }
    };
    verdict.is_served = serving.is_some();
    match &serving {
        Some(serving) => index.served.put(name, &serving.issuer, &serving.spec.settings),
        None => index.served.remove(name),
    }
    let (unchanged, algorithms) = match old {
        Some(old) => (old.serving == serving, old.algorithms),
        None => (false, Default::default()),
    };
    index.states.realms.insert(name.clone(), RealmState { verdict, serving, algorithms });
    if !unchanged {
        mark_children(index, name);
    }
}

fn serving(index: &Index, name: &ObjectName, record: &Record<api::Realm>) -> Result<Option<Serving>, Finding> {
    let Some(spec) = &record.spec else { return Ok(None) };
    let issuer =
        index.options.issuer(spec, name).map_err(|error| Finding::new(Reason::Invalid, FIELD, error.to_string()))?;
    let holder = index.names.issuers.holder(&issuer.shared());
    conflicts::check_holder(name, holder, FIELD, || format!("the issuer {issuer}"))?;
    Ok(Some(Serving { issuer, spec: spec.clone() }))
}

fn mark_children(index: &mut Index, realm: &ObjectName) {
    for kind in [Kind::SigningKey, Kind::Group, Kind::User, Kind::OidcClient] {
        index.mark_all(kind, index.world.children(realm, kind));
    }
}
