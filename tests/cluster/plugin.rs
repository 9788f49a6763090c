//! `kubectl realmkeeper` as people call it: the built binary, which kubectl finds on the PATH by the plugin's name.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    conformance::by,
    control_plane::{
        ControlPlane, Namespace,
        objects::{kubectl_command, token},
        process::work_folder,
    },
    harness::{quiet_cluster, shared_cluster, shared_operator},
    suite::served::Served,
};

/// A person's shell: a kubeconfig, and a PATH on which the plugin stands, and a browser that writes down where it is sent.
pub struct Shell {
    folder: tempfile::TempDir,
    kubeconfig: PathBuf,
}

/// How a command ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Shell {
    pub fn new(kubeconfig: PathBuf) -> Self {
        let folder = work_folder("shell");
        symlink(env!("CARGO_BIN_EXE_realmkeeper"), folder.path().join("kubectl-realmkeeper")).unwrap();
        let browser = folder.path().join("xdg-open");
        let visited = folder.path().join("visited");
        // Whole, or not there.
        let script = format!("#!/bin/sh\necho \"$1\" > '{0}.new' && mv '{0}.new' '{0}'\n", visited.display());
        fs::write(&browser, script).unwrap();
        fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder, kubeconfig }
    }

    pub fn admin(plane: &ControlPlane) -> Self {
        Self::new(plane.admin_kubeconfig())
    }

    /// Where the browser was sent, as soon as it is known.
    pub fn visited(&self) -> Option<String> {
        let text = fs::read_to_string(self.folder.path().join("visited")).ok()?;
        Some(text.trim().to_owned())
    }

    /// A file in the person's folder.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// kubectl, with nothing of this machine's but its kubeconfig and that PATH.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = kubectl_command(&self.kubeconfig);
        let path = format!("{}:/usr/bin:/bin", self.folder.path().display());
        command.env_clear().env("PATH", path).env("HOME", self.folder.path()).env("KUBECONFIG", &self.kubeconfig);
        command.args(arguments);
        command
    }

    pub fn kubectl(&self, arguments: &[&str]) -> Said {
        Said::of(&mut self.command(arguments))
    }

    /// `kubectl realmkeeper …`
    pub fn plugin(&self, arguments: &[&str]) -> Said {
        self.kubectl(&[&["realmkeeper"], arguments].concat())
    }
}

impl Said {
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    #[track_caller]
    pub fn json(self) -> Value {
        serde_json::from_str(&self.good()).unwrap()
    }

    /// Failed with exit code 1 and a line on standard error that says these words; standard output has none.
    #[track_caller]
    fn refused(self, words: &[&str]) -> String {
        assert_eq!(self.code, 1, "{self:?}");
        assert!(self.out.is_empty() && self.err.starts_with("kubectl realmkeeper: "), "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "{word}: {self:?}");
        }
        self.err
    }
}

async fn namespace(prefix: &str) -> Namespace {
    Namespace::create(&shared_cluster().plane, prefix, json!({})).await
}

/// A Realm open to clients of all namespaces, with Ada, a good client and one whose Secret belongs to somebody else; and a client of
/// another namespace.
async fn troubled() -> (Namespace, Namespace, Served) {
    let (own, other) = (namespace("status").await, namespace("status-tenant").await);
    let served = by(shared_operator(), &own);
    served.apply([served.realm(json!({"allowed": {"oidcClients": {"namespaces": {"from": "All"}}}}))]).await;
    served.apply_ada().await;
    own.apply("{apiVersion: v1, kind: Secret, metadata: {name: broken-oidc}, stringData: {mine: 'yes'}}");
    served.apply([served.client("web", json!({})), served.client("broken", json!({}))]).await;
    served.until_ready("OidcClient", "web").await;
    served.until_condition("OidcClient", "broken", "Ready", "False/SecretNotOwned").await;
    let tenant = json!({"realmRef": {"name": own.name, "namespace": own.name}, "grantTypes": ["client_credentials"]});
    let tenant = json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": "OidcClient", "metadata": {"name": "tenant"}, "spec": tenant});
    other.apply(&tenant.to_string());
    other.wait_for("Ready", &["oidcclient/tenant"], crate::harness::SOON);
    (own, other, served)
}

