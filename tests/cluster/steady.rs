//! Rotation under load: nobody who does as he is told notices it. Three replicas behind one public URL answer token requests in
//! turn, while keys and client secrets are rotated one after the other.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use jsonwebtoken::{DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::{sync::Mutex as AsyncMutex, task::JoinSet, time::sleep};

use crate::{
    control_plane::{Namespace, process::free_port, wait::eventually},
    harness::{Cluster, Operator, OperatorOptions, SOON},
};

/// Rotations of each sort.
const ROTATIONS: usize = 10;
/// One request in so much time.
const PACE: Duration = Duration::from_millis(20);
/// A Secret that is mounted into a pod is seen late: by then every replica knows it.
const SECRET_SEEN_AFTER: Duration = Duration::from_secs(1);
/// Longer than any test.
const EVER: Duration = Duration::from_secs(3600);
/// A resource server sees a token again so much later, well within the five seconds that it is valid for.
const SEEN_AGAIN: Duration = Duration::from_secs(3);

/// What the consumer of tokens does: by default as it is told.
#[derive(Clone, Copy)]
struct Manners {
    /// It keeps the first JWK Set that it gets.
    hoards_keys: bool,
    /// It never reads its Secret again.
    hoards_secret: bool,
}

const GOOD: Manners = Manners { hoards_keys: false, hoards_secret: false };

/// A JWK Set, and until when it is not asked for again.
type Cached = Option<(JwkSet, Instant)>;

/// A client and a resource server in one, and what befell them.
struct Consumer {
    http: reqwest::Client,
    replicas: Vec<String>,
    host: String,
    credentials: Mutex<(String, String)>,
    jwks: AsyncMutex<Cached>,
    manners: Manners,
    requests: AtomicUsize,
    fetches: AtomicUsize,
    stop: AtomicBool,
    failures: Mutex<Vec<String>>,
}

impl Consumer {
    async fn of(namespace: &Namespace, replicas: &[Operator], manners: Manners) -> Arc<Self> {
        Arc::new(Self {
            http: reqwest::Client::new(),
            replicas: replicas.iter().map(|replica| replica.address.clone()).collect(),
            host: replicas[0].url.trim_start_matches("http://").to_owned(),
            credentials: Mutex::new(credentials(namespace).await),
            jwks: AsyncMutex::default(),
            manners,
            requests: AtomicUsize::new(0),
            fetches: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            failures: Mutex::default(),
        })
    }

