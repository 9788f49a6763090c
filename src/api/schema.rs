//! The strings of the schema: each a bound and a few CEL rules. They stand as `#[schemars(with = "…")]` on fields
//! that are plain strings in Rust, and where they are the items of a list, a problem carries the index of its item.
//!
//! CEL rules, and never a `pattern`, because a person deserves a sentence. Their regular expressions are read by two engines, RE2
//! in the API server and Rust's in process, so they keep to what both read alike: no bracket within brackets.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// CEL rules with their messages, as `x-kubernetes-validations`.
pub(super) fn cel(rules: &[(&str, &str)]) -> Value {
    rules.iter().map(|(rule, message)| json!({"rule": rule, "message": message})).collect()
}

/// The same, each with the field that the problem is reported at, below the place of the rule.
pub(super) fn cel_at(rules: &[(&str, &str, &str)]) -> Value {
    rules.iter().map(|(field, rule, message)| json!({"rule": rule, "message": message, "fieldPath": field})).collect()
}

/// The schema of a string of `min..=max` characters.
pub(super) fn string(min: u32, max: u32, rules: &[(&str, &str)]) -> Schema {
    let mut schema = Map::new();
    schema.insert("type".into(), "string".into());
    if min > 0 {
        schema.insert("minLength".into(), min.into());
    }
    schema.insert("maxLength".into(), max.into());
    if !rules.is_empty() {
        schema.insert("x-kubernetes-validations".into(), cel(rules));
    }
    Schema::from(schema)
}

macro_rules! strings {
    ($($(#[$doc:meta])* $name:ident: $min:literal..=$max:literal, $rules:expr;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                string($min, $max, $rules)
            }
        }
    )*};
}

const NO_FRAGMENT: (&str, &str) = ("!self.contains('#')", "must have no fragment (RFC 6749 section 3.1.2)");
const NO_WILDCARD: (&str, &str) =
    ("!self.contains('*')", "must be written out in full: redirect URIs are compared exactly and know no wildcards");
const WEB_LOOPBACK_OR_PRIVATE: (&str, &str) = (
    concat!(
        r"self.matches('^https://[^/?#@ ]+([/?][^ ]*)?$')",
        r" || self.matches(r'^http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?([/?][^ ]*)?$')",
        r" || self.matches(r'^[a-z][a-z0-9+-]*\.[a-z0-9.+-]+:[^ ]*$')",
    ),
    "must be https, or http on a loopback address (localhost, 127.0.0.1, [::1]), or a private-use scheme with a dot in it \
     such as com.example.app:/callback (RFC 8252 section 7.1)",
);
const WEB_OR_LOOPBACK: (&str, &str) = (
    concat!(
        r"self.matches('^https://[^/?#@ ]+([/?][^ ]*)?$')",
        r" || self.matches(r'^http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?([/?][^ ]*)?$')",
    ),
    "must be https, or http on a loopback address",
);
const ISSUER: (&str, &str) = (
    concat!(
        r"self.matches(r'^https://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(/[!-~]*)?$')",
        r" || self.matches(r'^http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?(/[!-~]*)?$')",
        r" || self.contains('?') || self.contains('#')",
    ),
    "must be https://HOST[:PORT][/PATH] with the host in lower case; http is accepted for a loopback address only",
);

const OBJECT_NAME: (&str, &str) = (
    "self.matches('^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$')",
    "must be a name as Kubernetes has it: lower-case letters, digits, - and ., with a letter or a digit at both ends",
);
const NAMESPACE_NAME: (&str, &str) = (
    "self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')",
    "must be the name of a namespace: lower-case letters, digits and -, with a letter or a digit at both ends",
);
const VISIBLE_ASCII: (&str, &str) = ("self.matches('^[!-~]+$')", "must be visible ASCII without spaces");

