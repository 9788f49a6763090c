mod failure;

use std::path::PathBuf;

use clap::Args;
use kube::{
    Api, Client, Config,
    api::DynamicObject,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};

pub use self::failure::ApiError;
use super::{names::Kind, seen::Seen};

/// Which cluster, and as whom: the options that every command of kubectl has.
#[derive(Args, Clone, Debug, Default)]
pub struct ConnectionOptions {
    /// The kubeconfig file [default: those of the environment variable KUBECONFIG, else ~/.kube/config; in a pod without them its
    /// ServiceAccount]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig [default: the current one]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Connection")]
    pub context: Option<String>,
    /// The namespace [default: that of the context]
    #[arg(long, short, global = true, value_name = "NAME", help_heading = "Connection")]
    pub namespace: Option<String>,
    /// Do it as this user, if you may impersonate
    #[arg(long = "as", global = true, value_name = "USER", help_heading = "Connection")]
    pub as_user: Option<String>,
    /// Do it as a member of this group; may be given more than once
    #[arg(long = "as-group", global = true, value_name = "GROUP", requires = "as_user", help_heading = "Connection")]
    pub as_group: Vec<String>,
}

/// There is no cluster to ask.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The file that was named can't be read.
    #[error("can't use the kubeconfig: {0}; see --kubeconfig and the environment variable KUBECONFIG")]
    Kubeconfig(#[source] KubeconfigError),
    /// The context is not there, or is not complete.
    #[error("can't use the kubeconfig: {0}; `kubectl config get-contexts` lists what there is, --context chooses")]
    Context(#[source] KubeconfigError),
    /// Neither.
    #[error("there is no kubeconfig ({0}) and this is no pod with a ServiceAccount: say which file with --kubeconfig")]
    Nowhere(#[source] KubeconfigError),
    /// The credentials or certificates of the kubeconfig are no use.
    #[error("can't make a client of the API server from the kubeconfig: {0}")]
    Client(#[source] Box<kube::Error>),
}

/// The API server, reached as somebody.
#[derive(Clone)]
pub struct Connection {
    /// The client.
    pub client: Client,
    /// The namespace of `--namespace`, else of the context, else `default`.
    pub namespace: String,
}

impl ConnectionOptions {
    /// The kubeconfig that kubectl would use.
    ///
    /// # Errors
    /// [`ConnectionError::Kubeconfig`].
    pub fn read(&self) -> Result<Kubeconfig, ConnectionError> {
        match &self.kubeconfig {
            Some(file) => Kubeconfig::read_from(file),
            None => Kubeconfig::read(),
        }
        .map_err(ConnectionError::Kubeconfig)
    }

    /// How the API server is reached.
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub async fn config(&self) -> Result<Config, ConnectionError> {
        let mut config = match self.read() {
            Ok(kubeconfig) => {
                let chosen = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
                match Config::from_custom_kubeconfig(kubeconfig, &chosen).await {
                    Ok(config) => config,
                    // An empty file, or none of its contexts is the current one.
                    Err(KubeconfigError::CurrentContextNotSet) if self.names_nothing() => Config::incluster()
                        .map_err(|_| ConnectionError::Nowhere(KubeconfigError::CurrentContextNotSet))?,
                    Err(error) => return Err(ConnectionError::Context(error)),
                }
            }
            Err(ConnectionError::Kubeconfig(error)) if self.names_nothing() && is_absent(&error) => {
                Config::incluster().map_err(|_| ConnectionError::Nowhere(error))?
            }
            Err(error) => return Err(error),
        };
        if let Some(user) = &self.as_user {
            config.auth_info.impersonate = Some(user.clone());
            config.auth_info.impersonate_groups = (!self.as_group.is_empty()).then(|| self.as_group.clone());
        }
        Ok(config)
    }

    fn names_nothing(&self) -> bool {
        self.kubeconfig.is_none() && self.context.is_none()
    }
}

fn is_absent(error: &KubeconfigError) -> bool {
    match error {
        KubeconfigError::FindPath => true,
        KubeconfigError::ReadConfig(source, _) => source.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

impl Connection {
    /// Reads the kubeconfig; the API server is not asked anything yet.
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub async fn open(options: &ConnectionOptions) -> Result<Self, ConnectionError> {
        let config = options.config().await?;
        let namespace = options.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|error| ConnectionError::Client(Box::new(error)))?;
        Ok(Self { client, namespace })
    }

    /// The objects of a kind in a namespace, of which parts may be unknown to this program: see [`Seen`].
    pub fn dynamic(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &kind.resource())
    }

    /// An object of [`Connection::namespace`], as far as it can be read.
    ///
    /// # Errors
    /// [`ApiError`], also where it is not there.
    pub async fn see(&self, kind: Kind, name: &str) -> Result<Seen, ApiError> {
        let got = self.dynamic(kind, &self.namespace).get(name).await;
        let object = got.map_err(|error| ApiError::new("get", kind, Some(name), Some(&self.namespace), error))?;
        Ok(Seen::read(kind, object))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{ConnectionError, ConnectionOptions};

    const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
current-context: a
clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]
users: [{name: u, user: {token: t}}]
contexts:
  - {name: a, context: {cluster: c, user: u, namespace: identity}}
  - {name: b, context: {cluster: c, user: u}}
";

    fn options(text: &str) -> (tempfile::TempDir, ConnectionOptions) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        fs::write(&file, text).unwrap();
        (folder, ConnectionOptions { kubeconfig: Some(file), ..ConnectionOptions::default() })
    }

    #[tokio::test]
    async fn the_context_says_which_namespace_unless_the_option_does() {
        let (_folder, options) = options(KUBECONFIG);
        assert_eq!(super::Connection::open(&options).await.unwrap().namespace, "identity");
        let other = ConnectionOptions { context: Some("b".into()), ..options.clone() };
        assert_eq!(super::Connection::open(&other).await.unwrap().namespace, "default");
        let named = ConnectionOptions { namespace: Some("n".into()), ..options };
        assert_eq!(super::Connection::open(&named).await.unwrap().namespace, "n");
    }

    #[tokio::test]
    async fn another_user_is_taken_for_granted_only_by_the_api_server() {
        let (_folder, options) = options(KUBECONFIG);
        let options = ConnectionOptions { as_user: Some("bob".into()), as_group: vec!["g".into()], ..options };
        let config = options.config().await.unwrap();
        assert_eq!(config.auth_info.impersonate.as_deref(), Some("bob"));
        assert_eq!(config.auth_info.impersonate_groups, Some(vec!["g".to_owned()]));
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_kubeconfig_is_said_with_what_to_do() {
        let (_folder, good) = options(KUBECONFIG);
        let missing = ConnectionOptions { context: Some("z".into()), ..good };
        let error = missing.config().await.unwrap_err();
        assert!(matches!(error, ConnectionError::Context(_)) && error.to_string().contains("get-contexts"), "{error}");
        let (_folder, broken) = options("clusters: 7");
        assert!(matches!(broken.config().await, Err(ConnectionError::Kubeconfig(_))));
        let absent = ConnectionOptions { kubeconfig: Some("/nowhere/config".into()), ..Default::default() };
        let error = absent.config().await.unwrap_err().to_string();
        assert!(error.contains("/nowhere/config") && error.contains("--kubeconfig"), "{error}");
    }
}
