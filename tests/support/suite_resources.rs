use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    agent::Landing,
    relying_party::{RelyingParty, peek},
    served::{PASSWORD, Served, object, secret},
};
use crate::control_plane::wait::eventually;

/// Ready on every kind, what each status tells, and the entries of a generated Secret.
pub async fn every_resource_becomes_ready_and_the_secret_has_what_a_client_needs(served: &Served) {
    served.apply_realm_with_ada().await;
    served.apply([served.client("web", json!({}))]).await;
    let client = served.until_ready("OidcClient", "web").await;
    let realm = served.until_ready("Realm", &served.realm).await;

    let issuer = format!("{}/realms/{}", served.public_url, served.realm);
    assert_eq!(realm["issuer"], *issuer);
    let mut keys: Vec<_> = realm["keys"].as_array().unwrap().iter().map(|key| (&key["alg"], &key["state"])).collect();
    keys.sort_by_key(|key| key.0.to_string());
    assert_eq!(keys, [(&json!("ES256"), &json!("Active")), (&json!("RS256"), &json!("Active"))]);
    for algorithm in ["es256", "rs256"] {
        served.until_ready("SigningKey", &format!("{}-{algorithm}", served.realm)).await;
    }
    for (kind, status) in [("OidcClient", &client), ("Realm", &realm)] {
        assert!(status["observedGeneration"].is_number(), "{kind}: {status}");
        for condition in ["Ready", "Accepted", "ResolvedRefs", "Programmed"] {
            served.until_condition(kind, if kind == "Realm" { &served.realm } else { "web" }, condition, "True").await;
        }
    }
    eventually("the counts in the Realm's status", Duration::from_secs(10), || async {
        let status = served.resources.status("Realm", &served.realm).await.unwrap();
        let attached = json!({"oidcClients": 1, "users": 1, "groups": 1});
        (status["attached"] == attached).then_some(()).ok_or(status["attached"].clone())
    })
    .await;

    assert_eq!((&client["clientId"], &client["binding"]["name"]), (&json!("web"), &json!("web-oidc")));
    let entries = served.until_secret("web-oidc").await;
    let names: Vec<_> = entries.keys().map(String::as_str).collect();
    assert_eq!(names, ["client-id", "client-secret", "issuer", "provider", "token-endpoint", "type"]);
    assert_eq!(entries["client-id"], "web");
    assert_eq!((&*entries["type"], &*entries["provider"]), ("oauth2", "realmkeeper"));
    assert_eq!(entries["issuer"], issuer);
    assert!(entries["client-secret"].len() >= 43, "256 bits");
    let web = served.relying_party("web").await;
    assert_eq!(entries["token-endpoint"], web.endpoint("token_endpoint"));
}

/// The order in which resources are applied makes no difference.
pub async fn children_may_come_before_their_realm(served: &Served) {
    served.apply([served.client("web", json!({}))]).await;
    served.until_condition("OidcClient", "web", "Ready", "Unknown").await;
    served.apply([served.child("User", "ada", json!({"passwordSecretRef": {"name": "ada-login"}}))]).await;
    served.until_condition("User", "ada", "Ready", "Unknown").await;
    served.apply([secret("ada-login", &[("password", PASSWORD)]), served.realm(json!({}))]).await;
    served.until_ready("User", "ada").await;
    let (_, answer) = served.relying_party("web").await.sign_in(&served.browser(), "ada", PASSWORD, "openid").await;
    answer.text("id_token");
}

/// A referenced Secret that is late is waited for, and so is its label.
pub async fn a_missing_secret_is_waited_for_and_nothing_is_invented(served: &Served) {
    let spec = json!({"grantTypes": ["client_credentials"], "credentials": {"secret": {"name": "given", "source": "Reference"}}});
    served.apply([served.realm(json!({})), served.child("OidcClient", "robot", spec)]).await;
    let waiting = served.until_condition("OidcClient", "robot", "ResolvedRefs", "False").await;
    assert!(waiting.to_string().contains("given"), "the Secret is named: {waiting}");
    assert_eq!(served.resources.secret("robot-oidc").await, None);

    let given = [("client-secret", "0123456789abcdef0123456789abcdef0123456789a")];
    let mut unreadable = secret("given", &given);
    unreadable["metadata"]["labels"] = json!({});
    served.apply([unreadable]).await;
    served.until_condition("OidcClient", "robot", "ResolvedRefs", "False").await;
    served.apply([secret("given", &given)]).await;
    served.until_ready("OidcClient", "robot").await;
    let issuer = served.issuer().await;
    let robot = RelyingParty::discover(served.http.clone(), &issuer, "robot", Some(given[0].1)).await;
    robot.token(&[("grant_type", "client_credentials")]).await.text("access_token");
}

