//! `kubectl realmkeeper token`: a token of a realm, for a person who signs in with the browser or for a workload that has a projected
//! ServiceAccount token. What is good still is answered from the cache, without a request.

mod cache;
mod error;
mod exec_credential;
mod http;
mod id_token;
mod login;
mod loopback;
mod obtain;
mod options;
mod pkce;
mod provider;
mod tokens;

use std::{path::PathBuf, process::ExitCode};

use self::{
    cache::{Cache, Entry},
    obtain::Session,
};
pub use self::{
    error::{Refusal, TokenError},
    http::Http,
    options::TokenOptions,
    provider::Provider,
    tokens::{Tokens, Want},
};
use super::{Plugin, PluginError, output::Format, realms};
use crate::realm::Issuer;

/// Prints a token, or forgets it.
///
/// # Errors
/// A sentence for whoever typed the command.
pub async fn run(options: TokenOptions, plugin: &mut Plugin) -> Result<ExitCode, PluginError> {
    // Before anybody signs in in vain.
    let version = exec_credential::api_version(std::env::var("KUBERNETES_EXEC_INFO").ok().as_deref());
    let version = if options.exec_credential { Some(version?) } else { None };
    let issuer = issuer(&options, plugin).await?;
    let http = Http::new(options.certificate_authority.as_deref())?;
    let cache = if options.no_cache { None } else { cache_home().as_deref().map(Cache::below) };
    let session = Session {
        issuer,
        http,
        cache,
        wish: options.wish(),
        want: options.want(),
        service_account_token: options.service_account_token(),
        listen_port: options.listen_port,
        opens_browser: !options.no_browser,
        login_timeout: options.login_timeout,
        clock: plugin.clock.clone(),
    };
    if options.logout {
        let said = session.logout().await?;
        plugin.console.note(said);
        return Ok(ExitCode::SUCCESS);
    }
    let entry = session.obtain(&|text| plugin.console.note(text)).await?;
    print(plugin, &entry, options.want(), version)?;
    Ok(ExitCode::SUCCESS)
}

async fn issuer(options: &TokenOptions, plugin: &Plugin) -> Result<Issuer, PluginError> {
    match (&options.issuer, &options.realm) {
        (Some(issuer), _) => Ok(issuer.clone()),
        (None, Some(realm)) => {
            let issuer = realms::issuer(&plugin.connect().await?, &realm.0).await?;
            Ok(Issuer::parse(&issuer).map_err(TokenError::from)?)
        }
        // clap doesn't let it come to this.
        (None, None) => Err(PluginError::Refused("say which issuer: --issuer or --realm".to_owned())),
    }
}

fn print(plugin: &mut Plugin, entry: &Entry, want: Want, version: Option<&str>) -> Result<(), PluginError> {
    let Entry { tokens, obtained_at } = entry;
    let token = tokens.token(want).and_then(|token| token.expose_str()).ok_or(TokenError::NoIdToken)?;
    if let Some(version) = version {
        let credential = exec_credential::exec_credential(version, token, tokens.expires_at(want, *obtained_at));
        return plugin.console.line(credential);
    }
    match plugin.console.format() {
        Format::Text => plugin.console.line(token),
        Format::Json | Format::Yaml => {
            let now = plugin.now();
            plugin.console.document(&tokens.to_json(*obtained_at, now))
        }
    }
}

/// `XDG_CACHE_HOME`, where it is an absolute path as its specification asks, else `~/.cache`.
fn cache_home() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))
}
