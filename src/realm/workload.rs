use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;

use crate::jose::foreign::ForeignKeys;

/// A cluster whose ServiceAccount tokens are trusted as client assertions (RFC 7523 section 3).
#[derive(Debug, Clone)]
pub struct ClusterIssuer {
    /// `iss` of its tokens: what its API server says of itself, not the URL by which we reach it.
    pub issuer: Arc<str>,
    /// Its ServiceAccount keys.
    pub keys: ForeignKeys,
    /// Tokens without `jti` are refused once they are older than this.
    pub max_age_without_jti: Duration,
}

/// The trusted cluster, replaced whole when its keys are fetched anew; read without a lock.
#[derive(Debug, Default)]
pub struct ClusterTrust(ArcSwapOption<ClusterIssuer>);

impl ClusterTrust {
    /// The trusted issuer; none until it is known, or where there is none.
    pub fn load(&self) -> Option<Arc<ClusterIssuer>> {
        self.0.load_full()
    }

    /// Trusts this issuer from now on, and no other.
    pub fn set(&self, issuer: ClusterIssuer) {
        self.0.store(Some(Arc::new(issuer)));
    }
}
