use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    cli::WorkloadTrust,
    jose::foreign::ForeignKeys,
    realm::workload::{ClusterIssuer, ClusterTrust, MAX_AGE_WITHOUT_JTI},
};

/// A JWK Set in a file is small.
const MAX_LENGTH: usize = 1 << 20;
/// The file is looked at this often: clusters change their keys, and whoever copies them here wants no restart.
const EVERY: Duration = Duration::from_secs(2);

/// The trusted issuer of ServiceAccount tokens, its keys in a file.
pub(super) struct TrustFile {
    issuer: Arc<str>,
    path: PathBuf,
    seen: Vec<u8>,
}

impl TrustFile {
    /// Trusts what the file holds now.
    ///
    /// # Errors
    /// A sentence: the file can't be read, is no JWK Set, or holds no key that can be used.
    pub(super) fn open(options: WorkloadTrust<'_>, trust: &ClusterTrust) -> anyhow::Result<Self> {
        let (issuer, path) = (options.issuer.into(), options.jwks.to_owned());
        let mut this = Self { issuer, path, seen: Vec::new() };
        this.reload(trust).with_context(|| format!("{}, see --workload-jwks", this.path.display()))?;
        Ok(this)
    }

    /// Trusts what the file holds from then on, until `stop`; what can't be used is reported once and changes nothing.
    pub(super) async fn follow(mut self, trust: Arc<ClusterTrust>, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(EVERY)).await.is_some() {
            match self.reload(&trust) {
                Ok(false) => {}
                Ok(true) => tracing::info!(issuer = &*self.issuer, "the keys of the workloads' issuer were read anew"),
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(error, "the new keys of the workloads' issuer can't be used, the former stay");
                }
            }
        }
    }

    /// True where the file has changed and is trusted now; an error comes once for each content.
    fn reload(&mut self, trust: &ClusterTrust) -> anyhow::Result<bool> {
        let content = match fs::read(&self.path) {
            Ok(content) => content,
            // Gone for a moment while it is replaced, or for good: what is trusted stays.
            Err(_) if trust.load().is_some() => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        if content == self.seen {
            return Ok(false);
        }
        self.seen.clone_from(&content);
        ensure!(content.len() <= MAX_LENGTH, "the file is longer than 1 MiB");
        let keys = ForeignKeys::parse(&content)?;
        ensure!(!keys.is_empty(), "the JWK Set holds no key that can be used");
        trust.set(ClusterIssuer { issuer: self.issuer.clone(), keys, max_age_without_jti: MAX_AGE_WITHOUT_JTI });
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::TrustFile;
    use crate::{cli::WorkloadTrust, provider::testing::signer_jwks, realm::workload::ClusterTrust};

    #[test]
    fn a_file_that_breaks_changes_nothing_and_one_that_is_wrong_at_the_start_is_an_error() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("jwks.json");
        let options = WorkloadTrust { issuer: "https://cluster", jwks: &path };
        let trust = ClusterTrust::default();
        for (content, why) in [(None, "see --workload-jwks"), (Some("{}"), "keys"), (Some(r#"{"keys":[]}"#), "no key")]
        {
            if let Some(content) = content {
                fs::write(&path, content).unwrap();
            }
            let error = format!("{:#}", TrustFile::open(options, &trust).err().unwrap());
            assert!(error.contains(why) && error.contains("jwks.json"), "{error}");
            assert!(trust.load().is_none());
        }
        let kid = |number: usize| signer_jwks(number)["keys"][0]["kid"].as_str().unwrap().to_owned();
        fs::write(&path, signer_jwks(0).to_string()).unwrap();
        let mut file = TrustFile::open(options, &trust).unwrap();
        assert!(trust.load().unwrap().keys.contains(&kid(0)));
        fs::write(&path, "rubbish").unwrap();
        assert!(file.reload(&trust).is_err());
        assert!(!file.reload(&trust).unwrap(), "said once");
        fs::remove_file(&path).unwrap();
        assert!(!file.reload(&trust).unwrap());
        assert!(trust.load().unwrap().keys.contains(&kid(0)));
        fs::write(&path, signer_jwks(1).to_string()).unwrap();
        assert!(file.reload(&trust).unwrap());
        assert!(trust.load().unwrap().keys.contains(&kid(1)) && !trust.load().unwrap().keys.contains(&kid(0)));
    }
}
