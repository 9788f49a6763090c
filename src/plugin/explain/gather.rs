use std::{collections::BTreeMap, fmt::Debug, path::Path};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Resource,
    api::ListParams,
    core::{NamespaceResourceScope, PartialObjectMeta},
};
use serde::de::DeserializeOwned;

use crate::{
    api,
    controller::{
        Options,
        source::{
            Event, Kind, Malformed, Object, ObjectKey, directory::Directory, kubernetes::Lenient,
            manifest::DEFAULT_NAMESPACE,
        },
        survey::Survey,
    },
    plugin::{
        PluginError,
        connection::{ApiError, Connection},
        names,
    },
    realm::{Issuer, ObjectName},
};

/// Objects a page of a list.
const PAGE_SIZE: u32 = 500;
/// Where default issuers stand when nothing tells.
const NOWHERE: &str = "http://localhost:8080";

/// The resources, judged.
pub struct Gathered {
    /// What the controller says of them.
    pub survey: Survey,
    /// The objects of ours, as they are.
    pub objects: BTreeMap<ObjectKey, Object>,
    /// The namespace of names without one.
    pub namespace: String,
    /// What could not be seen.
    pub notes: Vec<String>,
}

#[derive(Default)]
struct Found {
    objects: Vec<Object>,
    malformed: Vec<Malformed>,
    notes: Vec<String>,
}

impl Found {
    /// `near` is a URL of the realm that matters: it tells where default issuers stand, where no status does.
    fn judge(self, namespace: String, near: Option<&str>) -> Result<Gathered, PluginError> {
        let Self { objects, malformed, notes } = self;
        let base = base(&objects, near);
        let options = Options::new(&base, false).or_else(|_| Options::new(NOWHERE, false));
        let options = options.map_err(|error| PluginError::Refused(format!("the issuer: {error}")))?;
        let known = objects.iter().map(|object| (object.key(), object.clone())).collect();
        let survey = Survey::of(objects, malformed, options.without_secrets());
        Ok(Gathered { survey, objects: known, namespace, notes })
    }
}

/// What the default issuers stand below, which only the operator knows: as a status tells it, or as the URL does.
fn base(objects: &[Object], near: Option<&str>) -> String {
    let realms = objects.iter().filter_map(|object| match object {
        Object::Realm(realm) if realm.spec.issuer.is_none() => Some(realm),
        _ => None,
    });
    let told = realms.clone().find_map(|realm| {
        let issuer = realm.status.as_ref()?.issuer.as_deref()?;
        issuer.strip_suffix(&format!("/realms/{}", realm.metadata.name.as_deref()?)).map(str::to_owned)
    });
    let guessed = || {
        realms.clone().find_map(|realm| {
            let (before, after) = near?.split_once(&format!("/realms/{}", realm.metadata.name.as_deref()?))?;
            (after.is_empty() || after.starts_with(['/', '?'])).then(|| before.to_owned())
        })
    };
    told.or_else(guessed).filter(|base| Issuer::parse(base).is_ok()).unwrap_or_else(|| NOWHERE.to_owned())
}

/// The resources of the cluster, as far as the caller may see them. Secrets are not asked for.
///
/// # Errors
/// The API server can't be asked, or shows nothing.
pub async fn cluster(connection: &Connection, near: Option<&str>) -> Result<Gathered, PluginError> {
    let mut found = Found::default();
    list::<api::Realm>(connection, Kind::Realm, names::Kind::Realm, &mut found).await?;
    list::<api::SigningKey>(connection, Kind::SigningKey, names::Kind::SigningKey, &mut found).await?;
    list::<api::Group>(connection, Kind::Group, names::Kind::Group, &mut found).await?;
    list::<api::User>(connection, Kind::User, names::Kind::User, &mut found).await?;
    list::<api::OidcClient>(connection, Kind::OidcClient, names::Kind::OidcClient, &mut found).await?;
    namespaces(connection, &mut found).await;
    found.judge(connection.namespace.clone(), near)
}

async fn list<K>(connection: &Connection, kind: Kind, named: names::Kind, found: &mut Found) -> Result<(), PluginError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    Object: From<K>,
{
    let everywhere = pages::<K>(&Api::all(connection.client.clone())).await;
    let items = match everywhere.map_err(|error| ApiError::new("list", named, None, None, error)) {
        Ok(items) => items,
        Err(error) if error.is_forbidden() => {
            let namespace = &connection.namespace;
            found.notes.push(format!(
                "you may not list {} everywhere: only those of the namespace {namespace} were seen",
                kind.plural()
            ));
            let api = Api::namespaced(connection.client.clone(), namespace);
            pages::<K>(&api).await.map_err(|error| ApiError::new("list", named, None, Some(namespace), error))?
        }
        Err(error) => return Err(error.into()),
    };
    for item in items {
        match item.read(kind) {
            Ok(object) => found.objects.push(object),
            Err(malformed) => found.malformed.push(*malformed),
        }
    }
    Ok(())
}

