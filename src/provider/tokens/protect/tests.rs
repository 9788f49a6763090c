use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    jose::{
        Algorithm, Compact, HmacAlgorithm, JwsAlgorithm, KeyManagement,
        jwe::{ContentEncryption, DirectKey},
    },
    provider::{
        Endpoint, ErrorCode,
        testing::{
            ClientBuilder, LONG_SECRET, Reply, TestProvider, authorization, basic,
            browser::{Browser, travelled},
            client, decryption_key, full_keyring, realm, user,
        },
        tokens::{Companions, half_hash, mint_id_token},
    },
    realm::{Client, Encryption, JweKey, Protection},
};

const ISSUER: &str = "https://id.example.com/realms/staff";

/// Every value that `id_token_signed_response_alg` may have.
fn every_signing() -> Vec<JwsAlgorithm> {
    let signatures = Algorithm::ALL.map(JwsAlgorithm::Signature).into_iter().chain([JwsAlgorithm::Ed25519]);
    signatures.chain(HmacAlgorithm::ALL.map(JwsAlgorithm::Hmac)).chain([JwsAlgorithm::None]).collect()
}

fn every_encryption() -> Vec<Encryption> {
    let keys = KeyManagement::ALL.map(JweKey::Public).into_iter().chain([JweKey::Secret]);
    let both = |key| ContentEncryption::ALL.map(|content| Encryption { key, content });
    keys.flat_map(both).collect()
}

fn app(change: impl FnOnce(&mut Client)) -> ClientBuilder {
    client("app").long_secret().with(change)
}

fn serve(app: ClientBuilder) -> TestProvider {
    realm().every_key().client(app).user(user("ada")).serve()
}

/// A code flow, by the long secret.
async fn redeem(staff: &TestProvider) -> Reply {
    let code = staff.code(authorization("app", "ada", "openid email"), |_| ()).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", crate::provider::testing::REDIRECT_URI),
        ("code_verifier", crate::provider::testing::VERIFIER),
    ];
    staff.post_form("/token", &[("authorization", &basic("app", LONG_SECRET))], &form).await
}

async fn tokens(staff: &TestProvider) -> (String, String) {
    let reply = redeem(staff).await;
    assert_eq!(reply.status.as_u16(), 200, "{}", reply.text());
    let text = |name: &str| reply.json()[name].as_str().unwrap().to_owned();
    (text("id_token"), text("access_token"))
}

async fn userinfo(staff: &TestProvider, access_token: &str) -> Reply {
    staff.get("/userinfo", &[("authorization", &format!("Bearer {access_token}"))]).await
}

/// The claims of a JWS of `algorithm`, verified as a relying party does.
#[track_caller]
fn verified(token: &str, algorithm: JwsAlgorithm) -> Value {
    let compact = Compact::parse(token).unwrap();
    assert_eq!((compact.alg(), compact.typ()), (algorithm.name(), Some("JWT")));
    match algorithm {
        JwsAlgorithm::None => compact.unsecured().unwrap(),
        JwsAlgorithm::Hmac(hmac) => {
            assert_eq!(compact.kid(), None, "a shared secret has no name in the JWK Set");
            compact.verify_mac(hmac, LONG_SECRET.as_bytes()).unwrap()
        }
        JwsAlgorithm::Signature(_) | JwsAlgorithm::Ed25519 => {
            let ring = full_keyring();
            let key = ring.verifier(compact.kid().unwrap(), jiff::Timestamp::UNIX_EPOCH).unwrap();
            compact.verify(key).unwrap()
        }
    }
}

