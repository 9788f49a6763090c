use std::str::FromStr;

use serde::Serialize;

/// Names of Kubernetes itself, which no realm may give.
const RESERVED: &str = "system:";

/// What stands before usernames or groups. It begins with nothing of Kubernetes' own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Prefix(String);

impl Prefix {
    /// The default.
    pub fn of_realm(realm: &str) -> Self {
        Self(format!("{realm}:"))
    }

    /// True where what follows it could complete it to a name of Kubernetes itself.
    fn leaves_room(&self) -> bool {
        RESERVED.starts_with(&self.0)
    }
}

impl FromStr for Prefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with(RESERVED) {
            return Err("names that begin with system: belong to Kubernetes itself");
        }
        Ok(Self(text.to_owned()))
    }
}

/// An extra attribute of users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Extra {
    key: String,
    value_expression: String,
}

impl FromStr for Extra {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, expression) = text.split_once('=').ok_or("write KEY=EXPRESSION")?;
        let (domain, path) =
            key.split_once('/').ok_or("the key is a domain and a path, such as example.com/department")?;
        if domain.is_empty() || path.is_empty() || key != key.to_lowercase() {
            return Err("the key is a domain and a path in lower case, such as example.com/department");
        }
        let is_below = |reserved: &str| domain == reserved || domain.ends_with(&format!(".{reserved}"));
        if is_below("kubernetes.io") || is_below("k8s.io") {
            return Err("keys of kubernetes.io and k8s.io belong to Kubernetes itself");
        }
        if expression.trim().is_empty() {
            return Err("the expression is empty");
        }
        Ok(Self { key: key.to_owned(), value_expression: expression.to_owned() })
    }
}

/// What kube-apiserver is to be told.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The issuer, with https.
    pub issuer: String,
    /// The client whose ID tokens are taken.
    pub client_id: String,
    /// More audiences.
    pub audiences: Vec<String>,
    /// The CA's certificates (PEM).
    pub certificate_authority: Option<String>,
    /// The claim that becomes the username.
    pub username_claim: String,
    /// What stands before it.
    pub username_prefix: Prefix,
    /// The claim that holds the groups.
    pub groups_claim: Option<String>,
    /// What stands before each.
    pub groups_prefix: Prefix,
    /// The claim that becomes the uid.
    pub uid_claim: Option<String>,
    /// Extra attributes.
    pub extra: Vec<Extra>,
}

