use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use url::Url;

use crate::store::{Location, LocationError};

/// The options of `realmkeeper operator`.
#[derive(Debug, Args)]
pub struct OperatorOptions {
    /// Where the provider listens
    #[arg(long, env = "REALMKEEPER_LISTEN", value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// What both servers share.
    #[command(flatten)]
    pub server: ServerOptions,
}

/// The options of `realmkeeper serve`.
#[derive(Debug, Args)]
pub struct ServeOptions {
    /// The directory of manifests
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Where the provider listens
    #[arg(long, env = "REALMKEEPER_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// What both servers share.
    #[command(flatten)]
    pub server: ServerOptions,
    /// The issuer of the ServiceAccount tokens by which workloads authenticate; needs --workload-jwks
    ///
    /// In a cluster the operator asks the API server for it; here it is given. For a cluster it is the value of
    /// `kubectl get --raw /.well-known/openid-configuration`, member issuer.
    #[arg(long, env = "REALMKEEPER_WORKLOAD_ISSUER", value_name = "URL", requires = "workload_jwks")]
    pub workload_issuer: Option<String>,
    /// The file with the keys of that issuer, as a JWK Set
    #[arg(long, env = "REALMKEEPER_WORKLOAD_JWKS", value_name = "FILE", requires = "workload_issuer")]
    pub workload_jwks: Option<PathBuf>,
}

/// What both servers share.
#[derive(Debug, Args)]
pub struct ServerOptions {
    /// The URL under which people and clients reach the provider [default: http://localhost and the port of --listen; https
    /// with --tls-cert]
    ///
    /// The issuer of a Realm that names none is this URL followed by /realms/NAME. It may have a path; it has no query and
    /// no fragment.
    #[arg(long, env = "REALMKEEPER_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<PublicUrl>,
    /// The TLS certificate with its chain (PEM); it is read again when the file changes
    #[arg(long, env = "REALMKEEPER_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of the TLS certificate (PEM)
    #[arg(long, env = "REALMKEEPER_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Where /healthz, /readyz and /metrics are served, without TLS
    #[arg(long, env = "REALMKEEPER_MANAGEMENT_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    pub management_listen: SocketAddr,
    /// The networks of the proxies before the provider, as CIDR: whom they name in X-Forwarded-For is taken for the client
    ///
    /// Repeated failures to sign in lock out by address: behind a proxy that is not named here, everybody has the same one.
    #[arg(long, env = "REALMKEEPER_TRUSTED_PROXIES", value_name = "NETWORKS", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,
    /// Where sessions, codes and refresh tokens are kept: memory, sqlite:PATH or postgres://… [default: memory in a cluster,
    /// sqlite:DIR/.realmkeeper/store.sqlite for a directory]
    ///
    /// What is kept in memory is lost at a restart, and seen by one replica only. SQLite is for one replica on a volume.
    /// PostgreSQL is for any number: postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full, with what docs/storage.md lists.
    /// Its password stands in the URL, in the file that the parameter password_file names, or in PGPASSWORD.
    #[arg(long, env = "REALMKEEPER_STORE", value_name = "STORE", hide_env_values = true)]
    pub store: Option<StoreArgument>,
    /// How log lines are written [default: json in a cluster, text for a directory]
    #[arg(long, env = "REALMKEEPER_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// What is logged: error, warn, info, debug, trace, or a filter such as info,realmkeeper::provider=debug
    #[arg(long, env = "REALMKEEPER_LOG_FILTER", value_name = "FILTER", default_value = "info")]
    pub log_filter: String,
}

/// A certificate and its key.
#[derive(Clone, Copy, Debug)]
pub struct Tls<'a> {
    /// The file of the certificate with its chain.
    pub cert: &'a Path,
    /// The file of the private key.
    pub key: &'a Path,
}

/// Whose ServiceAccount tokens are trusted.
#[derive(Clone, Copy, Debug)]
pub struct WorkloadTrust<'a> {
    /// Their issuer.
    pub issuer: &'a str,
    /// The file of the issuer's JWK Set.
    pub jwks: &'a Path,
}

