use std::{fmt, str::FromStr};

use kube::core::ApiResource;

use crate::api;

/// A kind of ours, as people name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub enum Kind {
    /// `realm`, `realms`, `rlm`.
    Realm,
    /// `signingkey`, `signingkeys`, `skey`.
    SigningKey,
    /// `oidcclient`, `oidcclients`, `oidcc`.
    OidcClient,
    /// `user`, `users`, `rkuser`.
    User,
    /// `group`, `groups`, `rkgroup`.
    Group,
}

impl Kind {
    /// All of them, in the order of a tree.
    pub const ALL: [Self; 5] = [Self::Realm, Self::SigningKey, Self::OidcClient, Self::User, Self::Group];

    /// The plural, as URLs and `kubectl auth can-i` have it.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Realm => "realms",
            Self::SigningKey => "signingkeys",
            Self::OidcClient => "oidcclients",
            Self::User => "users",
            Self::Group => "groups",
        }
    }

    /// The name of the kind.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Realm => "Realm",
            Self::SigningKey => "SigningKey",
            Self::OidcClient => "OidcClient",
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// As kube asks for it.
    pub fn resource(self) -> ApiResource {
        match self {
            Self::Realm => ApiResource::erase::<api::Realm>(&()),
            Self::SigningKey => ApiResource::erase::<api::SigningKey>(&()),
            Self::OidcClient => ApiResource::erase::<api::OidcClient>(&()),
            Self::User => ApiResource::erase::<api::User>(&()),
            Self::Group => ApiResource::erase::<api::Group>(&()),
        }
    }

    const fn short(self) -> &'static str {
        match self {
            Self::Realm => "rlm",
            Self::SigningKey => "skey",
            Self::OidcClient => "oidcc",
            Self::User => "rkuser",
            Self::Group => "rkgroup",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was typed names no object of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not `KIND/NAME`.
    #[error("`{0}` is not KIND/NAME, such as oidcclient/grafana or signingkey/staff-es256")]
    Shape(String),
    /// No kind of ours.
    #[error(
        "there is no kind `{0}`: it is one of realm, signingkey, oidcclient, user, group, or their plurals and short names"
    )]
    Kind(String),
    /// A kind other than the one that the command is about.
    #[error("`{0}` is no {1}")]
    Other(String, Kind),
    /// Not what Kubernetes takes for a name.
    #[error("`{0}` can't be the name of an object: it has lower-case letters, digits, `-` and `.` only")]
    Name(String),
}

impl FromStr for Kind {
    type Err = NameError;

    /// As kubectl takes them: singular, plural or short name, in any case, also with the group (`users.realmkeeper.dev`).
    fn from_str(text: &str) -> Result<Self, NameError> {
        let lower = text.to_ascii_lowercase();
        let word = lower.strip_suffix(".realmkeeper.dev").unwrap_or(&lower);
        let is =
            |kind: &Kind| word == kind.plural() || word == kind.short() || word.eq_ignore_ascii_case(kind.as_str());
        Self::ALL.into_iter().find(is).ok_or_else(|| NameError::Kind(text.to_owned()))
    }
}

/// `KIND/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectArgument {
    /// The kind.
    pub kind: Kind,
    /// The name, in the namespace of `--namespace`.
    pub name: String,
}

impl FromStr for ObjectArgument {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (kind, name) = text.split_once('/').ok_or_else(|| NameError::Shape(text.to_owned()))?;
        Ok(Self { kind: kind.parse()?, name: named(name)? })
    }
}

impl fmt::Display for ObjectArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// `NAME`, or `realm/NAME`, of a Realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealmArgument(pub String);

impl FromStr for RealmArgument {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        of(Kind::Realm, text).map(Self)
    }
}

/// `NAME`, or `oidcclient/NAME`, of an OidcClient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientArgument(pub String);

impl FromStr for ClientArgument {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        of(Kind::OidcClient, text).map(Self)
    }
}

fn of(kind: Kind, text: &str) -> Result<String, NameError> {
    if !text.contains('/') {
        return named(text);
    }
    let object: ObjectArgument = text.parse()?;
    if object.kind == kind { Ok(object.name) } else { Err(NameError::Other(text.to_owned(), kind)) }
}

/// A name that can stand in a path: the API server has the last word on the rest.
fn named(name: &str) -> Result<String, NameError> {
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && name.len() <= 253 && name.chars().all(is_good) {
        Ok(name.to_owned())
    } else {
        Err(NameError::Name(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use kube::{CustomResourceExt, Resource};

    use super::{ClientArgument, Kind, NameError, ObjectArgument, RealmArgument};
    use crate::api;

    #[test]
    fn the_names_are_those_of_the_definitions() {
        fn check<K: Resource<DynamicType = ()> + CustomResourceExt>(kind: Kind) {
            assert_eq!(K::kind(&()), kind.as_str());
            assert_eq!(K::plural(&()), kind.plural());
            assert_eq!(K::crd().spec.names.short_names.unwrap(), [kind.short()]);
        }
        check::<api::Realm>(Kind::Realm);
        check::<api::SigningKey>(Kind::SigningKey);
        check::<api::OidcClient>(Kind::OidcClient);
        check::<api::User>(Kind::User);
        check::<api::Group>(Kind::Group);
    }

    #[test]
    fn an_object_is_named_as_kubectl_takes_it() {
        for text in ["oidcclient/a", "oidcclients/a", "oidcc/a", "OidcClient/a", "oidcclients.realmkeeper.dev/a"] {
            assert_eq!(text.parse(), Ok(ObjectArgument { kind: Kind::OidcClient, name: "a".into() }), "{text}");
        }
        for (text, said) in [
            ("grafana", "`grafana` is not KIND/NAME"),
            ("pod/a", "there is no kind `pod`"),
            ("skey/", "`` can't be"),
            ("skey/../../a", "can't be the name"),
            ("skey/a?b", "can't be the name"),
        ] {
            let error = text.parse::<ObjectArgument>().unwrap_err();
            assert!(error.to_string().contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn a_realm_is_named_with_or_without_its_kind() {
        assert_eq!("staff".parse(), Ok(RealmArgument("staff".into())));
        assert_eq!("rlm/staff".parse(), Ok(RealmArgument("staff".into())));
        assert_eq!("user/ada".parse::<RealmArgument>(), Err(NameError::Other("user/ada".into(), Kind::Realm)));
        assert_eq!("oidcc/a".parse(), Ok(ClientArgument("a".into())));
        assert!("Staff".parse::<RealmArgument>().is_err());
    }
}
