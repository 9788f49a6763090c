//! What a client asks for, made complete: each member that holds a default gets it, and each is held against the standards and the
//! realm's policy, a rule a function (RFC 7591 section 2, OpenID Connect Registration section 2).

use std::{collections::BTreeSet, str::FromStr};

use serde_json::Value;

use super::{InvalidMetadata, links, redirect_uris};
use crate::{
    jose::{Algorithm, JwsAlgorithm},
    provider::{Call, OAuthError},
    realm::{
        AuthMethod, GrantType, ResponseType, SubjectType,
        registration::{ApplicationType, ClientMetadata, RegistrationPolicy},
    },
};

/// What the rules look at, besides the metadata.
pub(super) struct Context<'a> {
    pub call: &'a Call,
    pub policy: &'a RegistrationPolicy,
}

type Rule = fn(&Context<'_>, &mut ClientMetadata) -> Result<(), InvalidMetadata>;

/// In order: what a rule looks at, those before it have filled in.
const RULES: [Rule; 13] = [
    application_type,
    grant_and_response_types,
    redirect_uris::check,
    redirect_uris::check_post_logout,
    authentication_method,
    keys,
    scope,
    subject_type,
    id_token_algorithm,
    other_algorithms,
    encryption,
    links::fetched,
    links::shown,
];

/// All that the client will be, or the first thing that can't be.
pub(super) fn complete(
    call: &Call,
    policy: &RegistrationPolicy,
    mut metadata: ClientMetadata,
) -> Result<ClientMetadata, OAuthError> {
    let context = Context { call, policy };
    for rule in RULES {
        rule(&context, &mut metadata)?;
    }
    Ok(metadata)
}

fn invalid(member: &str, message: impl Into<String>) -> InvalidMetadata {
    InvalidMetadata::new(member, message)
}

/// Each of `names` as what it means, where it is among `allowed`.
fn each<T>(member: &str, names: &[&str], allowed: &[T]) -> Result<Vec<T>, InvalidMetadata>
where
    T: FromStr<Err = &'static str> + PartialEq,
{
    let one = |name: &&str| match name.parse::<T>() {
        Ok(value) if allowed.contains(&value) => Ok(value),
        Ok(_) => Err(invalid(member, format!("the realm does not let clients register with {name}"))),
        Err(problem) => Err(invalid(member, format!("{name} is {problem}"))),
    };
    names.iter().map(one).collect()
}

fn application_type(context: &Context<'_>, metadata: &mut ClientMetadata) -> Result<(), InvalidMetadata> {
    let allowed = &context.policy.application_types;
    let default = || allowed.first().copied().unwrap_or(ApplicationType::Web);
    let kind = match metadata.text("application_type") {
        Some(name) => name.parse().map_err(|problem: &str| invalid("application_type", problem))?,
        None if allowed.contains(&ApplicationType::Web) => ApplicationType::Web,
        None => default(),
    };
    if !allowed.contains(&kind) {
        return Err(invalid("application_type", format!("the realm does not let {kind} applications register")));
    }
    metadata.set("application_type", kind.as_str());
    Ok(())
}

/// `grant_types` and `response_types` go together (RFC 7591 section 2.1): where one is left out it follows from the other, and where both
/// are there they must fit.
fn grant_and_response_types(context: &Context<'_>, metadata: &mut ClientMetadata) -> Result<(), InvalidMetadata> {
    let policy = context.policy;
    let mut grants = each("grant_types", &metadata.texts("grant_types"), &policy.grant_types)?;
    let asked = response_types(metadata);
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let mut responses = each("response_types", &asked, &policy.response_types)?;
    if grants.is_empty() {
        let asked = if responses.is_empty() { &[ResponseType::Code][..] } else { &responses };
        let needs = |grant: &GrantType| match grant {
            GrantType::AuthorizationCode => asked.iter().any(|one| one.has_code() || *one == ResponseType::None),
            GrantType::Implicit => asked.iter().any(|one| one.is_front_channel()),
            _ => false,
        };
        let names: Vec<_> = GrantType::ALL.iter().filter(|grant| needs(grant)).map(|grant| grant.as_str()).collect();
        grants = each("grant_types", &names, &policy.grant_types)?;
    }
    if responses.is_empty() {
        let default = match (grants.contains(&GrantType::AuthorizationCode), grants.contains(&GrantType::Implicit)) {
            (true, _) => &["code"][..],
            (false, true) => &["id_token"],
            (false, false) => &[],
        };
        responses = each("response_types", default, &policy.response_types)?;
    }
    if let Some(response) = responses.iter().find(|response| !response.is_granted(&grants)) {
        let needed = if response.has_code() && !grants.contains(&GrantType::AuthorizationCode) {
            GrantType::AuthorizationCode
        } else {
            GrantType::Implicit
        };
        return Err(invalid("response_types", format!("{response} needs the grant type {needed} in grant_types")));
    }
    if grants.contains(&GrantType::RefreshToken) && !grants.contains(&GrantType::AuthorizationCode) {
        return Err(invalid("grant_types", "refresh_token needs authorization_code beside it"));
    }
    metadata.set_all("grant_types", grants.iter().map(|grant| grant.as_str()));
    metadata.set_all("response_types", responses.iter().map(|response| response.as_str()));
    Ok(())
}

/// Those that are asked for, each once: the words of one have no order (OAuth 2.0 Multiple Response Type Encoding Practices section 3).
fn response_types(metadata: &ClientMetadata) -> Vec<String> {
    let mut asked: Vec<String> = Vec::new();
    for name in metadata.texts("response_types") {
        let name = ResponseType::of_words(name).map_or(name, |kind| kind.as_str());
        if !asked.iter().any(|known| known == name) {
            asked.push(name.to_owned());
        }
    }
    asked
}

/// True where a grant of the client goes by way of a browser.
pub(super) fn redirects(metadata: &ClientMetadata) -> bool {
    metadata.texts("grant_types").iter().any(|grant| matches!(*grant, "authorization_code" | "implicit"))
}

fn authentication_method(context: &Context<'_>, metadata: &mut ClientMetadata) -> Result<(), InvalidMetadata> {
    const MEMBER: &str = "token_endpoint_auth_method";
    let allowed = &context.policy.auth_methods;
    let method = match metadata.text(MEMBER) {
        Some(name) => each(MEMBER, &[name], allowed)?.first().copied(),
        None if allowed.contains(&AuthMethod::ClientSecretBasic) => Some(AuthMethod::ClientSecretBasic),
        None => allowed.first().copied(),
    };
    let method = method.ok_or_else(|| invalid(MEMBER, "the realm allows none"))?;
    metadata.set(MEMBER, method.as_str());
    let has_keys = metadata.has("jwks") || metadata.has("jwks_uri");
    if method == AuthMethod::PrivateKeyJwt && !has_keys {
        return Err(invalid(MEMBER, "private_key_jwt needs the keys of jwks or jwks_uri"));
    }
    if method == AuthMethod::None && metadata.texts("grant_types").contains(&"client_credentials") {
        return Err(invalid(MEMBER, "a public client can't use the grant type client_credentials"));
    }
    if metadata.text("token_endpoint_auth_signing_alg") == Some("none") {
        return Err(invalid("token_endpoint_auth_signing_alg", "none must not be used"));
    }
    if metadata.has("token_endpoint_auth_signing_alg")
        && !matches!(method, AuthMethod::PrivateKeyJwt | AuthMethod::ClientSecretJwt)
    {
        // It says nothing of a client that signs nothing.
        metadata.remove("token_endpoint_auth_signing_alg");
    }
    Ok(())
}

/// True where the client has a secret.
pub(super) fn uses_secret(metadata: &ClientMetadata) -> bool {
    let method = metadata.text("token_endpoint_auth_method").unwrap_or_default();
    method.starts_with("client_secret_") || (method != "none" && needs_secret(metadata))
}

/// True where something is authenticated or encrypted with the client's secret.
fn needs_secret(metadata: &ClientMetadata) -> bool {
    let by_secret = |member: &&str| metadata.text(member).is_some_and(|name| name.starts_with("HS") || name == "dir");
    SIGNED.iter().chain(&ENCRYPTED).any(by_secret)
}

const SIGNED: [&str; 3] =
    ["id_token_signed_response_alg", "userinfo_signed_response_alg", "request_object_signing_alg"];
const ENCRYPTED: [&str; 3] =
    ["id_token_encrypted_response_alg", "userinfo_encrypted_response_alg", "request_object_encryption_alg"];

/// `jwks` and `jwks_uri` exclude one another, and only public keys are taken (RFC 7591 section 2). Those of types that nobody here knows
/// are passed over (RFC 7517 section 5).
fn keys(_: &Context<'_>, metadata: &mut ClientMetadata) -> Result<(), InvalidMetadata> {
    const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    if metadata.has("jwks") && metadata.has("jwks_uri") {
        return Err(invalid("jwks", "jwks and jwks_uri must not be used together"));
    }
    let Some(jwks) = metadata.iter().find(|(name, _, _)| *name == "jwks").map(|(_, _, value)| value) else {
        return Ok(());
    };
    let keys = jwks
        .get("keys")
        .and_then(Value::as_array)
        .ok_or_else(|| invalid("jwks", "must be a JWK Set: an object with the array keys (RFC 7517 section 5)"))?;
    let is_private = |key: &Value| PRIVATE.iter().any(|member| key.get(member).is_some());
    if keys.iter().any(is_private) {
        return Err(invalid("jwks", "it holds a private or symmetric key, which must be known to nobody else"));
    }
    let is_known = |key: &&Value| matches!(key.get("kty").and_then(Value::as_str), Some("RSA" | "EC" | "OKP"));
    let known: Vec<Value> = keys.iter().filter(is_known).cloned().collect();
    if known.is_empty() {
        return Err(invalid("jwks", "it holds no key that can be used"));
    }
    metadata.set_object("jwks", [("keys".to_owned(), Value::Array(known))].into_iter().collect());
    Ok(())
}

/// Of what it asks for, what is allowed (RFC 7591 section 2); who asks for nothing in particular gets what OpenID Connect Core defines.
fn scope(context: &Context<'_>, metadata: &mut ClientMetadata) -> Result<(), InvalidMetadata> {
    const STANDARD: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];
    let refreshes = metadata.texts("grant_types").contains(&"refresh_token");
    let may = |scope: &&str| {
        context.policy.scopes.iter().any(|allowed| **allowed == **scope) && (refreshes || *scope != "offline_access")
    };
    let granted: Vec<&str> = match metadata.text("scope") {
        Some(asked) => {
            let mut granted: Vec<&str> = Vec::new();
            for scope in asked.split(' ').filter(|scope| !scope.is_empty()).filter(may) {
                if !granted.contains(&scope) {
                    granted.push(scope);
                }
            }
            if granted.is_empty() {
                return Err(invalid("scope", "the realm allows none of these scopes"));
            }
            granted
        }
        None if redirects(metadata) => STANDARD.into_iter().filter(may).collect(),
        None => Vec::new(),
    };
    let granted = granted.join(" ");
    metadata.set("scope", granted);
    Ok(())
}

