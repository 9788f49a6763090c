//! `kubectl realmkeeper token` as a process of its own, and a person whose browser follows what it prints.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, process::Stdio, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};
use url::Url;

use crate::{
    directory::demo,
    serve::{Serve, http},
    suite::{
        agent::Agent,
        relying_party::{peek, sign_in_at},
        served::{PASSWORD, Served},
    },
};

const LIMIT: Duration = Duration::from_secs(30);

/// A realm with Ada and the public client `kubectl`, and a person's home.
struct Desk {
    serve: Arc<Serve>,
    /// None after [`Self::end_the_provider`].
    served: Option<Served>,
    issuer: String,
    home: TempDir,
}

/// The command, waiting for a person.
struct Waiting {
    child: Child,
    url: String,
}

/// How it ended.
struct Ended {
    success: bool,
    out: String,
    err: String,
}

impl Desk {
    /// `client` is added to the spec of `kubectl`.
    async fn new(client: Value) -> Self {
        let serve = Arc::new(Serve::start(&[], &[]).await);
        let served = demo(&serve);
        served.apply_realm_with_ada().await;
        let mut spec = json!({"tokenEndpointAuthMethod": "none"});
        spec.as_object_mut().unwrap().extend(client.as_object().unwrap().clone());
        served.apply([served.client("kubectl", spec)]).await;
        served.until_ready("OidcClient", "kubectl").await;
        let issuer = served.issuer().await;
        Self { serve, served: Some(served), issuer, home: tempfile::tempdir().unwrap() }
    }

    fn served(&self) -> &Served {
        self.served.as_ref().unwrap()
    }

    fn end_the_provider(&mut self) {
        drop(self.served.take());
        Arc::get_mut(&mut self.serve).expect("nobody else has it").kill();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_realmkeeper"));
        command.args(["kubectl", "token", "--issuer", &self.issuer, "--no-browser"]).args(arguments);
        // Nothing of the machine's own: no kubeconfig, no proxy, no browser.
        command.env_clear().env("HOME", "/nonexistent").env("XDG_CACHE_HOME", self.home.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Starts it, and waits until it asks for a person.
    async fn begin(&self, arguments: &[&str]) -> Waiting {
        let mut child = self.command(arguments).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let url = timeout(LIMIT, async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.starts_with("http") {
                    return Some(line);
                }
                said.push(line);
            }
            None
        });
        let url = url.await.unwrap().unwrap_or_else(|| panic!("no address was printed: {said:?}"));
        child.stderr = Some(lines.into_inner().into_inner());
        Waiting { child, url }
    }

    /// Runs it where nobody is to be asked.
    async fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).spawn().unwrap()).await
    }

    /// Runs it with Ada at the browser.
    async fn sign_in(&self, arguments: &[&str]) -> String {
        let waiting = self.begin(arguments).await;
        waiting.answer(&self.served().browser()).await;
        waiting.ended().await.good()
    }

    fn entries(&self) -> Vec<std::path::PathBuf> {
        let folder = self.home.path().join("kubectl-realmkeeper");
        let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
        let files = files.map(|file| file.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect()
    }

    fn cached(&self) -> Value {
        let [entry] = <[_; 1]>::try_from(self.entries()).unwrap();
        serde_json::from_slice(&fs::read(entry).unwrap()).unwrap()
    }

    /// Makes what is cached an hour old, in the eyes of the command.
    fn age(&self) {
        let [entry] = <[_; 1]>::try_from(self.entries()).unwrap();
        let mut cached: Value = serde_json::from_slice(&fs::read(&entry).unwrap()).unwrap();
        cached["tokens"]["expires_in"] = 0.into();
        cached["tokens"].as_object_mut().unwrap().remove("id_token");
        fs::write(entry, cached.to_string()).unwrap();
    }
}

impl Waiting {
    /// Ada signs in and her browser goes where it is sent; the page that she sees.
    async fn answer(&self, browser: &Agent) -> String {
        let back = sign_in_at(browser, &self.url, "ada", PASSWORD).await;
        let answer = http().get(back.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{back}");
        answer.text().await.unwrap()
    }

    async fn ended(self) -> Ended {
        Ended::of(self.child).await
    }
}

impl Ended {
    async fn of(mut child: Child) -> Self {
        let (mut out, mut err) = (String::new(), String::new());
        let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let status = timeout(LIMIT, async {
            let (out, err) = tokio::join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err));
            assert!(out.is_ok() && err.is_ok());
            child.wait().await.unwrap()
        });
        let success = status.await.expect("the command comes to an end").success();
        Self { success, out, err }
    }

    #[track_caller]
    fn good(self) -> String {
        assert!(self.success, "{}", self.err);
        self.out
    }

    #[track_caller]
    fn refused(self, why: &str) -> String {
        assert!(!self.success && self.out.is_empty() && self.err.contains(why), "{}{}", self.out, self.err);
        self.err
    }
}

