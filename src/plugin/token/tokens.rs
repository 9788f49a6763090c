use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::id_token::Claims;
use crate::{jose::Compact, secret::Secret};

/// A token counts as expired so long before its end, so that it is still good when it arrives; a tenth of a short life.
const MARGIN: SignedDuration = SignedDuration::from_secs(30);

/// An answer of the token endpoint (RFC 6749 section 5.1). `Debug` shows no token.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
pub struct Tokens {
    /// `access_token`.
    #[serde(deserialize_with = "secret")]
    pub access_token: Secret,
    /// `token_type`.
    pub token_type: String,
    /// `expires_in`, in seconds; none: the provider does not say.
    #[serde(default)]
    pub expires_in: Option<u32>,
    /// `id_token`.
    #[serde(default, deserialize_with = "some_secret")]
    pub id_token: Option<Secret>,
    /// `refresh_token`.
    #[serde(default, deserialize_with = "some_secret")]
    pub refresh_token: Option<Secret>,
    /// `scope`; none: what was asked for.
    #[serde(default)]
    pub scope: Option<String>,
}

/// Which token is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// The access token.
    Access,
    /// The ID token.
    Id,
}

/// Takes the text over, so that no copy stays behind.
pub fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

/// The same for one that may be absent.
pub fn some_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

impl Tokens {
    /// The token; none where the provider gave none of this kind.
    pub fn token(&self, want: Want) -> Option<&Secret> {
        match want {
            Want::Access => Some(&self.access_token),
            Want::Id => self.id_token.as_ref(),
        }
    }

    /// When the token ends, where that is known; `obtained_at` is when the provider gave it.
    pub fn expires_at(&self, want: Want, obtained_at: Timestamp) -> Option<Timestamp> {
        match want {
            Want::Access => obtained_at.checked_add(SignedDuration::from_secs(self.expires_in?.into())).ok(),
            Want::Id => Timestamp::from_second(self.id_token_claims()?.exp).ok(),
        }
    }

    /// True where the token is there and good for a while yet.
    pub fn is_fresh(&self, want: Want, obtained_at: Timestamp, now: Timestamp) -> bool {
        let Some(end) = self.expires_at(want, obtained_at).filter(|_| self.token(want).is_some()) else { return false };
        let margin = MARGIN.min(end.duration_since(obtained_at) / 10);
        now.duration_since(obtained_at) >= SignedDuration::ZERO && end.duration_since(now) > margin
    }

    /// `sub` of the ID token, which was verified when it came.
    pub fn subject(&self) -> Option<String> {
        self.id_token_claims().map(|claims| claims.sub)
    }

    fn id_token_claims(&self) -> Option<Claims> {
        Compact::parse(self.id_token.as_ref()?.expose_str()?).ok()?.claims_unverified().ok()
    }

    /// What a refresh has left out stays as it was: the refresh token (RFC 6749 section 6) and the scope.
    #[must_use]
    pub fn after(self, before: &Self) -> Self {
        Self {
            refresh_token: self.refresh_token.or_else(|| before.refresh_token.clone()),
            scope: self.scope.or_else(|| before.scope.clone()),
            ..self
        }
    }

    /// The response as JSON, tokens and all; `expires_in` counts from `now`.
    pub fn to_json(&self, obtained_at: Timestamp, now: Timestamp) -> Value {
        let text = |secret: &Secret| Value::from(secret.expose_str().unwrap_or_default());
        let mut map = Map::new();
        map.insert("access_token".into(), text(&self.access_token));
        map.insert("token_type".into(), self.token_type.as_str().into());
        if let Some(end) = self.expires_at(Want::Access, obtained_at) {
            map.insert("expires_in".into(), end.duration_since(now).as_secs().max(0).into());
        }
        map.extend(self.id_token.as_ref().map(|token| ("id_token".to_owned(), text(token))));
        map.extend(self.refresh_token.as_ref().map(|token| ("refresh_token".to_owned(), text(token))));
        map.extend(self.scope.as_deref().map(|scope| ("scope".to_owned(), scope.into())));
        Value::Object(map)
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    use jiff::Timestamp;
    use serde_json::json;

    use super::{Tokens, Want};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn tokens(more: serde_json::Value) -> Tokens {
        let mut all = json!({"access_token": "access-hunter2", "token_type": "Bearer", "expires_in": 100});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    fn id_token(exp: i64) -> String {
        let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = json!({"iss": "i", "sub": "ada", "aud": "kubectl", "exp": exp, "iat": 0});
        format!("{}.{}.AAAA", part(json!({"alg": "ES256"})), part(claims))
    }

    #[test]
    fn each_token_is_fresh_until_shortly_before_its_own_end() {
        let tokens = tokens(json!({"id_token": id_token(1_400)}));
        for (want, now, fresh) in [
            (Want::Access, 1_089, true),
            (Want::Access, 1_090, false),
            (Want::Id, 1_369, true),
            (Want::Id, 1_370, false),
            (Want::Access, 999, false),
        ] {
            assert_eq!(tokens.is_fresh(want, at(1_000), at(now)), fresh, "{want:?} {now}");
        }
        assert!(!self::tokens(json!({})).is_fresh(Want::Id, at(1_000), at(1_000)));
        assert!(!self::tokens(json!({"expires_in": null})).is_fresh(Want::Access, at(1_000), at(1_000)));
    }

    #[test]
    fn a_refresh_without_a_new_refresh_token_keeps_the_old_one() {
        let before = tokens(json!({"refresh_token": "r1", "scope": "openid"}));
        let after = tokens(json!({})).after(&before);
        assert_eq!((after.refresh_token, after.scope), (before.refresh_token.clone(), before.scope.clone()));
        let rotated = tokens(json!({"refresh_token": "r2"})).after(&before);
        assert_eq!(rotated.refresh_token.unwrap().expose(), b"r2");
    }

    #[test]
    fn debug_shows_no_token_and_json_shows_all_of_them() {
        let tokens = tokens(json!({"id_token": "id-hunter2", "refresh_token": "refresh-hunter2"}));
        assert!(!format!("{tokens:?}").contains("hunter2"));
        let json = tokens.to_json(at(0), at(40));
        assert_eq!((&json["id_token"], &json["expires_in"]), (&json!("id-hunter2"), &json!(60)));
    }
}