/// `subject_type` must be one that the realm supports; pairwise subjects of clients on several hosts, or on none, need a sector (OpenID
/// Connect Core section 8.1).
fn subject_type(context: &Context<'_>, metadata: &mut ClientMetadata) -> Result<(), InvalidMetadata> {
    const MEMBER: &str = "subject_type";
    let realm = &context.call.realm;
    let is_pairwise = match metadata.text(MEMBER) {
        None => realm.settings.subject_type == SubjectType::Pairwise,
        Some("public") => false,
        Some("pairwise") if realm.salt.is_some() => true,
        Some("pairwise") => return Err(invalid(MEMBER, "the realm has no pairwise subjects")),
        Some(_) => return Err(invalid(MEMBER, "must be public or pairwise")),
    };
    let host = |uri: &str| url::Url::parse(uri).ok()?.host_str().map(str::to_owned);
    let hosts: BTreeSet<_> = metadata.texts("redirect_uris").into_iter().map(host).collect();
    let tells_sector = hosts.len() < 2 && !hosts.contains(&None);
    if is_pairwise && !tells_sector && !metadata.has("sector_identifier_uri") {
        let message = "redirect URIs on several hosts, or on none, need it for pairwise subjects";
        return Err(invalid("sector_identifier_uri", message));
    }
    metadata.set(MEMBER, if is_pairwise { "pairwise" } else { "public" });
    Ok(())
}

