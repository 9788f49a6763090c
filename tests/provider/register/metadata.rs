//! What may be registered (OpenID Connect Registration 1.0 section 2, RFC 7591 section 2, the metadata of the logout specifications).

use std::sync::Arc;

use realmkeeper::realm::registration::{MEMBERS, Shape};
use reqwest::Method;
use serde_json::{Value, json};

use super::{CB, Office, good, is_refused, key, realm, rsa_key};
use crate::{
    directory::demo,
    serve::{Serve, http},
    suite::registrant::register,
};

#[tokio::test]
async fn rfc7591_2_members_that_are_left_out_have_their_defaults() {
    let office = Office::open().await;
    let one = office.registrant(json!({"redirect_uris": ["https://app.example/cb"]})).await.document;
    for (member, value) in [
        ("grant_types", json!(["authorization_code"])),
        ("response_types", json!(["code"])),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("application_type", json!("web")),
        ("id_token_signed_response_alg", json!("RS256")),
        ("subject_type", json!("public")),
        ("require_auth_time", json!(false)),
        ("scope", json!("openid profile email address phone")),
    ] {
        assert_eq!(one[member], value, "{member}");
    }
    for (metadata, grants, responses) in [
        (json!({"response_types": ["id_token token"]}), json!(["implicit"]), json!(["id_token token"])),
        (
            json!({"response_types": ["code id_token"]}),
            json!(["authorization_code", "implicit"]),
            json!(["code id_token"]),
        ),
        (json!({"grant_types": ["implicit"]}), json!(["implicit"]), json!(["id_token"])),
    ] {
        let mut metadata = metadata;
        metadata["redirect_uris"] = json!(["https://app.example/cb"]);
        let one = office.registrant(metadata).await.document;
        assert_eq!((&one["grant_types"], &one["response_types"]), (&grants, &responses));
    }
    let machine = office.registrant(json!({"grant_types": ["client_credentials"]})).await.document;
    assert_eq!(machine.get("response_types"), None, "{machine}");
    let public = office
        .registrant(json!({"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none"}))
        .await;
    assert_eq!(public.document.get("client_secret"), None);
    assert_eq!(public.document.get("client_secret_expires_at"), None);
}

#[tokio::test]
async fn rfc7591_2_what_is_not_understood_is_ignored_and_what_is_not_the_clients_to_say_too() {
    let office = Office::open().await;
    let one = office
        .registrant(json!({
            "redirect_uris": ["https://app.example/cb"], "client_id": "mine", "client_secret": "mine", "colour": "red",
            "client_secret_expires_at": 1, "registration_access_token": "mine", "jwks_uri": null,
            "software_statement": "not.looked.at",
        }))
        .await;
    assert_ne!(one.text("client_id"), "mine");
    assert_ne!(one.text("client_secret"), "mine");
    assert_ne!(one.text("registration_access_token"), "mine");
    assert_eq!(one.document.get("colour"), None);
    assert_eq!(one.document.get("software_statement"), None, "nobody's is trusted here");
}

