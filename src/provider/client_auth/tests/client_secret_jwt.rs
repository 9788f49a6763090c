use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    jose::{self, HmacAlgorithm, JwsAlgorithm},
    provider::testing::{ClientBuilder, START, TestProvider, client, realm, signer, signer_jwks},
    realm::{AuthMethod, ClientSecret},
};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ISSUER: &str = "https://id.example.com/realms/staff";
/// As long as HS512 needs.
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn secret(id: &str, value: &str, end: Option<i64>) -> ClientSecret {
    let end = end.map(|seconds| jiff::Timestamp::from_second(seconds).unwrap());
    ClientSecret::new(id, value.as_bytes(), end).unwrap().with_value(value.as_bytes())
}

fn app(secrets: Vec<ClientSecret>) -> ClientBuilder {
    client("app").method(AuthMethod::ClientSecretJwt).with(|client| client.authentication.secrets = secrets)
}

fn serve() -> TestProvider {
    realm().client(app(vec![secret("1", SECRET, None)])).client(client("other")).serve()
}

fn claims(jti: &str) -> Value {
    json!({"iss": "app", "sub": "app", "aud": ISSUER, "exp": START + 60, "iat": START, "jti": jti})
}

fn sign(algorithm: HmacAlgorithm, secret: &str, jti: &str) -> String {
    jose::authenticate_jwt(algorithm, secret.as_bytes(), "JWT", &claims(jti)).unwrap()
}

async fn present(staff: &TestProvider, assertion: &str) -> (u16, String) {
    let form = [("grant_type", "client_credentials"), ("client_assertion_type", TYPE), ("client_assertion", assertion)];
    staff.post_form("/token", &[], &form).await.error()
}

fn refused() -> (u16, String) {
    (401, "invalid_client".into())
}

#[tokio::test]
async fn oidc_9_client_secret_jwt_by_each_algorithm_is_accepted_once() {
    let staff = serve();
    for algorithm in HmacAlgorithm::ALL {
        let assertion = sign(algorithm, SECRET, algorithm.name());
        assert_eq!(present(&staff, &assertion).await.0, 200, "{algorithm}");
        assert_eq!(present(&staff, &assertion).await, refused(), "{algorithm} again");
    }
}

#[tokio::test]
async fn oidc_9_only_the_registered_method_is_accepted() {
    let staff = serve();
    let form = [("grant_type", "client_credentials")];
    let header = crate::provider::testing::basic("app", SECRET);
    assert_eq!(staff.post_form("/token", &[("authorization", &header)], &form).await.error(), refused());
    let body = [form[0], ("client_id", "app"), ("client_secret", SECRET)];
    assert_eq!(staff.post_form("/token", &[], &body).await.error(), refused());
    assert_eq!(staff.post_form("/token", &[], &[form[0], ("client_id", "app")]).await.error(), refused());
    // And the assertion is nothing to a client of another method, though it is by its secret.
    let mut of_other = claims("1");
    of_other["iss"] = json!("other");
    of_other["sub"] = json!("other");
    let key = crate::provider::testing::secret_of("other").repeat(3);
    let assertion = jose::authenticate_jwt(HmacAlgorithm::Hs256, key.as_bytes(), "JWT", &of_other).unwrap();
    assert_eq!(present(&staff, &assertion).await, refused());
}

#[tokio::test]
async fn registration_2_an_assertion_by_another_than_the_registered_algorithm_is_refused() {
    let staff = realm()
        .client(app(vec![secret("1", SECRET, None)]).with(|client| {
            client.authentication.signing_algorithm = Some(JwsAlgorithm::Hmac(HmacAlgorithm::Hs384));
        }))
        .serve();
    assert_eq!(present(&staff, &sign(HmacAlgorithm::Hs256, SECRET, "1")).await, refused());
    assert_eq!(present(&staff, &sign(HmacAlgorithm::Hs512, SECRET, "2")).await, refused());
    assert_eq!(present(&staff, &sign(HmacAlgorithm::Hs384, SECRET, "3")).await.0, 200);
}

#[tokio::test]
async fn a_code_by_another_secret_or_a_signature_or_nothing_is_refused() {
    let staff = serve();
    let unsecured = jose::unsecured_jwt("JWT", &claims("1")).unwrap();
    let good = sign(HmacAlgorithm::Hs256, SECRET, "1");
    for assertion in [
        sign(HmacAlgorithm::Hs256, &SECRET.to_uppercase(), "1"),
        signer(0).sign_jwt("JWT", &claims("1")).unwrap(),
        unsecured.clone(),
        format!("{unsecured}AAAA"),
        good.rsplit_once('.').unwrap().0.to_owned() + ".",
        good.replacen("eyJhbGciOiJIUzI1NiI", "eyJhbGciOiJIUzUxMiI", 1),
    ] {
        assert_eq!(present(&staff, &assertion).await, refused(), "{assertion}");
    }
    assert_eq!(present(&staff, &good).await.0, 200, "none of them has used the jti up");
}

/// RFC 8725 section 2.1: whoever knows the public key must not be able to use it as a shared secret.
#[tokio::test]
async fn rfc8725_3_1_a_public_key_is_never_taken_for_a_secret() {
    let staff = realm().client(client("app").key(0)).serve();
    let jwks = signer_jwks(0);
    let x = jwks["keys"][0]["x"].as_str().unwrap();
    for key in [jwks.to_string(), jwks["keys"][0].to_string(), x.to_owned()] {
        assert_eq!(present(&staff, &sign(HmacAlgorithm::Hs256, &key, "1")).await, refused());
    }
}

#[tokio::test]
async fn rfc7518_3_2_a_secret_that_is_too_short_for_the_algorithm_authenticates_nobody() {
    let short = &SECRET[..40];
    let staff = realm().client(app(vec![secret("1", short, None)])).serve();
    assert_eq!(present(&staff, &sign(HmacAlgorithm::Hs256, short, "1")).await.0, 200);
    // HS512 by a key of 40 bytes, made without the check.
    let input = sign(HmacAlgorithm::Hs512, SECRET, "2").rsplit_once('.').unwrap().0.to_owned();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA512, short.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, input.as_bytes());
    let encoded = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, tag);
    assert_eq!(present(&staff, &format!("{input}.{encoded}")).await, refused());
}

#[tokio::test]
async fn both_secrets_of_an_overlap_authenticate_until_the_former_ends() {
    let other = SECRET.to_uppercase();
    let staff = realm().client(app(vec![secret("2", &other, None), secret("1", SECRET, Some(START + 30))])).serve();
    assert_eq!(present(&staff, &sign(HmacAlgorithm::Hs256, SECRET, "1")).await.0, 200);
    assert_eq!(present(&staff, &sign(HmacAlgorithm::Hs256, &other, "2")).await.0, 200);
    let published = staff.realm();
    let former = &published.client("app").unwrap().authentication.secrets[1];
    assert!(former.last_use.get().is_some(), "its use is noted for who waits to take it away");
    staff.advance(Duration::from_secs(30));
    assert_eq!(present(&staff, &sign(HmacAlgorithm::Hs256, SECRET, "3")).await, refused());
    assert_eq!(present(&staff, &sign(HmacAlgorithm::Hs256, &other, "4")).await.0, 200);
}

#[tokio::test]
async fn a_client_whose_secret_is_not_known_itself_is_refused() {
    let digest = ClientSecret::new("1", SECRET.as_bytes(), None).unwrap();
    let staff = realm().client(app(vec![digest])).serve();
    assert_eq!(present(&staff, &sign(HmacAlgorithm::Hs256, SECRET, "1")).await, refused());
}