/// Ada, who may do in a namespace what the rules say and nothing else.
async fn somebody(namespace: &Namespace, rules: Value) -> Shell {
    namespace.service_account("somebody").await;
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "somebody"}, "rules": rules});
    let subject = json!({"kind": "ServiceAccount", "name": "somebody", "namespace": namespace.name});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "somebody"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "somebody"}, "subjects": [subject]});
    namespace.apply(&format!("{role}\n---\n{binding}"));
    let plane = &shared_cluster().plane;
    let token = token(&namespace.client, &namespace.name, "somebody", "").await;
    Shell::new(plane.write_kubeconfig(&format!("somebody-{}", namespace.name), &token, &namespace.name))
}

#[tokio::test]
async fn status_shows_the_tree_of_a_realm_and_what_is_wrong_first() {
    let (own, other, served) = troubled().await;
    let shell = Shell::admin(&shared_cluster().plane);
    let realm = &*own.name;
    let text = shell.plugin(&["status", realm, "-n", realm]).good();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "1 problem");
    assert!(lines[1].starts_with(&format!("✗ OidcClient {realm}/broken: SecretNotOwned (Ready False")), "{text}");
    assert!(lines[2].contains("broken-oidc"), "{text}");
    let issuer = served.issuer().await;
    for part in [
        &format!("✓ Realm {realm}/{realm}\n│ issuer {issuer}\n") as &str,
        "├─ SigningKeys (2)\n",
        &format!("✓ {realm}-es256: ES256"),
        "Active ",
        "├─ OidcClients (3)\n│  ├─ ✗ broken SecretNotOwned: client id broken\n│  ├─ ✓ web: client id web, Secret web-oidc, credentials ",
        &format!("│  └─ ✓ {0}/tenant: client id {0}.tenant, Secret tenant-oidc", other.name),
        "├─ Users (1)\n│  └─ ✓ ada\n",
        "└─ Groups (1)\n   └─ ✓ engineers: 1 member\n",
    ] {
        assert!(text.contains(part), "{part}\nin\n{text}");
    }
    assert!(!text.contains('\x1b'), "no colours for a pipe");
    assert!(shell.plugin(&["status", "-n", realm, "--color", "always"]).good().contains("\x1b[31m✗"));

    let data = shell.plugin(&["status", "-n", realm, "-o", "json"]).json();
    assert_eq!((&data["problemCount"], &data["problems"][0]["reason"]), (&json!(1), &json!("SecretNotOwned")));
    assert_eq!((&data["realms"][0]["issuer"], &data["notVisible"]), (&json!(issuer), &json!([])));
    let keys: Vec<_> = data["realms"][0]["signingKeys"].as_array().unwrap().iter().collect();
    assert!(keys.iter().all(|ring| ring["keys"][0]["state"] == "Active"), "{keys:?}");

    assert_eq!(shell.plugin(&["status", realm, "-n", realm, "--exit-code"]).code, 3);
    let everywhere = shell.plugin(&["status", "-A"]).good();
    assert!(everywhere.contains(&format!("Realm {realm}/{realm}")), "{everywhere}");
    let tenants = shell.plugin(&["status", "-n", &other.name]).good();
    assert!(tenants.contains(&format!("there are no Realms in namespace {} (-A", other.name)), "{tenants}");
}

#[tokio::test]
async fn status_shows_what_the_rights_allow_and_reads_no_secret() {
    let (own, ..) = troubled().await;
    let rules =
        json!([{"apiGroups": ["realmkeeper.dev"], "resources": ["realms", "oidcclients"], "verbs": ["get", "list"]}]);
    let shell = somebody(&own, rules).await;
    let text = shell.plugin(&["status"]).good();
    for part in [
        "1 problem in what you may see\n",
        &format!("not shown: OidcClients of other namespaces than {}", own.name),
        "not shown: Users (you may not list them)\n",
        "├─ SigningKeys: not visible to you\n",
        "├─ OidcClients (2)\n",
        "├─ Users: 1 not visible to you\n",
    ] {
        assert!(text.contains(part), "{part}\nin\n{text}");
    }
    assert!(!text.contains("/tenant"), "{text}");
    shell
        .plugin(&["status", "-A"])
        .refused(&["you may not see the Realms of all namespaces", "can-i list realms.realmkeeper.dev -A"]);
}

