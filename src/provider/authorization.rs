use serde::{Deserialize, Serialize};

use super::ClaimsRequest;
use crate::realm::Client;

/// What a person has authorised a client to do: what every token of a family says, from the code to the last refresh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// `client_id`.
    pub client_id: String,
    /// The client's [`crate::realm::Incarnation`].
    pub incarnation: String,
    /// The user's public `sub`.
    pub subject: String,
    /// The `sub` that the client was shown, where that is another one (OpenID Connect Core section 8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairwise_subject: Option<String>,
    /// Granted scopes, in the order asked for.
    pub scopes: Vec<String>,
    /// Resource servers (RFC 8707) that access tokens may be for; empty: the client's audiences, or the client itself.
    pub resources: Vec<String>,
    /// When the person signed in: seconds since the epoch.
    pub auth_time: i64,
    /// Authentication context class (OpenID Connect Core section 2).
    pub acr: Option<String>,
    /// Authentication methods (RFC 8176).
    pub amr: Vec<String>,
    /// `nonce` of the request.
    pub nonce: Option<String>,
    /// `sid` of the SSO session (Front-Channel Logout section 3).
    pub sid: Option<String>,
    /// `claims_locales` or `ui_locales`, for the claim rules' `request`.
    pub locale: Option<String>,
    /// Claims that were asked for one by one (OpenID Connect Core section 5.5).
    #[serde(default, skip_serializing_if = "ClaimsRequest::is_empty")]
    pub claims: ClaimsRequest,
    /// `claims_locales`: the languages of claims (section 5.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims_locales: Option<String>,
}

impl Authorization {
    /// True where it was this client that was authorised, and no earlier one of its name.
    pub fn is_of(&self, client: &Client) -> bool {
        self.client_id == *client.id && self.incarnation == client.incarnation.as_str()
    }

    /// The `sub` in every token of the family.
    pub fn shown_subject(&self) -> &str {
        self.pairwise_subject.as_deref().unwrap_or(&self.subject)
    }

    /// True where that is what the client sees now: it must not change in a family (OpenID Connect Core sections 5.3.2 and 12.2).
    pub fn is_shown_as(&self, subject: &str) -> bool {
        self.shown_subject() == subject
    }
}

/// The payload of a [`crate::store::Kind::AuthorizationCode`]; its artifact's `grant` is the hash of [`Self::grant_id`], its `session` that of
/// the session's `sid`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodePayload {
    /// The authorization.
    pub authorization: Authorization,
    /// Random, unguessable, fixed for the family; part of the `jti` of its JWT access tokens.
    pub grant_id: String,
    /// True where an access token has come with the code (OpenID Connect Core section 3.3), so that the grant is stored already.
    #[serde(default)]
    pub has_grant: bool,
    /// `redirect_uri` of the request: must come again at the token endpoint if it was given (RFC 6749 section 4.1.3).
    pub redirect_uri: String,
    /// True where the request named the redirect URI.
    pub redirect_uri_given: bool,
    /// `code_challenge` (RFC 7636 section 4.2), always S256.
    pub code_challenge: Option<String>,
}
