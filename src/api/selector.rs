use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{LabelKey, LabelValue, cel};

/// A label selector as everywhere in Kubernetes, bounded: an object matches when all of it does, and an empty selector
/// matches every object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Selector {
    /// Labels with exactly these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, LabelValue>", extend("maxProperties" = 16))]
    pub match_labels: BTreeMap<String, String>,
    /// Requirements on labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub match_expressions: Vec<Requirement>,
}

/// One requirement on one label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    inline,
    extend("x-kubernetes-validations" = cel(&[(
        "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",
        "In and NotIn take one or more values, Exists and DoesNotExist take none",
    )]))
)]
pub struct Requirement {
    /// The label.
    #[schemars(with = "LabelKey")]
    pub key: String,
    /// How the label's value relates to `values`.
    pub operator: Operator,
    /// The values of `In` and `NotIn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<LabelValue>", length(max = 32))]
    pub values: Vec<String>,
}

/// How a label's value relates to the values of a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Operator {
    /// It is one of them.
    In,
    /// It is none of them, or the label is absent.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
}

impl Selector {
    /// Whether an object with these labels is selected.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|requirement| requirement.matches(labels))
    }
}

impl Requirement {
    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match self.operator {
            Operator::In => value.is_some_and(|value| self.values.contains(value)),
            Operator::NotIn => value.is_none_or(|value| !self.values.contains(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

/// From which namespaces children may attach to a Realm. On the wire `{from: Same}`, `{from: All}` or
/// `{from: Selector, selector: {…}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "NamespacesOnTheWire", into = "NamespacesOnTheWire")]
#[schemars(inline)]
pub enum Namespaces {
    /// Only from the Realm's own namespace.
    #[default]
    Same,
    /// From every namespace.
    All,
    /// From the namespaces with matching labels. A namespace that leaves the selector is no longer served.
    Selector(Selector),
}

/// From which namespaces children may attach to this Realm.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    inline,
    extend("x-kubernetes-validations" = cel(&[(
        "(self.from == 'Selector') == has(self.selector)",
        "selector must be given with from: Selector, and only then",
    )]))
)]
struct NamespacesOnTheWire {
    from: From,
    /// The labels of the namespaces, for `from: Selector`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    selector: Option<Selector>,
}

/// Same: the Realm's own namespace. All: every namespace. Selector: the namespaces with matching labels; one that leaves
/// the selector is no longer served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
enum From {
    Same,
    All,
    Selector,
}

impl TryFrom<NamespacesOnTheWire> for Namespaces {
    type Error = &'static str;

    fn try_from(wire: NamespacesOnTheWire) -> Result<Self, Self::Error> {
        match (wire.from, wire.selector) {
            (From::Same, None) => Ok(Self::Same),
            (From::All, None) => Ok(Self::All),
            (From::Selector, Some(selector)) => Ok(Self::Selector(selector)),
            _ => Err("selector must be given with from: Selector, and only then"),
        }
    }
}

impl std::convert::From<Namespaces> for NamespacesOnTheWire {
    fn from(namespaces: Namespaces) -> Self {
        match namespaces {
            Namespaces::Same => Self { from: From::Same, selector: None },
            Namespaces::All => Self { from: From::All, selector: None },
            Namespaces::Selector(selector) => Self { from: From::Selector, selector: Some(selector) },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::{Namespaces, Selector};

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn a_selector_matches_when_all_of_it_does() {
        let selector: Selector = serde_json::from_value(json!({
            "matchLabels": {"team": "platform"},
            "matchExpressions": [
                {"key": "stage", "operator": "In", "values": ["test", "live"]},
                {"key": "left", "operator": "DoesNotExist"},
                {"key": "stage", "operator": "NotIn", "values": ["gone"]},
                {"key": "stage", "operator": "Exists"},
            ],
        }))
        .unwrap();
        assert!(selector.matches(&labels(&[("team", "platform"), ("stage", "live"), ("more", "x")])));
        assert!(!selector.matches(&labels(&[("team", "platform")])));
        assert!(!selector.matches(&labels(&[("team", "other"), ("stage", "live")])));
        assert!(!selector.matches(&labels(&[("team", "platform"), ("stage", "live"), ("left", "")])));
        assert!(Selector::default().matches(&labels(&[])));
    }

    #[test]
    fn namespaces_read_and_write_the_form_of_gateway_api() {
        for wire in [json!({"from": "Same"}), json!({"from": "Selector", "selector": {"matchLabels": {"a": "b"}}})] {
            let namespaces: Namespaces = serde_json::from_value(wire.clone()).unwrap();
            assert_eq!(serde_json::to_value(namespaces).unwrap(), wire);
        }
        assert!(serde_json::from_value::<Namespaces>(json!({"from": "Selector"})).is_err());
        assert!(serde_json::from_value::<Namespaces>(json!({"from": "All", "selector": {}})).is_err());
    }
}
