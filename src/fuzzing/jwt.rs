use std::sync::LazyLock;

use serde_json::Value;

use super::token::token;
use crate::{
    jose::{Compact, HmacAlgorithm, foreign::ForeignKeys},
    provider::fuzzing::{HMAC_SECRET, client_assertion, id_token_hint},
};

/// The keys of somebody who has signed [`SIGNED`] and nothing else, and thrown the private halves away.
static KEYS: LazyLock<ForeignKeys> =
    LazyLock::new(|| ForeignKeys::parse(include_bytes!("../../fuzz/seeds/jwk_set/signing")).unwrap());

/// All that there is of those keys, and of [`HMAC_SECRET`].
const SIGNED: [&str; 12] = [
    include_str!("../../fuzz/seeds/jwt/signed-assertion-eddsa"),
    include_str!("../../fuzz/seeds/jwt/signed-assertion-es256"),
    include_str!("../../fuzz/seeds/jwt/signed-assertion-rs256"),
    include_str!("../../fuzz/seeds/jwt/signed-hint-eddsa"),
    include_str!("../../fuzz/seeds/jwt/signed-hint-es256"),
    include_str!("../../fuzz/seeds/jwt/signed-hint-es384"),
    include_str!("../../fuzz/seeds/jwt/signed-hint-es512"),
    include_str!("../../fuzz/seeds/jwt/signed-hint-hs256"),
    include_str!("../../fuzz/seeds/jwt/signed-hint-hs512"),
    include_str!("../../fuzz/seeds/jwt/signed-hint-ps384"),
    include_str!("../../fuzz/seeds/jwt/signed-hint-rs256"),
    include_str!("../../fuzz/seeds/jwt/signed-hint-rs512"),
];

/// A JWS from anywhere (RFC 7515 section 5.2), as an ID token that is a hint and as a client's assertion too: what was not signed is
/// believed by nobody.
pub(super) fn run(data: &[u8]) -> bool {
    let Some(token) = token(data) else { return false };
    let input = |token: &str| token.rsplit_once('.').map(|(input, _)| input.to_owned());
    let is_signed = SIGNED.iter().any(|signed| input(signed) == input(&token));
    let is_verified = KEYS.verify::<Value>(&token).is_ok();
    assert!(!is_verified || is_signed, "a signature was forged");
    assert!(!id_token_hint(&token, None) || is_signed, "an ID token was forged");
    assert!(!client_assertion(&token) || is_signed, "an assertion was forged");
    let Ok(compact) = Compact::parse(&token) else { return false };
    for algorithm in HmacAlgorithm::ALL {
        let is_authentic = compact.verify_mac::<Value>(algorithm, HMAC_SECRET.as_bytes()).is_ok();
        assert!(!is_authentic || is_signed, "a code was forged");
    }
    if let Ok(claims) = compact.unsecured::<Value>() {
        assert!(compact.alg() == "none" && token.ends_with('.'), "it is signed");
        assert_eq!(compact.claims_unverified::<Value>().unwrap(), claims);
    }
    is_verified
}
