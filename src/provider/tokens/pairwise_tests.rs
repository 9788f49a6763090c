//! OpenID Connect Core section 8: a pairwise client sees its own `sub` wherever it sees one, and nothing that would tell the other.

use serde_json::{Value, json};

use crate::{
    provider::{
        Authorization,
        testing::{
            TestProvider, authorization,
            browser::{Browser, authorize, code, error},
            client, realm, user, verified,
        },
    },
    realm::{PairwiseSalt, SubjectPolicy},
};

const SCOPES: &str = "openid email groups offline_access";

fn staff() -> TestProvider {
    realm()
        .pairwise()
        .client(client("app").pairwise("app.example"))
        .client(client("sibling").pairwise("app.example"))
        .client(client("other").pairwise("other.example"))
        .client(client("handle").pairwise("app.example").opaque())
        .client(client("open"))
        .client(client("api"))
        .user(user("ada").password("hunter2"))
        .user(user("bob").password("hunter3"))
        .serve()
}

fn sub(at: &TestProvider, client: &str, username: &str) -> String {
    let realm = at.realm();
    realm.subject_for(realm.client(client).unwrap(), realm.user_by_name(username).unwrap()).into_owned()
}

fn authorized(at: &TestProvider, client: &str) -> Authorization {
    let shown = sub(at, client, "ada");
    let mut authorization = authorization(client, "ada", SCOPES);
    authorization.pairwise_subject = Some(shown).filter(|shown| shown != "sub-ada");
    authorization
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name}: {value}"))
}

async fn userinfo(at: &TestProvider, token: &str) -> Value {
    at.get("/userinfo", &[("authorization", &format!("Bearer {token}"))]).await.json()
}

#[tokio::test]
async fn oidc_8_id_token_access_token_userinfo_and_introspection_show_the_subject_of_the_sector() {
    let staff = staff();
    for name in ["app", "handle", "other", "open"] {
        let want = sub(&staff, name, "ada");
        let tokens = staff.tokens(authorized(&staff, name)).await;
        let id_token = verified(text(&tokens, "id_token")).1;
        let access = text(&tokens, "access_token");
        assert_eq!(text(&id_token, "sub"), want, "{name}");
        if access.contains('.') {
            assert_eq!(text(&verified(access).1, "sub"), want, "{name}");
        }
        assert_eq!(text(&userinfo(&staff, access).await, "sub"), want, "{name}");
        let refresh = text(&tokens, "refresh_token");
        for token in [access, refresh] {
            let about = staff.introspect(name, token).await;
            assert_eq!((about["active"].clone(), text(&about, "sub")), (json!(true), &*want), "{name}");
            assert_eq!(
                about.get("username").is_some(),
                name == "open",
                "{name}: a common name is as good as a common sub"
            );
            assert_eq!(about.to_string().contains("sub-ada"), name == "open");
        }
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        let refreshed = staff.token(name, &form).await.json();
        assert_eq!(text(&verified(text(&refreshed, "id_token")).1, "sub"), want, "oidc_12_2: the same sub");
        assert_eq!(text(&userinfo(&staff, text(&refreshed, "access_token")).await, "sub"), want);
    }
}

#[tokio::test]
async fn oidc_8_two_sectors_never_share_a_subject_and_one_sector_does() {
    let staff = staff();
    assert_eq!(sub(&staff, "app", "ada"), sub(&staff, "sibling", "ada"));
    assert_ne!(sub(&staff, "app", "ada"), sub(&staff, "other", "ada"));
    assert_ne!(sub(&staff, "app", "ada"), sub(&staff, "app", "bob"));
    assert_eq!(sub(&staff, "open", "ada"), "sub-ada");
}

#[tokio::test]
async fn oidc_8_an_access_token_is_revoked_and_judged_by_the_pairwise_subject() {
    let staff = staff();
    let tokens = staff.tokens(authorized(&staff, "app")).await;
    let access = text(&tokens, "access_token");
    assert!(staff.is_active("app", access).await);
    assert_eq!(staff.post_as("app", "/revoke", &[("token", access)]).await.status.as_u16(), 200);
    assert!(!staff.is_active("app", access).await);
}

#[tokio::test]
async fn oidc_12_2_a_family_ends_where_its_subject_would_change() {
    let staff = staff();
    let tokens = staff.tokens(authorized(&staff, "app")).await;
    staff.change(|realm| {
        let mut app = client("app").pairwise("app.example").0;
        if let SubjectPolicy::Pairwise(pairwise) = &mut app.subject {
            pairwise.salt = PairwiseSalt::new(&[8; 32]).unwrap();
        }
        realm.clients.insert_mut(app.id.clone(), std::sync::Arc::new(app));
    });
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    assert!(!staff.is_active("app", access).await && !staff.is_active("app", refresh).await);
    assert_eq!(staff.get("/userinfo", &[("authorization", &format!("Bearer {access}"))]).await.status.as_u16(), 401);
    let reply = staff.token("app", &[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await;
    assert_eq!(reply.error(), (400, "invalid_grant".into()));
}

#[tokio::test]
async fn oidc_3_1_2_2_an_id_token_hint_with_a_pairwise_subject_means_the_person_that_the_client_knows_by_it() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let first = code(&browser.sign_in("ada", "hunter2", &[]).await);
    let hint = text(&staff.redeem("app", &first).await.json(), "id_token").to_owned();
    assert_eq!(text(&verified(&hint).1, "sub"), sub(&staff, "app", "ada"));
    code(&browser.load(&authorize(&[("prompt", "none"), ("id_token_hint", &hint)])).await);
    code(&browser.load(&authorize(&[("prompt", "none"), ("client_id", "other"), ("id_token_hint", &hint)])).await);
    let mut bob = Browser::new(&staff);
    code(&bob.sign_in("bob", "hunter3", &[]).await);
    let refused = bob.load(&authorize(&[("prompt", "none"), ("id_token_hint", &hint)])).await;
    assert_eq!(error(&refused), "login_required");
    staff.advance(std::time::Duration::from_secs(1));
    let page = browser.open(&authorize(&[("prompt", "login"), ("id_token_hint", &hint)])).await;
    assert!(page.text().contains("value=\"ada\""), "the form begins with who is meant: {}", page.text());
    let out = browser.load(&format!("/logout?id_token_hint={hint}")).await;
    assert!(out.text().contains("You are signed out"), "{}", out.text());
}

#[tokio::test]
async fn the_code_is_of_the_public_user_and_says_what_the_client_was_shown() {
    let staff = staff();
    for (name, shown) in [("app", Some(sub(&staff, "app", "ada"))), ("open", None)] {
        let mut browser = Browser::new(&staff);
        let code = code(&browser.sign_in("ada", "hunter2", &[("client_id", name)]).await);
        let id = crate::store::IdHash::of(&code);
        let kind = crate::store::Kind::AuthorizationCode;
        let found = staff.provider.store.find(kind, &id, staff.now()).await.unwrap().unwrap();
        let payload: crate::provider::CodePayload = serde_json::from_slice(&found.payload).unwrap();
        assert_eq!(
            (payload.authorization.subject.as_str(), payload.authorization.pairwise_subject),
            ("sub-ada", shown)
        );
    }
}
