use std::sync::Arc;

use super::{super::Index, realms::note_lifetimes, verdict_of, waits_for_realm};
use crate::{
    api,
    controller::{
        checks::{Finding, Reason, Verdict, conflicts, ownership, pairwise, references, tenancy},
        credentials::{self, Credential, Previous},
        index::{
            record::Record,
            spec::{BindingSpec, ClientSecretSpec, OidcClientSpec, RealmSpec, Scopes},
            state::{ClientState, CredentialState, PreviousState, Serving},
        },
        source::{Kind, ObjectKey},
    },
    realm::{
        Client, ClientAuthentication, ClientId, ClientSecret, GrantType, Incarnation, ObjectName, SubjectPolicy,
        registration::RegistrationUse,
    },
};

pub(in super::super) fn evaluate(index: &mut Index) {
    let mut names = index.take_dirty(Kind::OidcClient);
    for name in names.clone() {
        let claim = index.world.clients.get(&name).and_then(|record| {
            let spec = record.spec.as_ref()?;
            let serving = index.serving(&spec.realm).ok()?;
            let client_id = tenancy::client_id_of(spec, &name);
            let admitted = admission(index, &name, spec, &client_id, serving).is_empty();
            admitted.then(|| (record.rank(&name), (spec.realm.clone(), Arc::from(client_id.as_str()))))
        });
        names.extend(index.names.client_ids.claim(&name, claim));
    }
    for name in names {
        judge(index, &name);
    }
}

fn admission(
    index: &Index,
    name: &ObjectName,
    spec: &OidcClientSpec,
    client_id: &ClientId,
    serving: &Serving,
) -> Vec<Finding> {
    let labels = index.world.labels(&name.namespace);
    let context = tenancy::ClientContext {
        name,
        spec,
        client_id,
        realm: &spec.realm,
        realm_spec: &serving.spec,
        labels: &labels,
    };
    tenancy::check_client(&context)
}

fn judge(index: &mut Index, name: &ObjectName) {
    index.planned_later(Kind::OidcClient, name);
    let (state, client) = match index.world.clients.get(name) {
        None => (None, None),
        Some(record) => {
            let (state, client) = judge_one(index, name, record);
            (Some(state), client)
        }
    };
    let old = index.states.clients.remove(name);
    retract(index, name, old.as_ref());
    count(index, name, old.as_ref(), state.as_ref());
    if let (Some(client), Some(realm)) = (client, state.as_ref().and_then(|state| state.realm.as_ref())) {
        note_lifetimes(index, realm, &client);
        index.served.change(realm, |realm| realm.clients.insert_mut(client.id.clone(), Arc::new(client)));
    }
    if let Some(state) = state {
        index.states.clients.insert(name.clone(), state);
    }
}

fn judge_one(index: &Index, name: &ObjectName, record: &Record<api::OidcClient>) -> (ClientState, Option<Client>) {
    let mut state = ClientState {
        verdict: verdict_of(record),
        realm: None,
        client_id: None,
        credential: None,
        registration_use: RegistrationUse::default(),
    };
    let Some(spec) = &record.spec else { return (state, None) };
    state.realm = Some(spec.realm.clone());
    let serving = match index.serving(&spec.realm) {
        Ok(serving) => serving,
        Err(finding) => {
            waits_for_realm(&mut state.verdict, finding);
            return (state, None);
        }
    };
    let client_id = tenancy::client_id_of(spec, name);
    let refused = admission(index, name, spec, &client_id, serving);
    let admitted = refused.is_empty();
    state.verdict.accepted.extend(refused);
    let holder = index.names.client_ids.holder(&(spec.realm.clone(), client_id.as_str().into()));
    let conflict =
        conflicts::check_holder(name, holder, "spec.clientId", || format!("the client identifier {client_id}"));
    if !admitted || conflict.map_err(|finding| state.verdict.accepted.push(finding)).is_err() {
        return (state, None);
    }
    state.client_id = Some(client_id.clone());
    state.verdict.resolved.extend(references(index, spec, &serving.spec));
    let owner = ObjectKey { kind: Kind::OidcClient, name: name.clone() };
    let subject = match pairwise::policy(spec, serving) {
        Ok(subject) => subject,
        Err(finding) => {
            state.verdict.resolved.push(finding);
            return (state, None);
        }
    };
    let Ok(secrets) = secrets(index, &owner, record, spec, &mut state) else { return (state, None) };
    state.verdict.is_served = true;
    let used = index.states.clients.get(name).map(|old| old.registration_use.clone()).unwrap_or_default();
    state.registration_use = used.clone();
    let client = client(name, record, spec, client_id, &serving.spec, (secrets, used));
    (state, Some(Client { subject, ..client }))
}

