use std::{collections::BTreeMap, sync::Arc};

use jiff::SignedDuration;

use super::{super::Index, verdict_of};
use crate::{
    api,
    controller::{
        checks::{Finding, Reason, Verdict, conflicts, ownership, references},
        index::{
            record::Record,
            spec::RealmSpec,
            state::{RealmState, Serving},
        },
        source::Kind,
    },
    realm::{
        AccessTokenFormat, Client, LOGOUT_TOKEN_LIFETIME, MIN_SALT_LENGTH, ObjectName, PairwiseSalt, TokenPolicy,
        is_bearer_token,
        registration::{InitialAccessToken, TokenHash},
    },
    secret::Secret,
};

const FIELD: &str = "spec.issuer";
/// A shorter token could be guessed.
const MIN_TOKEN_LENGTH: usize = 16;

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
    let serving = match serving(index, name, record, &mut verdict) {
        Ok(serving) => serving,
        Err(finding) => {
            verdict.accepted.push(finding);
            None
        }
    };
    verdict.is_served = serving.is_some();
    let tokens = serving.as_ref().map(|serving| {
        let registration = initial_access_tokens(index, name, serving, &mut verdict);
        (registration, claim_source_tokens(index, name, serving, &mut verdict))
    });
    match &serving {
        Some(serving) => {
            index.served.put(name, &serving.issuer, &serving.spec.settings, serving.salt.as_ref());
            let (registration, claim_sources) = tokens.unwrap_or_default();
            index.served.change(name, |realm| {
                realm.initial_access_tokens = registration.into();
                realm.claim_source_tokens = Arc::new(claim_sources);
            });
        }
        None => index.served.remove(name),
    }
    let (unchanged, algorithms, longest_token) = match old {
        Some(old) => (old.serving == serving, old.algorithms, old.longest_token),
        None => Default::default(),
    };
    let own = serving.as_ref().map(|serving| longest_signed(&serving.spec.settings.tokens));
    let longest_token = longest_token.max(own.unwrap_or_default());
    index.states.realms.insert(name.clone(), RealmState { verdict, serving, algorithms, longest_token });
    if !unchanged {
        mark_children(index, name);
    }
}

fn serving(
    index: &Index,
    name: &ObjectName,
    record: &Record<api::Realm>,
    verdict: &mut Verdict,
) -> Result<Option<Serving>, Finding> {
    let Some(spec) = &record.spec else { return Ok(None) };
    let issuer =
        index.options.issuer(spec, name).map_err(|error| Finding::new(Reason::Invalid, FIELD, error.to_string()))?;
    let holder = index.names.issuers.holder(&issuer.shared());
    conflicts::check_holder(name, holder, FIELD, || format!("the issuer {issuer}"))?;
    let salt = salt(index, name, spec).map_err(|finding| verdict.resolved.push(finding)).ok().flatten();
    Ok(Some(Serving { issuer, spec: spec.clone(), salt }))
}

/// Who may not see Secrets judges as if it were there, and shows nobody a subject.
fn salt(index: &Index, name: &ObjectName, spec: &RealmSpec) -> Result<Option<PairwiseSalt>, Finding> {
    let Some(secret) = &spec.salt_secret else { return Ok(None) };
    if !index.options.sees_secrets {
        return Ok(PairwiseSalt::new(&[0; MIN_SALT_LENGTH]));
    }
    references::salt(index.world.secrets.at(&name.namespace, secret), secret).map(Some)
}

/// The tokens that let their holders register clients, as far as their Secrets can be read.
fn initial_access_tokens(
    index: &Index,
    name: &ObjectName,
    serving: &Serving,
    verdict: &mut Verdict,
) -> Vec<InitialAccessToken> {
    if !index.options.sees_secrets {
        return Vec::new();
    }
    let mut tokens = Vec::new();
    for (at, token) in serving.spec.initial_access_tokens.iter().enumerate() {
        let field = format!("spec.registration.initialAccessTokens[{at}].name");
        let seen = index.world.secrets.at(&name.namespace, &token.name);
        match ownership::read_entry(seen, &token.name, "token", &field).map(ownership::line) {
            Ok(value) if value.len() < MIN_TOKEN_LENGTH => {
                let message =
                    format!("the token in the Secret {} has fewer than {MIN_TOKEN_LENGTH} characters", token.name);
                verdict.resolved.push(Finding::new(Reason::SecretInvalid, field, message));
            }
            Ok(value) => tokens.push(InitialAccessToken {
                name: token.name.clone(),
                hash: TokenHash::of(value),
                expires_at: token.expires_at,
                max_uses: token.max_uses,
            }),
            Err(finding) => verdict.resolved.push(finding),
        }
    }
    tokens
}

/// The tokens that clients fetch distributed claims with, as far as their Secrets can be read.
fn claim_source_tokens(
    index: &Index,
    name: &ObjectName,
    serving: &Serving,
    verdict: &mut Verdict,
) -> BTreeMap<Arc<str>, Secret> {
    if !index.options.sees_secrets {
        return BTreeMap::new();
    }
    let mut tokens = BTreeMap::new();
    for source in &serving.spec.claim_source_secrets {
        let seen = index.world.secrets.at(&name.namespace, &source.secret);
        match ownership::read_entry(seen, &source.secret, "token", &source.field).map(ownership::line) {
            Ok(value) if std::str::from_utf8(value).is_ok_and(is_bearer_token) => {
                tokens.insert(source.source.clone(), Secret::new(value));
            }
            Ok(_) => {
                let message = format!(
                    "the entry token of the Secret {} is no bearer token (RFC 6750 section 2.1)",
                    source.secret
                );
                verdict.resolved.push(Finding::new(Reason::SecretInvalid, &source.field, message));
            }
            Err(finding) => verdict.resolved.push(finding),
        }
    }
    tokens
}

/// The longest lifetime of what is signed under this policy.
fn longest_signed(tokens: &TokenPolicy) -> SignedDuration {
    let access = (tokens.access_token_format == AccessTokenFormat::Jwt).then_some(tokens.access_token);
    tokens.id_token.max(access.unwrap_or_default()).try_into().unwrap_or(SignedDuration::MAX)
}

/// A client may have longer lifetimes than its Realm, or be sent logout tokens, and the keys are kept for as long. What was true once is not forgotten while
/// this process runs: tokens of before may still be about.
pub(super) fn note_lifetimes(index: &mut Index, realm: &ObjectName, client: &Client) {
    // What tells it that a session has ended is signed too.
    let logout = client.logout.backchannel_uri.as_ref().and(SignedDuration::try_from(LOGOUT_TOKEN_LIFETIME).ok());
    let longest = longest_signed(&client.tokens).max(logout.unwrap_or_default());
    if let Some(state) = index.states.realms.get_mut(realm)
        && state.longest_token < longest
    {
        state.longest_token = longest;
        index.mark_all(Kind::SigningKey, index.world.children(realm, Kind::SigningKey));
    }
}

fn mark_children(index: &mut Index, realm: &ObjectName) {
    for kind in [Kind::SigningKey, Kind::Group, Kind::User, Kind::OidcClient] {
        index.mark_all(kind, index.world.children(realm, kind));
    }
}
