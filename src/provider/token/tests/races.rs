use std::{sync::Arc, time::Duration};

use futures::future::join_all;

use crate::{
    provider::testing::{ClientBuilder, Reply, TestProvider, authorization, client, realm, user},
    realm::AccessTokenFormat,
    store::{MAX_INTERACTIONS, SqliteStore},
};

const TASKS: usize = 32;

/// The same realm on every engine; the folder holds SQLite's file.
fn engines(app: impl Fn() -> ClientBuilder) -> (tempfile::TempDir, [TestProvider; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(&folder.path().join("store.db"), MAX_INTERACTIONS).unwrap();
    let build = || realm().client(app()).user(user("ada")).build();
    (folder, [TestProvider::new(build()), TestProvider::with_store(build(), Arc::new(sqlite))])
}

async fn refresh_at_once(staff: &TestProvider, token: &str) -> Vec<Reply> {
    let tasks = (0..TASKS).map(|_| {
        let (staff, token) = (staff.clone(), token.to_owned());
        tokio::spawn(
            async move { staff.token("app", &[("grant_type", "refresh_token"), ("refresh_token", &token)]).await },
        )
    });
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

fn refresh_tokens(replies: &[Reply]) -> Vec<String> {
    let successful = replies.iter().filter(|reply| reply.status.is_success());
    successful.map(|reply| reply.json()["refresh_token"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_code_that_many_redeem_at_once_gives_tokens_once_and_they_are_revoked() {
    for format in [AccessTokenFormat::Jwt, AccessTokenFormat::Opaque] {
        let (_folder, engines) = engines(|| client("app").tokens(|tokens| tokens.access_token_format = format));
        for staff in engines {
            let code = staff.code(authorization("app", "ada", "openid"), |_| ()).await;
            let tasks = (0..TASKS).map(|_| {
                let (staff, code) = (staff.clone(), code.clone());
                tokio::spawn(async move { staff.redeem("app", &code).await })
            });
            let replies: Vec<Reply> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
            let (good, bad): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status.is_success());
            assert_eq!(good.len(), 1);
            assert!(bad.iter().all(|reply| reply.error() == (400, "invalid_grant".into())));
            let tokens = good[0].json();
            for name in ["access_token", "refresh_token"] {
                assert!(!staff.is_active("app", tokens[name].as_str().unwrap()).await, "{name}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refresh_that_many_race_for_without_an_interval_is_won_once_and_revoked() {
    let (_folder, engines) = engines(|| client("app").rotate(Duration::ZERO));
    for staff in engines {
        let first =
            staff.tokens(authorization("app", "ada", "openid")).await["refresh_token"].as_str().unwrap().to_owned();
        let won = refresh_tokens(&refresh_at_once(&staff, &first).await);
        assert_eq!(won.len(), 1);
        assert!(!staff.is_active("app", &won[0]).await && !staff.is_active("app", &first).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refresh_that_many_race_for_within_the_interval_leaves_exactly_one_good_token() {
    let (_folder, engines) = engines(|| client("app").rotate(Duration::from_secs(60)));
    for staff in engines {
        let mut token =
            staff.tokens(authorization("app", "ada", "openid")).await["refresh_token"].as_str().unwrap().to_owned();
        for _ in 0..4 {
            let replies = refresh_at_once(&staff, &token).await;
            let busy = |reply: &&Reply| reply.status.as_u16() == 503;
            let won = refresh_tokens(&replies);
            assert_eq!(
                won.len() + replies.iter().filter(busy).count(),
                TASKS,
                "each is answered, or asked to try again"
            );
            let mut good = Vec::new();
            for candidate in won {
                if staff.is_active("app", &candidate).await {
                    good.push(candidate);
                }
            }
            assert_eq!(good.len(), 1);
            token = good.remove(0);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_that_is_kept_serves_many_at_once() {
    let (_folder, engines) = engines(|| client("app"));
    for staff in engines {
        let token =
            staff.tokens(authorization("app", "ada", "openid")).await["refresh_token"].as_str().unwrap().to_owned();
        let replies = refresh_at_once(&staff, &token).await;
        assert!(replies.iter().all(|reply| matches!(reply.status.as_u16(), 200 | 503)));
        assert!(refresh_tokens(&replies).iter().all(|kept| *kept == token) && staff.is_active("app", &token).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_revoked_while_it_is_refreshed_stays_revoked() {
    let app = |rotate| if rotate { client("app").rotate(Duration::from_secs(60)) } else { client("app") };
    for rotate in [false, true] {
        for _ in 0..20 {
            let staff = realm().client(app(rotate)).user(user("ada")).serve();
            let tokens = staff.tokens(authorization("app", "ada", "openid")).await;
            let token = tokens["refresh_token"].as_str().unwrap().to_owned();
            let revoke = {
                let (staff, token) = (staff.clone(), token.clone());
                tokio::spawn(async move { staff.post_as("app", "/revoke", &[("token", &token)]).await.status })
            };
            let replies = refresh_at_once(&staff, &token).await;
            assert_eq!(revoke.await.unwrap().as_u16(), 200);
            for left in refresh_tokens(&replies).into_iter().chain([token]) {
                assert!(!staff.is_active("app", &left).await);
            }
        }
    }
}