    /// Starts the load; it ends with [`Self::end`].
    fn start(self: &Arc<Self>, namespace: &Namespace) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let (load, reader, namespace) = (self.clone(), self.clone(), namespace.clone());
        tasks.spawn(async move {
            let mut pace = tokio::time::interval(PACE);
            let mut under_way = JoinSet::new();
            for number in 0.. {
                pace.tick().await;
                if load.stop.load(Ordering::Relaxed) {
                    break;
                }
                let one = load.clone();
                under_way.spawn(async move { one.request(number).await });
            }
            under_way.join_all().await;
        });
        tasks.spawn(async move {
            while !reader.stop.load(Ordering::Relaxed) && !reader.manners.hoards_secret {
                let seen = credentials(&namespace).await;
                sleep(SECRET_SEEN_AFTER).await;
                *reader.credentials.lock().unwrap() = seen;
            }
        });
        tasks
    }

    async fn request(&self, number: usize) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let outcome = async {
            let token = self.token(&self.replicas[number % self.replicas.len()]).await?;
            self.verify(&token).await.map_err(|error| format!("a fresh token: {error}"))?;
            // One in five is seen again, so that keys that retired meanwhile are needed too.
            if number.is_multiple_of(5) {
                sleep(SEEN_AGAIN).await;
                self.verify(&token).await.map_err(|error| format!("a token seen again: {error}"))?;
            }
            Ok::<_, String>(())
        };
        if let Err(error) = outcome.await {
            self.failures.lock().unwrap().push(error);
        }
    }

    async fn token(&self, replica: &str) -> Result<String, String> {
        let (id, secret) = self.credentials.lock().unwrap().clone();
        let request = self.http.post(format!("{replica}/realms/staff/token")).header("host", &self.host);
        let request =
            request.basic_auth(&id, Some(&secret)).header("content-type", "application/x-www-form-urlencoded");
        let request = request.body("grant_type=client_credentials");
        let answer = request.send().await.map_err(|error| format!("{replica}: {error}"))?;
        let (status, body) = (answer.status(), answer.json::<Value>().await.unwrap_or_default());
        let token = body["access_token"].as_str().filter(|_| status.is_success());
        token.map(str::to_owned).ok_or_else(|| format!("{replica}: {status} {}", body["error"]))
    }

    /// By the cached keys, whatever the token says: an unknown `kid` is no reason to ask for them again.
    async fn verify(&self, token: &str) -> Result<(), String> {
        let kid = decode_header(token).map_err(|error| error.to_string())?.kid.ok_or("no kid")?;
        let mut cached = self.jwks.lock().await;
        if cached.as_ref().is_none_or(|(_, until)| *until <= Instant::now()) {
            *cached = Some(self.fetch().await?);
        }
        let (jwks, until) = cached.as_ref().unwrap();
        let left = until.saturating_duration_since(Instant::now());
        let key = jwks.find(&kid).ok_or_else(|| format!("the key {kid} is not in the JWK Set ({left:?} left)"))?;
        let mut validation = Validation::new(jsonwebtoken::Algorithm::ES256);
        validation.validate_aud = false;
        validation.leeway = 1;
        let key = DecodingKey::from_jwk(key).map_err(|error| error.to_string())?;
        decode::<Value>(token, &key, &validation).map(drop).map_err(|error| error.to_string())
    }

    async fn fetch(&self) -> Result<(JwkSet, Instant), String> {
        let number = self.fetches.fetch_add(1, Ordering::Relaxed);
        // Any of them, and another than would have been next: whoever answers must know the keys of all.
        let replica = &self.replicas[(number * 7 + number / 3) % self.replicas.len()];
        let request = self.http.get(format!("{replica}/realms/staff/jwks")).header("host", &self.host);
        let answer = request.send().await.map_err(|error| format!("{replica}: {error}"))?;
        let age = answer.headers()["cache-control"].to_str().unwrap().rsplit_once("max-age=").unwrap().1.to_owned();
        let age = if self.manners.hoards_keys { EVER } else { Duration::from_secs(age.parse().unwrap()) };
        let until = Instant::now() + age;
        Ok((answer.json().await.map_err(|error| error.to_string())?, until))
    }

    /// Ends the load and gives what went wrong.
    async fn end(&self, tasks: JoinSet<()>) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        tasks.join_all().await;
        std::mem::take(&mut self.failures.lock().unwrap())
    }
}

/// `client-id` and `client-secret`, as they stand.
async fn credentials(namespace: &Namespace) -> (String, String) {
    let mut entries = namespace.secret("robot-oidc", SOON).await;
    (entries.remove("client-id").unwrap(), entries.remove("client-secret").unwrap())
}

/// Asks for a rotation and waits until it is answered.
async fn rotate(namespace: &Namespace, kind: &str, name: &str, request: &str) {
    let annotation = json!({"metadata": {"annotations": {"realmkeeper.dev/rotate": request}}});
    namespace.dynamic(kind).patch(name, &PatchParams::default(), &Patch::Merge(annotation)).await.unwrap();
    namespace.until(kind, name, SOON, |object| (object["status"]["lastRotateRequest"] == request).then_some(())).await;
}

fn active(ring: &Value) -> Option<String> {
    let keys = ring["status"]["keys"].as_array()?;
    keys.iter().find(|key| key["state"] == "Active")?["kid"].as_str().map(str::to_owned)
}

/// Rotates the key so many times; each signs before the next is asked for.
async fn rotate_keys(namespace: Namespace, times: usize) {
    for number in 0..times {
        let before = active(&namespace.get("SigningKey", "ring").await.unwrap());
        rotate(&namespace, "SigningKey", "ring", &format!("{number}-{}", jiff::Timestamp::now())).await;
        let takes_over = |ring: &Value| active(ring).filter(|kid| Some(kid) != before.as_ref());
        namespace.until("SigningKey", "ring", SOON, takes_over).await;
    }
}

/// Rotates the client's secret so many times; each time the overlap is waited for, as a person would.
async fn rotate_secrets(namespace: Namespace, times: usize) {
    for number in 0..times {
        let before = credentials(&namespace).await;
        rotate(&namespace, "OidcClient", "robot", &format!("{number}-{}", jiff::Timestamp::now())).await;
        assert_ne!(credentials(&namespace).await, before, "the secret is another");
        let is_over = |client: &Value| client["status"]["credentials"]["previous"].is_null().then_some(());
        namespace.until("OidcClient", "robot", SOON, is_over).await;
    }
}

