use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    provider::testing::{START, TestProvider, basic, client, realm, secret_of, user},
    realm::{AuthMethod, ClientSecret},
};

const FORM: [(&str, &str); 1] = [("grant_type", "client_credentials")];

fn serve() -> TestProvider {
    realm()
        .client(client("app"))
        .client(client("team.app/x+y"))
        .client(client("poster").method(AuthMethod::ClientSecretPost))
        .client(client("spa").public())
        .user(user("ada"))
        .serve()
}

async fn with_header(staff: &TestProvider, header: &str) -> (u16, String) {
    staff.post_form("/token", &[("authorization", header)], &FORM).await.error()
}

async fn with_body(staff: &TestProvider, more: &[(&str, &str)]) -> (u16, String) {
    staff.post_form("/token", &[], &[&FORM, more].concat()).await.error()
}

#[tokio::test]
async fn basic_is_form_encoded_before_it_is_joined() {
    let staff = serve();
    for id in ["app", "team.app/x+y"] {
        assert_eq!(with_header(&staff, &basic(id, &secret_of(id))).await.0, 200, "{id}");
    }
    // RFC 6749 section 2.3.1: a plus that is not encoded is a space.
    let raw = format!("Basic {}", STANDARD.encode(format!("app:{}", secret_of("app"))));
    assert_eq!(with_header(&staff, &raw).await, (401, "invalid_client".into()));
    let lower = basic("app", &secret_of("app")).replacen("Basic", "bAsIc", 1);
    assert_eq!(with_header(&staff, &lower).await.0, 200);
}

