//! Back-Channel Logout 1.0 by section, against relying parties on loopback.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{MAX_REFUSALS, UnderWay};
use crate::{
    jose::{HmacAlgorithm, JwsAlgorithm, jwe::ContentEncryption},
    provider::{
        Provider,
        testing::{
            ClientBuilder, RealmBuilder, TestProvider, authorization,
            browser::{Browser, authorize, code},
            client, realm, secret_of, user, verified,
        },
    },
    realm::{ClientSecret, Encryption, JweKey},
    store::{Kind, MemoryStore, Store},
};

/// A relying party's `backchannel_logout_uri`.
#[derive(Clone)]
struct Rp {
    url: String,
    /// Media type and body of each request.
    heard: Arc<Mutex<Vec<(String, String)>>>,
    status: Arc<AtomicU16>,
    takes_millis: Arc<AtomicU64>,
}

impl Rp {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let rp = Self {
            url: format!("http://{}/logout", listener.local_addr().unwrap()),
            heard: Arc::default(),
            status: Arc::new(AtomicU16::new(200)),
            takes_millis: Arc::default(),
        };
        let own = rp.clone();
        let route = post(async move |headers: HeaderMap, body: Bytes| own.answer(&headers, &body).await);
        let router = Router::new().route("/logout", route.clone()).route("/elsewhere", route);
        tokio::spawn(async move { axum::serve(listener, router).await });
        rp
    }

    async fn answer(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        let kind = headers[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        self.heard.lock().unwrap().push((kind, String::from_utf8(body.to_vec()).unwrap()));
        tokio::time::sleep(Duration::from_millis(self.takes_millis.load(Ordering::SeqCst))).await;
        let status = StatusCode::from_u16(self.status.load(Ordering::SeqCst)).unwrap();
        (status, [(header::LOCATION, "/elsewhere")]).into_response()
    }

    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// The logout tokens that it was sent.
    fn tokens(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let token = |body: &str| {
            let form: Vec<_> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            assert!(matches!(&form[..], [(name, _)] if name == "logout_token"), "{form:?}");
            form[0].1.clone()
        };
        heard.iter().map(|(_, body)| token(body)).collect()
    }

    fn count(&self) -> usize {
        self.heard.lock().unwrap().len()
    }

    /// A client that is told here.
    fn client(&self, id: &str) -> ClientBuilder {
        client(id).with(|client| client.logout.backchannel_uri = Some(self.url.as_str().into()))
    }
}

fn staff() -> RealmBuilder {
    realm()
        .user(user("ada").password("hunter2"))
        .user(user("bob").password("hunter3"))
        .settings(|settings| settings.allowed_networks = vec!["127.0.0.0/8".parse().unwrap()])
}

/// A browser in which ada has used these clients.
async fn signed_in(at: &TestProvider, clients: &[&str]) -> Browser {
    let mut browser = Browser::new(at);
    let first = clients.first().copied().unwrap_or("app");
    browser.sign_in("ada", "hunter2", &[("client_id", first)]).await;
    for id in clients {
        code(&browser.load(&authorize(&[("client_id", id)])).await);
    }
    browser
}

async fn sign_out(browser: &mut Browser) {
    let page = browser.load("/logout").await;
    browser.submit(&page, &[("action", "sign-out")]).await;
}

/// Sends what is due now, and waits for what comes of it.
async fn deliver(at: &TestProvider) {
    deliver_by(&at.provider).await;
}

async fn deliver_by(provider: &Arc<Provider>) {
    let mut under_way = UnderWay::default();
    provider.send_due(&mut under_way).await.unwrap();
    under_way.all_ended().await;
}

async fn due(at: &TestProvider) -> usize {
    at.provider.store.due(Kind::LogoutDelivery, at.now() + SignedDuration::from_hours(2), 99).await.unwrap().len()
}

