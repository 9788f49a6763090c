use axum::{
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use serde_json::{Value, json};

use crate::provider::testing::{TestProvider, client, peer, realm, user};

const REL: &str = "http://openid.net/specs/connect/1.0/issuer";

fn staff() -> TestProvider {
    let staff = realm().settings(|settings| settings.web_finger_domains = vec!["example.com".into()]);
    staff.client(client("app")).user(user("ada")).serve()
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The issuer of its link; empty where there is none.
    fn issuer(&self) -> String {
        match self.status {
            StatusCode::OK => self.json()["links"][0]["href"].as_str().unwrap_or_default().to_owned(),
            _ => String::new(),
        }
    }
}

async fn send(at: &TestProvider, method: Method, host: &str, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).header(header::HOST, host);
    let response = at.provider.handle(peer(), request.body(Body::empty()).unwrap()).await;
    let (parts, body) = response.into_parts();
    let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

async fn ask(at: &TestProvider, parameters: &[(&str, &str)]) -> Answer {
    let query = crate::provider::testing::encode(parameters);
    send(at, Method::GET, "id.example.com", &format!("/.well-known/webfinger?{query}")).await
}

async fn issuer_of(at: &TestProvider, resource: &str) -> String {
    ask(at, &[("resource", resource), ("rel", REL)]).await.issuer()
}

#[tokio::test]
async fn discovery_2_an_address_leads_to_the_issuer_and_the_answer_is_a_descriptor_that_every_page_may_read() {
    let answer = ask(&staff(), &[("resource", "acct:ada@example.com"), ("rel", REL)]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/jrd+json");
    assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    let want = json!({
        "subject": "acct:ada@example.com",
        "links": [{"rel": REL, "href": "https://id.example.com/realms/staff"}],
    });
    assert_eq!(answer.json(), want);
}

#[tokio::test]
async fn discovery_2_1_each_kind_of_identifier_finds_its_issuer() {
    let staff = staff();
    let issuer = "https://id.example.com/realms/staff";
    for resource in [
        "acct:ada@example.com",
        "acct:juliet%40capulet.example@example.com",
        "acct:ada@EXAMPLE.com",
        "acct:ada@example.com:8080",
        "mailto:ada@example.com",
        "mailto:ada@example.com?subject=x",
        "https://example.com/ada",
        "https://example.com:8080/",
        "https://id.example.com/realms/staff",
        "https://id.example.com/realms/staff/",
        "https://ID.example.com:443/realms/staff/people/ada#x",
    ] {
        assert_eq!(issuer_of(&staff, resource).await, issuer, "{resource}");
    }
    for resource in [
        "acct:ada@id.example.com",
        "acct:ada@sub.example.com",
        "acct:ada@example.com.evil.example",
        "https://id.example.com/",
        "https://id.example.com/realms/staffing",
        "http://id.example.com/realms/staff",
        "https://evil.example/realms/staff",
        "device:printer",
        "urn:example:ada",
    ] {
        assert_eq!(ask(&staff, &[("resource", resource)]).await.status, StatusCode::NOT_FOUND, "{resource}");
    }
}

#[tokio::test]
async fn rfc7033_4_2_a_resource_that_is_missing_or_malformed_is_400_and_an_unknown_one_404() {
    let staff = staff();
    let twice = [("resource", "acct:ada@example.com"), ("resource", "acct:bob@example.com")];
    let long = format!("acct:{}@example.com", "a".repeat(3_000));
    for parameters in [
        &[][..],
        &[("rel", REL)],
        &[("resource", "")],
        &[("resource", "ada@example.com")],
        &[("resource", "acct:")],
        &[("resource", "acct:ada")],
        &[("resource", "acct:@example.com")],
        &[("resource", "acct:ada@")],
        &[("resource", "acct:ada@exa<mple.com")],
        &[("resource", "acct:ada@example.com/path")],
        &[("resource", "https://")],
        &[("resource", "\u{0}:x")],
        &[("resource", &long)],
        &twice,
    ] {
        let answer = ask(&staff, parameters).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{parameters:?}");
        assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    }
    let unknown = ask(&staff, &[("resource", "acct:ada@example.org")]).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(unknown.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
}

#[tokio::test]
async fn rfc7033_4_3_only_the_relations_that_are_asked_for_are_given() {
    let staff = staff();
    let links = async |rels: &[&str]| {
        let mut parameters = vec![("resource", "acct:ada@example.com")];
        parameters.extend(rels.iter().map(|rel| ("rel", *rel)));
        let answer = ask(&staff, &parameters).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.json()["links"].as_array().unwrap().len()
    };
    assert_eq!(links(&[]).await, 1, "none asked for means all");
    assert_eq!(links(&["self"]).await, 0);
    assert_eq!(links(&["self", REL]).await, 1);
}

#[tokio::test]
async fn rfc7033_9_2_nobody_can_tell_from_the_answer_who_exists() {
    let staff = staff();
    let of = async |name: &str| {
        let answer = ask(&staff, &[("resource", &format!("acct:{name}@example.com"))]).await;
        (answer.status, answer.json()["links"].clone())
    };
    assert_eq!(of("ada").await, of("nobody-at-all").await);
}

#[tokio::test]
async fn rfc7033_4_1_a_plus_sign_stays_one() {
    let staff = staff();
    let path = "/.well-known/webfinger?resource=acct:ada+lists@example.com";
    let answer = send(&staff, Method::GET, "id.example.com", path).await;
    assert_eq!(answer.json()["subject"], "acct:ada+lists@example.com");
}

#[tokio::test]
async fn rfc7033_4_it_stands_at_the_root_of_the_host_beside_an_issuer_there_and_below_no_issuer() {
    let staff = staff();
    let root = realm().named("root").issuer("https://id.example.com");
    staff.publish(root.settings(|settings| settings.web_finger_domains = vec!["root.example".into()]).build());
    assert_eq!(issuer_of(&staff, "acct:ada@example.com").await, "https://id.example.com/realms/staff");
    assert_eq!(issuer_of(&staff, "acct:ada@root.example").await, "https://id.example.com");
    assert_eq!(issuer_of(&staff, "https://id.example.com/").await, "https://id.example.com");
    assert_eq!(issuer_of(&staff, "https://id.example.com/realms/staff").await, "https://id.example.com/realms/staff");
    let below = "/realms/staff/.well-known/webfinger?resource=acct:ada@example.com";
    assert_eq!(send(&staff, Method::GET, "id.example.com", below).await.status, StatusCode::NOT_FOUND);
    // The host of the address, where a proxy in front hands it on.
    let path = "/.well-known/webfinger?resource=acct:ada@example.com";
    assert_eq!(send(&staff, Method::GET, "example.com", path).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_domain_of_two_realms_is_that_of_the_one_whose_issuer_stands_there_or_nobodys() {
    let staff = staff();
    let other = |domain: &str, issuer: &str| {
        let other = realm().named("other").issuer(issuer);
        other.settings(|settings| settings.web_finger_domains = vec![domain.into()]).build()
    };
    staff.publish(other("example.com", "https://evil.example"));
    assert_eq!(issuer_of(&staff, "acct:ada@example.com").await, "");
    staff.publish(other("example.com", "https://example.com"));
    assert_eq!(issuer_of(&staff, "acct:ada@example.com").await, "https://example.com");
}

#[tokio::test]
async fn rfc7033_4_it_is_for_reading_only() {
    let staff = staff();
    let path = "/.well-known/webfinger?resource=acct:ada@example.com";
    let answer = send(&staff, Method::POST, "id.example.com", path).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    let head = send(&staff, Method::HEAD, "id.example.com", path).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn before_every_resource_has_been_seen_nobody_is_said_to_be_unknown() {
    let staff = staff();
    staff.provider.registry.update(|snapshot| *snapshot = crate::realm::Snapshot::default());
    assert_eq!(ask(&staff, &[("resource", "acct:a@b.example")]).await.status, StatusCode::SERVICE_UNAVAILABLE);
}