fn jwe_header(token: &str) -> Value {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn oidc_2_and_3_1_3_6_an_id_token_is_signed_as_registered_and_its_at_hash_is_by_the_hash_of_that() {
    for algorithm in every_signing() {
        let staff = serve(app(|client| client.id_token.signing = Some(algorithm)));
        let (id_token, access_token) = tokens(&staff).await;
        let claims = verified(&id_token, algorithm);
        // Section 3.1.3.7: what a relying party checks.
        assert_eq!(
            (&claims["iss"], &claims["aud"], &claims["sub"]),
            (&json!(ISSUER), &json!("app"), &json!("sub-ada"))
        );
        assert_eq!(claims["nonce"], "n-0S6_WzA2Mj");
        assert!(claims["exp"].as_i64().unwrap() > staff.now().as_second(), "{algorithm}");
        assert_eq!(claims["iat"], staff.now().as_second());
        assert_eq!(claims["at_hash"], half_hash(algorithm, &access_token), "{algorithm}");
    }
}

#[tokio::test]
async fn oidc_5_3_2_a_signed_userinfo_answer_has_iss_and_aud_and_its_media_type() {
    for algorithm in every_signing() {
        let staff = serve(app(|client| client.userinfo.signing = Some(algorithm)));
        let reply = userinfo(&staff, &tokens(&staff).await.1).await;
        assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (200, "no-store"));
        let wanted = json!({
            "iss": ISSUER, "aud": "app", "sub": "sub-ada", "email": "ada@example.com", "email_verified": true,
        });
        if algorithm == JwsAlgorithm::None {
            assert_eq!(reply.header("content-type"), "application/json", "nobody gains by a JWT without signature");
            assert!(reply.json().get("iss").is_none() && reply.json()["sub"] == "sub-ada");
            continue;
        }
        assert_eq!(reply.header("content-type"), "application/jwt");
        assert_eq!(verified(reply.text(), algorithm), wanted);
    }
}

#[tokio::test]
async fn oidc_10_2_what_is_signed_and_encrypted_is_a_nested_jwt_by_every_pair_of_algorithms() {
    for encryption in every_encryption() {
        let (key, jwks) = match encryption.key {
            JweKey::Public(algorithm) => {
                let key = decryption_key(algorithm);
                let jwks = json!({"keys": [key.jwk()]});
                (Some(key), jwks)
            }
            JweKey::Secret => (None, json!({"keys": []})),
        };
        let protection = Protection { signing: Some(Algorithm::Es384.into()), encryption: Some(encryption) };
        let app = app(|client| {
            client.id_token = protection;
            client.userinfo = protection;
        });
        let staff = serve(app.jwks(&jwks));
        let (id_token, access_token) = tokens(&staff).await;
        let reply = userinfo(&staff, &access_token).await;
        assert_eq!(reply.header("content-type"), "application/jwt");
        for token in [id_token.as_str(), reply.text()] {
            let header = jwe_header(token);
            assert_eq!(header["alg"], encryption.key.name());
            assert_eq!(header["enc"], encryption.content.name());
            assert_eq!(header["cty"], "JWT", "RFC 7519 section 5.2");
            assert_eq!(header.get("kid").is_some(), key.is_some());
            let plaintext = match &key {
                Some(key) => key.decrypt(token),
                None => DirectKey::of_secret(LONG_SECRET.as_bytes()).decrypt(token),
            };
            let nested = String::from_utf8(plaintext.unwrap().to_vec()).unwrap();
            let claims = verified(&nested, Algorithm::Es384.into());
            assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!("app")));
        }
    }
}

#[tokio::test]
async fn registration_2_userinfo_that_is_encrypted_and_not_signed_is_json_in_a_jwe() {
    let key = decryption_key(KeyManagement::EcdhEs);
    let encryption =
        Encryption { key: JweKey::Public(KeyManagement::EcdhEs), content: ContentEncryption::A128CbcHs256 };
    for signing in [None, Some(JwsAlgorithm::None)] {
        let app = app(|client| client.userinfo = Protection { signing, encryption: Some(encryption) });
        let staff = serve(app.jwks(&json!({"keys": [key.jwk()]})));
        let reply = userinfo(&staff, &tokens(&staff).await.1).await;
        assert_eq!(reply.header("content-type"), "application/jwt");
        assert!(jwe_header(reply.text()).get("cty").is_none());
        let claims: Value = serde_json::from_slice(&key.decrypt(reply.text()).unwrap()).unwrap();
        assert_eq!(claims, json!({"sub": "sub-ada", "email": "ada@example.com", "email_verified": true}));
    }
}

#[tokio::test]
async fn oidc_2_an_id_token_without_signature_never_leaves_another_endpoint_than_the_token_endpoint() {
    let staff = serve(app(|client| client.id_token.signing = Some(JwsAlgorithm::None)));
    assert!(tokens(&staff).await.0.ends_with('.'));
    let call = staff.call(Endpoint::Authorize);
    let (client, user) = (staff.realm().client("app").unwrap().clone(), staff.realm().user("sub-ada").unwrap().clone());
    let authorization = authorization("app", "ada", "openid");
    let with = Companions::of_token_endpoint("x", None);
    let error = mint_id_token(&call, &client, (&user, &authorization), &["openid"], with).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::UnauthorizedClient);
}