#[tokio::test]
async fn registration_2_and_rfc7591_3_2_2_what_can_not_be_registered_is_named() {
    let office = Office::open().await;
    let (uri, metadata) = ("invalid_redirect_uri", "invalid_client_metadata");
    office
        .refuses(&[
            (uri, "redirect_uris", json!({"redirect_uris": []})),
            (uri, "redirect_uris", json!({"redirect_uris": "https://app.example/cb"})),
            (uri, "redirect_uris", json!({"redirect_uris": ["/cb"]})),
            (uri, "redirect_uris", json!({"redirect_uris": ["https://app.example/cb#f"]})),
            (uri, "redirect_uris", json!({"redirect_uris": ["http://app.example/cb"]})),
            (uri, "redirect_uris", json!({"redirect_uris": ["javascript:alert(1)"]})),
            (uri, "redirect_uris", json!({"redirect_uris": ["com.example.app:/cb"]})),
            (uri, "redirect_uris", json!({"application_type": "native"})),
            (
                uri,
                "redirect_uris",
                json!({"redirect_uris": ["https://localhost/cb"], "response_types": ["id_token"]}),
            ),
            (metadata, "application_type", json!({"application_type": "toaster"})),
            (metadata, "response_types", json!({"response_types": ["token"]})),
            (
                metadata,
                "response_types",
                json!({"response_types": ["code id_token"], "grant_types": ["authorization_code"]}),
            ),
            (metadata, "response_types", json!({"response_types": ["code"], "grant_types": ["implicit"]})),
            (metadata, "grant_types", json!({"grant_types": ["password"]})),
            (metadata, "grant_types", json!({"grant_types": ["refresh_token"]})),
            (metadata, "token_endpoint_auth_method", json!({"token_endpoint_auth_method": "tls_client_auth"})),
            (metadata, "token_endpoint_auth_method", json!({"token_endpoint_auth_method": "private_key_jwt"})),
            (
                metadata,
                "token_endpoint_auth_method",
                json!({"token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "client_credentials"]}),
            ),
            (
                metadata,
                "token_endpoint_auth_signing_alg",
                json!({"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "none"}),
            ),
            (metadata, "jwks", json!({"jwks": {"keys": []}, "jwks_uri": "https://app.example/jwks"})),
            (metadata, "jwks", json!({"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}})),
            (metadata, "jwks", json!({"jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"}]}})),
            (metadata, "jwks", json!({"jwks": {"nothing": 1}})),
            (metadata, "jwks_uri", json!({"jwks_uri": "http://app.example/jwks"})),
            (metadata, "scope", json!({"scope": "nothing that-is known"})),
            (metadata, "subject_type", json!({"subject_type": "secret"})),
            (metadata, "id_token_signed_response_alg", json!({"id_token_signed_response_alg": "ES521"})),
            (metadata, "id_token_signed_response_alg", json!({"id_token_signed_response_alg": "PS512"})),
            (
                metadata,
                "id_token_signed_response_alg",
                json!({"id_token_signed_response_alg": "none", "response_types": ["code id_token"]}),
            ),
            (
                metadata,
                "token_endpoint_auth_method",
                json!({"id_token_signed_response_alg": "HS256", "token_endpoint_auth_method": "none"}),
            ),
            (metadata, "id_token_encrypted_response_alg", json!({"id_token_encrypted_response_alg": "RSA-OAEP"})),
            (metadata, "userinfo_encrypted_response_enc", json!({"userinfo_encrypted_response_enc": "A128GCM"})),
            (metadata, "default_max_age", json!({"default_max_age": "10"})),
            (metadata, "require_auth_time", json!({"require_auth_time": "yes"})),
            (metadata, "initiate_login_uri", json!({"initiate_login_uri": "http://app.example/login"})),
            (metadata, "request_uris", json!({"request_uris": ["http://app.example/r"]})),
            (metadata, "logo_uri", json!({"logo_uri": "ftp://app.example/logo"})),
            (metadata, "tos_uri#de", json!({"tos_uri#de": "javascript:alert(1)"})),
            (metadata, "post_logout_redirect_uris", json!({"post_logout_redirect_uris": ["https://app.example/#f"]})),
            (metadata, "frontchannel_logout_uri", json!({"frontchannel_logout_uri": "https://other.example/out"})),
            (metadata, "backchannel_logout_uri", json!({"backchannel_logout_uri": "https://app.example/#f"})),
            (metadata, "sector_identifier_uri", json!({"sector_identifier_uri": "http://app.example/sector"})),
            (metadata, "client_name", json!({"client_name": "x".repeat(300)})),
            (metadata, "client_name", json!({"client_name": "a\nb"})),
        ])
        .await;
}

#[tokio::test]
async fn rfc7517_5_keys_of_unknown_types_are_passed_over() {
    let office = Office::open().await;
    let unknown = json!({"kty": "LATTICE", "x": "AA"});
    let with = |keys: Value| json!({"redirect_uris": ["https://app.example/cb"], "jwks": {"keys": keys}});
    let one = office.registrant(with(json!([unknown.clone(), key()]))).await;
    assert_eq!(one.document["jwks"]["keys"], json!([key()]));
    office.register(with(json!([unknown]))).await.assert_error(400, "invalid_client_metadata");
}

#[tokio::test]
async fn registration_2_a_member_of_another_type_is_refused_and_named_and_null_is_as_good_as_nothing() {
    let office = Office::open().await;
    for member in MEMBERS {
        let code = if member.name == "redirect_uris" { "invalid_redirect_uri" } else { "invalid_client_metadata" };
        let wrong = [
            json!(7),
            json!(true),
            json!("text"),
            json!(["text"]),
            json!({"a": 1}),
            json!([7]),
            json!([{}]),
            json!(1.5),
        ];
        let fits = |value: &Value| match member.shape {
            Shape::Text => value.is_string(),
            Shape::Texts => value[0].is_string(),
            Shape::Flag => value.is_boolean(),
            Shape::Seconds => value.is_u64(),
            Shape::Object => value.is_object(),
        };
        for value in wrong.iter().filter(|value| !fits(value)) {
            is_refused(&office.register(good(&json!({member.name: value}))).await, code, member.name);
        }
        if member.is_localized {
            let name = format!("{}#fr-CA", member.name);
            is_refused(&office.register(good(&json!({name.clone(): 7}))).await, code, &name);
        }
    }
    let mut nothing: Value = MEMBERS.iter().map(|member| (member.name.to_owned(), Value::Null)).collect();
    nothing["redirect_uris"] = json!([CB]);
    let plain = office.register(good(&json!({}))).await.body;
    let answer = office.register(nothing).await.body;
    for member in MEMBERS {
        assert_eq!(answer.get(member.name), plain.get(member.name), "{}", member.name);
    }
}

#[tokio::test]
async fn registration_2_each_response_type_needs_its_grant_types_and_gets_them_where_none_are_named() {
    let office = Office::open().await;
    let table = [
        ("code", &["authorization_code"][..]),
        ("id_token", &["implicit"]),
        ("id_token token", &["implicit"]),
        ("code id_token", &["authorization_code", "implicit"]),
        ("code token", &["authorization_code", "implicit"]),
        ("code id_token token", &["authorization_code", "implicit"]),
    ];
    for (response, needed) in table {
        let answer = office.register(good(&json!({"response_types": [response]}))).await;
        assert_eq!(answer.body["grant_types"], json!(needed), "{response}: {}", answer.body);
        for grants in [&["authorization_code"][..], &["implicit"], &["authorization_code", "implicit"]] {
            let asked = good(&json!({"response_types": [response], "grant_types": grants}));
            let answer = office.register(asked).await;
            if needed.iter().all(|grant| grants.contains(grant)) {
                assert_eq!(answer.status, 201, "{response} {grants:?}: {}", answer.body);
            } else {
                is_refused(&answer, "invalid_client_metadata", "response_types");
            }
        }
    }
    // The words of a response type have no order (OAuth 2.0 Multiple Response Types section 5).
    let answer = office.register(good(&json!({"response_types": ["token id_token code"]}))).await;
    assert_eq!(answer.body["response_types"], json!(["code id_token token"]), "{}", answer.body);
    let answer =
        office.register(good(&json!({"response_types": ["id_token", "token code", "code", "code token"]}))).await;
    assert_eq!(answer.body["response_types"], json!(["id_token", "code token", "code"]), "{}", answer.body);
}

#[tokio::test]
async fn registration_2_content_encryption_needs_key_encryption_beside_it_and_has_its_default() {
    let office = Office::open().await;
    // What is encrypted for the provider needs a key of the realm, which has none here; a client's secret is always there.
    for (kind, by, good_alg) in [
        ("id_token", "encrypted_response", "ECDH-ES"),
        ("userinfo", "encrypted_response", "ECDH-ES"),
        ("request_object", "encryption", "dir"),
    ] {
        let (alg, enc) = (format!("{kind}_{by}_alg"), format!("{kind}_{by}_enc"));
        let alone = office.register(good(&json!({enc.clone(): "A128CBC-HS256"}))).await;
        is_refused(&alone, "invalid_client_metadata", &enc);
        let with = || good(&json!({alg.clone(): good_alg, "jwks": {"keys": [key()]}}));
        let answer = office.register(with()).await;
        assert_eq!(answer.body[&enc], "A128CBC-HS256", "{}", answer.body);
        for (member, value) in [(&alg, "RSA1_5"), (&alg, "none"), (&enc, "A192GCM")] {
            let mut metadata = with();
            metadata[member] = json!(value);
            is_refused(&office.register(metadata).await, "invalid_client_metadata", member);
        }
    }
}

#[tokio::test]
async fn registration_2_keys_are_public_stand_in_one_place_and_fit_what_is_encrypted_for_them() {
    let office = Office::open().await;
    let with = |keys: Value| json!({"jwks": {"keys": keys}});
    let mut private = key();
    private["d"] = json!("AAAA");
    for (member, change) in [
        ("jwks", json!({"jwks": {"keys": [key()]}, "jwks_uri": "https://app.example/jwks"})),
        ("jwks", with(json!([private]))),
        ("jwks", with(json!([key(), {"kty": "oct", "k": "AAAA"}]))),
        ("jwks", with(json!([{"kty": "RSA", "n": "AQAB", "e": "AQAB", "p": "AQAB"}]))),
        ("jwks", with(json!([]))),
        ("jwks_uri", json!({"jwks_uri": "http://app.example/jwks"})),
        ("jwks_uri", json!({"jwks_uri": "jwks"})),
        (
            "id_token_encrypted_response_alg",
            json!({"id_token_encrypted_response_alg": "RSA-OAEP", "jwks": {"keys": [key()]}}),
        ),
        (
            "userinfo_encrypted_response_alg",
            json!({"userinfo_encrypted_response_alg": "ECDH-ES", "jwks": {"keys": [rsa_key()]}}),
        ),
        ("token_endpoint_auth_method", json!({"token_endpoint_auth_method": "private_key_jwt"})),
        (
            "token_endpoint_auth_signing_alg",
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key()]}, "token_endpoint_auth_signing_alg": "HS256"}),
        ),
        (
            "token_endpoint_auth_signing_alg",
            json!({"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "RS256"}),
        ),
        (
            "token_endpoint_auth_signing_alg",
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key()]}, "token_endpoint_auth_signing_alg": "none"}),
        ),
    ] {
        is_refused(&office.register(good(&change)).await, "invalid_client_metadata", member);
    }
}

