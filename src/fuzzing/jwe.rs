use std::sync::LazyLock;

use super::token::token;
use crate::{
    jose::{
        KeyAlgorithm, KeyManagement,
        import::ImportedKey,
        jwe::{DecryptionKey, DirectKey, is_direct},
    },
    provider::fuzzing::{HMAC_SECRET, id_token_hint},
};

/// Private keys that everybody knows: RFC 7516 appendix A.1.4, RFC 7518 appendix C (Bob's).
const JWKS: [&str; 2] = [
    r#"{"kty":"RSA","n":"oahUIoWw0K0usKNuOR6H4wkf4oBUXHTxRvgb48E-BVvxkeDNjbC4he8rUWcJoZmds2h7M70imEVhRU5djINXtqllXI4DFqcI1DgjT9LewND8MW2Krf3Spsk_ZkoFnilakGygTwpZ3uesH-PFABNIUYpOiN15dsQRkgr0vEhxN92i2asbOenSZeyaxziK72UwxrrKoExv6kc5twXTq4h-QChLOln0_mtUZwfsRaMStPs6mS6XrgxnxbWhojf663tuEQueGC-FCMfra36C9knDFGzKsNa7LZK2djYgyD3JR_MB_4NUJW_TqOQtwHYbxevoJArm-L5StowjzGy-_bq6Gw","e":"AQAB","d":"kLdtIj6GbDks_ApCSTYQtelcNttlKiOyPzMrXHeI-yk1F7-kpDxY4-WY5NWV5KntaEeXS1j82E375xxhWMHXyvjYecPT9fpwR_M9gV8n9Hrh2anTpTD93Dt62ypW3yDsJzBnTnrYu1iwWRgBKrEYY46qAZIrA2xAwnm2X7uGR1hghkqDp0Vqj3kbSCz1XyfCs6_LehBwtxHIyh8Ripy40p24moOAbgxVw3rxT_vlt3UVe4WO3JkJOzlpUf-KTVI2Ptgm-dARxTEtE-id-4OJr0h-K-VFs3VSndVTIznSxfyrj8ILL6MG_Uv8YAu7VILSB3lOW085-4qE3DzgrTjgyQ","p":"1r52Xk46c-LsfB5P442p7atdPUrxQSy4mti_tZI3Mgf2EuFVbUoDBvaRQ-SWxkbkmoEzL7JXroSBjSrK3YIQgYdMgyAEPTPjXv_hI2_1eTSPVZfzL0lffNn03IXqWF5MDFuoUYE0hzb2vhrlN_rKrbfDIwUbTrjjgieRbwC6Cl0","q":"wLb35x7hmQWZsWJmB_vle87ihgZ19S8lBEROLIsZG4ayZVe9Hi9gDVCOBmUDdaDYVTSNx_8Fyw1YYa9XGrGnDew00J28cRUoeBB_jKI1oma0Orv1T9aXIWxKwd4gvxFImOWr3QRL9KEBRzk2RatUBnmDZJTIAfwTs0g68UZHvtc","dp":"ZK-YwE7diUh0qR1tR7w8WHtolDx3MZ_OTowiFvgfeQ3SiresXjm9gZ5KLhMXvo-uz-KUJWDxS5pFQ_M0evdo1dKiRTjVw_x4NyqyXPM5nULPkcpU827rnpZzAJKpdhWAgqrXGKAECQH0Xt4taznjnd_zVpAmZZq60WPMBMfKcuE","dq":"Dq0gfgJ1DdFGXiLvQEZnuKEN0UUmsJBxkjydc3j4ZYdBiMRAy86x0vHCjywcMlYYg4yoC4YZa9hNVcsjqA3FeiL19rk8g6Qn29Tt0cj8qqyFpz9vNDBUfCAiJVeESOjJDZPYHdHY8v1b-o-Z2X5tvLx-TCekf7oxyeKDUqKWjis","qi":"VIMpMYbPf47dT1w_zDUXfPimsSegnMOA1zTaX7aGk_8urY6R8-ZW1FxU7AlWAyLWybqq6t16VFd7hQd0y6flUK4SlOydB61gwanOsXGOAOv82cHq0E3eL4HrtZkUuKvnPrMnsUUFlfUdybVzxyjz9JF_XyaY14ardLSjf4L_FNY"}"#,
    r#"{"kty":"EC","crv":"P-256","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ","y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck","d":"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw"}"#,
];

/// A key for each algorithm that has one.
pub(super) static KEYS: LazyLock<Vec<DecryptionKey>> = LazyLock::new(|| {
    let key = |algorithm: KeyManagement| {
        let jwk = JWKS[usize::from(!algorithm.is_rsa())];
        let pem = ImportedKey::from_jwk(jwk.as_bytes()).unwrap().pem_for(KeyAlgorithm::Encrypt(algorithm)).unwrap();
        DecryptionKey::from_pem(algorithm, &pem).unwrap()
    };
    KeyManagement::ALL.map(key).into()
});

/// A JWE from anywhere (RFC 7516 section 5.2): it is decrypted by its own algorithm's key alone, and never explodes.
pub(super) fn run(data: &[u8]) -> bool {
    let Some(token) = token(data) else { return false };
    let mut is_decrypted = false;
    let addressee = DecryptionKey::addressee(&token);
    for key in KEYS.iter() {
        let Ok(plaintext) = key.decrypt(&token) else { continue };
        assert!(plaintext.len() <= token.len(), "it is longer than what came");
        assert_eq!(addressee.as_ref().unwrap().1, key.algorithm().name(), "the header says another algorithm");
        assert!(!is_direct(&token));
        is_decrypted = true;
    }
    if let Ok(plaintext) = DirectKey::of_secret(HMAC_SECRET.as_bytes()).decrypt(&token) {
        assert!(plaintext.len() <= token.len() && is_direct(&token) && !is_decrypted);
        is_decrypted = true;
    }
    // The realm has other keys than those, and the nested token would have to be signed too.
    id_token_hint(&token, Some("app"));
    is_decrypted
}
