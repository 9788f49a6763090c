use aws_lc_rs::{
    encoding::{AsBigEndian, AsDer, EcPrivateKeyBin},
    rsa::KeySize,
    signature::{EcdsaKeyPair, KeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use super::{CURVES, ImportError, ImportedKey, KeyKind};
use crate::jose::{Algorithm, KeyAlgorithm, KeyManagement, PrivateKey};

/// RFC 7515 appendix A.2.1, with the CRT parameters.
fn rsa() -> Value {
    json!({
        "kty": "RSA",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        "e": "AQAB",
        "d": "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ",
        "p": "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",
        "q": "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc",
        "dp": "BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0",
        "dq": "h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU",
        "qi": "IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U",
    })
}

/// RFC 7515 appendix A.3.1.
fn p256() -> Value {
    json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    })
}

/// RFC 8037 appendix A.1.
fn ed25519() -> Value {
    json!({
        "kty": "OKP", "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    })
}

fn jwk(value: &Value) -> Result<ImportedKey, ImportError> {
    ImportedKey::from_jwk(value.to_string().as_bytes())
}

fn with(mut value: Value, members: Value) -> Value {
    for (name, member) in members.as_object().unwrap() {
        if member.is_null() {
            value.as_object_mut().unwrap().remove(name);
        } else {
            value[name] = member.clone();
        }
    }
    value
}

/// PEM with this label.
fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[test]
fn the_keys_of_the_standards_are_read_and_have_their_thumbprints() {
    for (value, algorithm, kind, thumbprint) in [
        (rsa(), Algorithm::Rs256, KeyKind::Rsa(2048), None),
        (p256(), Algorithm::Es256, KeyKind::P256, None),
        // RFC 8037 appendix A.3.
        (ed25519(), Algorithm::Ed25519, KeyKind::Ed25519, Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")),
    ] {
        let key = jwk(&value).unwrap();
        assert_eq!(key.kind(), kind);
        let pem = key.pem_for(algorithm.into()).unwrap();
        assert!(pem.expose().starts_with(b"-----BEGIN PRIVATE KEY-----\n"));
        let private = PrivateKey::from_pem(algorithm, &pem).unwrap();
        let material = serde_json::to_value(private.material()).unwrap();
        for member in ["n", "e", "x", "y", "crv"] {
            assert_eq!(material.get(member), value.get(member), "{member}");
        }
        assert!(thumbprint.is_none_or(|thumbprint| private.material().thumbprint() == thumbprint));
        let signature = private.sign(b"message", <[u8]>::to_vec).unwrap();
        private.public_key().unwrap().verify(b"message", &signature).unwrap();
        assert!(ImportedKey::from_pem(pem.expose()).unwrap().is_same(&key), "whichever form it is written in");
    }
}

#[test]
fn keys_on_the_wider_curves_are_read_too() {
    for (algorithm, crv, curve) in [(Algorithm::Es384, "P-384", CURVES[1].1), (Algorithm::Es512, "P-521", CURVES[2].1)]
    {
        let pair = EcdsaKeyPair::generate(curve).unwrap();
        let d: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().unwrap();
        let point = &pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let value = json!({"kty": "EC", "crv": crv, "x": b64(x), "y": b64(y), "d": b64(d.as_ref())});
        let pem = jwk(&value).unwrap().pem_for(algorithm.into()).unwrap();
        assert_eq!(
            serde_json::to_value(PrivateKey::from_pem(algorithm, &pem).unwrap().material()).unwrap()["x"],
            value["x"]
        );
        let short = with(value, json!({"d": b64(&d.as_ref()[1..])}));
        assert_eq!(jwk(&short).unwrap_err(), ImportError::Member("d", "as long as its curve asks for"));
    }
}

#[test]
fn pem_is_read_in_every_form_and_with_what_tools_write_around_it() {
    let sec1: aws_lc_rs::encoding::EcPrivateKeyRfc5915Der<'_> =
        EcdsaKeyPair::generate(CURVES[0].1).unwrap().private_key().as_der().unwrap();
    let parameters = pem("EC PARAMETERS", &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
    let certificate = pem("CERTIFICATE", &[0x30, 0x03, 0x02, 0x01, 0x01]);
    let sec1 = pem("EC PRIVATE KEY", sec1.as_ref());
    for text in [
        sec1.clone(),
        format!("{parameters}{sec1}"),
        format!("{certificate}{certificate}subject=CN = x\n\n{sec1}{certificate}"),
        sec1.replace('\n', "\r\n"),
    ] {
        let key = ImportedKey::from_pem(text.as_bytes()).unwrap();
        assert_eq!(key.kind(), KeyKind::P256);
        assert!(key.pem_for(Algorithm::Es256.into()).unwrap().expose_str().unwrap().contains("BEGIN PRIVATE KEY"));
    }
    for algorithm in Algorithm::ALL {
        let pem = PrivateKey::generate_pem(algorithm).unwrap();
        let key = ImportedKey::from_pem(pem.expose()).unwrap();
        assert_eq!(key.pem_for(algorithm.into()).unwrap(), pem, "{algorithm}: what we write stays as it is");
    }
    // PKCS #1 is what stands in the octet string of PKCS #8: the last part of it.
    let pkcs8 = jwk(&rsa()).unwrap();
    let der = pkcs8.der.expose();
    let at =
        der.windows(4).skip(4).position(|window| window[0] == 0x30 && window[1] == 0x82 && window[2] == 0x04).unwrap()
            + 4;
    let key = ImportedKey::from_pem(pem("RSA PRIVATE KEY", &der[at..]).as_bytes()).unwrap();
    assert!(key.is_same(&pkcs8));
}

#[test]
fn what_is_no_key_in_pem_form_is_refused_with_a_reason() {
    let one = PrivateKey::generate_pem(Algorithm::Es256).unwrap().expose_str().unwrap().to_owned();
    let two = format!("{one}{one}");
    let cut = one.replace("-----END PRIVATE KEY-----", "");
    let crossed = one.replace("PRIVATE", "RSA PRIVATE");
    let locked = one.replace("PRIVATE KEY-----\n", "PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n");
    for (text, reason) in [
        ("", "holds no private key"),
        ("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "holds no private key"),
        ("{\"kty\":\"EC\"}", "holds no private key"),
        ("-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----\n", "is broken"),
        ("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n", "holds no sound private key"),
        (&cut, "is broken"),
        (&crossed, "is no key"),
        (&two, "holds more than one private key"),
        (&locked, "is encrypted with a passphrase"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n", "is encrypted"),
        (&"x".repeat(70_000), "is longer than 64 KiB"),
    ] {
        let error = ImportedKey::from_pem(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(reason), "{error}: {text:.60}");
    }
}

/// An RSA key of 1024 bits, made by openssl for this test.
const SHORT: &str = "-----BEGIN RSA PRIVATE KEY-----
MIICXQIBAAKBgQDKnE1gidLAq7CQPl26lDOx6uJSSI1K3xS0F/vk+ftutU+mtPuH
gLmfEk+1A+B7ymcRlNCVBe+fNlIOjIf/R04M9wLstfwtA3t6dQKkubz2A2O694Ae
PIfC7+8p1i4X5pXNVYpTp3OdWpETaM0UdXUyxZcUQDvrgb1ueqwBEYUqVwIDAQAB
AoGAbJWV9n4GwBGDn9p8uwjAJ8L9JiIR7yVdYCNWcWHz+WIcXPizsOwxDupuY1G/
ljhkQozhuGwk/svK8Fcqb4qUbfPgISOUoCEfSMBXmfB7FB3AQbKkapeuAMyQetHr
3/fuiiy7pDVOgwhY/chD860jFlkgNMMOyV+MZ+PKJkNJB+ECQQDwVnRVUx8T7ypJ
0YfPKPomD+mhSxAsgWB9NvWlksZwBVi6ol2OS3q3viWJBzQgv1EjwfjTwUxexrsm
07hnF09xAkEA19BybqCO1nUdPtjJaq0j1j13pn+YLqXIyMKhk0hwhYYzFdLW1IsT
l95v4zcTut7GSnHMv3a7zsnV5XFs/UNCRwJANCxgdsFjpr0trfa5h8Q6gZbEvgoA
idjQLH6I1xfE0j6m42Up8CD8k/TISzXwIAfIQn3yWW3F+XEk4anmhyKtUQJBAMxW
jUK5uwTLdple4bajoN7k7Dk1bn4ccnPD9QBjAkcqvYvYSZiM5kxRTFcyevfgnpc2
EMroPQKakG/iaXOTD1kCQQDptWiiFlAiaBGx/12pMB5ufvJgSmVUGBLemHVxFgQJ
pMJCQlR+HoK2qu2rRLdxvLEPXh6kcthoEz9vO4KfdoAC
-----END RSA PRIVATE KEY-----
";

/// A key on secp256k1, made by openssl for this test.
const KOBLITZ: &str = "-----BEGIN EC PRIVATE KEY-----
MHQCAQEEIEt0skVonBAP2qrnupCbo6jEntMJvVrDJ3ToihG/OelaoAcGBSuBBAAK
oUQDQgAEk/tfgOVerO56baoDVV22xn5gubvp6RtfY5BEv9EO05+ESub4L9JTKvEL
awrxTgNbx7qiP7jN2xX9FlV0EflHNA==
-----END EC PRIVATE KEY-----
";

#[test]
fn keys_that_are_too_weak_or_of_other_curves_are_refused() {
    assert_eq!(ImportedKey::from_pem(SHORT.as_bytes()).unwrap_err(), ImportError::RsaSize);
    assert!(matches!(ImportedKey::from_pem(KOBLITZ.as_bytes()), Err(ImportError::Pem(_))));
    let short = with(rsa(), json!({"n": "AQAB"}));
    assert_eq!(jwk(&short).unwrap_err(), ImportError::RsaSize);
    for crv in ["P-192", "P-224", "secp256k1", "X25519", "x\u{0}"] {
        assert!(matches!(jwk(&with(p256(), json!({"crv": crv}))), Err(ImportError::Jwk(_))), "{crv}");
        assert!(matches!(jwk(&with(ed25519(), json!({"crv": crv}))), Err(ImportError::Jwk(_))), "{crv}");
    }
}

#[test]
fn incomplete_and_contradictory_jwks_are_refused_and_their_members_named() {
    for (value, error) in [
        (with(p256(), json!({"d": null})), ImportError::Jwk("it is a public key: the member d is missing")),
        (with(p256(), json!({"x": null})), ImportError::Missing("x")),
        (with(p256(), json!({"crv": null})), ImportError::Missing("crv")),
        (with(p256(), json!({"x": p256()["y"]})), ImportError::Inconsistent),
        (with(p256(), json!({"d": URL_SAFE_NO_PAD.encode([0; 32])})), ImportError::Inconsistent),
        (with(p256(), json!({"d": URL_SAFE_NO_PAD.encode([255; 32])})), ImportError::Inconsistent),
        (with(p256(), json!({"d": "%"})), ImportError::Member("d", "a text in base64url without padding, once")),
        (with(p256(), json!({"d": 5})), ImportError::Member("d", "a text in base64url without padding, once")),
        (with(p256(), json!({"kty": 5})), ImportError::Member("kty", "a text, once")),
        (with(p256(), json!({"key_ops": "sign"})), ImportError::Member("key_ops", "a list of texts, once")),
        (with(ed25519(), json!({"x": p256()["x"]})), ImportError::Inconsistent),
        (with(ed25519(), json!({"d": "AA"})), ImportError::Inconsistent),
        (with(rsa(), json!({"p": null})), ImportError::Missing("p")),
        (with(rsa(), json!({"qi": ""})), ImportError::Missing("qi")),
        (with(rsa(), json!({"q": rsa()["p"]})), ImportError::Inconsistent),
        (with(rsa(), json!({"d": "AQAB"})), ImportError::Inconsistent),
        (with(rsa(), json!({"oth": [{}]})), ImportError::Jwk("it has more than two prime factors (oth)")),
        (json!({"kty": "oct", "k": "AAAA"}), ImportError::Jwk("it is a symmetric key (kty oct)")),
        (json!({"kty": "AKP"}), ImportError::Jwk("its kty is not EC, RSA or OKP")),
        (json!({"keys": [p256()]}), ImportError::NotJwk("it is a JWK Set, and one key is needed")),
        (json!({}), ImportError::NotJwk("it has no member kty")),
    ] {
        assert_eq!(jwk(&value).unwrap_err(), error, "{value}");
    }
    let bare = with(rsa(), json!({"p": null, "q": null, "dp": null, "dq": null, "qi": null}));
    assert!(jwk(&bare).unwrap_err().to_string().contains("lacks the prime factors"));
}

#[test]
fn hostile_json_is_an_error_that_shows_nothing_of_it() {
    let deep = format!("{{\"kty\":\"EC\",\"x5c\":{}", "[".repeat(50_000));
    let long = format!("{{\"kty\":\"EC\",\"d\":\"{}\"}}", "hunter2".repeat(20_000));
    let twice = "{\"kty\":\"EC\",\"d\":\"hunter2\",\"d\":\"hunter2\"}";
    for text in [
        "",
        "null",
        "[]",
        "5",
        "\"hunter2\"",
        "{",
        "{\"kty\":\"hunter2\"}",
        "{\"kty\":{\"hunter2\":1}}",
        "{}hunter2",
        "\u{feff}{}",
        "{\"kty\":\"EC\",\"crv\":\"hunter2\"}",
        "{\"d\":\"hunter2!\"}",
        "{\"hunter2\":",
        "{\"kty\":\"EC\",\"alg\":[]}",
        &deep,
        &long,
        twice,
    ] {
        let error = ImportedKey::from_jwk(text.as_bytes()).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert!(ImportedKey::from_jwk(b"{\"kty\":\"EC\",\"d\":\"\xff\"}").is_err());
    assert!(!format!("{:?}", jwk(&p256()).unwrap()).contains("jpsQ"));
}

#[test]
fn what_a_jwk_says_that_it_is_for_must_agree() {
    let es256 = KeyAlgorithm::Sign(Algorithm::Es256);
    let ecdh = KeyAlgorithm::Encrypt(KeyManagement::EcdhEs);
    let rs256 = KeyAlgorithm::Sign(Algorithm::Rs256);
    let oaep = KeyAlgorithm::Encrypt(KeyManagement::RsaOaep);
    for (value, members, algorithm, wanted) in [
        (p256(), json!({"alg": "ES256", "use": "sig", "key_ops": ["sign", "verify"]}), es256, ""),
        (p256(), json!({"alg": "ECDH-ES", "use": "enc", "key_ops": ["deriveBits"]}), ecdh, ""),
        (rsa(), json!({"alg": "RSA-OAEP", "key_ops": ["decrypt"]}), oaep, ""),
        (ed25519(), json!({"alg": "EdDSA"}), Algorithm::Ed25519.into(), ""),
        (ed25519(), json!({"alg": "Ed25519", "kid": "hunter2", "x5c": ["a"]}), Algorithm::Ed25519.into(), ""),
        (rsa(), json!({"alg": "PS256"}), rs256, "own alg is PS256, which contradicts RS256 with use sig"),
        (rsa(), json!({"alg": "hunter2"}), rs256, "own alg is for something else, which contradicts RS256"),
        (p256(), json!({"use": "enc"}), es256, "own use is enc, which contradicts ES256 with use sig"),
        (p256(), json!({"use": "hunter2"}), es256, "own use is for something else"),
        (p256(), json!({"use": "sig"}), ecdh, "own use is sig, which contradicts ECDH-ES with use enc"),
        (p256(), json!({"key_ops": ["verify"]}), es256, "own key_ops is for something else"),
        (p256(), json!({"key_ops": []}), es256, "own key_ops is for something else"),
    ] {
        let result = jwk(&with(value, members)).unwrap().pem_for(algorithm);
        match (result, wanted) {
            (Ok(_), "") => {}
            (Err(error), wanted) if !wanted.is_empty() => {
                let error = error.to_string();
                assert!(error.contains(wanted) && !error.contains("hunter2"), "{error}");
            }
            (result, wanted) => panic!("{wanted}: {result:?}"),
        }
    }
}

#[test]
fn a_key_of_another_type_is_told_what_it_would_fit() {
    for (value, algorithm, wanted) in [
        (
            rsa(),
            KeyAlgorithm::Sign(Algorithm::Es256),
            "is an RSA key of 2048 bits, which fits RS256, RS384, RS512, PS256, PS384 or PS512 and not ES256",
        ),
        (p256(), KeyAlgorithm::Sign(Algorithm::Es384), "is a P-256 key, which fits ES256 and not ES384"),
        (
            p256(),
            KeyAlgorithm::Encrypt(KeyManagement::RsaOaep),
            "is a P-256 key, which fits ECDH-ES, ECDH-ES+A128KW or ECDH-ES+A256KW and not RSA-OAEP",
        ),
        (
            ed25519(),
            KeyAlgorithm::Encrypt(KeyManagement::EcdhEs),
            "is an Ed25519 key, which fits no algorithm of use enc and not ECDH-ES",
        ),
    ] {
        assert_eq!(jwk(&value).unwrap().pem_for(algorithm).unwrap_err().to_string(), wanted);
    }
    assert_eq!(
        aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa3072).map(|pair| super::of_rsa(&pair).unwrap().kind()).unwrap(),
        KeyKind::Rsa(3072)
    );
}