/// Without these it is served, and narrower than it was meant.
fn references(index: &Index, spec: &OidcClientSpec, realm: &RealmSpec) -> Vec<Finding> {
    let names = index.memberships.get(&spec.realm).map(|membership| &membership.names);
    let is_missing = |group: &&Arc<str>| !names.is_some_and(|names| names.contains_key(*group));
    let missing = spec.access_groups.iter().filter(is_missing).map(|group| &**group);
    let groups = references::access_groups(&spec.realm, missing);
    let keys = index.states.realms.get(&spec.realm).map(|state| &state.algorithms);
    let missing =
        spec.signature_algorithms().filter(|(_, algorithm)| !keys.is_some_and(|keys| keys.contains(algorithm)));
    let keys = missing.map(|(field, algorithm)| {
        let is_made = realm.default_rings().contains(&algorithm);
        let reason = if is_made { Reason::KeyPending } else { Reason::SigningKeyNotFound };
        Finding::new(reason, field, format!("the Realm {} has no key for {algorithm}", spec.realm))
    });
    groups.into_iter().chain(keys).collect()
}

/// The secrets to accept; an error where the client can't be served without the one that is missing.
fn secrets(
    index: &Index,
    owner: &ObjectKey,
    record: &Record<api::OidcClient>,
    spec: &OidcClientSpec,
    state: &mut ClientState,
) -> Result<Vec<ClientSecret>, ()> {
    if !index.options.sees_secrets {
        return Ok(Vec::new());
    }
    let uid = record.meta.uid.as_deref();
    let kept = |binding: &BindingSpec| credentials::kept(&index.world, owner, uid, binding);
    let (current, previous, rotate_request) = match &spec.secret {
        ClientSecretSpec::None => return Ok(Vec::new()),
        ClientSecretSpec::Reference { name, entry, shadow } => {
            let current = credentials::referenced(&index.world, owner, name, entry)
                .map_err(|finding| state.verdict.resolved.push(finding))?;
            match shadow.as_deref().and_then(kept) {
                Some(kept) if kept.current.value == current.value => (kept.current, kept.previous, None),
                // It was edited a moment ago, and what it held is about to be written down, unless nothing is.
                Some(kept) if !record.meta.is_frozen => (current, Some(still_accepted(kept.current)), None),
                _ => (current, None, None),
            }
        }
        ClientSecretSpec::Binding(binding) => {
            in_the_way(index, owner, binding, &mut state.verdict)?;
            if !binding.has_secret {
                return Ok(Vec::new());
            }
            let kept = kept(binding).ok_or_else(|| state.verdict.programmed.push(pending(binding)))?;
            (kept.current, kept.previous, kept.answers.latest)
        }
    };
    let known = |id: &Arc<str>, value: &crate::secret::Secret, end| {
        let secret = ClientSecret::new(id.clone(), value.expose(), end).ok_or(())?;
        // With a shorter one nothing is authenticated: it only says who the client is.
        let is_fit = spec.needs_secret_value && value.expose().len() >= spec.min_secret_length;
        Ok::<_, ()>(if is_fit { secret.with_value(value.expose()) } else { secret })
    };
    let length = current.value.expose().len();
    if length < spec.min_secret_length {
        state.verdict.resolved.push(references::short_secret(&spec.secret, length, spec.min_secret_length));
    }
    let end = spec.registration.as_ref().and_then(|registration| registration.secret_expires_at);
    let mut secrets = vec![known(&current.id, &current.value, end)?];
    let mut formers = None;
    if let Some(Previous { id, valid_until, value }) = previous {
        let mut secret = known(&id, &value, Some(valid_until))?;
        // The client is judged anew at each event; that its former secret was used is not forgotten with that.
        let known = index.states.clients.get(&owner.name).and_then(|old| old.credential.as_ref()?.previous.as_ref());
        if let Some(known) = known.filter(|known| known.id == id) {
            secret.last_use = known.last_use.clone();
        }
        formers = Some(PreviousState { id, valid_until, last_use: secret.last_use.clone() });
        secrets.push(secret);
    }
    let Credential { id, issued_at, .. } = current;
    state.credential = Some(CredentialState { id, issued_at, rotate_request, previous: formers });
    Ok(secrets)
}

/// Until it is known for how long: the time of that is written down in a moment.
fn still_accepted(former: Credential) -> Previous {
    Previous { id: former.id, valid_until: jiff::Timestamp::MAX, value: former.value }
}

