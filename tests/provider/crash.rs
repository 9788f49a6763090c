//! `kill -9` in the middle of refresh rotations on SQLite: nothing that was acknowledged is lost, and nothing is valid twice.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::rand;
use realmkeeper::store;
use reqwest::header;
use serde_json::{Value, json};
use tokio::{sync::Mutex, task::JoinSet};

use crate::{
    directory::demo,
    serve::Serve,
    suite::{
        relying_party::{RelyingParty, random, sign_in_at},
        served::PASSWORD,
    },
};

const FAMILIES: usize = 200;
const KILLS: usize = 5;

/// The refresh tokens of one sign-in that its client has got, the newest last.
type Family = Arc<Mutex<Vec<String>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotations_survive_kill_nine() {
    let mut serve = Serve::start(&[], &[]).await;
    let database = serve.manifests().join(".realmkeeper/store.sqlite");
    let shared = Arc::new(serve);
    let app = Arc::new(app(&shared).await);
    serve = Arc::into_inner(shared).expect("the only owner");
    let families = sign_in(&app).await;
    let acknowledged = Arc::new(AtomicUsize::new(0));

    for round in 0..KILLS {
        let before = acknowledged.load(Ordering::Relaxed);
        let rotating = rotate(&app, &families, &acknowledged);
        // At random moments, once the rotations are under way.
        while acknowledged.load(Ordering::Relaxed) < before + FAMILIES / 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut moment = [0];
        rand::fill(&mut moment).unwrap();
        tokio::time::sleep(Duration::from_millis(moment[0].into())).await;
        serve.kill();
        let cut = rotating.join_all().await.into_iter().filter(|cut| *cut).count();
        assert!(cut >= FAMILIES / 10, "round {round}: only {cut} rotations were in flight");
        let valid = valid_tokens(&database);
        assert_eq!(valid.len(), FAMILIES, "round {round}: a family is lost");
        assert!(valid.values().all(|count| *count == 1), "round {round}: valid twice: {valid:?}");
        serve.restart().await;
    }

    // The last acknowledged token of each family works: it is the valid one, or a retry within the reuse interval.
    let mut last = JoinSet::new();
    for family in families {
        let app = app.clone();
        last.spawn(async move { recover(&app, &family.lock().await).await });
    }
    last.join_all().await;
}

/// A public client (its refresh tokens rotate) in a realm with a reuse interval.
async fn app(serve: &Arc<Serve>) -> RelyingParty {
    let served = demo(serve);
    served.apply([served.realm(json!({"tokens": {"refreshToken": {"reuseInterval": "60s"}}}))]).await;
    served.apply_ada().await;
    served.with_client("app", json!({"tokenEndpointAuthMethod": "none"})).await
}

/// One sign-in with the password, the others from the session: each is a family of its own.
async fn sign_in(app: &RelyingParty) -> Vec<Family> {
    let browser = crate::suite::agent::Agent::new(app.http.clone());
    let mut families = Vec::new();
    for index in 0..FAMILIES {
        let attempt = app.attempt("openid offline_access", &[]);
        let back = match index {
            0 => sign_in_at(&browser, &attempt.url, "ada", PASSWORD).await,
            _ => browser.open(&attempt.url).await.away(),
        };
        let answer = app.redeem(&attempt, &app.code(&attempt, &back)).await;
        families.push(Arc::new(Mutex::new(vec![answer.text("refresh_token")])));
    }
    families
}

/// Rotates every family over and over until the connection breaks; each task tells whether that was in the middle of a request.
fn rotate(app: &Arc<RelyingParty>, families: &[Family], acknowledged: &Arc<AtomicUsize>) -> JoinSet<bool> {
    let mut tasks = JoinSet::new();
    for family in families {
        let (app, family, acknowledged) = (app.clone(), family.clone(), acknowledged.clone());
        tasks.spawn(async move {
            let mut tokens = family.lock().await;
            loop {
                match request(&app, tokens.last().unwrap()).await {
                    Ok((status, body)) => {
                        assert_eq!(status, 200, "an acknowledged token is refused: {body}");
                        tokens.push(body["refresh_token"].as_str().unwrap().to_owned());
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                    // Not even connected: nothing was in flight.
                    Err(error) => return !error.is_connect(),
                }
            }
        });
    }
    tasks
}

async fn request(app: &RelyingParty, token: &str) -> reqwest::Result<(u16, Value)> {
    let form = format!("grant_type=refresh_token&client_id={}&refresh_token={token}", app.client_id);
    let request = app.http.post(app.endpoint("token_endpoint")).body(form);
    let response = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").send().await?;
    Ok((response.status().as_u16(), response.json().await?))
}

/// How many refresh tokens of each family are unused: what the file says after the crash.
fn valid_tokens(database: &std::path::Path) -> BTreeMap<Vec<u8>, i64> {
    let database = rusqlite::Connection::open(database).unwrap();
    let sql = "SELECT grant_id, count(*) FROM artifact WHERE kind = ?1 AND consumed_at IS NULL GROUP BY grant_id";
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map([store::Kind::RefreshToken as u8], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

async fn recover(app: &RelyingParty, tokens: &[String]) {
    let (former, last) = tokens.split_last().map(|(last, former)| (former.last(), last)).unwrap();
    let next = app.refresh(last).await.text("refresh_token");
    let newest = app.refresh(&next).await.text("refresh_token");
    app.refresh(&random()).await.assert_error(400, "invalid_grant");
    // Whatever came before is used up, and to try it is what ends the family.
    app.refresh(former.unwrap_or(last)).await.assert_error(400, "invalid_grant");
    app.refresh(&newest).await.assert_error(400, "invalid_grant");
}
