use std::collections::BTreeMap;

use futures::future::try_join_all;
use kube::{
    Api,
    api::{DynamicObject, ListParams},
};

use crate::plugin::{
    PluginError,
    connection::{ApiError, Connection},
    names::Kind,
    seen::{Place, Seen},
};

/// So many objects a request: a realm may have many people.
const PAGE: u32 = 500;

/// Which Realms are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The namespace of the Realms; none for all.
    pub namespace: Option<String>,
    /// The name of the Realm; none for all.
    pub realm: Option<String>,
}

impl Scope {
    /// True for a Realm that is asked for.
    pub fn covers(&self, realm: &Place) -> bool {
        self.namespace.as_ref().is_none_or(|namespace| *namespace == realm.namespace)
            && self.realm.as_ref().is_none_or(|name| *name == realm.name)
    }

    /// `namespace identity`, or `all namespaces`.
    pub fn place(&self) -> String {
        self.namespace.as_ref().map_or("all namespaces".to_owned(), |namespace| format!("namespace {namespace}"))
    }
}

/// How much of a kind could be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// All that matters.
    Everything,
    /// The objects of this namespace only, and no right to those of others.
    Namespace(String),
    /// None, for want of a right.
    Nothing,
}

/// The objects of a kind.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The objects, of whichever Realm.
    pub objects: Vec<Seen>,
    /// How much of the kind they are.
    pub coverage: Coverage,
}

/// What the API server gave.
#[derive(Clone, Debug, Default)]
pub struct Gathered(pub BTreeMap<Kind, Listing>);

impl Gathered {
    /// The objects of a kind.
    pub fn listing(&self, kind: Kind) -> Option<&Listing> {
        self.0.get(&kind)
    }
}

/// Lists all kinds, each as far as the rights go. Secrets are not among them.
///
/// # Errors
/// The API server can't be reached, or doesn't know the kinds. To be refused is none.
pub async fn gather(connection: &Connection, scope: &Scope) -> Result<Gathered, PluginError> {
    let listings = Kind::ALL.map(|kind| async move {
        let listing = match (kind, &scope.realm) {
            (Kind::Realm, Some(name)) => one(connection, name).await?,
            (Kind::Realm, None) => realms(connection, scope).await?,
            (child, _) => children(connection, child, scope).await?,
        };
        Ok::<_, ApiError>((kind, listing))
    });
    Ok(Gathered(try_join_all(listings).await?.into_iter().collect()))
}

async fn one(connection: &Connection, name: &str) -> Result<Listing, ApiError> {
    let api: Api<DynamicObject> =
        Api::namespaced_with(connection.client.clone(), &connection.namespace, &Kind::Realm.resource());
    let failed = |error| ApiError::new("get", Kind::Realm, Some(name), Some(&connection.namespace), error);
    match api.get_opt(name).await.map_err(failed) {
        Ok(realm) => {
            let objects = realm.map(|realm| Seen::read(Kind::Realm, realm)).into_iter().collect();
            Ok(Listing { objects, coverage: Coverage::Everything })
        }
        Err(error) => unseen(error),
    }
}

async fn realms(connection: &Connection, scope: &Scope) -> Result<Listing, ApiError> {
    match list(connection, Kind::Realm, scope.namespace.as_deref(), &ListParams::default()).await {
        Ok(objects) => Ok(Listing { objects, coverage: Coverage::Everything }),
        Err(error) => unseen(error),
    }
}

/// The children of a Realm may stand in any namespace; who may not look there sees those of the Realm's own.
async fn children(connection: &Connection, kind: Kind, scope: &Scope) -> Result<Listing, ApiError> {
    let params = match &scope.realm {
        Some(name) => ListParams::default().fields(&format!("spec.realmRef.name={name}")),
        None => ListParams::default(),
    };
    let refused = match list(connection, kind, None, &params).await {
        Ok(objects) => return Ok(Listing { objects, coverage: Coverage::Everything }),
        Err(error) => error,
    };
    match &scope.namespace {
        Some(namespace) if refused.is_forbidden() => match list(connection, kind, Some(namespace), &params).await {
            Ok(objects) => Ok(Listing { objects, coverage: Coverage::Namespace(namespace.clone()) }),
            Err(error) => unseen(error),
        },
        _ => unseen(refused),
    }
}

fn unseen(error: ApiError) -> Result<Listing, ApiError> {
    if error.is_forbidden() { Ok(Listing { objects: Vec::new(), coverage: Coverage::Nothing }) } else { Err(error) }
}

async fn list(
    connection: &Connection,
    kind: Kind,
    namespace: Option<&str>,
    params: &ListParams,
) -> Result<Vec<Seen>, ApiError> {
    let (client, resource) = (connection.client.clone(), kind.resource());
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    let mut params = params.clone().limit(PAGE);
    let mut seen = Vec::new();
    loop {
        let page = api.list(&params).await.map_err(|error| ApiError::new("list", kind, None, namespace, error))?;
        seen.extend(page.items.into_iter().map(|object| Seen::read(kind, object)));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(seen),
        }
    }
}
