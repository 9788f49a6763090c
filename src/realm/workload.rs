use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use tokio::sync::Notify;

use crate::jose::foreign::ForeignKeys;

/// What [`ClusterIssuer::max_age_without_jti`] is: the lifetime that the kubelet asks for. API servers since 1.30 give each
/// token a `jti`, so this binds only the tokens of older ones, and those that never end.
pub const MAX_AGE_WITHOUT_JTI: Duration = Duration::from_secs(3600);

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
pub struct ClusterTrust {
    issuer: ArcSwapOption<ClusterIssuer>,
    wanted: Notify,
}

impl ClusterTrust {
    /// The trusted issuer; none until it is known, or where there is none.
    pub fn load(&self) -> Option<Arc<ClusterIssuer>> {
        self.issuer.load_full()
    }

    /// Trusts this issuer from now on, and no other.
    pub fn set(&self, issuer: ClusterIssuer) {
        self.issuer.store(Some(Arc::new(issuer)));
    }

    /// Asks for the keys to be fetched again soon, because a token named one that is not known; never waits, and may be called as
    /// often as tokens come: whoever fetches keeps its own pace.
    pub fn want_refresh(&self) {
        self.wanted.notify_one();
    }

    /// Waits until somebody has wanted a refresh since the last one.
    pub async fn refresh_wanted(&self) {
        self.wanted.notified().await;
    }
}
