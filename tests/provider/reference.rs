//! `docs/resources.md` is written from the definitions, so it says what they say. `make crds` writes it anew.

use std::{fmt::Write, fs, path::Path};

use realmkeeper::api;
use serde_json::Value;

const INTRODUCTION: &str = "# The resources

<!-- Written by `make crds` from the definitions: edit the docstrings in src/api/ instead. -->

Group `realmkeeper.dev`, version `v1alpha1`, all namespaced, category `realmkeeper` (`kubectl get realmkeeper` lists them all).

What holds of every kind:

- Children (`OidcClient`, `User`, `Group`, `SigningKey`) name their Realm by `realmRef`, may be applied before it, and wait for it.
- `status.conditions`: `Ready` is there from the first sight on: `Unknown` while something is waited for, `False` only for what a
  person must mend, `True`. `Accepted`, `ResolvedRefs` and `Programmed` say which part is wanting.
- Of two objects that claim one name (issuer, client identifier, username) the older is served; the other says which in `Accepted`.
- A Secret is read only in the object's own namespace and only with the label `realmkeeper.dev/readable: \"true\"`.
- To delete an object is to stop serving it. There are no finalizers.
- The annotation `realmkeeper.dev/reconcile: disabled` stops writes for an object; it is served on.
- Durations are written as in Go, with `d` for days: `90s`, `10m`, `8h`, `30d`.
";

#[test]
fn the_reference_says_what_the_definitions_say() {
    let mut text = INTRODUCTION.to_owned();
    for crd in api::crds() {
        let crd = serde_json::to_value(crd).unwrap();
        let names = &crd["spec"]["names"];
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let (kind, short) = (names["kind"].as_str().unwrap(), names["shortNames"][0].as_str().unwrap());
        write!(text, "\n## {kind}\n\n{}\nShort name `{short}`.\n", paragraph(schema)).unwrap();
        for part in ["spec", "status"] {
            let schema = &schema["properties"][part];
            write!(text, "\n### {kind} {part}\n\n| field | type | |\n|---|---|---|\n").unwrap();
            rows(&mut text, "", schema);
            let rules = rules(schema);
            if !rules.is_empty() {
                write!(text, "\nRules:\n\n").unwrap();
                rules.iter().for_each(|rule| writeln!(text, "- {rule}").unwrap());
            }
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/resources.md");
    if std::env::var_os("REALMKEEPER_WRITE_REFERENCE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "docs/resources.md is out of date: run `make crds`");
}

fn rows(text: &mut String, path: &str, schema: &Value) {
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().collect();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let needed = if required.contains(&&Value::from(name.as_str())) { ", required" } else { "" };
        writeln!(text, "| `{path}` | {}{needed} | {} |", type_of(field), cell(field)).unwrap();
        // The standard's own type, which everyone knows.
        if name == "conditions" {
            continue;
        }
        rows(text, &path, field);
        if field["items"]["properties"].is_object() {
            rows(text, &format!("{path}[]"), &field["items"]);
        }
    }
}

fn type_of(field: &Value) -> String {
    if let Some(values) = field["enum"].as_array() {
        let values: Vec<_> = values.iter().filter_map(Value::as_str).map(|value| format!("`{value}`")).collect();
        return values.join(" ");
    }
    match field["type"].as_str() {
        Some("array") => format!("list of {}", type_of(&field["items"])),
        Some("object") if field["additionalProperties"].is_object() => {
            format!("map to {}", type_of(&field["additionalProperties"]))
        }
        Some(plain) => plain.to_owned(),
        None => "any".to_owned(),
    }
}

/// The messages of the rules.
fn rules(schema: &Value) -> Vec<String> {
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    rules.filter_map(|rule| rule["message"].as_str()).map(escaped).collect()
}

/// What it is, and what its rules (and those of its items) ask of it.
fn cell(field: &Value) -> String {
    let description = escaped(field["description"].as_str().unwrap_or_default());
    let rules = [rules(field), rules(&field["items"])].concat();
    match rules.is_empty() {
        true => description,
        false => format!("{description} *Rules: {}.*", rules.join("; ")),
    }
}

fn paragraph(schema: &Value) -> String {
    format!("{}\n", schema["description"].as_str().unwrap_or_default())
}

fn escaped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|").replace('<', "&lt;")
}
