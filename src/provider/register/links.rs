//! Other URIs of a client: those that we reach for it, and those that people follow.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

use super::{InvalidMetadata, complete::Context};
use crate::realm::registration::{ClientMetadata, LinkHosts};

/// What we, or people's browsers on our word, send requests to.
const FETCHED: [&str; 5] =
    ["jwks_uri", "sector_identifier_uri", "initiate_login_uri", "frontchannel_logout_uri", "backchannel_logout_uri"];
/// What people may follow.
const SHOWN: [&str; 4] = ["client_uri", "logo_uri", "policy_uri", "tos_uri"];

/// They must be https (OpenID Connect Registration section 2, Core sections 4 and 6.2). A realm whose owner lists loopback addresses
/// among those that fetches may reach is on a developer's machine: there http will do.
pub(super) fn fetched(context: &Context<'_>, metadata: &mut ClientMetadata) -> Result<(), InvalidMetadata> {
    let networks = &context.call.realm.settings.allowed_networks;
    let single = FETCHED.iter().filter_map(|member| Some((*member, metadata.text(member)?)));
    let requests = metadata.texts("request_uris").into_iter().map(|uri| ("request_uris", uri));
    for (member, uri) in single.chain(requests) {
        let url = Url::parse(uri).map_err(|_| InvalidMetadata::new(member, "must be an absolute URI"))?;
        let is_secure = match url.scheme() {
            "https" => url.host().is_some(),
            "http" => is_own_machine(&url, networks),
            _ => false,
        };
        if !is_secure {
            return Err(InvalidMetadata::new(member, "must be https"));
        }
        if member != "request_uris" && url.fragment().is_some() {
            return Err(InvalidMetadata::new(member, "must have no fragment"));
        }
    }
    front_channel(metadata)
}

fn is_own_machine(url: &Url, networks: &[IpNet]) -> bool {
    let address = match url.host() {
        Some(Host::Domain("localhost")) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(Ipv6Addr::LOCALHOST)) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        _ => return false,
    };
    address.is_loopback() && networks.iter().any(|network| network.contains(&address))
}

/// Scheme, host and port are those of a registered redirect URI (OpenID Connect Front-Channel Logout section 2).
fn front_channel(metadata: &ClientMetadata) -> Result<(), InvalidMetadata> {
    const MEMBER: &str = "frontchannel_logout_uri";
    let origin = |uri: &str| Url::parse(uri).ok().map(|url| url.origin());
    let Some(wanted) = metadata.text(MEMBER).and_then(origin) else { return Ok(()) };
    let redirects = metadata.texts("redirect_uris");
    if redirects.iter().any(|uri| origin(uri).as_ref() == Some(&wanted)) {
        return Ok(());
    }
    Err(InvalidMetadata::new(MEMBER, "scheme, host and port must be those of one of redirect_uris"))
}

/// A logo of somebody else's, beside a page of one's own, is how people are deceived (RFC 7591 section 5).
pub(super) fn shown(context: &Context<'_>, metadata: &mut ClientMetadata) -> Result<(), InvalidMetadata> {
    let host = |uri: &str| Url::parse(uri).ok().and_then(|url| url.host_str().map(str::to_owned));
    let hosts: Vec<_> = metadata.texts("redirect_uris").into_iter().filter_map(host).collect();
    for (name, language, value) in metadata.iter().filter(|(name, _, _)| SHOWN.contains(name)) {
        let member = || language.map_or_else(|| name.to_owned(), |language| format!("{name}#{language}"));
        let url = value.as_str().and_then(|uri| Url::parse(uri).ok());
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
        let Some(url) = url else {
            return Err(InvalidMetadata::new(member(), "must be an absolute http or https URL"));
        };
        let is_own = url.host_str().is_some_and(|host| hosts.iter().any(|own| own == host));
        if context.policy.link_hosts == LinkHosts::OfRedirectUris && !is_own {
            return Err(InvalidMetadata::new(member(), "its host must be that of one of redirect_uris"));
        }
    }
    Ok(())
}
