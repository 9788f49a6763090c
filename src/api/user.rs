use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{
    AttributeValue, Birthdate, EmailAddress, LanguageTag, Line, Lines, Subject, Timestamp, Username, WebUri, cel_at,
};
use super::{RealmRef, SecretRef};

/// A person of a Realm. No password stands here, ever; and what changes at run time (failures, sessions) lives in the store.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "realmkeeper.dev",
    version = "v1alpha1",
    kind = "User",
    plural = "users",
    shortname = "rkuser",
    category = "realmkeeper",
    namespaced,
    status = "UserStatus",
    derive = "PartialEq",
    selectable = ".spec.realmRef.name",
    doc = "A User is a person of a Realm. No password stands here, ever: passwordSecretRef names the Secret that holds it.",
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Realm", type_ = "string", json_path = ".spec.realmRef.name"),
    printcolumn(name = "Username", type_ = "string", json_path = ".status.username"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        priority = 1,
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#
    )
)]
#[serde(rename_all = "camelCase")]
#[schemars(
    inline,
    extend("x-kubernetes-validations" = cel_at(&[
        (".realmRef", "self.realmRef == oldSelf.realmRef", "realmRef can't be changed: delete the object and make it anew in the other Realm"),
        (
            ".subject",
            "has(self.subject) == has(oldSelf.subject) && (!has(self.subject) || self.subject == oldSelf.subject)",
            "subject can't be changed, because relying parties know the person by it",
        ),
    ]))
)]
pub struct UserSpec {
    /// The Realm of the person. It can't be changed.
    pub realm_ref: RealmRef,
    /// What the person types to sign in; unique in the Realm. Default: the object's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Username>")]
    pub username: Option<String>,
    /// `sub`, for people who had one elsewhere. It can't be changed, added or removed later. Default: derived from Realm,
    /// namespace and name, so that it survives a restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Subject>")]
    pub subject: Option<String>,
    /// Whether the person can sign in. While it is false, what was granted is refused, too. Default true.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The standard claims of the scopes profile, address and phone (OpenID Connect Core section 5.1).
    #[serde(default)]
    pub profile: Profile,
    /// The standard claims of the scope email.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Whatever else is known: names with lists of values, for the Realm's `claims`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "attributes")]
    pub attributes: BTreeMap<String, Vec<String>>,
    /// The Secret with the password: entry `password-hash` (a PHC string of argon2id, bcrypt, scrypt or pbkdf2), or
    /// `password` (for tests and generated secrets). Without it the person can't sign in with a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_secret_ref: Option<SecretRef>,
}

const fn yes() -> bool {
    true
}

fn attributes(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let value = AttributeValue::json_schema(generator);
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": {"type": "array", "maxItems": 64, "items": value},
    })
}

/// The standard claims of the scopes profile, address and phone (OpenID Connect Core section 5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Profile {
    /// The whole name, as it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub name: Option<String>,
    /// Given names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub given_name: Option<String>,
    /// Family names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub family_name: Option<String>,
    /// Middle names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub middle_name: Option<String>,
    /// The casual name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub nickname: Option<String>,
    /// The claim preferred_username. Default: the username.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub preferred_username: Option<String>,
    /// The URL of the profile page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<WebUri>")]
    pub profile: Option<String>,
    /// The URL of the picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<WebUri>")]
    pub picture: Option<String>,
    /// The URL of the web page or blog.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<WebUri>")]
    pub website: Option<String>,
    /// The gender.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub gender: Option<String>,
    /// The birthday: YYYY-MM-DD, or YYYY; 0000 for a year left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Birthdate>")]
    pub birthdate: Option<String>,
    /// The time zone, such as Europe/Paris.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub zoneinfo: Option<String>,
    /// The language tag (BCP 47), such as fr-CA.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<LanguageTag>")]
    pub locale: Option<String>,
    /// The telephone number, best in the form +1 (425) 555-1212 (E.164).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub phone_number: Option<String>,
    /// Whether the telephone number is known to be the person's. It is only told of a number that begins with + and the country (E.164),
    /// as OpenID Connect Core section 5.1 requires. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub phone_number_verified: bool,
    /// The postal address (OpenID Connect Core section 5.1.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// The claim updated_at: when all this was last changed, such as 2027-01-31T12:00:00Z.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Timestamp>")]
    pub updated_at: Option<String>,
    /// What people read, in other languages and scripts (OpenID Connect Core section 5.2): the claims `name#de` and so on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["locale"]))]
    pub localized: Vec<LocalizedProfile>,
}

/// What people read of a person, in one language or script (OpenID Connect Core section 5.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct LocalizedProfile {
    /// The language (BCP 47), such as fr-CA or ja-Kana-JP: what stands behind the `#` of the claim.
    #[schemars(with = "LanguageTag")]
    pub locale: String,
    /// The whole name, as it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub name: Option<String>,
    /// Given names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub given_name: Option<String>,
    /// Family names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub family_name: Option<String>,
    /// Middle names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub middle_name: Option<String>,
    /// The casual name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub nickname: Option<String>,
    /// The URL of the profile page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<WebUri>")]
    pub profile: Option<String>,
    /// The URL of the web page or blog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<WebUri>")]
    pub website: Option<String>,
    /// The gender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub gender: Option<String>,
    /// The postal address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
}

/// A postal address (OpenID Connect Core section 5.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Address {
    /// The whole address, as it stands on a label; may have several lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Lines>")]
    pub formatted: Option<String>,
    /// The street, with number and all; may have several lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Lines>")]
    pub street_address: Option<String>,
    /// The city.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub locality: Option<String>,
    /// The state, province or region.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub region: Option<String>,
    /// The postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub postal_code: Option<String>,
    /// The country.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub country: Option<String>,
}

/// An e-mail address and what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Email {
    /// The address.
    #[schemars(with = "EmailAddress")]
    pub address: String,
    /// Whether it is known to be the person's. Default false.
    #[serde(default)]
    pub verified: bool,
}

/// What the operator says of a User.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct UserStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The username in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The `sub` in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Ready, Accepted, ResolvedRefs, Programmed; Reconciling and Stalled only while they are true.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