impl ServerOptions {
    /// The certificate and its key, where TLS is on.
    pub fn tls(&self) -> Option<Tls<'_>> {
        Some(Tls { cert: self.tls_cert.as_deref()?, key: self.tls_key.as_deref()? })
    }

    fn store_or(&self, default: Location) -> Result<Location, LocationError> {
        self.store.clone().map_or(Ok(default), |argument| argument.0)
    }

    fn public_url(&self, listen: SocketAddr) -> PublicUrl {
        self.public_url.clone().unwrap_or_else(|| {
            let (scheme, default_port) = if self.tls_cert.is_some() { ("https", 443) } else { ("http", 80) };
            PublicUrl(match listen.port() {
                port if port == default_port => format!("{scheme}://localhost"),
                port => format!("{scheme}://localhost:{port}"),
            })
        })
    }
}

impl OperatorOptions {
    /// The public URL in force.
    pub fn public_url(&self) -> PublicUrl {
        self.server.public_url(self.listen)
    }

    /// The store in force.
    ///
    /// # Errors
    /// What is wrong with the option.
    pub fn store(&self) -> Result<Location, LocationError> {
        self.server.store_or(Location::Memory)
    }

    /// The form of log lines in force.
    pub fn log_format(&self) -> LogFormat {
        self.server.log_format.unwrap_or(LogFormat::Json)
    }
}

impl ServeOptions {
    /// The public URL in force.
    pub fn public_url(&self) -> PublicUrl {
        self.server.public_url(self.listen)
    }

    /// The store in force.
    ///
    /// # Errors
    /// What is wrong with the option.
    pub fn store(&self) -> Result<Location, LocationError> {
        self.server.store_or(Location::Sqlite(self.directory.join(".realmkeeper").join("store.sqlite")))
    }

    /// The form of log lines in force.
    pub fn log_format(&self) -> LogFormat {
        self.server.log_format.unwrap_or(LogFormat::Text)
    }

    /// Whose ServiceAccount tokens are trusted, if any.
    pub fn workload_trust(&self) -> Option<WorkloadTrust<'_>> {
        Some(WorkloadTrust { issuer: self.workload_issuer.as_deref()?, jwks: self.workload_jwks.as_deref()? })
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// An absolute http or https URL without query, fragment, user and trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The URL, to which paths that begin with a slash are appended.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("it must begin with http:// or https://".into());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("it must have no query and no fragment".into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it must name no user".into());
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

/// The value of `--store`. It is read without complaint and judged later: a value that clap refuses is repeated on the terminal, and this
/// one may hold a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreArgument(Result<Location, LocationError>);

impl FromStr for StoreArgument {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.parse()))
    }
}

#[cfg(test)]
mod tests {
    use super::{PublicUrl, StoreArgument};
    use crate::store::Location;

    #[test]
    fn a_public_url_is_read_with_care() {
        for (text, expected) in [
            ("https://id.example.com", Some("https://id.example.com")),
            ("https://id.example.com/", Some("https://id.example.com")),
            ("https://ID.example.com/auth/", Some("https://id.example.com/auth")),
            ("ftp://id.example.com", None),
            ("id.example.com", None),
            ("https://user@id.example.com", None),
            ("https://id.example.com?a=b", None),
            ("https://id.example.com#a", None),
        ] {
            assert_eq!(text.parse::<PublicUrl>().ok().as_ref().map(PublicUrl::as_str), expected, "{text}");
        }
    }

    #[test]
    fn a_store_is_read_and_its_password_is_never_printed() {
        let read = |text: &str| text.parse::<StoreArgument>().unwrap().0;
        assert_eq!(read("memory"), Ok(Location::Memory));
        assert_eq!(read("sqlite:/var/a.db"), Ok(Location::Sqlite("/var/a.db".into())));
        let database = "postgres://u:hunter2@db/x".parse::<StoreArgument>().unwrap();
        assert!(!format!("{database:?} {}", database.0.as_ref().unwrap()).contains("hunter2"));
        for text in ["", "sqlite:", "sqlite", "mysql://u:hunter2@db/x", "postgres://u:hunter2@db/x?y=z"] {
            let argument = text.parse::<StoreArgument>().unwrap();
            assert!(!format!("{argument:?}").contains("hunter2"), "{text}");
            assert!(!argument.0.unwrap_err().to_string().contains("hunter2"), "{text}");
        }
    }
}