fn outcomes(at: &TestProvider, outcome: &str) -> u64 {
    let line = format!(r#"realmkeeper_logout_deliveries_total{{realm="identity/staff",outcome="{outcome}"}} "#);
    let text = at.provider.metrics.encode();
    text.lines().find_map(|known| known.strip_prefix(&line)).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn backchannel_2_4_a_logout_token_says_whose_session_has_ended_and_can_not_be_taken_for_an_id_token() {
    let rp = Rp::start().await;
    let staff = staff().client(rp.client("app")).serve();
    let mut browser = signed_in(&staff, &["app"]).await;
    let code = code(&browser.load(&authorize(&[("nonce", "n")])).await);
    let tokens = staff.redeem("app", &code).await.json();
    let id_token = verified(tokens["id_token"].as_str().unwrap()).1;
    sign_out(&mut browser).await;
    deliver(&staff).await;
    let [token] = &rp.tokens()[..] else { panic!("{:?}", rp.tokens()) };
    let (typ, claims) = verified(token);
    let now = staff.now().as_second();
    assert_eq!(typ, "logout+jwt");
    assert_eq!(claims["events"], json!({"http://schemas.openid.net/event/backchannel-logout": {}}));
    for name in ["iss", "sub", "aud", "sid"] {
        assert_eq!(claims[name], id_token[name], "{name}");
    }
    assert_eq!((claims["iat"].as_i64(), claims["exp"].as_i64()), (Some(now), Some(now + 120)));
    assert_eq!(claims["jti"].as_str().unwrap().len(), 43);
    let mut names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"], "and never a nonce");
    // Nor is it good as one here.
    let hint = browser.load(&format!("/logout?id_token_hint={token}")).await;
    assert_eq!(hint.status.as_u16(), 400);
}

#[tokio::test]
async fn backchannel_2_4_each_attempt_has_a_jti_of_its_own() {
    let rp = Rp::start().await;
    rp.answers(503);
    let staff = staff().client(rp.client("app")).serve();
    sign_out(&mut signed_in(&staff, &["app"]).await).await;
    deliver(&staff).await;
    staff.advance(Duration::from_secs(10));
    deliver(&staff).await;
    let jtis: Vec<_> = rp.tokens().iter().map(|token| verified(token).1["jti"].clone()).collect();
    assert!(jtis.len() == 2 && jtis[0] != jtis[1], "{jtis:?}");
}

/// `alg` of a compact JOSE header, and all of it.
fn header_of(token: &str) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn backchannel_2_4_and_2_6_it_is_protected_as_id_tokens_are_and_never_unsecured() {
    let rp = Rp::start().await;
    let with_secret = |client: ClientBuilder| {
        client.with(|client| {
            let secret = secret_of("a client whose secret is long enough for every algorithm that there is");
            let stored = ClientSecret::new("1", secret.as_bytes(), None).unwrap().with_value(secret.as_bytes());
            client.authentication.secrets = vec![stored];
        })
    };
    let signed = |id: &str, algorithm: &str| {
        let algorithm: JwsAlgorithm = algorithm.parse().unwrap();
        with_secret(rp.client(id)).with(|client| client.id_token.signing = Some(algorithm))
    };
    let encrypted = with_secret(rp.client("dir")).with(|client| {
        client.id_token.encryption = Some(Encryption { key: JweKey::Secret, content: ContentEncryption::A128CbcHs256 });
    });
    let staff = staff()
        .client(rp.client("plain"))
        .client(signed("rs", "RS256"))
        .client(signed("hs", HmacAlgorithm::Hs256.name()))
        .client(signed("unsecured", "none"))
        .client(encrypted)
        .serve();
    let ids = ["plain", "rs", "hs", "unsecured", "dir"];
    sign_out(&mut signed_in(&staff, &ids).await).await;
    deliver(&staff).await;
    let mut seen: Vec<_> = rp.tokens().iter().map(|token| header_of(token)).collect();
    seen.sort_by_key(|header| header["alg"].as_str().unwrap().to_owned());
    let algorithms: Vec<_> = seen.iter().map(|header| header["alg"].as_str().unwrap()).collect();
    assert_eq!(algorithms, ["ES256", "ES256", "HS256", "RS256", "dir"]);
    assert!(seen.iter().take(4).all(|header| header["typ"] == "logout+jwt"), "{seen:?}");
    assert_eq!(seen[4]["cty"], "JWT", "a token that is signed stands in it");
}

#[tokio::test]
async fn backchannel_2_5_every_client_of_the_session_that_has_registered_is_told_by_a_form_and_nobody_else() {
    let (one, two, never) = (Rp::start().await, Rp::start().await, Rp::start().await);
    let staff = staff()
        .client(one.client("one"))
        .client(two.client("two").pairwise("two.example"))
        .client(never.client("never"))
        .client(client("quiet"))
        .pairwise()
        .serve();
    let mut browser = signed_in(&staff, &["one", "two", "quiet"]).await;
    sign_out(&mut browser).await;
    deliver(&staff).await;
    assert_eq!((one.count(), two.count(), never.count()), (1, 1, 0));
    assert_eq!(one.heard.lock().unwrap()[0].0, "application/x-www-form-urlencoded");
    let [one, two] = [one, two].map(|rp| verified(&rp.tokens()[0]).1);
    assert_eq!((&one["aud"], &two["aud"]), (&json!("one"), &json!("two")));
    assert_eq!(one["sid"], two["sid"]);
    assert_eq!(one["sub"], "sub-ada");
    assert!(two["sub"] != "sub-ada" && two["sub"].as_str().unwrap().len() == 43, "its own name for her: {two}");
    assert_eq!((outcomes(&staff, "Delivered"), due(&staff).await), (2, 0));
}

#[tokio::test]
async fn a_sign_in_as_somebody_else_and_a_disabled_user_are_ends_of_a_session_too() {
    let rp = Rp::start().await;
    let staff = staff().client(rp.client("app")).serve();
    let mut browser = signed_in(&staff, &["app"]).await;
    staff.advance(Duration::from_secs(1));
    browser.sign_in("bob", "hunter3", &[("prompt", "login")]).await;
    deliver(&staff).await;
    assert_eq!(verified(&rp.tokens()[0]).1["sub"], "sub-ada");
    staff.publish(self::staff().user(user("bob").disabled()).client(rp.client("app")).build());
    browser.load(&authorize(&[("prompt", "none")])).await;
    deliver(&staff).await;
    assert_eq!(verified(&rp.tokens()[1]).1["sub"], "sub-bob");
}

#[tokio::test]
async fn backchannel_2_7_tokens_of_the_session_end_with_it_and_offline_access_survives() {
    let rp = Rp::start().await;
    let staff = staff().client(rp.client("app")).client(client("judge")).serve();
    let mut browser = signed_in(&staff, &["app"]).await;
    let mut tokens = Vec::new();
    for scope in ["openid email", "openid email offline_access"] {
        let code = code(&browser.load(&authorize(&[("scope", scope)])).await);
        tokens.push(staff.redeem("app", &code).await.json());
    }
    sign_out(&mut browser).await;
    for (tokens, lives) in tokens.iter().zip([false, true]) {
        let [access, refresh] = ["access_token", "refresh_token"].map(|name| tokens[name].as_str().unwrap());
        assert_eq!(staff.is_active("app", access).await, lives);
        assert_eq!(staff.is_active("app", refresh).await, lives);
        let bearer = format!("Bearer {access}");
        let userinfo = staff.get("/userinfo", &[("authorization", &bearer)]).await;
        assert_eq!(userinfo.status.as_u16(), if lives { 200 } else { 401 });
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        assert_eq!(staff.token("app", &form).await.status.as_u16(), if lives { 200 } else { 400 });
    }
}

#[tokio::test]
async fn a_code_that_is_not_redeemed_yet_ends_with_the_session() {
    let staff = staff().client(client("app")).serve();
    let mut browser = signed_in(&staff, &["app"]).await;
    let code = code(&browser.load(&authorize(&[])).await);
    sign_out(&mut browser).await;
    assert_eq!(staff.redeem("app", &code).await.error(), (400, "invalid_grant".into()));
}

#[tokio::test]
async fn backchannel_2_8_any_2xx_is_heard() {
    for status in [200, 202, 204] {
        let rp = Rp::start().await;
        rp.answers(status);
        let staff = staff().client(rp.client("app")).serve();
        sign_out(&mut signed_in(&staff, &["app"]).await).await;
        deliver(&staff).await;
        assert_eq!((rp.count(), due(&staff).await, outcomes(&staff, "Delivered")), (1, 0, 1), "{status}");
    }
}

#[tokio::test]
async fn backchannel_2_8_a_client_that_answers_400_is_asked_a_few_times_only() {
    let rp = Rp::start().await;
    rp.answers(400);
    let staff = staff().client(rp.client("app")).serve();
    sign_out(&mut signed_in(&staff, &["app"]).await).await;
    for _ in 0..10 {
        deliver(&staff).await;
        staff.advance(Duration::from_secs(3600));
    }
    assert_eq!((rp.count(), due(&staff).await), (MAX_REFUSALS as usize, 0));
    assert_eq!((outcomes(&staff, "Refused"), outcomes(&staff, "Failed")), (1, 2));
}

#[tokio::test]
async fn backchannel_2_5_what_fails_is_tried_again_ever_later_for_a_day() {
    let rp = Rp::start().await;
    let staff = staff().client(rp.client("app")).serve();
    for status in [500, 404, 302, 429] {
        rp.answers(status);
        let (before, failed) = (rp.count(), outcomes(&staff, "Failed"));
        sign_out(&mut signed_in(&staff, &["app"]).await).await;
        let began = staff.now();
        let mut attempts = Vec::new();
        while staff.now() < began + SignedDuration::from_hours(25) {
            deliver(&staff).await;
            if rp.count() > before + attempts.len() {
                attempts.push(staff.now().duration_since(began).as_secs());
            }
            staff.advance(Duration::from_secs(if attempts.len() < 8 { 5 } else { 30 }));
        }
        assert_eq!(attempts[..6], [0, 10, 30, 70, 150, 310], "{status}: a redirect is not followed either");
        assert!((31..=32).contains(&attempts.len()), "{attempts:?}");
        assert!(attempts.last().unwrap() < &86_400, "{attempts:?}");
        assert_eq!(outcomes(&staff, "Failed") - failed, attempts.len() as u64 - 1);
    }
    assert_eq!(outcomes(&staff, "GivenUp"), 4);
}

#[tokio::test]
async fn backchannel_2_5_a_client_that_comes_back_is_told_once() {
    let rp = Rp::start().await;
    rp.answers(503);
    let staff = staff().client(rp.client("app")).serve();
    sign_out(&mut signed_in(&staff, &["app"]).await).await;
    deliver(&staff).await;
    rp.answers(200);
    deliver(&staff).await;
    assert_eq!(rp.count(), 1, "not before its time");
    staff.advance(Duration::from_secs(10));
    deliver(&staff).await;
    assert_eq!((rp.count(), due(&staff).await), (2, 0));
}

#[tokio::test]
async fn an_address_that_the_realm_does_not_allow_is_never_asked() {
    let rp = Rp::start().await;
    let realm = staff().settings(|settings| settings.allowed_networks.clear());
    let staff = realm.client(rp.client("app")).serve();
    sign_out(&mut signed_in(&staff, &["app"]).await).await;
    deliver(&staff).await;
    assert_eq!((rp.count(), outcomes(&staff, "Failed")), (0, 1));
}

#[tokio::test]
async fn a_client_that_is_away_for_a_moment_is_told_later_and_one_that_is_another_now_never() {
    let rp = Rp::start().await;
    let staff = staff().client(rp.client("app")).serve();
    sign_out(&mut signed_in(&staff, &["app"]).await).await;
    staff.publish(self::staff().build());
    deliver(&staff).await;
    assert_eq!((rp.count(), due(&staff).await), (0, 1), "its manifest is being edited, say");
    staff.publish(self::staff().client(rp.client("app")).build());
    staff.advance(Duration::from_secs(10));
    deliver(&staff).await;
    assert_eq!((rp.count(), due(&staff).await), (1, 0));

    for other in [rp.client("app").anew(), client("app")] {
        staff.publish(self::staff().client(rp.client("app")).build());
        sign_out(&mut signed_in(&staff, &["app"]).await).await;
        staff.publish(self::staff().client(other).build());
        deliver(&staff).await;
        assert_eq!((rp.count(), due(&staff).await), (1, 0));
    }
    assert_eq!(outcomes(&staff, "Obsolete"), 2);
}

/// Another process over the same store, which has read its resources or not.
fn replica(of: &TestProvider, is_synced: bool) -> Arc<Provider> {
    let (store, now) = (of.provider.store.clone(), of.now());
    let registry = Arc::new(crate::realm::Registry::default());
    registry.update(|snapshot| {
        if is_synced {
            snapshot.insert(of.realm());
            snapshot.set_synced();
        }
    });
    Arc::new(Provider::new(registry, store, Arc::default(), Arc::default(), Arc::new(move || now)))
}

#[tokio::test]
async fn a_process_that_dies_in_the_middle_loses_none() {
    let rp = Rp::start().await;
    rp.takes_millis.store(60_000, Ordering::SeqCst);
    let staff = staff().client(rp.client("app")).serve();
    sign_out(&mut signed_in(&staff, &["app"]).await).await;
    let mut under_way = UnderWay::default();
    staff.provider.send_due(&mut under_way).await.unwrap();
    while rp.count() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(under_way);
    rp.takes_millis.store(0, Ordering::SeqCst);
    staff.advance(Duration::from_secs(10));
    deliver_by(&replica(&staff, false)).await;
    assert_eq!(rp.count(), 1, "who does not know the realm yet leaves it alone");
    deliver_by(&replica(&staff, true)).await;
    assert_eq!((rp.count(), due(&staff).await), (2, 0));
}

#[tokio::test]
async fn replicas_share_the_work_and_none_is_told_twice() {
    let rp = Rp::start().await;
    let ids: Vec<_> = (0..12).map(|n| format!("app-{n}")).collect();
    let staff = ids.iter().fold(staff(), |realm, id| realm.client(rp.client(id))).serve();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    sign_out(&mut signed_in(&staff, &ids).await).await;
    let replicas: Vec<_> = (0..4).map(|_| replica(&staff, true)).collect();
    futures::future::join_all(replicas.iter().map(deliver_by)).await;
    let mut told: Vec<_> = rp.tokens().iter().map(|token| verified(token).1["aud"].to_string()).collect();
    told.sort();
    told.dedup();
    assert_eq!((rp.count(), told.len(), due(&staff).await), (12, 12, 0));
}

#[tokio::test]
async fn backchannel_2_3_a_client_that_is_slow_keeps_neither_the_others_nor_the_person_waiting() {
    let (slow, quick) = (Rp::start().await, Rp::start().await);
    slow.takes_millis.store(60_000, Ordering::SeqCst);
    let staff = staff().client(slow.client("slow")).client(quick.client("quick")).serve();
    // So much for the slow one that it would fill every place.
    for _ in 0..40 {
        let mut browser = signed_in(&staff, &["slow"]).await;
        sign_out(&mut browser).await;
    }
    let stop = CancellationToken::new();
    let delivering = tokio::spawn(staff.provider.clone().deliver_logouts(stop.clone()));
    while slow.count() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut browser = signed_in(&staff, &["quick", "slow"]).await;
    let signed_out = tokio::time::timeout(Duration::from_secs(4), sign_out(&mut browser)).await;
    signed_out.expect("the person does not wait for any of them");
    let told = async {
        while quick.count() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(4), told).await.expect("the other client does not wait for the slow one");
    assert!(slow.count() <= 8, "{} at once to one client", slow.count());
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(10), delivering).await.expect("what is under way ends in time").unwrap();
}

#[tokio::test]
async fn the_worker_delivers_as_soon_as_a_session_ends_and_ends_what_is_under_way_when_it_stops() {
    let rp = Rp::start().await;
    rp.takes_millis.store(300, Ordering::SeqCst);
    let staff = staff().client(rp.client("app")).serve();
    let stop = CancellationToken::new();
    let delivering = tokio::spawn(staff.provider.clone().deliver_logouts(stop.clone()));
    sign_out(&mut signed_in(&staff, &["app"]).await).await;
    while rp.count() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.cancel();
    delivering.await.unwrap();
    assert_eq!((outcomes(&staff, "Delivered"), due(&staff).await), (1, 0));
}

#[tokio::test]
async fn a_delivery_that_makes_no_sense_is_thrown_away_and_the_rest_is_sent() {
    let rp = Rp::start().await;
    let store = Arc::new(MemoryStore::new());
    let staff = TestProvider::with_store(staff().client(rp.client("app")).build(), store.clone());
    sign_out(&mut signed_in(&staff, &["app"]).await).await;
    let [due] = &store.due(Kind::LogoutDelivery, staff.now(), 9).await.unwrap()[..] else { panic!() };
    let mut broken = due.clone();
    (broken.id, broken.payload) = (crate::store::IdHash::of("broken"), b"{".to_vec());
    let schedule = crate::store::Change::Schedule { kind: broken.kind, id: broken.id, due: staff.now() };
    store.commit(vec![crate::store::Change::Insert(broken), schedule], staff.now()).await.unwrap();
    deliver(&staff).await;
    assert_eq!((rp.count(), self::due(&staff).await), (1, 0));
}

#[tokio::test]
async fn the_end_of_a_grant_that_outlives_its_session_tells_nobody() {
    let rp = Rp::start().await;
    let staff = staff().client(rp.client("app")).serve();
    let tokens = staff.tokens(authorization("app", "ada", "openid offline_access")).await;
    staff.post_as("app", "/revoke", &[("token", tokens["refresh_token"].as_str().unwrap())]).await;
    deliver(&staff).await;
    assert_eq!(rp.count(), 0);
}
