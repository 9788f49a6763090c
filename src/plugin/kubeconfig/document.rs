use serde::Serialize;

use crate::plugin::NAME;

/// How people sign in.
#[derive(Clone, Debug)]
pub struct Login {
    /// The issuer.
    pub issuer: String,
    /// The client that kubectl is.
    pub client_id: String,
    /// What is asked for, separated by blanks.
    pub scope: String,
    /// The path of a file with more CA certificates.
    pub certificate_authority: Option<String>,
}

/// A kubeconfig without any secret in it.
#[derive(Clone, Debug, Serialize)]
pub struct KubeconfigFile {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    clusters: Vec<NamedCluster>,
    users: Vec<NamedUser>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    contexts: Vec<NamedContext>,
    #[serde(rename = "current-context", skip_serializing_if = "Option::is_none")]
    current_context: Option<String>,
}

/// An entry with its name.
#[derive(Clone, Debug)]
pub struct Named<T> {
    /// The name.
    pub name: String,
    /// The entry.
    pub entry: T,
}

#[derive(Clone, Debug, Serialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Clone, Debug, Serialize)]
struct NamedUser {
    name: String,
    user: ExecUser,
}

#[derive(Clone, Debug, Serialize)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Clone, Debug, Serialize)]
struct Context {
    cluster: String,
    user: String,
}

/// How the API server is reached.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cluster {
    /// Its URL.
    pub server: String,
    /// The certificates of its CA: PEM in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_authority_data: Option<String>,
    /// Its certificate is not looked at.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure_skip_tls_verify: bool,
    /// The name that its certificate has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_server_name: Option<String>,
    /// The proxy before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_url: Option<String>,
}

/// A user whose credentials come from the plugin.
#[derive(Clone, Debug, Serialize)]
pub struct ExecUser {
    exec: Exec,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Exec {
    api_version: &'static str,
    command: &'static str,
    args: Vec<String>,
    install_hint: &'static str,
    interactive_mode: &'static str,
    provide_cluster_info: bool,
}

impl ExecUser {
    /// The user who signs in so.
    pub fn of(login: &Login) -> Self {
        let mut args = vec!["token".to_owned()];
        args.extend([format!("--issuer={}", login.issuer), format!("--client-id={}", login.client_id)]);
        args.push(format!("--scope={}", login.scope));
        args.extend(login.certificate_authority.as_ref().map(|file| format!("--certificate-authority={file}")));
        args.push("--exec-credential".to_owned());
        let exec = Exec {
            api_version: "client.authentication.k8s.io/v1",
            command: NAME,
            args,
            install_hint: "put the realmkeeper binary, or a link to it, on the PATH under the name kubectl-realmkeeper",
            interactive_mode: "IfAvailable",
            provide_cluster_info: false,
        };
        Self { exec }
    }
}

impl KubeconfigFile {
    /// The user alone.
    pub fn of_user(user: Named<ExecUser>) -> Self {
        Self {
            api_version: "v1",
            kind: "Config",
            clusters: Vec::new(),
            users: vec![NamedUser { name: user.name, user: user.entry }],
            contexts: Vec::new(),
            current_context: None,
        }
    }

    /// The user at the cluster, in a context of the user's name.
    pub fn whole(cluster: Named<Cluster>, user: Named<ExecUser>) -> Self {
        let name = user.name.clone();
        let context = Context { cluster: cluster.name.clone(), user: name.clone() };
        Self {
            clusters: vec![NamedCluster { name: cluster.name, cluster: cluster.entry }],
            contexts: vec![NamedContext { name: name.clone(), context }],
            current_context: Some(name),
            ..Self::of_user(user)
        }
    }
}