/// `spec.allowed`: what lies outside is not served, and the status says what is.
pub async fn a_client_is_bounded_by_what_the_realm_allows(served: &Served) {
    let allowed = json!({"grantTypes": ["authorization_code"], "redirectHosts": ["127.0.0.1"], "scopes": ["openid"]});
    served.apply([served.realm(json!({"allowed": {"oidcClients": allowed}}))]).await;
    let inside = json!({"grantTypes": ["authorization_code"], "scopes": ["openid"]});
    served.apply([served.client("inside", inside.clone())]).await;
    served.until_ready("OidcClient", "inside").await;
    for (name, outside, named) in [
        (
            "grant",
            json!({"grantTypes": ["authorization_code", "refresh_token"], "scopes": ["openid"]}),
            "refresh_token",
        ),
        (
            "host",
            json!({"redirectUris": ["https://elsewhere.example/"], "grantTypes": ["authorization_code"], "scopes": ["openid"]}),
            "elsewhere.example",
        ),
        ("scope", json!({"grantTypes": ["authorization_code"], "scopes": ["openid", "email"]}), "email"),
    ] {
        served.apply([served.client(name, outside)]).await;
        let status = served.until_condition("OidcClient", name, "Accepted", "False").await;
        assert!(status["conditions"].to_string().contains(named), "{name}: {status}");
        let mut unserved = served.relying_party("inside").await;
        unserved.client_id = name.to_owned();
        let page = served.browser().open(&unserved.attempt("openid", &[]).url).await.page();
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{name}");
        served.apply([served.client(name, inside.clone())]).await;
        served.until_ready("OidcClient", name).await;
    }
}

/// Of two objects that claim one name, the older is served, and the other says which.
pub async fn two_clients_of_one_id_are_told_apart_by_age(served: &Served) {
    served.apply([served.realm(json!({})), served.client("the-older", json!({"clientId": "shared"}))]).await;
    let first = served.relying_party("the-older").await;
    // Creation is told apart by whole seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    served.apply([served.client("another", json!({"clientId": "shared"}))]).await;
    let loser = served.until_condition("OidcClient", "another", "Accepted", "False/Conflicted").await;
    assert!(loser["conditions"].to_string().contains("the-older"), "the winner is named: {loser}");
    assert_eq!(first.introspect("made up").await.body, json!({"active": false}), "the first is served as before");
    served.resources.delete("OidcClient", "the-older").await;
    served.until_ready("OidcClient", "another").await;
}

/// To delete an object is to stop serving it.
pub async fn a_deleted_client_is_refused_from_then_on(served: &Served) {
    served.apply_realm_with_ada().await;
    let api = "https://api.example.com";
    let web = served.with_client("web", json!({"audiences": [api]})).await;
    // A resource server: it may ask about tokens that are for it.
    let watcher = json!({"clientId": api, "grantTypes": ["client_credentials"]});
    served.apply([served.child("OidcClient", "watcher", watcher)]).await;
    let watcher = served.relying_party("watcher").await;
    let (_, tokens) = web.sign_in(&served.browser(), "ada", PASSWORD, "openid offline_access").await;
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));
    assert_eq!(watcher.introspect(&access).await.body["active"], true);
    served.resources.delete("OidcClient", "web").await;
    eventually("the client is refused", Duration::from_secs(5), || async {
        let answer = web.refresh(&refresh).await;
        (answer.body["error"] == "invalid_client").then_some(()).ok_or(answer)
    })
    .await;
    assert_eq!(watcher.introspect(&access).await.body, json!({"active": false}));
    assert_eq!(web.userinfo(&access).await.status, StatusCode::UNAUTHORIZED);
    let page = served.browser().open(&web.attempt("openid", &[]).url).await.page();
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    eventually("the end of its Secret", Duration::from_secs(60), || async {
        served.resources.secret("web-oidc").await.is_none().then_some(()).ok_or("still there")
    })
    .await;
    // One of the same name is a new client: it gets a secret of its own.
    let again = served.with_client("web", json!({"audiences": [api]})).await;
    assert_ne!(again.secret, web.secret);
    assert_eq!(again.introspect(&access).await.body, json!({"active": false}), "a token of the former client");
    again.refresh(&refresh).await.assert_error(400, "invalid_grant");
}

