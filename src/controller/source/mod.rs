//! What the sources say, in words that do not depend on which source it is. An event carries whole objects; the order between
//! objects never matters, the order of the events of one object does.

/// A directory of manifests.
pub mod directory;
/// The API server.
pub mod kubernetes;
/// The manifests in a text, and what is wrong with it.
pub mod manifest;
/// YAML with the line of every field.
pub mod yaml;

use std::{fmt, str::FromStr, sync::Arc};

use k8s_openapi::{
    api::core::v1::{Namespace, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use serde_json::Value;

use crate::{
    api::{Group, OidcClient, Realm, SigningKey, User},
    realm::ObjectName,
};

/// The kinds that are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `v1/Namespace`: its labels decide about `allowed.….namespaces`.
    Namespace,
    /// `v1/Secret`, only those with the label [`crate::api::READABLE_LABEL`].
    Secret,
    /// A [`Realm`].
    Realm,
    /// A [`SigningKey`].
    SigningKey,
    /// A [`Group`].
    Group,
    /// A [`User`].
    User,
    /// An [`OidcClient`].
    OidcClient,
}

impl Kind {
    /// Every kind, parents before children.
    pub const ALL: [Self; 7] =
        [Self::Namespace, Self::Secret, Self::Realm, Self::SigningKey, Self::Group, Self::User, Self::OidcClient];

    /// `kind` as it stands in a manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::Secret => "Secret",
            Self::Realm => "Realm",
            Self::SigningKey => "SigningKey",
            Self::Group => "Group",
            Self::User => "User",
            Self::OidcClient => "OidcClient",
        }
    }

    /// `apiVersion` as it stands in a manifest.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::Namespace | Self::Secret => "v1",
            _ => "realmkeeper.dev/v1alpha1",
        }
    }

    /// The name in a URL of the API.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Namespace => "namespaces",
            Self::Secret => "secrets",
            Self::Realm => "realms",
            Self::SigningKey => "signingkeys",
            Self::Group => "groups",
            Self::User => "users",
            Self::OidcClient => "oidcclients",
        }
    }

    /// True for the custom resources: those that have a status of ours.
    pub fn is_ours(self) -> bool {
        !matches!(self, Self::Namespace | Self::Secret)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The kind is none of those that are watched.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a kind that Realmkeeper reads")]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownKind)
    }
}

/// Which object; printed as `Kind/namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Its kind.
    pub kind: Kind,
    /// Namespace and name; the namespace of a Namespace is empty.
    pub name: ObjectName,
}

impl ObjectKey {
    /// Kind, namespace and name.
    pub fn new(kind: Kind, namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { kind, name: ObjectName::new(namespace, name) }
    }

    /// The key that `meta` says; an absent name or namespace is empty.
    pub fn of(kind: Kind, meta: &ObjectMeta) -> Self {
        let text = |part: &Option<String>| -> Arc<str> { part.as_deref().unwrap_or_default().into() };
        Self { kind, name: ObjectName { namespace: text(&meta.namespace), name: text(&meta.name) } }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// An object as its source has it. `Debug` prints which one it is and nothing of its content: a Secret is one of them.
#[derive(Clone)]
#[allow(missing_docs)]
pub enum Object {
    Namespace(Arc<Namespace>),
    Secret(Arc<Secret>),
    Realm(Arc<Realm>),
    SigningKey(Arc<SigningKey>),
    Group(Arc<Group>),
    User(Arc<User>),
    OidcClient(Arc<OidcClient>),
}

impl Object {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Namespace(_) => Kind::Namespace,
            Self::Secret(_) => Kind::Secret,
            Self::Realm(_) => Kind::Realm,
            Self::SigningKey(_) => Kind::SigningKey,
            Self::Group(_) => Kind::Group,
            Self::User(_) => Kind::User,
            Self::OidcClient(_) => Kind::OidcClient,
        }
    }

    /// Its metadata. Sources drop `managedFields` before they hand an object over: nothing reads them.
    pub fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Namespace(object) => &object.metadata,
            Self::Secret(object) => &object.metadata,
            Self::Realm(object) => &object.metadata,
            Self::SigningKey(object) => &object.metadata,
            Self::Group(object) => &object.metadata,
            Self::User(object) => &object.metadata,
            Self::OidcClient(object) => &object.metadata,
        }
    }

    /// Which object it is.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::of(self.kind(), self.meta())
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.key(), self.meta().resource_version.as_deref().unwrap_or("-"))
    }
}

macro_rules! from {
    ($($kind:ident),+) => {$(
        impl From<$kind> for Object {
            fn from(object: $kind) -> Self {
                Self::$kind(Arc::new(object))
            }
        }
    )+};
}

from!(Namespace, Secret, Realm, SigningKey, Group, User, OidcClient);

/// One thing that is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldProblem {
    /// The path of the field, such as `spec.redirectUris[0]`; empty for the object as a whole.
    pub field: String,
    /// A sentence that says what to mend; never a value that could be secret.
    pub message: String,
}

/// An object of one of our kinds that could not be read. It is reported in its own status; what was known of it before, if
/// anything, is served on, and an object that was never good is not served.
#[derive(Debug, Clone)]
pub struct Malformed {
    /// Which object.
    pub key: ObjectKey,
    /// What could be read of its metadata: `uid`, `generation`, `creationTimestamp` and annotations are used.
    pub meta: Box<ObjectMeta>,
    /// The status that it has, where the source could read it, so that the same problem is not written twice.
    pub status: Option<Value>,
    /// What is wrong; not empty.
    pub problems: Vec<FieldProblem>,
}

/// What a source says.
#[derive(Debug, Clone)]
pub enum Event {
    /// The object is new or was changed.
    Applied(Object),
    /// The object is gone.
    Deleted(ObjectKey),
    /// The object is new or was changed, and can't be read.
    Malformed(Malformed),
    /// The whole list of one kind replaces what was known of it: the end of a list (kube-runtime's `InitDone`), or a directory read
    /// anew. It says [`Event::Synced`] by the way.
    Replaced {
        /// The kind.
        kind: Kind,
        /// The readable objects, all of this kind.
        objects: Vec<Object>,
        /// Those that could not be read.
        malformed: Vec<Malformed>,
    },
    /// Every object of this kind has been said once. Nothing is published or planned until every kind of [`Kind::ALL`] is synced.
    Synced(Kind),
}