#[tokio::test]
async fn registration_2_1_text_in_several_languages_comes_back_as_it_was_sent_and_what_is_no_language_is_ignored() {
    let office = Office::open().await;
    let sent = json!({
        "client_name": "Punch cards", "client_name#ja-Jpan-JP": "\u{30af}\u{30e9}\u{30a4}\u{30a2}\u{30f3}\u{30c8}\u{540d}", "client_name#de": "Lochkarten",
        "client_uri#de": "https://app.example/de", "logo_uri#de": "https://app.example/de.png",
        "policy_uri#fr-CA": "https://app.example/fr/policy", "tos_uri#zh-Hant": "https://app.example/zh/tos",
    });
    let one = office.registrant(good(&sent)).await;
    for (member, value) in sent.as_object().unwrap() {
        assert_eq!(one.document[member], *value, "{member}");
    }
    assert_eq!(one.ask(Method::GET, None).await.body, one.document);
    let ignored = [
        "client_name#",
        "client_name#not a language",
        "client_name#d\u{e9}",
        "redirect_uris#de",
        "contacts#de",
        "x#de",
    ];
    let strange: serde_json::Map<_, _> = ignored.iter().map(|name| ((*name).to_owned(), json!("x"))).collect();
    let one = office.registrant(good(&Value::Object(strange))).await;
    for name in ignored {
        assert_eq!(one.document.get(name), None, "{name}");
    }
}