#[tokio::test]
async fn failures_are_a_sentence_and_wrong_usage_is_another_exit_code() {
    let own = namespace("failures").await;
    let plane = &shared_cluster().plane;
    let shell = Shell::admin(plane);
    shell.plugin(&["status", "nobody", "-n", &own.name]).refused(&[
        &format!("there is no Realm nobody in namespace {}", own.name),
        "kubectl get realms.realmkeeper.dev -A",
    ]);
    shell.plugin(&["status", "--kubeconfig", "/nowhere"]).refused(&["/nowhere", "--kubeconfig"]);
    shell.plugin(&["status", "--context", "none"]).refused(&["none", "get-contexts"]);
    shell.plugin(&["status", "-n", &own.name, "--as", "nobody", "--as-group", "guests"]).refused(&["you may not see"]);
    let nobody = Shell::new(plane.write_kubeconfig("nobody", "no-such-token", "default"));
    nobody.plugin(&["status"]).refused(&["the API server does not know you"]);
    let gone = fs::read_to_string(plane.admin_kubeconfig()).unwrap();
    let gone = shell.write("gone", &gone.replace(plane.url(), "https://127.0.0.1:1"));
    Shell::new(gone).plugin(&["status"]).refused(&["can't list", "refused", "--context"]);
    for usage in [&["status", "a", "-A"][..], &["status", "-o", "xml"], &["frobnicate"], &["rotate", "realm/a"]] {
        assert_eq!(shell.plugin(usage).code, 2, "{usage:?}");
    }

    // The same without a link, and the program's own name for what it says.
    let run = |program: &Path, arguments: &[&str]| {
        Said::of(Command::new(program).env("KUBECONFIG", plane.admin_kubeconfig()).args(arguments))
    };
    let binary = Path::new(env!("CARGO_BIN_EXE_realmkeeper"));
    let unlinked = run(binary, &["kubectl", "status", "-n", &own.name]);
    assert_eq!(unlinked.good(), shell.plugin(&["status", "-n", &own.name]).good());
    assert!(run(binary, &["kubectl", "status", "nobody"]).err.starts_with("realmkeeper: there is no Realm nobody"));
    let version = shell.plugin(&["--version"]).good();
    assert_eq!(version, format!("kubectl realmkeeper {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn documents_are_refused_or_doubted_where_they_would_not_work() {
    let own = namespace("documents").await;
    let served = by(shared_operator(), &own);
    let kubectl = json!({"tokenEndpointAuthMethod": "none"});
    served.apply([served.realm(json!({})), served.client("web", json!({"scopes": ["openid"]}))]).await;
    served.apply([served.client("kubectl", kubectl)]).await;
    let (issuer, realm) = (served.issuer().await, &*own.name);
    served.until_ready("OidcClient", "web").await;
    served.until_ready("OidcClient", "kubectl").await;
    let waiting = json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": "OidcClient", "metadata": {"name": "waiting"},
        "spec": {"realmRef": {"name": "nowhere"}}});
    own.apply(&waiting.to_string());
    let shell = Shell::admin(&shared_cluster().plane);
    let plugin = |command: &str, more: &[&str]| shell.plugin(&[&[command, realm, "-n", realm], more].concat());

    plugin("authentication-config", &["--client", "kubectl"]).refused(&["takes issuers with https only", &issuer]);
    plugin("authentication-config", &["--client", "kubectl", "--certificate-authority", "/nowhere.pem"])
        .refused(&["can't read /nowhere.pem", "--certificate-authority"]);
    plugin("kubeconfig", &["--client", "waiting"])
        .refused(&[&format!("is a client of Realm {realm}/nowhere, not of {realm}")]);
    let missing = ["kubeconfig", "nowhere", "-n", realm, "--client", "waiting"];
    shell.plugin(&missing).refused(&["there is no Realm nowhere"]);
    for usage in [&[][..], &["--client-id", "a", "--client", "b"], &["--client-id", "a", "--name", ""]] {
        assert_eq!(plugin("kubeconfig", usage).code, 2, "{usage:?}");
    }
    assert_eq!(plugin("authentication-config", &["--client-id", "a", "--username-prefix", "system:"]).code, 2);

    let doubted = plugin("kubeconfig", &["--client", "web", "--user-only"]);
    for doubt in ["not public", "scope groups"] {
        assert!(doubted.code == 0 && doubted.err.contains(doubt), "{doubt}: {doubted:?}");
    }
    let file = plugin("kubeconfig", &["--client", "kubectl", "-o", "json", "--certificate-authority", "ca.pem"]);
    assert!(file.err.contains("ca.pem on this machine"), "{file:?}");
    let file = file.json();
    let arguments = file["users"][0]["user"]["exec"]["args"].as_array().unwrap();
    assert!(arguments.contains(&json!("--scope=openid email groups offline_access")), "{file}");
    assert!(arguments.contains(&json!(format!("--issuer={issuer}"))), "{file}");
    assert!(!file.to_string().contains("token\":"), "nothing of the administrator's credentials");
}

