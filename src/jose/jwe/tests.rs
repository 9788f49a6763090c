use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    ContentEncryption, DecryptionFailed, DecryptionKey, EncryptionKey,
    content::Sealed,
    derive::{Curve, Parties, agree, concat_kdf},
    key::Pair,
};
use crate::jose::{KeyAlgorithm, KeyManagement, import::ImportedKey};

/// RFC 7516 appendix A.1.4 with the CRT parameters.
const A1_KEY: &str = r#"{"kty":"RSA","n":"oahUIoWw0K0usKNuOR6H4wkf4oBUXHTxRvgb48E-BVvxkeDNjbC4he8rUWcJoZmds2h7M70imEVhRU5djINXtqllXI4DFqcI1DgjT9LewND8MW2Krf3Spsk_ZkoFnilakGygTwpZ3uesH-PFABNIUYpOiN15dsQRkgr0vEhxN92i2asbOenSZeyaxziK72UwxrrKoExv6kc5twXTq4h-QChLOln0_mtUZwfsRaMStPs6mS6XrgxnxbWhojf663tuEQueGC-FCMfra36C9knDFGzKsNa7LZK2djYgyD3JR_MB_4NUJW_TqOQtwHYbxevoJArm-L5StowjzGy-_bq6Gw","e":"AQAB","d":"kLdtIj6GbDks_ApCSTYQtelcNttlKiOyPzMrXHeI-yk1F7-kpDxY4-WY5NWV5KntaEeXS1j82E375xxhWMHXyvjYecPT9fpwR_M9gV8n9Hrh2anTpTD93Dt62ypW3yDsJzBnTnrYu1iwWRgBKrEYY46qAZIrA2xAwnm2X7uGR1hghkqDp0Vqj3kbSCz1XyfCs6_LehBwtxHIyh8Ripy40p24moOAbgxVw3rxT_vlt3UVe4WO3JkJOzlpUf-KTVI2Ptgm-dARxTEtE-id-4OJr0h-K-VFs3VSndVTIznSxfyrj8ILL6MG_Uv8YAu7VILSB3lOW085-4qE3DzgrTjgyQ","p":"1r52Xk46c-LsfB5P442p7atdPUrxQSy4mti_tZI3Mgf2EuFVbUoDBvaRQ-SWxkbkmoEzL7JXroSBjSrK3YIQgYdMgyAEPTPjXv_hI2_1eTSPVZfzL0lffNn03IXqWF5MDFuoUYE0hzb2vhrlN_rKrbfDIwUbTrjjgieRbwC6Cl0","q":"wLb35x7hmQWZsWJmB_vle87ihgZ19S8lBEROLIsZG4ayZVe9Hi9gDVCOBmUDdaDYVTSNx_8Fyw1YYa9XGrGnDew00J28cRUoeBB_jKI1oma0Orv1T9aXIWxKwd4gvxFImOWr3QRL9KEBRzk2RatUBnmDZJTIAfwTs0g68UZHvtc","dp":"ZK-YwE7diUh0qR1tR7w8WHtolDx3MZ_OTowiFvgfeQ3SiresXjm9gZ5KLhMXvo-uz-KUJWDxS5pFQ_M0evdo1dKiRTjVw_x4NyqyXPM5nULPkcpU827rnpZzAJKpdhWAgqrXGKAECQH0Xt4taznjnd_zVpAmZZq60WPMBMfKcuE","dq":"Dq0gfgJ1DdFGXiLvQEZnuKEN0UUmsJBxkjydc3j4ZYdBiMRAy86x0vHCjywcMlYYg4yoC4YZa9hNVcsjqA3FeiL19rk8g6Qn29Tt0cj8qqyFpz9vNDBUfCAiJVeESOjJDZPYHdHY8v1b-o-Z2X5tvLx-TCekf7oxyeKDUqKWjis","qi":"VIMpMYbPf47dT1w_zDUXfPimsSegnMOA1zTaX7aGk_8urY6R8-ZW1FxU7AlWAyLWybqq6t16VFd7hQd0y6flUK4SlOydB61gwanOsXGOAOv82cHq0E3eL4HrtZkUuKvnPrMnsUUFlfUdybVzxyjz9JF_XyaY14ardLSjf4L_FNY"}"#;
const A1: &str = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGeipsEdY3mx_etLbbWSrFr05kLzcSr4qKAq7YN7e9jwQRb23nfa6c9d-StnImGyFDbSv04uVuxIp5Zms1gNxKKK2Da14B8S4rzVRltdYwam_lDp5XnZAYpQdb76FdIKLaVmqgfwX7XWRxv2322i-vDxRfqNzo_tETKzpVLzfiwQyeyPGLBIO56YJ7eObdv0je81860ppamavo35UgoRdbYaBcoh9QcfylQr66oc6vFWXRcZ_ZT2LawVCWTIy3brGPi6UklfCpIMfIjf7iGdXKHzg.48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A.XFBoMYUZodetZdvTiFvSkQ";

