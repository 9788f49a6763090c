mod progress;
pub(super) mod refusal;
mod step;
#[cfg(test)]
mod tests;

use std::{process::ExitCode, time::Duration};

use clap::Args;
use kube::api::{Patch, PatchParams};
use serde::Serialize;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout_at};

use self::{
    progress::{Phase, Progress},
    step::Step,
};
use super::{
    NAME, Plugin, PluginError,
    connection::{ApiError, Connection},
    names::{Kind, ObjectArgument},
    output::{Format, plain},
    seen::{Place, Seen},
};
use crate::api::{self, ROTATE_ANNOTATION};

/// The object is looked at this often.
const LOOK: Duration = Duration::from_millis(500);
/// `--timeout`, where it is not given.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// The options of `rotate`.
#[derive(Args, Clone, Debug)]
pub struct RotateOptions {
    /// The object: oidcclient/NAME or signingkey/NAME
    #[arg(value_name = "KIND/NAME", value_parser = rotatable)]
    pub object: ObjectArgument,
    /// How long to wait, such as 90s or 2h [default: 5m, or until it is known that the new key takes over later than that]
    #[arg(long, value_name = "DURATION", conflicts_with = "no_wait")]
    pub timeout: Option<api::Duration>,
    /// Ask only
    #[arg(long)]
    pub no_wait: bool,
}

fn rotatable(text: &str) -> Result<ObjectArgument, String> {
    let object: ObjectArgument = text.parse().map_err(|error: super::names::NameError| error.to_string())?;
    match object.kind {
        Kind::SigningKey | Kind::OidcClient => Ok(object),
        other => Err(format!("a {other} has nothing to rotate: it is signingkey/NAME or oidcclient/NAME")),
    }
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Outcome {
    /// Asked, and not waited for.
    Requested,
    /// A key is on its way, and it is known when it takes over.
    UnderWay,
    /// The new one is in use.
    Done,
}

/// What `-o json` prints.
#[derive(Serialize)]
struct Rotation<'a> {
    kind: Kind,
    #[serde(flatten)]
    place: &'a Place,
    request: &'a str,
    outcome: Outcome,
    steps: &'a [Step],
}

/// Asks, waits and tells.
pub(super) async fn run(options: RotateOptions, plugin: &mut Plugin) -> Result<ExitCode, PluginError> {
    let connection = plugin.connect().await?;
    let ObjectArgument { kind, name } = &options.object;
    let before = connection.see(*kind, name).await?;
    refusal::check(&before).map_err(PluginError::Refused)?;
    warn(plugin, &before);
    // The time tells people when it was asked for, and one request from the next.
    let request = plugin.now().to_string();
    ask(&connection, &before, &request).await?;
    let mut waiting =
        Waiting { connection, place: before.place.clone(), steps: Vec::new(), kind: *kind, is_cut_off: false };
    waiting.tell(plugin, Step::Requested { request: request.clone() })?;
    let outcome = if options.no_wait {
        Outcome::Requested
    } else {
        let progress = Progress::new(&before, request.clone())?;
        waiting.wait(plugin, progress, options.timeout.map(api::Duration::as_std)).await?
    };
    if plugin.console.format() != Format::Text {
        let Waiting { place, steps, kind, .. } = &waiting;
        plugin.console.document(&Rotation { kind: *kind, place, request: &request, outcome, steps })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is not in force may not rotate either.
fn warn(plugin: &Plugin, before: &Seen) {
    if let Some(ready) = before.condition("Ready").filter(|ready| ready.status != "True") {
        let Seen { kind, place, .. } = before;
        plugin.console.note(format!(
            "{kind} {} is not Ready ({}: {}), and may have to be before it rotates",
            place.name, ready.reason, ready.message
        ));
    }
}

async fn ask(connection: &Connection, before: &Seen, request: &str) -> Result<(), ApiError> {
    // The uid makes sure that it is the object that was looked at.
    let patch = json!({"metadata": {"uid": before.uid, "annotations": {ROTATE_ANNOTATION: request}}});
    let params = PatchParams { field_manager: Some(NAME.to_owned()), ..PatchParams::default() };
    let Seen { kind, place, .. } = before;
    let api = connection.dynamic(*kind, &place.namespace);
    let patched = api.patch(&place.name, &params, &Patch::Merge(&patch)).await;
    let failed = |error| ApiError::new("patch", *kind, Some(&place.name), Some(&place.namespace), error);
    patched.map(drop).map_err(failed)
}

struct Waiting {
    connection: Connection,
    kind: Kind,
    place: Place,
    steps: Vec<Step>,
    /// The API server did not answer the last time.
    is_cut_off: bool,
}

impl Waiting {
    async fn wait(
        &mut self,
        plugin: &mut Plugin,
        mut progress: Progress,
        timeout: Option<Duration>,
    ) -> Result<Outcome, PluginError> {
        let end = Instant::now() + timeout.unwrap_or(PATIENCE);
        loop {
            if let Some(seen) = self.look(plugin, end).await? {
                for step in progress.observe(&seen)? {
                    self.tell(plugin, step)?;
                }
            }
            match progress.phase() {
                Phase::Done => return Ok(Outcome::Done),
                Phase::Superseded(by) => {
                    return Err(self.failed(&format!(
                        "somebody else has asked for another rotation meanwhile ({by}); `kubectl realmkeeper status` shows \
                         what has become of it"
                    )));
                }
                Phase::TakesOver(at) => {
                    let left = end.saturating_duration_since(Instant::now());
                    let is_later = plugin.now().checked_add(left).is_ok_and(|last| last < at);
                    if is_later && timeout.is_none() {
                        self.tell(plugin, Step::UnderWay { takes_over: at })?;
                        return Ok(Outcome::UnderWay);
                    }
                    if is_later {
                        return Err(self.failed(&format!(
                            "the new key takes over at {at}, which is later than --timeout allows; it does so by itself"
                        )));
                    }
                }
                Phase::Waiting => {}
            }
            if Instant::now() >= end {
                return Err(self.failed(&progress.stuck()));
            }
            sleep(LOOK).await;
        }
    }

    /// The object as it is now; none where the API server could not answer for the moment.
    async fn look(&mut self, plugin: &Plugin, end: Instant) -> Result<Option<Seen>, PluginError> {
        // The last look may take a moment longer than the time that was given.
        let end = end + LOOK;
        match timeout_at(end, self.connection.see(self.kind, &self.place.name)).await {
            Ok(Ok(seen)) => {
                self.is_cut_off = false;
                Ok(Some(seen))
            }
            Ok(Err(error)) if error.is_passing() => {
                if !self.is_cut_off {
                    plugin.console.note(format!("going on to try: {error}"));
                }
                self.is_cut_off = true;
                Ok(None)
            }
            Ok(Err(error)) if error.is_not_found() => Err(self.failed("it has been deleted meanwhile")),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    fn failed(&self, why: &str) -> PluginError {
        PluginError::Refused(format!("{} {}: {why}", self.kind, self.place.name))
    }

    /// Says at once what has happened, to people.
    fn tell(&mut self, plugin: &mut Plugin, step: Step) -> Result<(), PluginError> {
        if plugin.console.format() == Format::Text {
            let done = plugin.console.palette().paint(step.tone(), step.mark());
            let text = step.sentence(self.kind, &self.place, plugin.now());
            let text = plain(&text);
            plugin.console.line(format!("{done} {text}"))?;
        }
        self.steps.push(step);
        Ok(())
    }
}