#[tokio::test]
async fn rotate_refuses_what_can_not_rotate_and_asks_as_a_field_manager_of_its_own() {
    let own = Namespace::create(&quiet_cluster().plane, "rotate", json!({})).await;
    let shell = Shell::admin(&quiet_cluster().plane);
    let create = async |kind: &str, name: &str, annotations: Value, spec: Value| {
        let mut spec = spec;
        spec["realmRef"] = json!({"name": "staff"});
        let metadata = json!({"name": name, "annotations": annotations});
        let object =
            json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec});
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        own.dynamic(kind).create(&PostParams::default(), &object).await.unwrap();
    };
    let redirect = json!(["http://127.0.0.1/callback"]);
    create("OidcClient", "public", json!({}), json!({"tokenEndpointAuthMethod": "none", "redirectUris": redirect}))
        .await;
    let reference = json!({"secret": {"source": "Reference", "name": "theirs"}});
    create("OidcClient", "reference", json!({}), json!({"credentials": reference})).await;
    create("OidcClient", "frozen", json!({"realmkeeper.dev/reconcile": "disabled"}), json!({})).await;
    create("OidcClient", "good", json!({"realmkeeper.dev/rotate": "before"}), json!({})).await;
    let imported = json!({"algorithm": "ES256", "source": {"secretRef": {"name": "tls"}}});
    create("SigningKey", "imported", json!({}), imported).await;

    let rotate = |object: &str, more: &[&str]| shell.plugin(&[&["rotate", object, "-n", &own.name], more].concat());
    for (object, words) in [
        ("oidcclient/public", "is a public client"),
        ("oidcc/reference", "from the Secret theirs"),
        ("oidcclients/frozen", "is frozen by the annotation realmkeeper.dev/reconcile"),
        ("skey/imported", "from the Secret tls"),
        ("oidcclient/nobody", "there is no OidcClient nobody"),
    ] {
        rotate(object, &[]).refused(&[words]);
    }

    let asked = rotate("oidcclient/good", &["--no-wait", "-o", "json"]).json();
    assert_eq!((&asked["outcome"], &asked["name"]), (&json!("Requested"), &json!("good")));
    let good = own.get("OidcClient", "good").await.unwrap();
    assert_eq!(good["metadata"]["annotations"]["realmkeeper.dev/rotate"], asked["request"]);
    let managers = good["metadata"]["managedFields"].as_array().unwrap();
    let ours = managers.iter().find(|entry| entry["manager"] == "kubectl-realmkeeper").unwrap();
    let fields = json!({"f:metadata": {"f:annotations": {"f:realmkeeper.dev/rotate": {}}}});
    assert_eq!(ours["fieldsV1"], fields);

    // Each request is a new value; nobody answers here.
    let late = rotate("oidcclient/good", &["--timeout", "1s"]);
    assert_eq!(late.code, 1, "{late:?}");
    assert_eq!(late.out, format!("… OidcClient {}/good: rotation requested\n", own.name));
    assert!(late.err.contains("no operator has acknowledged the request in time"), "{late:?}");
    let again = own.get("OidcClient", "good").await.unwrap();
    assert_ne!(again["metadata"]["annotations"]["realmkeeper.dev/rotate"], asked["request"]);
}

#[tokio::test]
async fn rotate_follows_what_the_status_says() {
    let own = Namespace::create(&quiet_cluster().plane, "follow", json!({})).await;
    let shell = Shell::admin(&quiet_cluster().plane);
    own.apply("{apiVersion: realmkeeper.dev/v1alpha1, kind: OidcClient, metadata: {name: robot}, spec: {realmRef: {name: staff}}}");
    let clients: Api<DynamicObject> = own.dynamic("OidcClient");
    let write = async |status: Value| {
        let patch = Patch::Merge(json!({"status": status}));
        clients.patch_status("robot", &PatchParams::default(), &patch).await.unwrap();
    };
    write(json!({"credentials": {"current": {"id": "a"}}})).await;
    let mut command =
        shell.command(&["realmkeeper", "rotate", "oidcclient/robot", "-n", &own.name, "--timeout", "60s"]);
    let running = tokio::task::spawn_blocking(move || Said::of(&mut command));
    // What an operator does, by hand.
    let request = own
        .until("OidcClient", "robot", crate::harness::SOON, |object| {
            object["metadata"]["annotations"]["realmkeeper.dev/rotate"].as_str().map(str::to_owned)
        })
        .await;
    let previous = json!({"id": "a", "validUntil": "2100-01-01T00:00:00Z"});
    let credentials = json!({"current": {"id": "b"}, "previous": previous});
    write(json!({"lastRotateRequest": request, "credentials": credentials, "binding": {"name": "robot-oidc"}})).await;
    let text = running.await.unwrap().good();
    let expected = [
        format!("… OidcClient {}/robot: rotation requested", own.name),
        "✓ the operator has acknowledged the request".to_owned(),
        "✓ the credentials b are current, in the Secret robot-oidc".to_owned(),
        "✓ the former credentials a are accepted until 2100-01-01T00:00:00Z (in 73y".to_owned(),
    ];
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{text}");
    for (line, expected) in lines.iter().zip(&expected) {
        assert!(line.starts_with(expected.as_str()), "{expected}\nin\n{text}");
    }
}