fn b64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn key(algorithm: KeyManagement) -> DecryptionKey {
    DecryptionKey::from_pem(algorithm, &KeyAlgorithm::Encrypt(algorithm).generate_pem().unwrap()).unwrap()
}

fn of_jwk(algorithm: KeyManagement, jwk: &str) -> DecryptionKey {
    let pem = ImportedKey::from_jwk(jwk.as_bytes()).unwrap().pem_for(algorithm.into()).unwrap();
    DecryptionKey::from_pem(algorithm, &pem).unwrap()
}

fn public(key: &DecryptionKey) -> EncryptionKey {
    EncryptionKey::new(key.algorithm(), &key.jwk().material, Some(key.jwk().kid.clone())).unwrap()
}

#[test]
fn rfc_7516_appendix_a_1_is_decrypted() {
    let key = of_jwk(KeyManagement::RsaOaep, A1_KEY);
    let plaintext = key.decrypt(A1).unwrap();
    assert_eq!(plaintext.as_slice(), b"The true sign of intelligence is not knowledge but imagination.");
    assert_eq!(DecryptionKey::addressee(A1), Ok((None, "RSA-OAEP".into())));
    assert_eq!(of_jwk(KeyManagement::RsaOaep256, A1_KEY).decrypt(A1), Err(DecryptionFailed), "of another algorithm");
}

/// RFC 7516 appendix A.2 with the key of A.2.2, which A.3 shares: the key management of neither is ours, the content encryption is.
#[test]
fn the_content_of_rfc_7516_appendix_a_2_is_decrypted() {
    let cek = [
        4, 211, 31, 197, 84, 157, 252, 254, 11, 100, 157, 250, 63, 170, 106, 206, 107, 124, 212, 45, 111, 107, 9, 219,
        200, 177, 0, 240, 143, 156, 44, 207,
    ];
    let sealed = |tag: &[u8]| Sealed {
        iv: b64("AxY8DCtDaGlsbGljb3RoZQ"),
        ciphertext: b64("KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY"),
        tag: tag.to_vec(),
    };
    let tag = b64("9hH0vgRfYgPnAHOd8stkvw");
    let aad = b"eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0";
    let enc = ContentEncryption::A128CbcHs256;
    assert_eq!(enc.open(&cek, sealed(&tag), aad).unwrap(), b"Live long and prosper.");
    assert_eq!(enc.open(&cek, sealed(&tag[..15]), aad), Err(DecryptionFailed), "a truncated tag");
    assert_eq!(enc.open(&cek, sealed(&tag), &aad[1..]), Err(DecryptionFailed));
}

