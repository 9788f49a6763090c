use clap::Args;

use super::{
    PluginError,
    connection::Connection,
    names::{ClientArgument, Kind},
    seen::Seen,
};
use crate::api::{OidcClientSpec, OidcClientStatus, RealmStatus};

/// The client of a realm: by its identifier, or by the object that has it.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub struct ClientChoice {
    /// The client identifier
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// The OidcClient of the same namespace, whose client identifier it is
    #[arg(long, value_name = "NAME")]
    pub client: Option<ClientArgument>,
}

/// The issuer of a Realm of [`Connection::namespace`], as its status has it.
///
/// # Errors
/// It is not there, or no operator serves it.
pub async fn issuer(connection: &Connection, name: &str) -> Result<String, PluginError> {
    let seen = connection.see(Kind::Realm, name).await?;
    let status: RealmStatus = seen.status().map_err(|why| PluginError::unreadable(&seen, &why))?;
    status.issuer.ok_or_else(|| not_yet(&seen, "issuer"))
}

/// The identifier of the client, and the spec of the OidcClient where that was asked for.
///
/// # Errors
/// It is not there, belongs to another Realm, or no operator serves it.
pub async fn client(
    connection: &Connection,
    realm: &str,
    choice: &ClientChoice,
) -> Result<(String, Option<OidcClientSpec>), PluginError> {
    let name = match (&choice.client_id, &choice.client) {
        (Some(id), _) => return Ok((id.clone(), None)),
        (None, Some(ClientArgument(name))) => name,
        // clap's group doesn't let it come to this.
        (None, None) => return Err(PluginError::Refused("say which client: --client-id or --client".to_owned())),
    };
    let seen = connection.see(Kind::OidcClient, name).await?;
    let spec: OidcClientSpec = seen.spec().ok_or_else(|| PluginError::unreadable(&seen, "its spec"))?;
    let of = &spec.realm_ref;
    if of.name != realm || of.namespace_or(&connection.namespace) != connection.namespace {
        let whose = format!("{}/{}", of.namespace_or(&connection.namespace), of.name);
        return Err(PluginError::Refused(format!("OidcClient {name} is a client of Realm {whose}, not of {realm}")));
    }
    let status: OidcClientStatus = seen.status().map_err(|why| PluginError::unreadable(&seen, &why))?;
    let id = status.client_id.ok_or_else(|| not_yet(&seen, "client identifier"))?;
    Ok((id, Some(spec)))
}

fn not_yet(seen: &Seen, what: &str) -> PluginError {
    let why = match seen.condition("Ready") {
        Some(ready) => format!("{}: {}", ready.reason, ready.message),
        None => "no operator has looked at it yet".to_owned(),
    };
    PluginError::Refused(format!(
        "{} {} has no {what} yet ({why}); `kubectl realmkeeper status` shows what is wrong",
        seen.kind, seen.place.name
    ))
}
