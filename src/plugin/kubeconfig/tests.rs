use kube::config::{ExecInteractiveMode, Kubeconfig};
use serde_json::{Value, json};

use super::{
    KubeconfigFile, Login,
    document::{Cluster, ExecUser, Named},
    suits,
};
use crate::api::OidcClientSpec;

fn login() -> Login {
    Login {
        issuer: "https://id.example.com/realms/staff".into(),
        client_id: "kubectl".into(),
        scope: "openid email groups".into(),
        certificate_authority: None,
    }
}

fn user(login: &Login) -> Named<ExecUser> {
    Named { name: "staff".into(), entry: ExecUser::of(login) }
}

fn read(file: &KubeconfigFile) -> Kubeconfig {
    Kubeconfig::from_yaml(&serde_saphyr::to_string(file).unwrap()).unwrap()
}

#[test]
fn the_user_is_a_credential_plugin_without_any_secret() {
    let login = Login { certificate_authority: Some("/etc/my ca.pem".into()), ..login() };
    let file = read(&KubeconfigFile::of_user(user(&login)));
    let exec = file.auth_infos[0].auth_info.clone().unwrap().exec.unwrap();
    assert_eq!(exec.api_version.as_deref(), Some("client.authentication.k8s.io/v1"));
    assert_eq!(exec.command.as_deref(), Some("kubectl-realmkeeper"));
    assert_eq!(exec.interactive_mode, Some(ExecInteractiveMode::IfAvailable));
    assert!(!exec.provide_cluster_info);
    let expected = [
        "token",
        "--issuer=https://id.example.com/realms/staff",
        "--client-id=kubectl",
        "--scope=openid email groups",
        "--certificate-authority=/etc/my ca.pem",
        "--exec-credential",
    ];
    assert_eq!(exec.args.unwrap(), expected);
    assert!(file.clusters.is_empty() && file.contexts.is_empty() && file.current_context.is_none());
}

#[test]
fn the_arguments_are_those_of_the_command_token() {
    let file = read(&KubeconfigFile::of_user(user(&login())));
    let args = file.auth_infos[0].auth_info.clone().unwrap().exec.unwrap().args.unwrap();
    let line = std::iter::once("kubectl-realmkeeper".to_owned()).chain(args);
    let parsed = <crate::plugin::Standalone as clap::Parser>::try_parse_from(line).unwrap();
    let crate::plugin::arguments::Command::Token(options) = parsed.arguments.command else { panic!() };
    assert!(options.exec_credential);
}

#[test]
fn the_whole_file_names_the_cluster_and_is_in_use() {
    let cluster = Cluster {
        server: "https://api.example.com:6443".into(),
        certificate_authority_data: Some("UEVN".into()),
        insecure_skip_tls_verify: false,
        tls_server_name: None,
        proxy_url: Some("http://proxy.example.com".into()),
    };
    let file = read(&KubeconfigFile::whole(Named { name: "prod".into(), entry: cluster }, user(&login())));
    assert_eq!(file.current_context.as_deref(), Some("staff"));
    let context = file.contexts[0].context.clone().unwrap();
    assert_eq!((&*file.contexts[0].name, &*context.cluster, context.user.as_deref()), ("staff", "prod", Some("staff")));
    let cluster = file.clusters[0].cluster.clone().unwrap();
    assert_eq!(cluster.server.as_deref(), Some("https://api.example.com:6443"));
    assert_eq!(cluster.certificate_authority_data.as_deref(), Some("UEVN"));
    assert_eq!(cluster.proxy_url.as_deref(), Some("http://proxy.example.com"));
    assert_eq!(cluster.insecure_skip_tls_verify, None);
}

fn client(rest: Value) -> OidcClientSpec {
    let mut spec = json!({"realmRef": {"name": "staff"}});
    spec.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    serde_json::from_value(spec).unwrap()
}

#[test]
fn a_client_that_kubectl_can_be_raises_no_doubts() {
    let good = client(json!({
        "tokenEndpointAuthMethod": "none",
        "redirectUris": ["http://127.0.0.1/callback"],
        "scopes": ["openid", "email", "groups", "profile"],
    }));
    assert_eq!(suits::doubts(&good), Vec::<String>::new());
    assert_eq!(suits::scopes(&good), "openid email groups");
}

#[test]
fn what_will_not_work_is_said_before() {
    let bad = client(json!({"redirectUris": ["https://app.example.com/callback", "http://127.0.0.1/other"]}));
    let doubts = suits::doubts(&bad).join("\n");
    for said in ["not public", "http://127.0.0.1/callback", "scope groups"] {
        assert!(doubts.contains(said), "{said}: {doubts}");
    }
    assert_eq!(suits::scopes(&bad), "openid email offline_access");
    let robot = client(json!({"scopes": ["reports"]}));
    let doubts = suits::doubts(&robot).join("\n");
    assert!(doubts.contains("authorization_code") && doubts.contains("scope openid"), "{doubts}");
}