/// The file of kube-apiserver's option `--authentication-config` (apiserver.config.k8s.io/v1).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationConfiguration {
    api_version: &'static str,
    kind: &'static str,
    jwt: Vec<JwtAuthenticator>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct JwtAuthenticator {
    issuer: Issuer,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    claim_validation_rules: Vec<Rule>,
    claim_mappings: ClaimMappings,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    user_validation_rules: Vec<Rule>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Issuer {
    url: String,
    audiences: Vec<String>,
    /// Needed where there are several audiences, and refused where it says anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    audience_match_policy: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_authority: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct ClaimMappings {
    username: PrefixedClaim,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<PrefixedClaim>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<Claim>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extra: Vec<Extra>,
}

#[derive(Clone, Debug, Serialize)]
struct PrefixedClaim {
    claim: String,
    prefix: Prefix,
}

#[derive(Clone, Debug, Serialize)]
struct Claim {
    claim: String,
}

#[derive(Clone, Debug, Serialize)]
struct Rule {
    expression: &'static str,
    message: &'static str,
}

const VERIFIED: Rule =
    Rule { expression: "claims.email_verified == true", message: "the email address must be verified" };
const NO_SYSTEM_USER: Rule = Rule {
    expression: "!user.username.startsWith('system:')",
    message: "usernames that begin with system: belong to Kubernetes itself",
};
const NO_SYSTEM_GROUP: Rule = Rule {
    expression: "user.groups.all(group, !group.startsWith('system:'))",
    message: "groups that begin with system: belong to Kubernetes itself",
};

impl AuthenticationConfiguration {
    /// The file by which an API server trusts one realm.
    pub fn trusting(trust: Trust) -> Self {
        let claim_validation_rules = if trust.username_claim == "email" { vec![VERIFIED] } else { Vec::new() };
        let mut user_validation_rules = Vec::new();
        if trust.username_prefix.leaves_room() {
            user_validation_rules.push(NO_SYSTEM_USER);
        }
        if trust.groups_claim.is_some() && trust.groups_prefix.leaves_room() {
            user_validation_rules.push(NO_SYSTEM_GROUP);
        }
        let mut audiences = vec![trust.client_id];
        for audience in trust.audiences {
            if !audiences.contains(&audience) {
                audiences.push(audience);
            }
        }
        let issuer = Issuer {
            url: trust.issuer,
            audience_match_policy: (audiences.len() > 1).then_some("MatchAny"),
            audiences,
            certificate_authority: trust.certificate_authority,
        };
        let claim_mappings = ClaimMappings {
            username: PrefixedClaim { claim: trust.username_claim, prefix: trust.username_prefix },
            groups: trust.groups_claim.map(|claim| PrefixedClaim { claim, prefix: trust.groups_prefix }),
            uid: trust.uid_claim.map(|claim| Claim { claim }),
            extra: trust.extra,
        };
        let jwt = JwtAuthenticator { issuer, claim_validation_rules, claim_mappings, user_validation_rules };
        Self { api_version: "apiserver.config.k8s.io/v1", kind: "AuthenticationConfiguration", jwt: vec![jwt] }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{AuthenticationConfiguration, Extra, Prefix, Trust};

    fn trust() -> Trust {
        Trust {
            issuer: "https://id.example.com/realms/staff".into(),
            client_id: "kubectl".into(),
            audiences: Vec::new(),
            certificate_authority: None,
            username_claim: "email".into(),
            username_prefix: Prefix::of_realm("staff"),
            groups_claim: Some("groups".into()),
            groups_prefix: Prefix::of_realm("staff"),
            uid_claim: Some("sub".into()),
            extra: Vec::new(),
        }
    }

    fn printed(trust: Trust) -> Value {
        let yaml = serde_saphyr::to_string(&AuthenticationConfiguration::trusting(trust)).unwrap();
        serde_saphyr::from_str(&yaml).unwrap()
    }

    #[test]
    fn the_defaults_prefix_names_and_ask_for_a_verified_address() {
        assert_eq!(
            printed(trust()),
            json!({
                "apiVersion": "apiserver.config.k8s.io/v1",
                "kind": "AuthenticationConfiguration",
                "jwt": [{
                    "issuer": {"url": "https://id.example.com/realms/staff", "audiences": ["kubectl"]},
                    "claimValidationRules": [
                        {"expression": "claims.email_verified == true", "message": "the email address must be verified"},
                    ],
                    "claimMappings": {
                        "username": {"claim": "email", "prefix": "staff:"},
                        "groups": {"claim": "groups", "prefix": "staff:"},
                        "uid": {"claim": "sub"},
                    },
                }],
            })
        );
    }

    #[test]
    fn several_audiences_are_matched_by_any() {
        let audiences = vec!["web".to_owned(), "kubectl".to_owned(), "web".to_owned()];
        let issuer = printed(Trust { audiences, certificate_authority: Some("-----BEGIN\nx\n".into()), ..trust() });
        let issuer = &issuer["jwt"][0]["issuer"];
        assert_eq!(issuer["audiences"], json!(["kubectl", "web"]));
        assert_eq!(issuer["audienceMatchPolicy"], "MatchAny");
        assert_eq!(issuer["certificateAuthority"], "-----BEGIN\nx\n");
    }

    #[test]
    fn without_a_prefix_nobody_becomes_a_user_or_group_of_kubernetes_itself() {
        for prefix in ["", "s", "system"] {
            let prefix: Prefix = prefix.parse().unwrap();
            let open = Trust { username_prefix: prefix.clone(), groups_prefix: prefix, ..trust() };
            assert_eq!(printed(open)["jwt"][0]["userValidationRules"].as_array().map(Vec::len), Some(2));
        }
        let without_groups = Trust { groups_claim: None, groups_prefix: "".parse().unwrap(), ..trust() };
        let without_groups = printed(without_groups);
        assert_eq!(without_groups["jwt"][0]["userValidationRules"], Value::Null);
        assert_eq!(without_groups["jwt"][0]["claimMappings"]["groups"], Value::Null);
        assert!("system:".parse::<Prefix>().is_err() && "system:masters-".parse::<Prefix>().is_err());
    }

    #[test]
    fn another_claim_needs_no_verified_address() {
        let sub = printed(Trust { username_claim: "sub".into(), uid_claim: None, ..trust() });
        assert_eq!(sub["jwt"][0]["claimValidationRules"], Value::Null);
        assert_eq!(sub["jwt"][0]["claimMappings"]["uid"], Value::Null);
    }

    #[test]
    fn an_extra_attribute_is_a_key_of_ones_own_and_an_expression() {
        let extra: Extra = "example.com/a=claims.a == 'b=c' ? 'x' : 'y'".parse().unwrap();
        let printed = printed(Trust { extra: vec![extra], ..trust() });
        let expected = json!([{"key": "example.com/a", "valueExpression": "claims.a == 'b=c' ? 'x' : 'y'"}]);
        assert_eq!(printed["jwt"][0]["claimMappings"]["extra"], expected);
        for wrong in
            ["a", "a=b", "/a=b", "example.com/=b", "Example.com/a=b", "k8s.io/a=b", "x.kubernetes.io/a=b", "a.b/c="]
        {
            assert!(wrong.parse::<Extra>().is_err(), "{wrong}");
        }
    }
}