#[tokio::test]
async fn rotate_shows_how_a_key_comes_and_takes_over() {
    let own = namespace("rotate-key").await;
    let served = by(shared_operator(), &own);
    let quick = json!({"algorithm": "ES256", "rotation": {"every": "Never", "prePublish": "2s"}});
    let slow = json!({"algorithm": "RS256", "rotation": {"every": "Never", "prePublish": "1h"}});
    served.apply([served.realm(json!({"signing": {"defaultKeys": "None"}}))]).await;
    served.apply([served.child("SigningKey", "quick", quick), served.child("SigningKey", "slow", slow)]).await;
    let kid = |status: &Value| status["keys"][0]["kid"].as_str().unwrap().to_owned();
    let former = kid(&served.until_ready("SigningKey", "quick").await);
    served.until_ready("SigningKey", "slow").await;
    let shell = Shell::admin(&shared_cluster().plane);
    let rotate = |object: &str, more: &[&str]| shell.plugin(&[&["rotate", object, "-n", &own.name], more].concat());

    let text = rotate("signingkey/quick", &["--timeout", "60s"]).good();
    let new = kid(&own.get("SigningKey", "quick").await.unwrap()["status"]);
    assert_ne!(new, former);
    let mut lines = text.lines();
    for expected in [
        format!("… SigningKey {}/quick: rotation requested", own.name),
        "✓ the operator has acknowledged the request".into(),
        format!("… the key {new} is made, and in the JWKS of every replica "),
        format!("✓ the key {new} is published, and takes over "),
        format!("✓ the key {new} signs"),
        format!("✓ the key {former} has retired"),
    ] {
        let line = lines.find(|line| !line.is_empty()).unwrap_or_default();
        assert!(line.starts_with(&expected), "{expected}\nin\n{text}");
    }
    let tree = shell.plugin(&["status", &own.name, "-n", &own.name]).good();
    assert!(tree.contains(&format!("Active {new} (")) && tree.contains(&format!("Retired {former} (")), "{tree}");

    // Where it takes an hour, one is told and let go; who has said how long they wait is told that it is longer.
    let under_way = rotate("skey/slow", &["-o", "json"]).json();
    assert_eq!(under_way["outcome"], "UnderWay", "{under_way}");
    let late = rotate("skey/slow", &["--timeout", "10s"]);
    assert!(late.code == 1 && late.err.contains("which is later than --timeout allows"), "{late:?}");
}

#[tokio::test]
async fn rotate_shows_how_a_client_secret_is_replaced() {
    let own = namespace("rotate-secret").await;
    let served = by(shared_operator(), &own);
    let robot = json!({"grantTypes": ["client_credentials"], "redirectUris": []});
    let robot = served.child("OidcClient", "robot", robot);
    served.apply([served.realm(json!({})), robot]).await;
    let former = served.until_ready("OidcClient", "robot").await["credentials"]["current"]["id"].clone();
    let secret = |entries: &std::collections::BTreeMap<String, String>| entries["client-secret"].clone();
    let before = secret(&served.until_secret("robot-oidc").await);
    let shell = Shell::admin(&shared_cluster().plane);
    let done = shell.plugin(&["rotate", "oidcclient/robot", "-n", &own.name, "--timeout", "60s", "-o", "json"]).json();
    assert_eq!(done["outcome"], "Done", "{done}");
    let steps: Vec<_> = done["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["Requested", "Acknowledged", "CredentialsIssued", "FormerValidUntil"]);
    assert_eq!(done["steps"][3]["id"], former);
    let entries = served.until_secret("robot-oidc").await;
    assert_ne!(secret(&entries), before);
    assert_eq!(entries["client-secret-previous"], before);
    assert!(
        !done.to_string().contains(&before) && !done.to_string().contains(&secret(&entries)),
        "no secret is printed"
    );
    let tree = shell.plugin(&["status", &own.name, "-n", &own.name]).good();
    assert!(tree.contains("the former are valid for "), "{tree}");
}