#[tokio::test]
async fn oidc_2_without_a_registration_the_realms_default_signs_and_never_nothing() {
    let staff = serve(app(|_| ()));
    verified(&tokens(&staff).await.0, Algorithm::Es256.into());
    assert_eq!(Protection { signing: Some(JwsAlgorithm::None), encryption: None }.always_signed().signing, None);
}

#[tokio::test]
async fn oidc_10_1_during_an_overlap_the_newest_secret_authenticates() {
    let staff = serve(app(|client| {
        client.id_token.signing = Some(JwsAlgorithm::Hmac(HmacAlgorithm::Hs256));
        let old = LONG_SECRET.to_uppercase();
        let end = jiff::Timestamp::from_second(crate::provider::testing::START + 60).unwrap();
        let former = crate::realm::ClientSecret::new("0", old.as_bytes(), Some(end)).unwrap();
        client.authentication.secrets.push(former.with_value(old.as_bytes()));
        // However they stand.
        client.authentication.secrets.reverse();
    }));
    verified(&tokens(&staff).await.0, JwsAlgorithm::Hmac(HmacAlgorithm::Hs256));
}

#[tokio::test]
async fn rfc7518_3_2_a_secret_that_is_too_short_authenticates_no_token_and_the_code_is_not_used_up() {
    let short = "forty bytes are enough for HS256 and no.";
    let with = |value: &str, algorithm| {
        let secret = crate::realm::ClientSecret::new("1", LONG_SECRET.as_bytes(), None).unwrap();
        let secret = if value.is_empty() { secret } else { secret.with_value(value.as_bytes()) };
        app(|client| {
            client.authentication.secrets = vec![secret];
            client.id_token.signing = Some(JwsAlgorithm::Hmac(algorithm));
        })
    };
    let person = || user("ada");
    for (value, algorithm, want) in [
        (short, HmacAlgorithm::Hs256, 200),
        (short, HmacAlgorithm::Hs384, 500),
        (short, HmacAlgorithm::Hs512, 500),
        ("", HmacAlgorithm::Hs256, 500),
    ] {
        let staff = realm().client(with(value, algorithm)).user(person()).serve();
        let reply = redeem(&staff).await;
        assert_eq!(reply.status.as_u16(), want, "{}", reply.text());
        assert!(!reply.text().contains(short));
    }
}

#[tokio::test]
async fn a_client_without_a_key_that_fits_learns_so_and_its_code_is_good_for_another_try() {
    let encryption = Encryption { key: JweKey::Public(KeyManagement::RsaOaep256), content: ContentEncryption::A256Gcm };
    let change = |client: &mut Client| client.id_token.encryption = Some(encryption);
    let (ec, rsa) = (decryption_key(KeyManagement::EcdhEs), decryption_key(KeyManagement::RsaOaep256));
    let mut for_signatures = serde_json::to_value(rsa.jwk()).unwrap();
    for_signatures["use"] = json!("sig");
    let staff = serve(app(change));
    let code = staff.code(authorization("app", "ada", "openid"), |_| ()).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", crate::provider::testing::REDIRECT_URI),
        ("code_verifier", crate::provider::testing::VERIFIER),
    ];
    let header = basic("app", LONG_SECRET);
    for (keys, want) in [
        (json!([]), (400, "invalid_client_metadata")),
        (json!([ec.jwk()]), (400, "invalid_client_metadata")),
        (json!([for_signatures]), (400, "invalid_client_metadata")),
        (json!([ec.jwk(), rsa.jwk()]), (200, "")),
    ] {
        let app = app(change).jwks(&json!({"keys": keys}));
        staff.publish(realm().every_key().client(app).user(user("ada")).build());
        let reply = staff.post_form("/token", &[("authorization", &header)], &form).await;
        assert_eq!(reply.error(), (want.0, want.1.to_owned()), "{keys}");
    }
}

