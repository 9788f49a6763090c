#![allow(clippy::expect_used, reason = "a panic is how a fuzz target says what it has found")]

use jiff::Timestamp;

use super::document::{metadata_of, new_object};
use crate::realm::{
    Issuer, ObjectName,
    registration::{ClientMetadata, InvalidMetadata, NewClient, Registration, TokenHash},
};

/// What a client reads of its metadata, once they are a resource; or why they can't be one.
pub(crate) fn kept(metadata: &ClientMetadata) -> Result<ClientMetadata, InvalidMetadata> {
    let now = Timestamp::UNIX_EPOCH;
    let registration = Registration {
        access_token: TokenHash::of(b"a token"),
        issued_at: now,
        secret_expires_at: None,
        last_used: None,
        revision: 1,
        statement: None,
    };
    let (realm, name) = (ObjectName::new("identity", "staff"), ObjectName::new("identity", "registered-1"));
    let issuer = Issuer::parse("https://id.example.com/realms/staff").expect("an issuer");
    let new = NewClient { realm, issuer, metadata: metadata.clone(), registration, now };
    new_object(&new, &name).map(|valid| metadata_of(&valid.object))
}