fn pending(binding: &BindingSpec) -> Finding {
    let message = format!("the credentials are about to be written, to the Secret {}", binding.name);
    Finding::new(Reason::CredentialsPending, "spec.credentials.secret", message)
}

/// A Secret of somebody else at the name of the binding.
fn in_the_way(index: &Index, owner: &ObjectKey, binding: &BindingSpec, verdict: &mut Verdict) -> Result<(), ()> {
    let name = ObjectName::new(owner.name.namespace.clone(), binding.name.clone());
    let is_refused = index.is_in_the_way(&name, owner);
    match ownership::standing(owner, index.world.secrets.get(&name), is_refused) {
        ownership::Standing::Foreign => {
            verdict.resolved.push(ownership::foreign(owner, "spec.credentials.secret.name", &binding.name));
            Err(())
        }
        _ => Ok(()),
    }
}

fn client(
    name: &ObjectName,
    record: &Record<api::OidcClient>,
    spec: &OidcClientSpec,
    id: ClientId,
    realm: &RealmSpec,
    (secrets, registration_use): (Vec<ClientSecret>, RegistrationUse),
) -> Client {
    Client {
        display_name: spec.display_name.clone().unwrap_or_else(|| id.as_str().into()),
        id,
        name: name.clone(),
        incarnation: incarnation(record),
        redirect_uris: spec.redirect_uris.clone(),
        post_logout_redirect_uris: spec.post_logout_redirect_uris.clone(),
        grant_types: spec.grant_types.clone(),
        response_types: spec.response_types.clone(),
        scopes: scopes(spec, realm),
        audiences: spec.audiences.clone(),
        authentication: ClientAuthentication {
            method: spec.method,
            signing_algorithm: spec.assertion_algorithm,
            secrets,
            keys: spec.keys.clone(),
            service_accounts: spec.service_accounts.clone(),
        },
        access_groups: spec.access_groups.clone(),
        consent: spec.consent,
        tokens: spec.token_policy(&realm.settings.tokens),
        subject: SubjectPolicy::Public,
        id_token: spec.id_token,
        userinfo: spec.userinfo,
        request_object: spec.request_object.clone(),
        defaults: spec.defaults.clone(),
        logout: spec.logout.clone(),
        initiate_login_uri: spec.initiate_login_uri.clone(),
        presentation: spec.presentation.clone(),
        registration: spec.registration.clone(),
        registration_use,
    }
}

/// Where there is no cluster, nothing has a `uid`.
fn incarnation(record: &Record<api::OidcClient>) -> Incarnation {
    match &record.meta.uid {
        Some(uid) => Incarnation::of(uid),
        None => Incarnation::of(&record.meta.created.to_string()),
    }
}

/// Named scopes were checked; of the default ones it gets what the Realm allows.
fn scopes(spec: &OidcClientSpec, realm: &RealmSpec) -> Vec<Arc<str>> {
    match &spec.scopes {
        Scopes::Named(names) => names.clone(),
        Scopes::Default if !spec.grant_types.contains(&GrantType::AuthorizationCode) => Vec::new(),
        Scopes::Default => {
            let refresh = spec.grant_types.contains(&GrantType::RefreshToken);
            let allowed = &realm.allowed.oidc_clients.scopes;
            let default = Scopes::DEFAULT.into_iter().filter(|scope| refresh || *scope != "offline_access");
            default.filter(|scope| tenancy::allows_scope(allowed, scope)).map(Arc::from).collect()
        }
    }
}

/// Takes out what was served of this object before, unless another object has its place by now.
fn retract(index: &mut Index, name: &ObjectName, old: Option<&ClientState>) {
    let Some(ClientState { realm: Some(realm), client_id: Some(client_id), .. }) = old else { return };
    let served = index.served.get(realm).and_then(|realm| realm.clients.get(client_id));
    if served.is_some_and(|client| client.name == *name) {
        index.served.change(realm, |realm| {
            realm.clients.remove_mut(client_id);
        });
    }
}

/// Counts the client with its Realm as soon as it is accepted.
fn count(index: &mut Index, name: &ObjectName, old: Option<&ClientState>, new: Option<&ClientState>) {
    let realm = |state: Option<&ClientState>| {
        state.filter(|state| state.client_id.is_some()).and_then(|state| state.realm.clone())
    };
    let (left, joined) = (realm(old), realm(new));
    if left == joined {
        return;
    }
    for (realm, accepted) in left.map(|realm| (realm, false)).into_iter().chain(joined.map(|realm| (realm, true))) {
        if index.states.attach(&realm, Kind::OidcClient, name, accepted) {
            index.planned_later(Kind::Realm, &realm);
        }
    }
}