#[tokio::test]
async fn a_person_signs_in_once_and_the_cache_answers_after_that() {
    let mut desk = Desk::new(json!({})).await;
    let waiting = desk.begin(&["--scope", "openid email groups"]).await;
    let page = waiting.answer(&desk.served().browser()).await;
    assert!(page.contains("Signed in") && !page.contains("<script"), "{page}");
    let ended = waiting.ended().await;
    let token = ended.out.clone();
    assert!(ended.good().trim_end().split('.').count() == 3);
    assert_eq!(peek(token.trim_end())["client_id"], "kubectl");
    for path in desk.entries() {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path:?}");
    }
    let folder = fs::metadata(desk.home.path().join("kubectl-realmkeeper")).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);

    desk.end_the_provider();
    let scope = ["--scope", "groups openid email"];
    let answers = [
        desk.run(&scope).await.good(),
        desk.run(&[&scope[..], &["--id-token"]].concat()).await.good(),
        desk.run(&[&scope[..], &["-o", "json"]].concat()).await.good(),
        desk.run(&[&scope[..], &["--exec-credential"]].concat()).await.good(),
    ];
    assert_eq!(answers[0], token);
    let claims = peek(answers[1].trim_end());
    assert_eq!((&claims["aud"], &claims["groups"]), (&json!("kubectl"), &json!(["engineers"])));
    let whole: Value = serde_json::from_str(&answers[2]).unwrap();
    let names: BTreeSet<_> = whole.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"].into());
    let credential: Value = serde_json::from_str(&answers[3]).unwrap();
    assert_eq!(credential["apiVersion"], "client.authentication.k8s.io/v1");
    assert_eq!(credential["status"]["token"], answers[1].trim_end());
    let end: jiff::Timestamp = credential["status"]["expirationTimestamp"].as_str().unwrap().parse().unwrap();
    assert_eq!(claims["exp"], end.as_second());
    desk.age();
    desk.run(&scope).await.refused("can't be reached");
    assert_eq!(desk.entries().len(), 1, "a provider that is away is no reason to sign in anew");
}

#[tokio::test]
async fn an_expired_token_is_refreshed_and_the_rotated_refresh_token_is_kept() {
    let desk = Desk::new(json!({})).await;
    let first = desk.sign_in(&[]).await;
    let mut seen = BTreeSet::from([desk.cached()["tokens"]["refresh_token"].to_string()]);
    for _ in 0..3 {
        desk.age();
        let next = desk.run(&[]).await.good();
        assert_ne!(next, first);
        assert!(seen.insert(desk.cached()["tokens"]["refresh_token"].to_string()), "it rotates");
    }
    assert_eq!(peek(desk.run(&["--id-token"]).await.good().trim_end())["email"], "ada@example.com");
}

#[tokio::test]
async fn many_at_once_refresh_once_and_lose_no_refresh_token() {
    let desk = Desk::new(json!({})).await;
    desk.sign_in(&[]).await;
    desk.age();
    let runs: Vec<_> = (0..6).map(|_| desk.command(&[]).spawn().unwrap()).collect();
    let mut tokens = BTreeSet::new();
    for run in runs {
        tokens.insert(Ended::of(run).await.good());
    }
    assert_eq!(tokens.len(), 1, "one of them asked, for all");
    desk.age();
    desk.run(&[]).await.good();
}

#[tokio::test]
async fn a_revoked_refresh_token_leads_back_to_the_sign_in() {
    let desk = Desk::new(json!({})).await;
    let first = desk.sign_in(&[]).await;
    let party = desk.served().relying_party("kubectl").await;
    let refresh = desk.cached()["tokens"]["refresh_token"].as_str().unwrap().to_owned();
    assert!(party.revoke(&refresh).await.status.is_success());
    desk.age();
    let waiting = desk.begin(&[]).await;
    waiting.answer(&desk.served().browser()).await;
    assert_ne!(waiting.ended().await.good(), first);
    desk.age();
    desk.run(&[]).await.good();
}

