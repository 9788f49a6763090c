//! The suite over a directory of manifests, and what holds of a directory only.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    control_plane::wait::{eventually, throughout},
    serve::{Serve, http},
    suite::{
        agent::Landing,
        conformance,
        served::{Resources, Served},
    },
};

conformance!(served);

/// A fresh process that serves an empty directory.
async fn served(rule: &str) -> Served {
    let serve = Serve::start(&[], &[]).await;
    let (public_url, realm) = (serve.public_url.clone(), rule.replace('_', "-").chars().take(40).collect::<String>());
    Served {
        resources: Box::new(Directory(Arc::new(serve))),
        realm: realm.trim_end_matches('-').to_owned(),
        public_url,
        http: http(),
    }
}

/// One file an object.
pub struct Directory(pub Arc<Serve>);

#[async_trait]
impl Resources for Directory {
    async fn apply(&self, object: &Value) {
        let file = file_of(object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        self.0.write(&file, &serde_saphyr::to_string(object).unwrap());
    }

    async fn delete(&self, kind: &str, name: &str) {
        self.0.remove(&file_of(kind, name));
    }

    async fn status(&self, kind: &str, name: &str) -> Option<Value> {
        status(&self.0, kind, name)
    }

    async fn secret(&self, name: &str) -> Option<BTreeMap<String, String>> {
        secret(&self.0, name)
    }
}

fn file_of(kind: &str, name: &str) -> String {
    format!("{kind}/{name}.yaml")
}

fn status(serve: &Serve, kind: &str, name: &str) -> Option<Value> {
    let written = serve.written(&format!("status/{kind}/default/{name}.yaml"))?;
    Some(written.get("status").cloned().unwrap_or(written))
}

fn secret(serve: &Serve, name: &str) -> Option<BTreeMap<String, String>> {
    let secret = serve.written(&format!("secrets/default/{name}.yaml"))?;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let decode = |value: &Value| String::from_utf8(BASE64_STANDARD.decode(text(value)).unwrap()).unwrap();
    let data = secret["data"].as_object().into_iter().flatten().map(|(key, value)| (key.clone(), decode(value)));
    let plain = secret["stringData"].as_object().into_iter().flatten().map(|(key, value)| (key.clone(), text(value)));
    Some(data.chain(plain).collect())
}

const REALM: &str =
    "apiVersion: realmkeeper.dev/v1alpha1\nkind: Realm\nmetadata: {name: demo}\nspec: {displayName: Demo}\n";
const CLIENT: &str = "apiVersion: realmkeeper.dev/v1alpha1
kind: OidcClient
metadata: {name: web}
spec:
  realmRef: {name: demo}
  redirectUris: [\"http://127.0.0.1/callback\"]
";

/// The Realm `demo` of a directory, as the suite sees it.
pub fn demo(serve: &Arc<Serve>) -> Served {
    let public_url = serve.public_url.clone();
    Served { resources: Box::new(Directory(serve.clone())), realm: "demo".into(), public_url, http: http() }
}

#[tokio::test]
async fn generated_secrets_are_private_and_stay_over_a_restart() {
    let mut serve = Serve::start(&[("all.yaml", &format!("{REALM}---\n{CLIENT}"))], &[]).await;
    let written = async |serve: &Serve| {
        eventually("the client's Secret", Duration::from_secs(10), || async {
            secret(serve, "web-oidc").ok_or("not there")
        })
        .await
    };
    let before = written(&serve).await;
    let folder = serve.manifests().join(".realmkeeper/secrets/default");
    let names = || {
        let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let names_before = names();
    assert_eq!(names_before.len(), 3, "two keys and the client's: {names_before:?}");
    for name in &names_before {
        let mode = fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name:?}");
    }
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o077, 0, "nobody else looks into the folder");
    let keys = |serve: &Serve| reqwest::get(format!("{}/realms/demo/jwks", serve.public_url));
    let keys_before: Value = keys(&serve).await.unwrap().json().await.unwrap();
    serve.restart().await;
    assert_eq!(written(&serve).await, before);
    assert_eq!(keys(&serve).await.unwrap().json::<Value>().await.unwrap(), keys_before);
    assert_eq!(names(), names_before);
    for secret in [&before["client-secret"], "analytical-engine"] {
        assert!(!serve.log().contains(secret), "a secret in the log");
    }
}

#[tokio::test]
async fn a_broken_file_leaves_the_last_good_state_served_and_is_reported_with_its_line() {
    let serve = Serve::start(&[("realm.yaml", REALM), ("client.yaml", CLIENT)], &[]).await;
    let log = || serve.process.as_ref().unwrap().log();
    let discovery = format!("{}/realms/demo/.well-known/openid-configuration", serve.public_url);
    let authorize = format!(
        "{}/realms/demo/authorize?response_type=code&client_id=web&redirect_uri=http://127.0.0.1:7/callback&scope=openid\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
        serve.public_url
    );
    let serves = async || {
        let (realm, client) =
            (http().get(&discovery).send().await.unwrap(), http().get(&authorize).send().await.unwrap());
        match realm.status().is_success() && !client.status().is_client_error() {
            true => Ok(()),
            false => Err((realm.status(), client.status())),
        }
    };
    eventually("the client is served", Duration::from_secs(10), serves).await;
    for (broken, line) in [
        (
            "# half a file\napiVersion: realmkeeper.dev/v1alpha1\nkind: OidcClient\nmetadata: {name: web}\nspec:\n  realmRef: {name: demo\n",
            6,
        ),
        (
            "apiVersion: realmkeeper.dev/v1alpha1\nkind: OidcClient\nmetadata: {name: web}\nspec:\n  realmRef: {name: demo}\n  redirectUris: 7\n",
            6,
        ),
        (
            "apiVersion: realmkeeper.dev/v1alpha1\nkind: OidcClient\nmetadata: {name: web}\nspec:\n  realmRef: {name: demo}\n  redirectUris: [\"ftp://x/\"]\n",
            6,
        ),
    ] {
        let before = log().len();
        serve.write("client.yaml", broken);
        eventually("the report", Duration::from_secs(5), || async {
            let said = log()[before..].to_owned();
            said.contains(&format!("client.yaml:{line}")).then_some(()).ok_or(said)
        })
        .await;
        throughout("the last good state is served", Duration::from_millis(700), serves).await;
    }
    serve.write("client.yaml", &CLIENT.replace("/callback", "/moved"));
    eventually("the mended file is live", Duration::from_secs(1), || async {
        serves().await.map_or(Ok(()), |()| Err("the former redirect URI is still served"))
    })
    .await;
}

#[tokio::test]
async fn a_removed_file_ends_all_of_its_objects() {
    let serve = Serve::start(
        &[("realm.yaml", REALM), ("more/clients.yaml", &format!("{CLIENT}---\n{}", CLIENT.replace("web", "wiki")))],
        &[],
    )
    .await;
    let serve = Arc::new(serve);
    let served = demo(&serve);
    let (web, wiki) = (served.relying_party("web").await, served.relying_party("wiki").await);
    fs::remove_dir_all(serve.manifests().join("more")).unwrap();
    for client in [web, wiki] {
        eventually("the client is gone", Duration::from_secs(2), || async {
            match served.browser().open(&client.attempt("openid", &[]).url).await {
                Landing::Page(page) if page.status == 400 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }
    eventually("the end of its Secret and status", Duration::from_secs(5), || async {
        let left = (secret(&serve, "web-oidc"), status(&serve, "OidcClient", "web"));
        (left == (None, None)).then_some(()).ok_or(left)
    })
    .await;
}

#[tokio::test]
async fn statuses_speak_of_objects_that_are_there() {
    let serve = Serve::start(&[("realm.yaml", REALM), ("client.yaml", CLIENT)], &[]).await;
    let written = eventually("the client's status", Duration::from_secs(10), || async {
        let status = status(&serve, "OidcClient", "web").unwrap_or_default();
        let ready = status["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|c| c["type"] == "Ready" && c["status"] == "True");
        ready.then(|| status.clone()).ok_or(status)
    })
    .await;
    assert_eq!(written["clientId"], json!("web"));
    let path = serve.manifests().join(".realmkeeper/status/OidcClient/default/web.yaml");
    let modified = || fs::metadata(&path).unwrap().modified().unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = modified();
    serve.write("realm.yaml", &format!("{REALM}# a comment changes nothing\n"));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(modified(), before, "a status is written only when it differs");
}