#[tokio::test]
async fn the_uris_of_the_logout_specifications_are_absolute_have_no_fragment_and_keep_their_query() {
    let office = Office::open().await;
    for member in ["frontchannel_logout_uri", "backchannel_logout_uri"] {
        for uri in [
            "/out",
            "https://app.example/out#",
            "https://app.example/out#f",
            "http://app.example/out",
            "ftp://app.example/",
            "x",
        ] {
            is_refused(&office.register(good(&json!({member: uri}))).await, "invalid_client_metadata", member);
        }
        let uri = "https://app.example/out?tenant=a&b=%22";
        assert_eq!(office.registrant(good(&json!({member: uri}))).await.document[member], uri);
    }
    // Front-Channel Logout section 2: scheme, host and port of a redirect URI.
    for uri in ["https://app.example:8443/out", "https://www.app.example/out", "https://app.example.evil/out"] {
        let answer = office.register(good(&json!({"frontchannel_logout_uri": uri}))).await;
        is_refused(&answer, "invalid_client_metadata", "frontchannel_logout_uri");
        assert_eq!(office.register(good(&json!({"backchannel_logout_uri": uri}))).await.status, 201, "any host");
    }
    for uri in
        ["/bye", "https://app.example/bye#f", "http://app.example/bye", "https://app.example/*", "javascript:alert(1)"]
    {
        let answer = office.register(good(&json!({"post_logout_redirect_uris": [CB, uri]}))).await;
        is_refused(&answer, "invalid_client_metadata", "post_logout_redirect_uris");
    }
    let one = office.registrant(good(&json!({}))).await.document;
    for member in ["frontchannel_logout_session_required", "backchannel_logout_session_required"] {
        assert_eq!(one[member], false, "the default");
    }
}

