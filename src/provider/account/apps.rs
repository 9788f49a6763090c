//! What clients have of a person: consent that is remembered, and grants with all their tokens.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{
    account::{consent::Consent, owned},
    provider::{Authorization, Call, CodePayload, authorize::beyond_scopes, tokens::GrantPayload},
    store::{Change, Kind, StoreError},
};

/// What one client has.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) scopes: BTreeSet<String>,
    pub(super) resources: BTreeSet<String>,
    /// Claims that were asked for one by one.
    pub(super) claims: BTreeSet<String>,
    /// Since when.
    pub(super) since: Option<Timestamp>,
    /// When it was last used, as far as that is known.
    pub(super) used: Option<Timestamp>,
}

/// What clients have of the user, by `client_id`.
pub(super) async fn of_user(call: &Call, subject: &str) -> Result<BTreeMap<String, Held>, StoreError> {
    let (store, realm) = (&*call.provider.store, &*call.realm);
    let mut all: BTreeMap<String, Held> = BTreeMap::new();
    for (consent, _) in Consent::of_user(store, realm, subject, call.now).await? {
        let Some(client) = consent.client() else { continue };
        let held = all.entry(client.to_owned()).or_default();
        held.scopes.extend(consent.scopes().map(str::to_owned));
        held.resources.extend(consent.resources().map(str::to_owned));
        held.claims.extend(consent.claims().map(str::to_owned));
        held.note(consent.granted_at(), consent.used_at());
    }
    for (grant, _) in owned::<GrantPayload>(store, realm, Kind::Grant, subject, call.now).await? {
        let Authorization { client_id, scopes, resources, claims, auth_time, .. } = grant.authorization;
        let held = all.entry(client_id).or_default();
        let beyond = beyond_scopes(&realm.settings, &claims, scopes.iter().map(String::as_str));
        held.claims.extend(beyond.into_iter().map(str::to_owned));
        held.scopes.extend(scopes);
        held.resources.extend(resources);
        let signed_in = Timestamp::from_second(auth_time).ok();
        held.note(signed_in, signed_in);
    }
    Ok(all)
}

impl Held {
    fn note(&mut self, since: Option<Timestamp>, used: Option<Timestamp>) {
        self.since = [self.since, since].into_iter().flatten().min();
        self.used = self.used.max(used);
    }
}

/// Takes back what the client has: the consent, and every code and grant of any client of that name with all that came of them.
pub(super) async fn withdraw(call: &Call, subject: &str, client_id: &str) -> Result<(), StoreError> {
    let (store, realm) = (&*call.provider.store, &*call.realm);
    let mut consents = Vec::new();
    for (consent, id) in Consent::of_user(store, realm, subject, call.now).await? {
        let is_meant = consent.client() == Some(client_id);
        consents.extend(is_meant.then_some(Change::Remove { kind: Kind::Consent, id }));
    }
    // One that an earlier version wrote does not say whose it is.
    consents.extend(realm.client(client_id).map(|client| Consent::withdraw(realm, subject, client)));
    call.commit(consents).await?;
    end_grants(call, subject, |authorization| authorization.client_id == client_id).await
}

/// Ends every code and grant of the user that is meant, with all tokens that came of it.
pub(super) async fn end_grants(
    call: &Call,
    subject: &str,
    which: impl Fn(&Authorization) -> bool,
) -> Result<(), StoreError> {
    let (store, realm) = (&*call.provider.store, &*call.realm);
    // A code that is redeemed while they are looked through becomes a grant; the second look finds it.
    for _ in 0..2 {
        let codes = owned::<CodePayload>(store, realm, Kind::AuthorizationCode, subject, call.now).await?;
        let codes = codes.into_iter().map(|(code, artifact)| (code.authorization, artifact));
        let grants = owned::<GrantPayload>(store, realm, Kind::Grant, subject, call.now).await?;
        let grants = grants.into_iter().map(|(grant, artifact)| (grant.authorization, artifact));
        let meant = codes.chain(grants).filter(|(authorization, _)| which(authorization));
        let ended: Vec<_> = meant.filter_map(|(_, artifact)| artifact.grant.map(Change::RemoveGrant)).collect();
        if ended.is_empty() {
            break;
        }
        call.commit(ended).await?;
    }
    Ok(())
}
