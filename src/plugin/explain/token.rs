use std::{path::Path, sync::Arc};

use jiff::Timestamp;

use super::{Gathered, Outcome, Report, advice, report::steps};
use crate::{
    api::KeyState,
    controller::source::Object,
    jose::{Compact, foreign::ForeignKeys},
    plugin::{
        PluginError,
        token::{Http, Provider},
    },
    provider::{Inactive, rehearsal},
    realm::Realm,
    secret::Secret,
};

/// Whom the token says it is from.
pub fn issuer(token: &Secret) -> Option<String> {
    rehearsal::claimed_issuer(token.expose_str()?)
}

/// Explains an access token; no part of it but its `kid` is shown.
///
/// # Errors
/// The machine can't do it.
pub async fn explain(
    gathered: &Gathered,
    token: &Secret,
    certificate_authority: Option<&Path>,
    now: Timestamp,
) -> Result<Report, PluginError> {
    let text = token.expose_str().unwrap_or_default();
    // No opaque token has a dot in it, and every JWT has.
    if !text.contains('.') {
        let summary = "It is opaque: what it is good for stands in the provider's store alone.";
        let mut report = Report::new("A token", Outcome::Unknown, summary);
        report
            .advice
            .push("ask the realm's introspection endpoint (/introspect), as a client that it is for".to_owned());
        return Ok(report);
    }
    let Some(issuer) = issuer(token) else {
        let mut report = Report::new(
            "A token",
            Outcome::Refused,
            format!("Introspection would say that it is not active: {}.", Inactive::Malformed),
        );
        report.advice.push(advice::token(Inactive::Malformed).to_owned());
        return Ok(report);
    };
    let Some(realm) = realm(gathered, &issuer) else {
        let shown: String = issuer.chars().take(200).collect();
        let mut report = Report::new(
            "A token",
            Outcome::Refused,
            format!("It is of the issuer {shown}, which is of no Realm that is served."),
        );
        let snapshot = gathered.survey.registry().load();
        report.advice =
            snapshot.realms().map(|realm| format!("Realm {} has the issuer {}", realm.name, realm.issuer)).collect();
        report.advice.sort();
        return Ok(report);
    };
    let keys = match published(&realm, certificate_authority).await {
        Ok(keys) => Ok(keys),
        Err(error) => Err(format!("the realm's public keys can't be read ({error}): the signature was not checked")),
    };
    let rehearsal = rehearsal::rehearse_token(&realm, text, keys.as_ref().ok(), now).await;
    let rehearsal = rehearsal.map_err(|error| PluginError::Refused(format!("it can't be gone through: {error}")))?;
    let about = format!("A token of the Realm {} ({})", realm.name, realm.issuer);
    let mut report = match rehearsal.inactive {
        Some(inactive) => {
            let mut report = Report::new(
                about,
                Outcome::Refused,
                format!("Introspection would say that it is not active: {inactive}."),
            );
            report.advice.push(advice::token(inactive).to_owned());
            report
        }
        None if keys.is_err() => {
            Report::new(about, Outcome::Unknown, "Nothing that it says of itself speaks against it.")
        }
        None => Report::new(about, Outcome::Accepted, "As far as can be seen from here, it is active."),
    };
    report.steps = steps(rehearsal::token_steps(), &rehearsal.steps);
    report.problems.extend(key_state(gathered, text));
    report.notes.extend(keys.err());
    report.notes.push("whether it was revoked only the provider's store knows: introspection tells".to_owned());
    if rehearsal.assumes_authorization {
        report.notes.push(
            "it comes from a person's sign-in, which is taken to be good still, and of the OidcClient as it is now"
                .into(),
        );
    }
    if rehearsal.hides_person {
        report.notes.push(
            "its sub is pairwise: whose it is only the provider can tell, so the person was not looked at".into(),
        );
    }
    Ok(report)
}

fn realm(gathered: &Gathered, issuer: &str) -> Option<Arc<Realm>> {
    let snapshot = gathered.survey.registry().load();
    snapshot.realms().find(|realm| realm.issuer.as_str() == issuer).cloned()
}

async fn published(realm: &Realm, certificate_authority: Option<&Path>) -> Result<ForeignKeys, PluginError> {
    let http = Http::new(certificate_authority)?;
    Ok(Provider::discover(http, realm.issuer.clone()).await?.keys().await?)
}

/// What a SigningKey's status says of the key that signed the token, where it is not what signs now.
fn key_state(gathered: &Gathered, token: &str) -> Option<String> {
    let compact = Compact::parse(token).ok()?;
    let kid = compact.kid()?;
    gathered.objects.iter().find_map(|(key, object)| {
        let Object::SigningKey(ring) = object else { return None };
        let found = ring.status.as_ref()?.keys.iter().find(|known| known.kid == kid)?;
        let state = match found.state {
            KeyState::Active => return None,
            state => format!("{state:?}"),
        };
        Some(format!("it was signed with the key {kid} of {key}, which is {state}"))
    })
}