#[tokio::test]
async fn discovery_3_everything_that_is_listed_can_be_registered() {
    let least = json!({"grantTypes": ["authorization_code"], "responseTypes": ["code"], "scopes": ["openid"]});
    let least = json!({
        "apiVersion": "realmkeeper.dev/v1alpha1", "kind": "Realm", "metadata": {"name": "demo"},
        "spec": {"allowed": {"oidcClients": least}, "registration": {"mode": "Open"}},
    });
    for realm in [realm(&json!({"mode": "Open"})), least.to_string()] {
        let serve = Arc::new(Serve::start(&[("realm.yaml", &*realm)], &[]).await);
        let (http, issuer) = (http(), demo(&serve).issuer().await);
        let url = format!("{issuer}/.well-known/openid-configuration");
        let metadata: Value = http.get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(metadata["registration_endpoint"], format!("{issuer}/register"));
        let list = |name: &str| metadata[name].as_array().cloned().unwrap_or_default();
        let accepted = async |member: &str, value: &Value, more: Value| {
            let mut registration = json!({"redirect_uris": [CB], "jwks": {"keys": [key(), rsa_key()]}});
            registration.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            registration[member] = value.clone();
            let answer = register(&http, &issuer, None, &registration).await;
            assert_eq!((answer.status.as_u16(), &answer.body[member]), (201, value), "{member}: {}", answer.body);
        };
        for (listed, member) in [
            ("id_token_signing_alg_values_supported", "id_token_signed_response_alg"),
            ("id_token_encryption_alg_values_supported", "id_token_encrypted_response_alg"),
            ("userinfo_signing_alg_values_supported", "userinfo_signed_response_alg"),
            ("userinfo_encryption_alg_values_supported", "userinfo_encrypted_response_alg"),
            ("request_object_signing_alg_values_supported", "request_object_signing_alg"),
            ("request_object_encryption_alg_values_supported", "request_object_encryption_alg"),
            ("token_endpoint_auth_methods_supported", "token_endpoint_auth_method"),
            ("subject_types_supported", "subject_type"),
            ("scopes_supported", "scope"),
        ] {
            for value in list(listed) {
                let more = match value.as_str() {
                    Some("offline_access") => json!({"grant_types": ["authorization_code", "refresh_token"]}),
                    _ => json!({}),
                };
                accepted(member, &value, more).await;
            }
        }
        for (kind, by) in
            [("id_token", "encrypted_response"), ("userinfo", "encrypted_response"), ("request_object", "encryption")]
        {
            let (alg, enc) = (format!("{kind}_{by}_alg"), format!("{kind}_{by}_enc"));
            let keys = list(&format!("{kind}_encryption_alg_values_supported"));
            for key in keys.iter().filter(|key| **key == "ECDH-ES" || **key == "dir") {
                for value in list(&format!("{kind}_encryption_enc_values_supported")) {
                    accepted(&enc, &value, json!({alg.clone(): key})).await;
                }
            }
        }
        for value in list("token_endpoint_auth_signing_alg_values_supported") {
            let by_secret = value.as_str().unwrap().starts_with("HS");
            let method = if by_secret { "client_secret_jwt" } else { "private_key_jwt" };
            accepted("token_endpoint_auth_signing_alg", &value, json!({"token_endpoint_auth_method": method})).await;
        }
        for value in list("response_types_supported") {
            accepted("response_types", &json!([value]), json!({})).await;
        }
        for value in list("grant_types_supported") {
            let grants = if value == "refresh_token" { json!(["authorization_code", value]) } else { json!([value]) };
            accepted("grant_types", &grants, json!({})).await;
        }
        accepted("default_acr_values", &json!(list("acr_values_supported")), json!({})).await;
        // And what is not listed can not.
        for (listed, member, values) in [
            (
                "grant_types_supported",
                "grant_types",
                json!(["implicit", "client_credentials", "refresh_token", "password"]),
            ),
            ("response_types_supported", "response_types", json!(["id_token", "code id_token", "none", "token"])),
        ] {
            for value in values.as_array().unwrap().iter().filter(|value| !list(listed).contains(value)) {
                let answer = register(&http, &issuer, None, &good(&json!({member: [value]}))).await;
                answer.assert_error(400, "invalid_client_metadata");
            }
        }
    }
}