/// RFC 7518 appendices B.1 and B.3. The tag is over everything else, so that a wrong octet anywhere would show.
#[test]
fn rfc_7518_appendix_b_is_decrypted() {
    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<_> = text.chars().filter(|c| !c.is_whitespace()).collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
    }
    let plaintext = "A cipher system must not be required to be secret, and it must be able to fall into the hands of the enemy without inconvenience";
    let aad = b"The second principle of Auguste Kerckhoffs";
    let b1 = "c80edfa32ddf39d5ef00c0b468834279a2e46a1b8049f792f76bfe54b903a9c9a94ac9b47ad2655c5f10f9aef71427e2fc6f9b3f399a221489f16362c70323360
        9d45ac69864e3321cf82935ac4096c86e133314c54019e8ca7980dfa4b9cf1b384c486f3a54c51078158ee5d79de59fbd34d848b3d69550a67646344427ade54b8851ff
        b598f7f80074b9473c82e2db";
    let b3 = "4affaaadb78c31c5da4b1b590d10ffbd3dd8d5d302423526912da037ecbcc7bd822c301dd67c373bccb584ad3e9279c2e6d12a1374b77f077553df829410446b3
        6ebd97066296ae6427ea75c2e0846a11a09ccf5370dc80bfecbad28c73f09b3a3b75e662a2594410ae496b2e2e6609e31e6e02cc837f053d21f37ff4f51950bbe2638d0
        9dd7a4930930806d0703b1f6";
    let t3 = "4dd3b4c088a7f45c216839645b2012bf2e6269a8c56a816dbc1b267761955bc5";
    for (enc, length, ciphertext, tag) in [
        (ContentEncryption::A128CbcHs256, 32, b1, "652c3fa36b0a7c5b3219fab3a30bc1c4"),
        (ContentEncryption::A256CbcHs512, 64, b3, t3),
    ] {
        let key: Vec<u8> = (0..length).collect();
        let iv = hex("1af38c2dc2b96ffdd86694092341bc04");
        let sealed = Sealed { iv, ciphertext: hex(ciphertext), tag: hex(tag) };
        assert_eq!(enc.open(&key, sealed, aad), Ok(plaintext.as_bytes().to_vec()), "{enc}");
    }
}

#[test]
fn rfc_7518_appendix_c_is_derived() {
    let bob = r#"{"kty":"EC","crv":"P-256","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
        "y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck","d":"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw"}"#;
    let alice = [
        &[4][..],
        &b64("gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0"),
        &b64("SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps"),
    ]
    .concat();
    let bob = of_jwk(KeyManagement::EcdhEs, bob);
    let Pair::Ecdh(private) = &bob.pair else { panic!() };
    let parties = Parties { apu: b"Alice", apv: b"Bob" };
    let derived = agree(private, (Curve::P256, &alice), "A128GCM", parties, 16).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(&*derived), "VqqN6vgjbSBcIijNcacQGg");
    assert_eq!(concat_kdf(b"z", "A256CBC-HS512", parties, 64).unwrap().len(), 64, "more than one round");
}

#[test]
fn what_is_encrypted_is_decrypted_by_every_pair_of_algorithms_and_only_by_its_key() {
    for algorithm in KeyManagement::ALL {
        let (own, stranger) = (key(algorithm), key(algorithm));
        for enc in ContentEncryption::ALL {
            for plaintext in [&b""[..], b"x", &[7; 16], &[9; 5000]] {
                let token = public(&own).encrypt(enc, Some("JWT"), plaintext).unwrap();
                assert_eq!(own.decrypt(&token).unwrap().as_slice(), plaintext, "{algorithm} {enc}");
                assert_eq!(stranger.decrypt(&token), Err(DecryptionFailed), "{algorithm} {enc}");
                assert_eq!(DecryptionKey::addressee(&token).unwrap().0.as_ref(), Some(&own.jwk().kid));
            }
        }
    }
}

