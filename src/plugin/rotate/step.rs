use jiff::Timestamp;
use serde::Serialize;

use crate::plugin::{
    names::Kind,
    output::{Tone, relative},
    seen::Place,
};

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all_fields = "camelCase")]
pub enum Step {
    /// We have asked.
    Requested {
        /// The value of the annotation.
        request: String,
    },
    /// The operator has read it.
    Acknowledged,
    /// There is a new key, and it is not in the JWKS of every replica yet.
    KeyMade {
        /// Its thumbprint.
        kid: String,
        /// When it will be.
        #[serde(skip_serializing_if = "Option::is_none")]
        published_at: Option<Timestamp>,
    },
    /// The new key is in the JWKS.
    KeyPublished {
        /// Its thumbprint.
        kid: String,
        /// When it will sign.
        #[serde(skip_serializing_if = "Option::is_none")]
        takes_over: Option<Timestamp>,
    },
    /// The new key signs.
    KeyActive {
        /// Its thumbprint.
        kid: String,
    },
    /// The former key signs no more; it stays in the JWKS until its tokens have expired.
    KeyRetired {
        /// Its thumbprint.
        kid: String,
    },
    /// The new secret is the current one.
    CredentialsIssued {
        /// Its id.
        id: String,
        /// The Secret that it stands in.
        #[serde(skip_serializing_if = "Option::is_none")]
        secret_name: Option<String>,
    },
    /// The former secret is still accepted.
    FormerValidUntil {
        /// Its id.
        id: String,
        /// For so long.
        until: Timestamp,
    },
    /// No former secret is accepted.
    FormerEnded {
        /// Its id.
        id: String,
    },
    /// The new key will take over by itself, later than we wait.
    UnderWay {
        /// When.
        takes_over: Timestamp,
    },
}

impl Step {
    /// The mark before the sentence.
    pub fn mark(&self) -> &'static str {
        match self {
            Self::Requested { .. } | Self::KeyMade { .. } | Self::UnderWay { .. } => "…",
            _ => "✓",
        }
    }

    /// How the mark is painted.
    pub fn tone(&self) -> Tone {
        if self.mark() == "✓" { Tone::Good } else { Tone::Waiting }
    }

    /// For people.
    pub fn sentence(&self, kind: Kind, place: &Place, now: Timestamp) -> String {
        let when = |at: &Timestamp| format!("{} ({at:.0})", relative(*at, now));
        match self {
            Self::Requested { .. } => format!("{kind} {place}: rotation requested"),
            Self::Acknowledged => "the operator has acknowledged the request".to_owned(),
            Self::KeyMade { kid, published_at: None } => format!("the key {kid} is made"),
            Self::KeyMade { kid, published_at: Some(at) } => {
                format!("the key {kid} is made, and in the JWKS of every replica {}", when(at))
            }
            Self::KeyPublished { kid, takes_over: None } => format!("the key {kid} is published"),
            Self::KeyPublished { kid, takes_over: Some(at) } => {
                format!("the key {kid} is published, and takes over {}", when(at))
            }
            Self::KeyActive { kid } => format!("the key {kid} signs"),
            Self::KeyRetired { kid } => {
                format!(
                    "the key {kid} has retired: it stays in the JWKS until the last token that it signed has expired"
                )
            }
            Self::CredentialsIssued { id, secret_name: None } => format!("the credentials {id} are current"),
            Self::CredentialsIssued { id, secret_name: Some(secret) } => {
                format!("the credentials {id} are current, in the Secret {secret}")
            }
            Self::FormerValidUntil { id, until } => {
                let left = relative(*until, now);
                format!("the former credentials {id} are accepted until {until:.0} ({left})")
            }
            Self::FormerEnded { id } => format!("the former credentials {id} are no longer accepted"),
            Self::UnderWay { takes_over } => format!("the rest happens by itself {}", when(takes_over)),
        }
    }
}
