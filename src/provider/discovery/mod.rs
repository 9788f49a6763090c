//! OpenID Connect Discovery 1.0, RFC 8414 and the JWK Set (RFC 7517 section 5): written once for each state of a realm, then only
//! copied out.

mod document;
mod metadata;

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Request, Response},
};
use jiff::Timestamp;

use self::{document::Document, metadata::Metadata};
use super::{Call, Endpoint, ErrorCode, OAuthError};
use crate::{
    jose::JwkSet,
    realm::{Issuer, Keyring, Realm, Settings},
};

/// For so long a cache may keep the metadata.
const METADATA_MAX_AGE: Duration = Duration::from_secs(300);

/// The public documents of a realm, and what they were made from: pointers that are equal mean that nothing has changed.
#[derive(Debug)]
pub(crate) struct Documents {
    issuer: Issuer,
    settings: Arc<Settings>,
    keyring: Arc<Keyring>,
    has_salt: bool,
    /// A key comes or goes then.
    stale_at: Option<Timestamp>,
    metadata: Document,
    jwks: Document,
}

/// GET of the metadata or of the JWK Set.
pub(crate) fn handle(call: &Call, request: &Request<Body>) -> Response<Body> {
    let provider = &call.provider;
    let cache = provider.caches.of(&call.realm, &provider.registry, &provider.metrics);
    let documents = match cache.documents.load_full() {
        Some(documents) if documents.are_of(&call.realm, call.now) => documents,
        _ => match Documents::write(&call.realm, call.now) {
            Ok(documents) => {
                let documents = Arc::new(documents);
                cache.documents.store(Some(documents.clone()));
                documents
            }
            Err(_) => return OAuthError::new(ErrorCode::ServerError, "the document can't be written").into_response(),
        },
    };
    let document = match call.endpoint {
        Endpoint::Jwks => &documents.jwks,
        _ => &documents.metadata,
    };
    document.answer(request.headers(), documents.stale_at, call.now)
}

impl Documents {
    fn write(realm: &Realm, now: Timestamp) -> Result<Self, serde_json::Error> {
        let jwks = JwkSet { keys: realm.keyring.published(now).cloned().collect() };
        Ok(Self {
            issuer: realm.issuer.clone(),
            settings: realm.settings.clone(),
            keyring: realm.keyring.clone(),
            has_salt: realm.salt.is_some(),
            stale_at: realm.keyring.next_change(now),
            metadata: Document::new(&Metadata::of(realm, now), METADATA_MAX_AGE)?,
            jwks: Document::new(&jwks, realm.keyring.max_age())?,
        })
    }

    fn are_of(&self, realm: &Realm, now: Timestamp) -> bool {
        Arc::ptr_eq(&self.settings, &realm.settings)
            && Arc::ptr_eq(&self.keyring, &realm.keyring)
            && self.issuer == realm.issuer
            && self.has_salt == realm.salt.is_some()
            && self.stale_at.is_none_or(|at| now < at)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod works_tests;
