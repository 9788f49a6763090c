use clap::Args;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    PluginError,
    connection::Connection,
    names::{ClientArgument, Kind},
};
use crate::api::{OidcClient, Realm};

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
    let realm: Realm = connection.get(Kind::Realm, name).await?;
    let status = realm.status.unwrap_or_default();
    status.issuer.ok_or_else(|| not_yet(Kind::Realm, name, "issuer", &status.conditions))
}

/// The identifier of the client, and the OidcClient where that was asked for.
///
/// # Errors
/// It is not there, belongs to another Realm, or no operator serves it.
pub async fn client(
    connection: &Connection,
    realm: &str,
    choice: &ClientChoice,
) -> Result<(String, Option<OidcClient>), PluginError> {
    let name = match (&choice.client_id, &choice.client) {
        (Some(id), _) => return Ok((id.clone(), None)),
        (None, Some(ClientArgument(name))) => name,
        // clap's group doesn't let it come to this.
        (None, None) => return Err(PluginError::Refused("say which client: --client-id or --client".to_owned())),
    };
    let client: OidcClient = connection.get(Kind::OidcClient, name).await?;
    let of = &client.spec.realm_ref;
    if of.name != realm || of.namespace_or(&connection.namespace) != connection.namespace {
        let whose = format!("{}/{}", of.namespace_or(&connection.namespace), of.name);
        return Err(PluginError::Refused(format!("OidcClient {name} is a client of Realm {whose}, not of {realm}")));
    }
    let status = client.status.clone().unwrap_or_default();
    let id =
        status.client_id.ok_or_else(|| not_yet(Kind::OidcClient, name, "client identifier", &status.conditions))?;
    Ok((id, Some(client)))
}

fn not_yet(kind: Kind, name: &str, what: &str, conditions: &[Condition]) -> PluginError {
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
    let why = match ready {
        Some(ready) => format!("{}: {}", ready.reason, ready.message),
        None => "no operator has looked at it yet".to_owned(),
    };
    PluginError::Refused(format!(
        "{kind} {name} has no {what} yet ({why}); `kubectl realmkeeper status` shows what is wrong"
    ))
}