#[tokio::test]
async fn a_method_other_than_the_registered_one_is_refused() {
    let staff = serve();
    let secret = |id: &str| secret_of(id);
    assert_eq!(with_body(&staff, &[("client_id", "poster"), ("client_secret", &secret("poster"))]).await.0, 200);
    for refused in [
        with_body(&staff, &[("client_id", "app"), ("client_secret", &secret("app"))]).await,
        with_header(&staff, &basic("poster", &secret("poster"))).await,
        with_body(&staff, &[("client_id", "app")]).await,
        with_header(&staff, &basic("spa", "")).await,
        with_header(&staff, &basic("spa", &secret("spa"))).await,
        with_header(&staff, "Bearer abc").await,
        with_body(&staff, &[("client_assertion_type", "urn:x"), ("client_assertion", "a.b.c")]).await,
    ] {
        assert_eq!(refused, (401, "invalid_client".to_owned()));
    }
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_client_can_not_be_told_apart() {
    let staff = serve();
    let ask = async |header: &str| staff.post_form("/token", &[("authorization", header)], &FORM).await;
    let wrong = ask(&basic("app", "wrong")).await;
    for other in [
        ask(&basic("nobody", "wrong")).await,
        ask(&basic("poster", "wrong")).await,
        ask(&basic("spa", "wrong")).await,
        ask(&basic("app", "")).await,
        ask("Basic ???").await,
        ask("Basic").await,
        ask(&format!("Basic {}", STANDARD.encode("no colon"))).await,
        ask(&format!("Basic {}", STANDARD.encode("app:%zz"))).await,
        staff.post_form("/token", &[], &[FORM[0], ("client_id", "nobody")]).await,
        staff.post_form("/token", &[], &[FORM[0], ("client_id", "app")]).await,
        staff.post_form("/token", &[], &FORM).await,
    ] {
        assert_eq!((other.status, &other.body), (wrong.status, &wrong.body));
        assert_eq!(other.header("www-authenticate"), wrong.header("www-authenticate"));
    }
    assert_eq!(wrong.error(), (401, "invalid_client".into()));
    assert!(wrong.header("www-authenticate").starts_with("Basic "));
}

#[tokio::test]
async fn more_than_one_method_at_once_contradicts_itself() {
    let staff = serve();
    let secret = secret_of("app");
    let header = basic("app", &secret);
    let jwt = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    for (headers, more) in [
        (vec![("authorization", header.as_str())], vec![("client_secret", secret.as_str())]),
        (vec![("authorization", header.as_str())], vec![jwt, ("client_assertion", "a.b.c")]),
        (vec![], vec![("client_id", "app"), ("client_secret", &secret), jwt, ("client_assertion", "a.b.c")]),
        (vec![("authorization", header.as_str()), ("authorization", header.as_str())], vec![]),
        (vec![("authorization", header.as_str())], vec![("client_id", "poster")]),
        (vec![], vec![("client_secret", secret.as_str())]),
        (vec![], vec![jwt]),
        (vec![], vec![("client_assertion", "a.b.c")]),
    ] {
        let reply = staff.post_form("/token", &headers, &[&FORM, more.as_slice()].concat()).await;
        assert_eq!(reply.error(), (400, "invalid_request".into()), "{more:?}");
    }
    // The same name twice is no contradiction.
    let same = [FORM[0], ("client_id", "app")];
    let reply = staff.post_form("/token", &[("authorization", &header)], &same).await;
    assert_eq!(reply.status.as_u16(), 200);
}

#[tokio::test]
async fn a_previous_secret_is_good_until_its_end() {
    let staff = serve();
    let end = jiff::Timestamp::from_second(START + 60).unwrap();
    let both = client("app").with(|client| {
        let secret = |id: &str, text: &str, end| ClientSecret::new(id, text.as_bytes(), end).unwrap();
        client.authentication.secrets = vec![secret("2", "new", None), secret("1", "old", Some(end))];
    });
    staff.publish(realm().client(both).build());
    assert_eq!(with_header(&staff, &basic("app", "old")).await.0, 200);
    assert_eq!(with_header(&staff, &basic("app", "new")).await.0, 200);
    staff.advance(Duration::from_secs(60));
    assert_eq!(with_header(&staff, &basic("app", "old")).await, (401, "invalid_client".into()));
    assert_eq!(with_header(&staff, &basic("app", "new")).await.0, 200);
}

/// RFC 6749 section 2.3.1 and appendix B: both parts are form-encoded before they are joined, so any character can stand in either.
#[tokio::test]
async fn rfc6749_2_3_1_any_character_can_stand_in_the_identifier_and_in_the_secret() {
    let odd = ["a:b", "100%", "a+b c", "caf\u{e9}", "%3A", "=&?#"];
    let mut realm = realm();
    for text in odd {
        realm = realm.client(client(text).with(|client| {
            client.authentication.secrets = vec![ClientSecret::new("1", text.as_bytes(), None).unwrap()];
        }));
    }
    let staff = realm.serve();
    for text in odd {
        assert_eq!(with_header(&staff, &basic(text, text)).await.0, 200, "{text}");
        // A library that encodes a space as %20, as a URI has it.
        let percent = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let header = format!("Basic {}", STANDARD.encode(format!("{}:{}", percent(text), percent(text))));
        assert_eq!(with_header(&staff, &header).await.0, 200, "{text}");
    }
    // The first colon divides; one in the secret needs no encoding to be understood.
    let raw = format!("Basic {}", STANDARD.encode("a%3Ab:a:b"));
    assert_eq!(with_header(&staff, &raw).await.0, 200);
    for raw in ["a:b:a:b", "100%:100%", "a+b+c:a+b+c", "", ":", "a%3Ab:", ":a:b", "\u{0}:\u{0}"] {
        let header = format!("Basic {}", STANDARD.encode(raw));
        assert_eq!(with_header(&staff, &header).await, (401, "invalid_client".into()), "{raw:?}");
    }
    let binary = format!("Basic {}", STANDARD.encode(b"\xff\xfe:\xff"));
    assert_eq!(with_header(&staff, &binary).await, (401, "invalid_client".into()));
}

#[tokio::test]
async fn an_empty_secret_is_no_secret_even_where_one_is_registered_by_mistake() {
    let staff = realm()
        .client(client("app").with(|client| {
            client.authentication.secrets = vec![ClientSecret::new("1", b"", None).unwrap()];
        }))
        .serve();
    assert_eq!(with_header(&staff, &basic("app", "")).await, (401, "invalid_client".into()));
    assert_eq!(with_body(&staff, &[("client_id", "app"), ("client_secret", "")]).await, (401, "invalid_client".into()));
}