strings! {
    /// The name of an object (RFC 1123 subdomain).
    ObjectName: 1..=253, &[OBJECT_NAME];
    /// A namespace (RFC 1123 label).
    NamespaceName: 1..=63, &[NAMESPACE_NAME];
    /// A line that a person reads.
    Line: 1..=256, &[("!self.matches('[[:cntrl:]]')", "must be one line without control characters")];
    /// An issuer (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2).
    Issuer: 1..=512, &[
        ("!self.contains('?') && !self.contains('#')", "must have no query and no fragment (RFC 8414 section 2)"),
        ISSUER,
        ("!self.endsWith('/')", "must not end with a slash"),
    ];
    /// A redirect URI (RFC 6749 section 3.1.2, RFC 8252 section 7).
    RedirectUri: 1..=2048, &[NO_FRAGMENT, NO_WILDCARD, WEB_LOOPBACK_OR_PRIVATE];
    /// A URI that the provider fetches.
    FetchedUri: 1..=2048, &[
        NO_FRAGMENT,
        WEB_OR_LOOPBACK,
    ];
    /// A URI of a request object (OpenID Connect Core section 6.2); its fragment may be a hash of what stands there.
    RequestUri: 1..=2048, &[
        (
            concat!(
                r"self.matches('^https://[^/?#@ ]+([/?#][^ ]*)?$')",
                r" || self.matches(r'^http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?([/?#][^ ]*)?$')",
            ),
            "must be https, or http on a loopback address",
        ),
    ];
    /// A link that a person may follow.
    WebUri: 1..=2048, &[
        ("self.matches('^https?://[^/?#@ ]+([/?#][^ ]*)?$')", "must be an absolute http or https URL"),
    ];
    /// A resource server (RFC 8707 section 2).
    ResourceUri: 1..=1024, &[
        ("self.matches('^[a-zA-Z][a-zA-Z0-9+.-]*:[^# ]+$')", "must be an absolute URI without a fragment (RFC 8707 section 2)"),
    ];
    /// A resource server, or `/*` at the end for every one below it.
    ResourcePattern: 1..=1024, &[
        ("self.matches('^[a-zA-Z][a-zA-Z0-9+.-]*:[^#* ]*[^#*/ ](/[*]?)?$')",
         "must be an absolute URI without a fragment, or one that ends with /* for all below it"),
    ];
    /// A client identifier: visible ASCII (RFC 6749 appendix A.1), less what would need quoting.
    ClientId: 1..=255, &[
        ("self.matches('^[A-Za-z0-9][A-Za-z0-9._~:/@+-]*$')",
         "must begin with a letter or a digit and hold only letters, digits and . _ ~ : / @ + -"),
    ];
    /// A scope token (RFC 6749 section 3.3).
    ScopeToken: 1..=128, &[
        ("self.matches('^[!#-Z^-~]+$')",
         "must be one scope: visible ASCII without spaces, quotation marks, brackets and backslashes (RFC 6749 section 3.3)"),
    ];
    /// The name of a claim.
    ClaimName: 1..=256, &[VISIBLE_ASCII];
    /// A CEL expression.
    Expression: 1..=2048, &[];
    /// `sub`: at most 255 ASCII characters (OpenID Connect Core 1.0 section 2).
    Subject: 1..=255, &[VISIBLE_ASCII];
    /// What a person types to sign in.
    Username: 1..=255, &[
        ("!self.matches('[[:space:][:cntrl:]]')", "must hold no spaces and no control characters"),
    ];
    /// An e-mail address, loosely.
    EmailAddress: 3..=320, &[
        ("self.matches('^[^@ ]+@[^@ ]+$')", "must be an e-mail address"),
    ];
    /// A host, or `*.` and a host for every host below it.
    HostPattern: 1..=253, &[
        ("self.matches('^([*][.])?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$')",
         "must be a host name in lower case without scheme and port, or *. and a host name"),
    ];
    /// A host.
    HostName: 1..=253, &[
        ("self.matches('^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$')", "must be a host name in lower case without scheme and port"),
    ];
    /// A network in CIDR notation.
    Cidr: 1..=64, &[("isCIDR(self)", "must be a network in CIDR notation, such as 10.0.0.0/8 or fd00::/8")];
    /// An entry of a Secret.
    SecretEntry: 1..=253, &[("self.matches('^[._a-zA-Z0-9-]+$')", "must be the name of an entry of a Secret: letters, digits and - _ .")];
    /// A template of a Secret's entry.
    Template: 0..=16384, &[];
    /// The value of a label.
    LabelValue: 0..=63, &[("self.matches('^(([A-Za-z0-9][A-Za-z0-9_.-]*)?[A-Za-z0-9])?$')", "must be the value of a label: letters, digits and - _ ., with a letter or a digit at both ends")];
    /// The key of a label.
    LabelKey: 1..=317, &[("self.matches('^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$')", "must be the key of a label: [PREFIX/]NAME")];
    /// The value of an annotation.
    AnnotationValue: 0..=16384, &[];
    /// A key identifier (RFC 7517 section 4.5).
    KeyId: 1..=256, &[VISIBLE_ASCII];
    /// Base64url of a part of a key (RFC 7518 section 6).
    KeyPart: 1..=4096, &[("self.matches('^[A-Za-z0-9_-]+$')", "must be base64url without padding")];
    /// A text of several lines.
    Lines: 0..=1024, &[];
    /// The value of a person's attribute: long enough for a JWT.
    AttributeValue: 0..=8192, &[];
    /// A birthday (OpenID Connect Core 1.0 section 5.1).
    Birthdate: 4..=10, &[
        ("self.matches('^[0-9]{4}(-[0-9]{2}-[0-9]{2})?$')", "must be YYYY, or YYYY-MM-DD with 0000 for a year left out"),
    ];
    /// A time (RFC 3339).
    Timestamp: 20..=35, &[
        ("self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$')",
         "must be a time such as 2027-01-31T12:00:00Z (RFC 3339)"),
    ];
    /// A language tag (BCP 47).
    LanguageTag: 2..=64, &[("self.matches('^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$')", "must be a language tag, such as fr-CA (BCP 47)")];
}