#[tokio::test]
async fn registration_7_text_that_nobody_means_is_refused_by_name_or_kept_as_it_is_and_never_a_failure() {
    let office = Office::open().await;
    let long = "x".repeat(3000);
    let strange = [
        " ",
        "\u{0}",
        "a\nb",
        "\u{1f980}\u{202e}#?%",
        &long,
        "https://",
        "https://[::1",
        "HTTPS://A.EXAMPLE:99999/",
        "https://a.example/\u{e9} ",
        "none",
        "<script>",
    ];
    for member in MEMBERS.iter().filter(|member| matches!(member.shape, Shape::Text | Shape::Texts)) {
        for text in strange {
            let value = if member.shape == Shape::Text { json!(text) } else { json!([text]) };
            let answer = office.register(good(&json!({member.name: value}))).await;
            if answer.status == 201 {
                // It says nothing of a client that signs no assertions, and is left out.
                let is_left_out =
                    member.name == "token_endpoint_auth_signing_alg" && answer.body[member.name].is_null();
                assert!(is_left_out || answer.body[member.name] == value, "{}: {}", member.name, answer.body);
                continue;
            }
            let code = answer.body["error"].as_str().unwrap_or_default();
            let is_of_the_standard = ["invalid_redirect_uri", "invalid_client_metadata"].contains(&code);
            assert!(answer.status == 400 && is_of_the_standard, "{} {text:.20}: {}", member.name, answer.body);
        }
    }
    for (member, value) in [
        ("default_max_age", json!(u64::MAX)),
        ("default_max_age", json!(315_360_001)),
        ("contacts", json!((0..17).map(|n| format!("{n}@app.example")).collect::<Vec<_>>())),
        ("post_logout_redirect_uris", json!((0..65).map(|n| format!("https://app.example/{n}")).collect::<Vec<_>>())),
        ("jwks", json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]})),
        ("jwks", json!({"keys": [7]})),
        ("jwks", json!({"keys": "all"})),
    ] {
        is_refused(&office.register(good(&json!({member: value}))).await, "invalid_client_metadata", member);
    }
}
