mod draw;
mod gather;
mod problems;
mod report;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::Args;

pub use self::{
    gather::{Coverage, Gathered, Listing, Scope},
    problems::{Problem, Severity},
    report::Report,
};
use super::{
    Plugin, PluginError,
    names::{Kind, RealmArgument},
    output::Format,
};

/// How `--exit-code` says that there are problems: another number than that of a failure and that of wrong usage.
pub const PROBLEMS: u8 = 3;

/// The options of `status`.
#[derive(Args, Clone, Debug)]
pub struct StatusOptions {
    /// The Realm [default: every Realm of the namespace]
    #[arg(value_name = "REALM", conflicts_with = "all_namespaces")]
    pub realm: Option<RealmArgument>,
    /// Every Realm of every namespace
    #[arg(long, short = 'A')]
    pub all_namespaces: bool,
    /// Show each object, where many good ones of a kind would be counted only
    #[arg(long)]
    pub all: bool,
    /// End with exit code 3 where there are problems
    #[arg(long)]
    pub exit_code: bool,
}

/// Prints what stands, what is wrong first.
pub(super) async fn run(options: StatusOptions, plugin: &mut Plugin) -> Result<ExitCode, PluginError> {
    let connection = plugin.connect().await?;
    let scope = Scope {
        namespace: (!options.all_namespaces).then(|| connection.namespace.clone()),
        realm: options.realm.map(|RealmArgument(name)| name),
    };
    let gathered = gather::gather(&connection, &scope).await?;
    let report = Report::of(&gathered, &scope, plugin.now());
    if report.realms.is_empty() {
        missing(&gathered, &scope)?;
    }
    match plugin.console.format() {
        Format::Text => {
            let drawing = draw::Drawing { palette: plugin.console.palette(), now: plugin.now(), all: options.all };
            plugin.console.write(&drawing.draw(&report, &scope))?;
        }
        Format::Json | Format::Yaml => plugin.console.document(&report)?,
    }
    let is_told = options.exit_code && report.problem_count > 0;
    Ok(if is_told { ExitCode::from(PROBLEMS) } else { ExitCode::SUCCESS })
}

/// Nothing to show is a failure where a Realm was named, or where nothing may be seen at all.
fn missing(gathered: &Gathered, scope: &Scope) -> Result<(), PluginError> {
    let place = scope.place();
    if gathered.listing(Kind::Realm).is_none_or(|listing| listing.coverage == Coverage::Nothing) {
        let namespace = scope.namespace.as_ref().map_or("-A".to_owned(), |namespace| format!("-n {namespace}"));
        return Err(PluginError::Refused(format!(
            "you may not see the Realms of {place}: have whoever runs the cluster grant it (`kubectl auth can-i list \
             realms.realmkeeper.dev {namespace}` asks)"
        )));
    }
    match &scope.realm {
        Some(name) => Err(PluginError::Refused(format!(
            "there is no Realm {name} in {place}; `kubectl get realms.realmkeeper.dev -A` lists what there is"
        ))),
        None => Ok(()),
    }
}
