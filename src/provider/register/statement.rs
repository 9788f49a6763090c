//! Software statements (RFC 7591 sections 2.3 and 3.1.1): what somebody whom the realm trusts says of the software.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::body::Document;
use crate::{
    jose::{Compact, foreign::ForeignKeys},
    provider::{Call, ErrorCode, OAuthError, outbound::Get},
    realm::{
        ClientKeys,
        registration::{RegistrationPolicy, StatementIssuer},
    },
};

/// Clocks may differ by so many seconds.
const LEEWAY: f64 = 30.0;
/// It is kept with the client: no longer than this.
const MAX_LENGTH: usize = 16 * 1024;
/// The keys of its issuer may be this long.
const MAX_KEYS_LENGTH: usize = 256 * 1024;

/// A software statement that somebody trusted has signed.
#[derive(Debug)]
pub(super) struct Statement {
    /// As it was received: it goes back as it came (section 3.2.1).
    pub(super) text: Arc<str>,
    /// Its claims, client metadata among them.
    pub(super) claims: Map<String, Value>,
}

/// The statement of a request. Where the realm trusts nobody it is passed over.
pub(super) async fn verify(
    call: &Call,
    policy: &RegistrationPolicy,
    document: &Document,
) -> Result<Option<Statement>, OAuthError> {
    let statement = document.get("software_statement").filter(|value| !value.is_null());
    let text = match statement {
        _ if policy.statements.issuers.is_empty() => return Ok(None),
        None if policy.statements.required => {
            return Err(OAuthError::new(ErrorCode::UnapprovedSoftwareStatement, "software_statement is required here"));
        }
        None => return Ok(None),
        Some(Value::String(text)) if text.len() <= MAX_LENGTH => text,
        Some(_) => return Err(invalid("software_statement must be a JWT of at most 16 KiB")),
    };
    let claims = peek(text)?;
    let issuer = claims.get("iss").and_then(Value::as_str).ok_or_else(|| invalid("software_statement has no iss"))?;
    let trusted = policy.statements.issuers.iter().find(|trusted| *trusted.issuer == *issuer);
    let trusted = trusted.ok_or_else(|| {
        OAuthError::new(ErrorCode::UnapprovedSoftwareStatement, "the issuer of software_statement is not trusted here")
    })?;
    let keys = keys(call, trusted).await?;
    let claims: Map<String, Value> =
        keys.verify(text).map_err(|_| invalid("the signature of software_statement is not its issuer's"))?;
    check_times(call, &claims)?;
    Ok(Some(Statement { text: text.as_str().into(), claims }))
}

fn invalid(message: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidSoftwareStatement, message)
}

fn peek(text: &str) -> Result<Map<String, Value>, OAuthError> {
    let compact = Compact::parse(text).map_err(|_| invalid("software_statement is not a signed JWT"))?;
    compact.claims_unverified().map_err(|_| invalid("software_statement is not a signed JWT"))
}

async fn keys(call: &Call, issuer: &StatementIssuer) -> Result<ForeignKeys, OAuthError> {
    let unavailable = |error: &dyn std::fmt::Display| {
        tracing::warn!(issuer = &*issuer.issuer, %error, "the keys of an issuer of software statements could not be fetched");
        OAuthError::new(
            ErrorCode::TemporarilyUnavailable,
            "the keys of the issuer of software_statement could not be fetched",
        )
    };
    match &issuer.keys {
        ClientKeys::None => Err(invalid("the issuer of software_statement has no keys")),
        ClientKeys::Inline(keys) => Ok(ForeignKeys::clone(keys)),
        ClientKeys::Uri(uri) => {
            let get = Get { uri, accept: "application/json", max_length: MAX_KEYS_LENGTH };
            let fetched = call.provider.outbound.get(&call.realm, get, call.now).await;
            let fetched = fetched.map_err(|error| unavailable(&error))?;
            ForeignKeys::parse(&fetched.body).map_err(|error| unavailable(&error))
        }
    }
}

/// Where it says when it is valid, it must be now (RFC 7519 section 4.1).
fn check_times(call: &Call, claims: &Map<String, Value>) -> Result<(), OAuthError> {
    let now = call.now.as_second() as f64;
    let time = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or_else(|| invalid("a time in software_statement is not a number")),
    };
    if time("exp")?.is_some_and(|exp| exp <= now) {
        return Err(invalid("software_statement has expired"));
    }
    if time("nbf")?.is_some_and(|nbf| nbf > now + LEEWAY) || time("iat")?.is_some_and(|iat| iat > now + LEEWAY) {
        return Err(invalid("software_statement is not valid yet"));
    }
    Ok(())
}