#[tokio::test]
async fn logout_revokes_and_forgets() {
    let desk = Desk::new(json!({})).await;
    desk.sign_in(&[]).await;
    let refresh = desk.cached()["tokens"]["refresh_token"].as_str().unwrap().to_owned();
    let ended = desk.run(&["--logout"]).await;
    assert!(ended.err.contains("revoked and forgotten"), "{}", ended.err);
    assert_eq!(ended.good(), "");
    assert!(desk.entries().is_empty());
    let party = desk.served().relying_party("kubectl").await;
    party.refresh(&refresh).await.assert_error(400, "invalid_grant");
    assert!(desk.run(&["--logout"]).await.err.contains("nothing is cached"));
}

#[tokio::test]
async fn without_the_cache_nothing_is_read_and_nothing_is_left() {
    let desk = Desk::new(json!({})).await;
    let first = desk.sign_in(&["--no-cache"]).await;
    assert!(desk.entries().is_empty());
    assert_ne!(desk.sign_in(&["--no-cache"]).await, first);
}

#[tokio::test]
async fn an_error_of_the_provider_is_told_and_the_page_says_that_there_is_one() {
    let desk = Desk::new(json!({"scopes": ["openid"]})).await;
    // The provider sends the browser back at once.
    let waiting = desk.begin(&["--scope", "openid groups"]).await;
    let back = desk.served().browser().open(&waiting.url).await.away();
    let page = http().get(back).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Not signed in") && !page.contains("invalid_scope"), "{page}");
    waiting.ended().await.refused("invalid_scope: the client may not ask for the scope groups");

    // Nothing comes back where the client is not known: the command gives up in its time.
    let patience = ["--client-id", "nobody", "--login-timeout", "1"];
    desk.run(&patience).await.refused("nobody has signed in within 1 seconds");
}

#[tokio::test]
async fn an_answer_to_another_request_is_passed_over() {
    let desk = Desk::new(json!({})).await;
    let (first, second) = (desk.begin(&["--no-cache"]).await, desk.begin(&["--no-cache"]).await);
    let back = sign_in_at(&desk.served().browser(), &first.url, "ada", PASSWORD).await;
    let redirect = |waiting: &Waiting| {
        let url = Url::parse(&waiting.url).unwrap();
        url.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap().1.into_owned()
    };
    let forged = format!("{}?{}", redirect(&second), back.query().unwrap());
    assert_eq!(http().get(&forged).send().await.unwrap().status(), 400);
    assert_eq!(http().get(back).send().await.unwrap().status(), 200);
    first.ended().await.good();
    second.answer(&desk.served().browser()).await;
    second.ended().await.good();
}

#[tokio::test]
async fn an_issuer_that_is_not_there_or_not_itself_is_named() {
    let desk = Desk::new(json!({})).await;
    desk.run(&["--client-id", "x", "--certificate-authority", "/nonexistent"]).await.refused("/nonexistent");
    let nowhere = |issuer: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_realmkeeper"));
        command.args(["kubectl", "token", "--no-browser", "--issuer", issuer]).env_clear();
        command.env("XDG_CACHE_HOME", desk.home.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let other = format!("{}/realms/nobody", desk.served().public_url);
    Ended::of(nowhere(&other)).await.refused("404");
    Ended::of(nowhere("http://127.0.0.1:1")).await.refused("can't be reached");
    // The same realm under another name: its metadata say who it is.
    let alias = desk.issuer.replace("127.0.0.1", "localhost");
    Ended::of(nowhere(&alias)).await.refused("404");
}

#[tokio::test]
async fn nothing_secret_is_printed_where_it_does_not_belong() {
    let desk = Desk::new(json!({})).await;
    let waiting = desk.begin(&[]).await;
    waiting.answer(&desk.served().browser()).await;
    let ended = waiting.ended().await;
    let cached = desk.cached();
    for name in ["access_token", "id_token", "refresh_token"] {
        let token = cached["tokens"][name].as_str().unwrap();
        assert!(!ended.err.contains(token), "{name}");
    }
    // A cache that can't be written is no reason to have no token.
    let file = desk.home.path().join("file");
    fs::write(&file, "").unwrap();
    let mut child = desk.command(&[]);
    child.env("XDG_CACHE_HOME", &file);
    let mut waiting = child.spawn().unwrap();
    let mut lines = BufReader::new(waiting.stderr.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().unwrap();
    assert!(first.contains("going on without it"), "{first}");
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.starts_with("http") {
            let back = sign_in_at(&desk.served().browser(), &line, "ada", PASSWORD).await;
            http().get(back).send().await.unwrap();
            break;
        }
    }
    assert!(waiting.wait().await.unwrap().success());
}