/// The token with another header.
fn with_header(token: &str, change: impl FnOnce(&mut Value)) -> String {
    let (header, rest) = token.split_once('.').unwrap();
    let mut header: Value = serde_json::from_slice(&b64(header)).unwrap();
    change(&mut header);
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

/// The token with another part.
fn with_part(token: &str, index: usize, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    let mut bytes = b64(&parts[index]);
    change(&mut bytes);
    parts[index] = URL_SAFE_NO_PAD.encode(bytes);
    parts.join(".")
}

#[test]
fn whatever_is_changed_there_is_one_error() {
    for algorithm in KeyManagement::ALL {
        let own = key(algorithm);
        for enc in ContentEncryption::ALL {
            let token = public(&own).encrypt(enc, None, b"a plaintext of more than one block").unwrap();
            for index in 1..5 {
                for changed in
                    [
                        with_part(&token, index, |part| {
                            if let Some(byte) = part.last_mut() { *byte ^= 1 } else { part.push(0) }
                        }),
                        with_part(&token, index, |part| {
                            if part.pop().is_none() {
                                part.push(0)
                            }
                        }),
                        with_part(&token, index, |part| part.push(0)),
                        with_part(&token, index, |part| *part = vec![0; 700]),
                    ]
                {
                    assert_eq!(own.decrypt(&changed), Err(DecryptionFailed), "{algorithm} {enc} part {index}");
                }
            }
            assert_eq!(own.decrypt(&with_part(&token, 4, |tag| tag.truncate(8))), Err(DecryptionFailed));
            assert_eq!(own.decrypt(&with_part(&token, 3, Vec::clear)), Err(DecryptionFailed));
            for (name, value) in [
                ("zip", json!("DEF")),
                ("crit", json!(["exp"])),
                ("enc", json!("A192GCM")),
                ("enc", json!("A128GCM ")),
                ("alg", json!("RSA1_5")),
                ("alg", json!("none")),
                ("alg", json!("dir")),
                ("kid", json!("x")),
                ("epk", json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"})),
                ("apu", json!("QQ")),
                ("apv", json!("%")),
            ] {
                let changed = with_header(&token, |header| header[name] = value);
                assert_eq!(own.decrypt(&changed), Err(DecryptionFailed), "{algorithm} {enc} {name}");
            }
        }
    }
}

#[test]
fn a_point_that_is_not_on_the_curve_is_refused_before_anything_is_agreed() {
    let own = key(KeyManagement::EcdhEs);
    let Pair::Ecdh(private) = &own.pair else { panic!() };
    let point = |byte: u8| [&[4][..], &[byte; 64]].concat();
    for point in [point(0), point(1), point(255), vec![0], vec![4], Vec::new()] {
        assert!(agree(private, (Curve::P256, &point), "A128GCM", Parties::default(), 16).is_none());
    }
    let token = public(&own).encrypt(ContentEncryption::A128Gcm, None, b"x").unwrap();
    for epk in [
        json!(null),
        json!({}),
        json!("x"),
        json!({"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}),
        json!({"kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode([1; 32]), "y": URL_SAFE_NO_PAD.encode([1; 32])}),
    ] {
        assert_eq!(own.decrypt(&with_header(&token, |header| header["epk"] = epk)), Err(DecryptionFailed));
    }
}

#[test]
fn malformed_tokens_are_errors_and_never_panics() {
    let own = key(KeyManagement::RsaOaep256);
    let token = public(&own).encrypt(ContentEncryption::A256CbcHs512, None, b"x").unwrap();
    let five = "e30.e30.e30.e30.e30";
    let huge = format!("{token}{}", "A".repeat(70_000));
    for token in [
        "",
        ".",
        "....",
        ".....",
        five,
        "a.b.c",
        "é.é.é.é.é",
        "\0.\0.\0.\0.\0",
        &token[1..],
        &format!("{token}.AA"),
        &huge,
    ] {
        assert_eq!(own.decrypt(token), Err(DecryptionFailed), "{token:.20}");
    }
    assert!(!format!("{own:?}").contains("private") && format!("{own:?}").ends_with("***)"));
}

#[test]
fn a_key_of_another_type_decrypts_nothing_and_encrypts_nothing() {
    let rsa = KeyAlgorithm::Encrypt(KeyManagement::RsaOaep).generate_pem().unwrap();
    let ec = KeyAlgorithm::Encrypt(KeyManagement::EcdhEs).generate_pem().unwrap();
    assert!(DecryptionKey::from_pem(KeyManagement::EcdhEs, &rsa).is_err());
    assert!(DecryptionKey::from_pem(KeyManagement::RsaOaep256, &ec).is_err());
    let own = key(KeyManagement::EcdhEs);
    assert!(EncryptionKey::new(KeyManagement::RsaOaep, &own.jwk().material, None).is_err());
    assert_eq!(serde_json::to_value(own.jwk()).unwrap()["use"], "enc");
}
