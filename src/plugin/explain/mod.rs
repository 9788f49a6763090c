//! `kubectl realmkeeper explain`: why would this be refused? The resources are judged by the controller's own checks, and the request
//! goes through the provider's own steps, so what is said here is what would be answered there. No Secret is read.

mod advice;
mod client;
mod gather;
mod report;
mod request;
#[cfg(test)]
mod tests;
mod token;

use std::{io::Read, path::PathBuf, process::ExitCode};

use clap::Args;

pub use self::{
    gather::Gathered,
    report::{Outcome, Report},
};
use super::{
    Plugin, PluginError,
    names::{Kind, ObjectArgument},
    output::Format,
    status::PROBLEMS,
};
use crate::secret::Secret;

/// No token is longer: 64 KiB, and a newline.
const MAX_TOKEN: u64 = 64 * 1024 + 2;

/// The options of `kubectl realmkeeper explain`.
#[derive(Args, Clone, Debug)]
pub struct ExplainOptions {
    /// The URL of an authorization request as it stands in the browser, or oidcclient/NAME
    #[arg(value_name = "URL|oidcclient/NAME", required_unless_present = "token")]
    pub subject: Option<Subject>,
    /// An access token; `-` reads it from standard input, where no list of processes shows it
    #[arg(long, value_name = "TOKEN", value_parser = token_argument, conflicts_with_all = ["subject", "user"])]
    pub token: Option<Secret>,
    /// Go on as if this person had signed in: the username
    #[arg(long, value_name = "USERNAME")]
    pub user: Option<String>,
    /// Read the resources of this directory, as `realmkeeper serve` does, instead of the API server's
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// More certificate authorities to trust (PEM) where the realm's public keys are fetched
    #[arg(long, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,
    /// End with exit code 3 where it would be refused
    #[arg(long)]
    pub exit_code: bool,
}

/// What is to be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An authorization request.
    Request(url::Url),
    /// An OidcClient of the namespace.
    Client(String),
}

impl std::str::FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            let url = url::Url::parse(text).map_err(|error| format!("no URL: {error}"))?;
            let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
            return if is_web {
                Ok(Self::Request(url))
            } else {
                Err("a URL of a realm begins with https://".to_owned())
            };
        }
        let object: ObjectArgument = text.parse().map_err(|error: super::names::NameError| error.to_string())?;
        match object.kind {
            Kind::OidcClient => Ok(Self::Client(object.name)),
            _ => Err("only an oidcclient is explained; `kubectl realmkeeper status` shows the rest".to_owned()),
        }
    }
}

#[allow(clippy::unnecessary_wraps, reason = "as clap asks")]
fn token_argument(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// Prints why.
///
/// # Errors
/// A sentence for whoever typed the command.
pub async fn run(options: ExplainOptions, plugin: &mut Plugin) -> Result<ExitCode, PluginError> {
    let token = options.token.map(read_token).transpose()?;
    let near = match &options.subject {
        Some(Subject::Request(url)) => Some(url.to_string()),
        _ => token.as_ref().and_then(token::issuer),
    };
    let now = plugin.now();
    let (namespace, near) = (plugin.connection.namespace.as_deref(), near.as_deref());
    let gathered = match &options.directory {
        Some(directory) => gather::directory(directory, namespace, near, now)?,
        None => gather::cluster(&plugin.connect().await?, near).await?,
    };
    let mut report = match (&options.subject, &token) {
        (_, Some(token)) => token::explain(&gathered, token, options.certificate_authority.as_deref(), now).await?,
        (Some(Subject::Request(url)), None) => request::explain(&gathered, url, options.user.as_deref(), now).await?,
        (Some(Subject::Client(name)), None) => client::explain(&gathered, name, options.user.as_deref())?,
        // clap doesn't let it come to this.
        (None, None) => {
            return Err(PluginError::Refused("say what to explain: a URL, oidcclient/NAME or --token".into()));
        }
    };
    report.notes.extend(gathered.notes);
    match plugin.console.format() {
        Format::Text => {
            let text = report.draw(plugin.console.palette());
            plugin.console.write(&text)?;
        }
        Format::Json | Format::Yaml => plugin.console.document(&report)?,
    }
    let is_bad = report.outcome == Outcome::Refused && options.exit_code;
    Ok(if is_bad { ExitCode::from(PROBLEMS) } else { ExitCode::SUCCESS })
}

fn read_token(given: Secret) -> Result<Secret, PluginError> {
    let failed = |error: std::io::Error| PluginError::Refused(format!("can't read standard input: {error}"));
    let text = if given.expose() == b"-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(MAX_TOKEN).read_to_end(&mut bytes).map_err(failed)?;
        Secret::new(bytes)
    } else {
        given
    };
    match text.expose_str().map(str::trim) {
        Some(token) if !token.is_empty() => Ok(Secret::new(token)),
        _ => Err(PluginError::Refused("there is no token: --token TOKEN, or --token - and standard input".to_owned())),
    }
}