/// RS256 by default, as OpenID Connect Registration section 2 has it, or what the realm signs with by default where it has no such key.
fn id_token_algorithm(context: &Context<'_>, metadata: &mut ClientMetadata) -> Result<(), InvalidMetadata> {
    const MEMBER: &str = "id_token_signed_response_alg";
    if !redirects(metadata) && !metadata.has(MEMBER) {
        return Ok(());
    }
    let realm = &context.call.realm;
    let available = realm.keyring.algorithms(context.call.now);
    let default =
        if available.contains(&Algorithm::Rs256) { Algorithm::Rs256 } else { realm.settings.default_algorithm };
    let algorithm = signing(context, metadata, MEMBER)?.unwrap_or(default.into());
    let has_id_token = metadata.texts("response_types").iter().any(|response| response.contains("id_token"));
    if algorithm == JwsAlgorithm::None && (has_id_token || !redirects(metadata)) {
        return Err(invalid(
            MEMBER,
            "none must not be used unless the client uses only response types without an ID token",
        ));
    }
    metadata.set(MEMBER, algorithm.name());
    Ok(())
}

fn other_algorithms(context: &Context<'_>, metadata: &mut ClientMetadata) -> Result<(), InvalidMetadata> {
    const USERINFO: &str = "userinfo_signed_response_alg";
    if signing(context, metadata, USERINFO)? == Some(JwsAlgorithm::None) {
        return Err(invalid(USERINFO, "none is not supported: leave it out for plain JSON"));
    }
    known("request_object_signing_alg", metadata)?;
    known("token_endpoint_auth_signing_alg", metadata)?;
    if metadata.flag("require_signed_request_object") && metadata.text("request_object_signing_alg") == Some("none") {
        return Err(invalid("request_object_signing_alg", "none contradicts require_signed_request_object"));
    }
    if metadata.text("token_endpoint_auth_method") == Some("none") && needs_secret(metadata) {
        let message = "a public client has no secret, so HS256, HS384, HS512 and dir are not for it";
        return Err(invalid("token_endpoint_auth_method", message));
    }
    Ok(())
}