async fn pages<K>(api: &Api<Lenient<K>>) -> Result<Vec<Lenient<K>>, kube::Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned,
    Object: From<K>,
{
    let mut items = Vec::new();
    let mut params = ListParams::default().limit(PAGE_SIZE);
    loop {
        let page = api.list(&params).await?;
        items.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params.continue_token = Some(token),
            None => return Ok(items),
        }
    }
}

/// Their labels decide who may attach to a Realm; without the right to see them, those of other namespaces count as none.
async fn namespaces(connection: &Connection, found: &mut Found) {
    let api = Api::<Namespace>::all(connection.client.clone());
    let mut params = ListParams::default().limit(PAGE_SIZE);
    loop {
        let Ok(page) = api.list_metadata(&params).await else {
            found.notes.push("you may not list namespaces: their labels count as none".to_owned());
            return;
        };
        let namespace = |partial: PartialObjectMeta<Namespace>| {
            Object::from(Namespace { metadata: partial.metadata, ..Namespace::default() })
        };
        found.objects.extend(page.items.into_iter().map(namespace));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params.continue_token = Some(token),
            None => return,
        }
    }
}

/// The resources of a directory with their statuses, as `realmkeeper serve` reads them; its Secrets are left out.
///
/// # Errors
/// There is no such directory.
pub fn directory(
    root: &Path,
    namespace: Option<&str>,
    near: Option<&str>,
    now: Timestamp,
) -> Result<Gathered, PluginError> {
    if !root.is_dir() {
        return Err(PluginError::Refused(format!("{} is no directory; see --directory", root.display())));
    }
    let scan = Directory::new(root).scan(now);
    let mut found = Found { notes: scan.problems.iter().map(ToString::to_string).collect(), ..Found::default() };
    for event in scan.events {
        match event {
            Event::Applied(object) => found.objects.push(object),
            Event::Malformed(malformed) => found.malformed.push(malformed),
            Event::Replaced { objects, malformed, .. } => {
                found.objects.extend(objects);
                found.malformed.extend(malformed);
            }
            Event::Deleted(_) | Event::Synced(_) => {}
        }
    }
    found.objects.retain(|object| object.kind() != Kind::Secret);
    found.judge(namespace.unwrap_or(DEFAULT_NAMESPACE).to_owned(), near)
}

impl Gathered {
    /// What is wrong with an object: what the controller's checks find, then what the operator says in its status.
    pub fn problems(&self, key: &ObjectKey) -> Vec<String> {
        let mut problems: Vec<String> = Vec::new();
        for problem in self.survey.problems_of(key) {
            let field = if problem.field.is_empty() { String::new() } else { format!("{}: ", problem.field) };
            problems.push(format!("{}: {field}{}", problem.reason, problem.message));
        }
        for condition in self.objects.get(key).map(conditions).unwrap_or_default() {
            let is_told = problems.iter().any(|problem| problem.starts_with(&condition.reason));
            if condition.type_ == "Ready" && condition.status != "True" && !is_told {
                problems.push(format!("{}: {} (as the operator says)", condition.reason, condition.message));
            }
        }
        problems
    }

    /// The OidcClient of this name.
    pub fn client_key(&self, name: &str) -> ObjectKey {
        ObjectKey::new(Kind::OidcClient, self.namespace.as_str(), name)
    }

    /// An OidcClient as a key.
    pub fn key_of_client(name: &ObjectName) -> ObjectKey {
        ObjectKey { kind: Kind::OidcClient, name: name.clone() }
    }
}

fn conditions(object: &Object) -> Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition> {
    match object {
        Object::Realm(object) => object.status.as_ref().map(|status| status.conditions.clone()),
        Object::SigningKey(object) => object.status.as_ref().map(|status| status.conditions.clone()),
        Object::Group(object) => object.status.as_ref().map(|status| status.conditions.clone()),
        Object::User(object) => object.status.as_ref().map(|status| status.conditions.clone()),
        Object::OidcClient(object) => object.status.as_ref().map(|status| status.conditions.clone()),
        Object::Namespace(_) | Object::Secret(_) => None,
    }
    .unwrap_or_default()
}
