use std::time::Duration;

use jsonwebtoken::decode_header;
use serde_json::{Value, json};

use super::{
    relying_party::RelyingParty,
    served::{SOON, Served, secret},
};
use crate::control_plane::wait::eventually;

/// A realm with short-lived tokens and no ring but those that a test makes.
fn brief(served: &Served) -> Value {
    served.realm(json!({"signing": {"defaultKeys": "None"}, "tokens": {"idToken": "4s", "accessToken": "4s"}}))
}

fn ring(served: &Served, more: Value) -> Value {
    let mut spec = json!({"algorithm": "ES256", "rotation": {"prePublish": "1s"}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    served.child("SigningKey", "own", spec)
}

async fn robot(served: &Served) -> RelyingParty {
    let spec = json!({"grantTypes": ["client_credentials"]});
    served.apply([served.child("OidcClient", "robot", spec)]).await;
    served.relying_party("robot").await
}

async fn token(robot: &RelyingParty) -> (String, String) {
    let token = robot.token(&[("grant_type", "client_credentials")]).await.text("access_token");
    let kid = decode_header(&token).unwrap().kid.unwrap();
    (token, kid)
}

async fn kids(robot: &RelyingParty) -> Vec<String> {
    let jwks = robot.jwks().await;
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// Published first, then active, and the old one goes when its last token has expired.
pub async fn a_key_that_is_asked_for_takes_over_without_an_outage(served: &Served) {
    served.apply([brief(served), ring(served, json!({}))]).await;
    let robot = robot(served).await;
    let jwks = served.http.get(robot.endpoint("jwks_uri")).send().await.unwrap();
    assert_eq!(jwks.headers()["cache-control"], "public, max-age=1", "no longer than a new key is published");
    let (_, old) = token(&robot).await;

    let mut asked = ring(served, json!({}));
    asked["metadata"]["annotations"] = json!({"realmkeeper.dev/rotate": "now"});
    served.apply([asked]).await;
    eventually("the next key in the JWKS", SOON, || async {
        let kids = kids(&robot).await;
        (kids.len() == 2).then_some(()).ok_or(kids)
    })
    .await;
    let before = token(&robot).await;
    eventually("the next key signs", SOON, || async {
        let fresh = token(&robot).await;
        robot.verify(&robot.jwks().await, &fresh.0);
        (fresh.1 != old).then_some(()).ok_or(fresh.1)
    })
    .await;
    assert_eq!(robot.introspect(&before.0).await.body["active"], true, "whichever of them signed it");
    let (_, new) = token(&robot).await;
    let status = served.until_ready("SigningKey", "own").await;
    assert_eq!(status["lastRotateRequest"], "now");
    eventually("the end of the old key", SOON, || async {
        let kids = kids(&robot).await;
        (kids == [new.clone()]).then_some(()).ok_or(kids)
    })
    .await;
    eventually("the end of its Secret", SOON, || async {
        served.resources.secret("own-1").await.is_none().then_some(()).ok_or("still there")
    })
    .await;
    eventually("one key in the status", SOON, || async {
        let status = served.resources.status("SigningKey", "own").await.unwrap();
        (status["keys"].as_array().is_some_and(|keys| keys.len() == 1)).then_some(()).ok_or(status)
    })
    .await;
}

/// What it has signed is refused from that moment on, and another key signs.
pub async fn a_revoked_key_is_refused_at_once(served: &Served) {
    let lasting = served.realm(json!({"signing": {"defaultKeys": "None"}}));
    served.apply([lasting, ring(served, json!({}))]).await;
    let robot = robot(served).await;
    let (old, kid) = token(&robot).await;
    assert_eq!(robot.introspect(&old).await.body["active"], true);
    served.apply([ring(served, json!({"revokedKids": [kid]}))]).await;
    eventually("the token is refused", Duration::from_secs(2), || async {
        let answer = robot.introspect(&old).await;
        (answer.body == json!({"active": false})).then_some(()).ok_or(answer)
    })
    .await;
    eventually("another key signs", SOON, || async {
        let answer = robot.token(&[("grant_type", "client_credentials")]).await;
        answer.body["access_token"].is_string().then_some(()).ok_or(answer)
    })
    .await;
    assert!(!kids(&robot).await.contains(&kid));
    eventually("both in the status", SOON, || async {
        let status = served.resources.status("SigningKey", "own").await.unwrap();
        let has =
            |state: &str| status["keys"].as_array().is_some_and(|keys| keys.iter().any(|key| key["state"] == *state));
        (has("Revoked") && has("Active")).then_some(()).ok_or(status)
    })
    .await;
}

/// As cert-manager does it: the Secret is overwritten, and both keys are good for a while.
pub async fn a_renewed_key_of_somebody_else_takes_over_as_any_other_does(served: &Served) {
    let certificate = |pem: &str| secret("certificate", &[("tls.crt", "-"), ("tls.key", pem)]);
    let [first, second] = [0, 1].map(|_| rcgen::KeyPair::generate().unwrap().serialize_pem());
    let theirs = ring(served, json!({"source": {"secretRef": {"name": "certificate"}}}));
    served.apply([brief(served), certificate(&first), theirs]).await;
    let robot = robot(served).await;
    let (_, old) = token(&robot).await;
    served.apply([certificate(&second)]).await;
    eventually("both in the JWKS", SOON, || async {
        let kids = kids(&robot).await;
        (kids.len() == 2 && kids.contains(&old)).then_some(()).ok_or(kids)
    })
    .await;
    eventually("the renewed key signs", SOON, || async {
        let fresh = token(&robot).await;
        robot.verify(&robot.jwks().await, &fresh.0);
        (fresh.1 != old).then_some(()).ok_or(fresh.1)
    })
    .await;
}

/// The new secret and the former one are both accepted for the overlap, and then the new one alone.
pub async fn a_client_secret_that_is_asked_for_takes_over_with_an_overlap(served: &Served) {
    let overlap = json!({"secret": {"rotation": {"overlap": "3s"}}});
    let client =
        served.child("OidcClient", "robot", json!({"grantTypes": ["client_credentials"], "credentials": overlap}));
    served.apply([served.realm(json!({})), client.clone()]).await;
    let former = served.relying_party("robot").await;
    token(&former).await;

    let mut asked = client;
    asked["metadata"]["annotations"] = json!({"realmkeeper.dev/rotate": "now"});
    served.apply([asked]).await;
    let status = eventually("the answer", SOON, || async {
        let status = served.resources.status("OidcClient", "robot").await.unwrap();
        if status["lastRotateRequest"] == "now" { Ok(status) } else { Err(status) }
    })
    .await;
    assert!(status["credentials"]["previous"]["validUntil"].is_string(), "{status}");
    let entries = served.until_secret("robot-oidc").await;
    assert_eq!(entries.get("client-secret-previous"), former.secret.as_ref());
    assert_ne!(entries.get("client-secret"), former.secret.as_ref());
    let current = RelyingParty { secret: entries.get("client-secret").cloned(), ..former.clone() };
    let granted = [token(&current).await.0, token(&former).await.0];

    let refused = eventually("the former secret is refused", SOON, || async {
        let answer = former.token(&[("grant_type", "client_credentials")]).await;
        if answer.status.is_success() { Err(answer) } else { Ok(answer) }
    })
    .await;
    refused.assert_error(401, "invalid_client");
    for granted in granted {
        assert_eq!(current.introspect(&granted).await.body["active"], true, "what was granted to either stays good");
    }
    eventually("the former secret leaves the Secret", SOON, || async {
        let entries = served.until_secret("robot-oidc").await;
        let is_alone = !entries.contains_key("client-secret-previous");
        if is_alone && entries.get("client-secret") == current.secret.as_ref() { Ok(()) } else { Err(is_alone) }
    })
    .await;
    eventually("and the status", SOON, || async {
        let status = served.until_ready("OidcClient", "robot").await;
        if status["credentials"]["previous"].is_null() { Ok(()) } else { Err(status) }
    })
    .await;
    token(&current).await;
}