/// Tokens live for five seconds, so that keys are removed within the test too.
fn manifests() -> String {
    let object = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    let realm = json!({"name": "staff"});
    let lifetimes = json!({"accessToken": "5s", "idToken": "5s"});
    let objects = [
        object("Realm", "staff", json!({"tokens": lifetimes, "signing": {"defaultKeys": "None"}})),
        object(
            "SigningKey",
            "ring",
            json!({"realmRef": realm, "algorithm": "ES256", "rotation": {"prePublish": "2s"}}),
        ),
        object(
            "OidcClient",
            "robot",
            json!({
                "realmRef": realm,
                "grantTypes": ["client_credentials"],
                "credentials": {"secret": {"rotation": {"every": "90d", "overlap": "4s"}}},
            }),
        ),
    ];
    objects.map(|object| object.to_string()).join("\n---\n")
}

async fn three_replicas(cluster: &Cluster) -> Vec<Operator> {
    let public_url = Some(format!("http://127.0.0.1:{}", free_port()));
    let options = OperatorOptions { public_url, ..Default::default() };
    let mut replicas = Vec::new();
    for name in ["first", "second", "third"] {
        replicas.push(cluster.operator(name, options.clone()).await);
    }
    replicas
}

/// In the end: a consumer that keeps keys longer than it was told refuses good tokens, and one that never looks at its Secret again
/// is refused. So what is shown of the good one is no accident.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_rotations_of_keys_and_secrets_go_unnoticed_by_whoever_caches_as_he_is_told() {
    let cluster = Cluster::start().await;
    let replicas = three_replicas(&cluster).await;
    let namespace = Namespace::create(&cluster.plane, "steady", json!({})).await;
    namespace.apply(&manifests());
    namespace.wait_for("Ready", &["realm/staff", "signingkey/ring", "oidcclient/robot"], SOON);
    let probe = Consumer::of(&namespace, &replicas, GOOD).await;
    for replica in &probe.replicas {
        eventually("a token", SOON, || probe.token(replica)).await;
    }

    let consumer = Consumer::of(&namespace, &replicas, GOOD).await;
    let load = consumer.start(&namespace);
    tokio::join!(rotate_keys(namespace.clone(), ROTATIONS), rotate_secrets(namespace.clone(), ROTATIONS));
    sleep(SEEN_AGAIN).await;
    let failures = consumer.end(load).await;
    let (requests, fetches) = (consumer.requests.load(Ordering::Relaxed), consumer.fetches.load(Ordering::Relaxed));
    assert!(
        failures.is_empty(),
        "{} of {requests} requests failed: {:#?}",
        failures.len(),
        &failures[..failures.len().min(20)]
    );
    assert!(requests > 500 && fetches > ROTATIONS, "{requests} requests, {fetches} fetches of the JWK Set");

    // One each: a consumer whose secret is refused gets no token of a new key.
    let (keys, secret) = (Manners { hoards_keys: true, ..GOOD }, Manners { hoards_secret: true, ..GOOD });
    let hoards_keys = Consumer::of(&namespace, &replicas, keys).await;
    let hoards_secret = Consumer::of(&namespace, &replicas, secret).await;
    let loads = [&hoards_keys, &hoards_secret].map(|greedy| greedy.start(&namespace));
    let has_keys = || async { hoards_keys.jwks.lock().await.is_some().then_some(()).ok_or("no JWK Set yet") };
    eventually("it has keys to hoard", SOON, has_keys).await;
    tokio::join!(rotate_keys(namespace.clone(), 1), rotate_secrets(namespace.clone(), 1));
    sleep(Duration::from_secs(1)).await;
    let [first, second] = loads;
    for (greedy, load, expected) in
        [(&hoards_keys, first, "is not in the JWK Set"), (&hoards_secret, second, "invalid_client")]
    {
        let failures = greedy.end(load).await;
        let (count, some) = (failures.len(), failures.first());
        let are_expected = count > 0 && failures.iter().all(|failure| failure.contains(expected));
        assert!(are_expected, "{expected} was expected of {count} failures: {some:?}");
    }
}
