use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{self, Digest};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::{Ticketer, default_provider},
    server::ServerSessionMemoryCache,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{net::TcpStream, time::sleep};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// TLS 1.2 and 1.3 with a certificate and key from files, which are read again when they change.
pub struct Tls {
    cert: PathBuf,
    key: PathBuf,
    current: ArcSwap<ServerConfig>,
    seen: ArcSwap<Digest>,
}

/// Why a certificate and its key can't be used; the text holds no part of them.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("can't read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file holds no PEM of what it should.
    #[error("{} holds no {what} in PEM", path.display())]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// The key is not that of the certificate, or of a type that is not supported.
    #[error("the certificate and the key can't be used together: {0}")]
    Rustls(#[from] rustls::Error),
    /// The machine has no entropy.
    #[error("no random numbers for the session tickets")]
    Entropy,
}

/// Files are looked at this often. By content, not by events: a Secret's volume swaps symbolic links, and a network volume tells
/// nobody.
const EVERY: Duration = Duration::from_secs(1);
const RESUMABLE_SESSIONS: usize = 4096;

impl Tls {
    /// Reads a certificate chain and its key, both PEM.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let files = Files::read(cert, key)?;
        let config = files.parse(cert, key)?;
        let (current, seen) = (ArcSwap::from_pointee(config), ArcSwap::from_pointee(files.digest()));
        Ok(Self { cert: cert.to_owned(), key: key.to_owned(), current, seen })
    }

    /// Serves what the files hold within a second or so of a change, until `stop`. Files that can't be used are reported once and
    /// change nothing.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(EVERY)).await.is_some() {
            let tls = self.clone();
            match tokio::task::spawn_blocking(move || tls.reload()).await {
                Ok(Ok(true)) => tracing::info!(cert = %self.cert.display(), "serving a new TLS certificate"),
                Ok(Ok(false)) => {}
                Ok(Err(error)) => tracing::error!(%error, "the new TLS files can't be used, the former stay"),
                Err(error) => tracing::error!(%error, "the TLS files could not be looked at"),
            }
        }
    }

    /// True where a new certificate or key is served from now on; an error is returned once for each content.
    fn reload(&self) -> Result<bool, TlsError> {
        // A file that is gone for a moment, or for good, changes nothing.
        let Ok(files) = Files::read(&self.cert, &self.key) else { return Ok(false) };
        let digest = files.digest();
        if digest.as_ref() == self.seen.load().as_ref().as_ref() {
            return Ok(false);
        }
        self.seen.store(Arc::new(digest));
        self.current.store(Arc::new(files.parse(&self.cert, &self.key)?));
        Ok(true)
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.current.load_full()).accept(stream).await
    }
}

struct Files {
    cert: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Files {
    fn read(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let read = |path: &Path| fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source });
        Ok(Self { cert: read(cert)?, key: Zeroizing::new(read(key)?) })
    }

    fn digest(&self) -> Digest {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&self.cert.len().to_be_bytes());
        context.update(&self.cert);
        context.update(&self.key);
        context.finish()
    }

    fn parse(&self, cert: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
        let no = |path: &Path, what| TlsError::Pem { path: path.to_owned(), what };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.cert)
            .collect::<Result<_, _>>()
            .map_err(|_| no(cert, "certificate"))?;
        if chain.is_empty() {
            return Err(no(cert, "certificate"));
        }
        let private = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| no(key, "private key"))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_no_client_auth()
            .with_single_cert(chain, private)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.session_storage = ServerSessionMemoryCache::new(RESUMABLE_SESSIONS);
        config.ticketer = Ticketer::new().map_err(|_| TlsError::Entropy)?;
        Ok(config)
    }
}