#[tokio::test]
async fn rfc8037_and_rfc7518_6_2_keys_of_other_curves_are_encrypted_for_too() {
    use aws_lc_rs::agreement::{ECDH_P384, ECDH_P521, PrivateKey, X25519};
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    for (crv, algorithm) in [("P-384", &ECDH_P384), ("P-521", &ECDH_P521), ("X25519", &X25519)] {
        let own = PrivateKey::generate(algorithm).unwrap();
        let public = own.compute_public_key().unwrap();
        let public = public.as_ref();
        let jwk = match crv {
            "X25519" => json!({"kty": "OKP", "crv": crv, "x": encode(public)}),
            _ => {
                let (x, y) = public[1..].split_at(public.len() / 2);
                json!({"kty": "EC", "crv": crv, "x": encode(x), "y": encode(y)})
            }
        };
        let key = JweKey::Public(KeyManagement::EcdhEs);
        let encryption = Encryption { key, content: ContentEncryption::A256Gcm };
        let app = app(|client| client.id_token.encryption = Some(encryption)).jwks(&json!({"keys": [jwk]}));
        let (id_token, _) = tokens(&serve(app)).await;
        let header = jwe_header(&id_token);
        assert_eq!((&header["epk"]["crv"], header["epk"]["kty"] == "OKP"), (&json!(crv), crv == "X25519"));
        assert_eq!(id_token.split('.').nth(1), Some(""), "RFC 7518 section 4.6: no encrypted key");
    }
}

#[tokio::test]
async fn metadata_lists_every_way_that_works_and_no_other() {
    let staff = serve(app(|_| ()));
    let metadata = staff.get("/.well-known/openid-configuration", &[]).await.json();
    let listed = |name: &str| -> std::collections::BTreeSet<String> {
        metadata[name].as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
    };
    let signing: std::collections::BTreeSet<_> =
        every_signing().into_iter().map(|algorithm| algorithm.name().to_owned()).collect();
    assert_eq!(listed("id_token_signing_alg_values_supported"), signing);
    let mut for_userinfo = signing;
    for_userinfo.remove("none");
    assert_eq!(listed("userinfo_signing_alg_values_supported"), for_userinfo);
    for kind in ["id_token", "userinfo"] {
        let keys = every_encryption().into_iter().map(|encryption| encryption.key.name().to_owned()).collect();
        assert_eq!(listed(&format!("{kind}_encryption_alg_values_supported")), keys);
        let contents = ContentEncryption::ALL.into_iter().map(|content| content.name().to_owned()).collect();
        assert_eq!(listed(&format!("{kind}_encryption_enc_values_supported")), contents);
    }
}

/// The answer of the authorization endpoint to `id_token token`.
async fn front_channel(app: ClientBuilder) -> std::collections::BTreeMap<String, String> {
    let staff = realm().every_key().every_flow().client(app.every_flow()).user(user("ada").password("hunter2")).serve();
    let mut browser = Browser::new(&staff);
    let parameters = [("response_type", "id_token token"), ("nonce", "n-0S6"), ("scope", "openid email")];
    travelled(&browser.sign_in("ada", "hunter2", &parameters).await).1
}

#[tokio::test]
async fn oidc_3_2_2_an_id_token_of_the_authorization_endpoint_is_protected_alike() {
    let hs512 = JwsAlgorithm::Hmac(HmacAlgorithm::Hs512);
    for algorithm in [hs512, JwsAlgorithm::Ed25519, Algorithm::Ps384.into()] {
        let answer = front_channel(app(|client| client.id_token.signing = Some(algorithm))).await;
        let claims = verified(&answer["id_token"], algorithm);
        assert_eq!(claims["at_hash"], half_hash(algorithm, &answer["access_token"]), "section 3.2.2.9");
        let encryption = Encryption { key: JweKey::Secret, content: ContentEncryption::A256CbcHs512 };
        let protection = Protection { signing: Some(algorithm), encryption: Some(encryption) };
        let answer = front_channel(app(|client| client.id_token = protection)).await;
        let nested = DirectKey::of_secret(LONG_SECRET.as_bytes()).decrypt(&answer["id_token"]).unwrap();
        verified(std::str::from_utf8(&nested).unwrap(), algorithm);
    }
}

#[tokio::test]
async fn oidc_2_the_authorization_endpoint_hands_out_nothing_where_none_is_registered() {
    let answer = front_channel(app(|client| client.id_token.signing = Some(JwsAlgorithm::None))).await;
    assert_eq!(answer["error"], "unauthorized_client");
    assert!(!answer.contains_key("id_token") && !answer.contains_key("access_token"));
    let encryption = Encryption { key: JweKey::Public(KeyManagement::EcdhEs), content: ContentEncryption::A128Gcm };
    let answer = front_channel(app(|client| client.id_token.encryption = Some(encryption))).await;
    assert_eq!(answer["error"], "invalid_client_metadata", "no key to encrypt for");
    assert!(!answer.contains_key("access_token"));
}