/// What we sign with: there must be a key.
fn signing(
    context: &Context<'_>,
    metadata: &ClientMetadata,
    member: &str,
) -> Result<Option<JwsAlgorithm>, InvalidMetadata> {
    let Some(algorithm) = known(member, metadata)? else { return Ok(None) };
    let available = context.call.realm.keyring.algorithms(context.call.now);
    match algorithm.signature() {
        Some(signature) if !available.contains(&signature) => {
            Err(invalid(member, format!("the realm has no key for {}", algorithm.name())))
        }
        _ => Ok(Some(algorithm)),
    }
}

fn known(member: &str, metadata: &ClientMetadata) -> Result<Option<JwsAlgorithm>, InvalidMetadata> {
    let name = metadata.text(member);
    name.map(|name| name.parse().map_err(|_| invalid(member, "not an algorithm that is supported"))).transpose()
}

/// What is encrypted for the client needs a key of its own; the content is encrypted with A128CBC-HS256 by default.
fn encryption(context: &Context<'_>, metadata: &mut ClientMetadata) -> Result<(), InvalidMetadata> {
    const PAIRS: [(&str, &str); 3] = [
        ("id_token_encrypted_response_alg", "id_token_encrypted_response_enc"),
        ("userinfo_encrypted_response_alg", "userinfo_encrypted_response_enc"),
        ("request_object_encryption_alg", "request_object_encryption_enc"),
    ];
    let has_keys = metadata.has("jwks") || metadata.has("jwks_uri");
    for (alg, enc) in PAIRS {
        match metadata.text(alg) {
            None if metadata.has(enc) => return Err(invalid(enc, format!("{alg} must be there too"))),
            None => {}
            Some(name) if alg.starts_with("request") => check_recipient(context, alg, name)?,
            Some(name) if name != "dir" && !has_keys => {
                return Err(invalid(alg, "the client must have a key to encrypt for, in jwks or jwks_uri"));
            }
            Some(_) => {}
        }
        if metadata.has(alg) && !metadata.has(enc) {
            metadata.set(enc, "A128CBC-HS256");
        }
    }
    Ok(())
}

/// What is encrypted for us needs a key of the realm, as discovery lists them, or the client's secret.
fn check_recipient(context: &Context<'_>, member: &str, name: &str) -> Result<(), InvalidMetadata> {
    let available = context.call.realm.keyring.recipient_algorithms(context.call.now);
    match name == "dir" || available.iter().any(|algorithm| algorithm.name() == name) {
        true => Ok(()),
        false => Err(invalid(member, format!("the realm has no key for {name:.32}"))),
    }
}