/// The same for a Realm: its children wait for the next of its name.
pub async fn a_deleted_realm_is_no_longer_served(served: &Served) {
    served.apply([served.realm(json!({})), served.client("web", json!({}))]).await;
    let web = served.relying_party("web").await;
    served.resources.delete("Realm", &served.realm).await;
    let discovery = format!("{}/.well-known/openid-configuration", web.endpoint("issuer"));
    eventually("the issuer is not found", Duration::from_secs(5), || async {
        let status = served.http.get(&discovery).send().await.unwrap().status();
        (status == StatusCode::NOT_FOUND).then_some(()).ok_or(status)
    })
    .await;
    served.until_condition("OidcClient", "web", "Ready", "Unknown").await;
}

/// A change takes effect without a restart, and without touching what did not change.
pub async fn an_edited_client_is_live_within_a_second(served: &Served) {
    served.apply([served.realm(json!({}))]).await;
    let web = served.with_client("web", json!({})).await;
    let moved = "https://moved.example/callback";
    let attempt = web.attempt("openid", &[("redirect_uri", moved)]);
    assert_eq!(served.browser().open(&attempt.url).await.page().status, StatusCode::BAD_REQUEST);
    let edited = served.client("web", json!({"redirectUris": ["http://127.0.0.1/callback", moved]}));
    let start = Instant::now();
    served.apply([edited]).await;
    eventually("the new redirect URI", Duration::from_secs(1), || async {
        match served.browser().open(&attempt.url).await {
            Landing::Page(page) if page.is_login() => Ok(()),
            other => Err(format!("{:?} after {:?}", other, start.elapsed())),
        }
    })
    .await;
    assert_eq!(served.relying_party("web").await.secret, web.secret, "an edit does not rotate the secret");
}

/// A person belongs to the groups that hold their groups; a cycle is refused and harms nobody else.
pub async fn nested_groups_reach_the_claim(served: &Served) {
    served.apply_realm_with_ada().await;
    let mut labelled = served.child("User", "bob", json!({"passwordSecretRef": {"name": "ada-login"}}));
    labelled["metadata"]["labels"] = json!({"team": "platform"});
    served
        .apply([
            labelled,
            served.child("Group", "staff", json!({"members": {"groups": ["engineers", "platform"]}})),
            served.child("Group", "platform", json!({"members": {"selector": {"matchLabels": {"team": "platform"}}}})),
            served.child("Group", "hen", json!({"members": {"groups": ["egg"]}})),
            served.child("Group", "egg", json!({"members": {"groups": ["hen"], "users": ["bob"]}})),
        ])
        .await;
    served.until_ready("User", "bob").await;
    assert_eq!(served.until_ready("Group", "staff").await["members"], 2);
    served.until_condition("Group", "hen", "Accepted", "False/Cycle").await;
    served.until_condition("Group", "egg", "Accepted", "False/Cycle").await;
    let web = served.with_client("web", json!({})).await;
    for (username, groups) in [("ada", json!(["engineers", "staff"])), ("bob", json!(["platform", "staff"]))] {
        let (_, tokens) = web.sign_in(&served.browser(), username, PASSWORD, "openid groups").await;
        let user = web.userinfo(&tokens.text("access_token")).await.body;
        assert_eq!(sorted(&user["groups"]), groups, "{username}: {}", peek(&tokens.text("id_token")));
    }
    // Out of the group: no longer in the claim.
    served.apply([object("Group", "engineers", json!({"realmRef": {"name": served.realm}}))]).await;
    let (_, tokens) = web.sign_in(&served.browser(), "ada", PASSWORD, "openid groups").await;
    let access = tokens.text("access_token");
    eventually("no groups", Duration::from_secs(2), || async {
        let user = web.userinfo(&access).await.body;
        let none = user["groups"].as_array().is_none_or(Vec::is_empty);
        none.then_some(()).ok_or(user)
    })
    .await;
}

fn sorted(list: &Value) -> Value {
    let mut items = list.as_array().cloned().unwrap_or_default();
    items.sort_by_key(ToString::to_string);
    Value::Array(items)
}
