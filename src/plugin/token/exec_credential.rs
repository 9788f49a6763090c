//! How kubectl and every client-go program ask a plugin for credentials (client.authentication.k8s.io).

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::TokenError;

const V1: &str = "client.authentication.k8s.io/v1";
/// The same but for its name.
const V1BETA1: &str = "client.authentication.k8s.io/v1beta1";

/// The version in which to answer: that of `KUBERNETES_EXEC_INFO`, or v1 where a person runs the command.
///
/// # Errors
/// The variable holds no ExecCredential of a version that is known.
pub fn api_version(exec_info: Option<&str>) -> Result<&'static str, TokenError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Info {
        api_version: String,
        kind: String,
    }
    let Some(text) = exec_info.filter(|text| !text.is_empty()) else { return Ok(V1) };
    let info: Info = serde_json::from_str(text)
        .map_err(|_| TokenError::ExecInfo("it is no ExecCredential: apiVersion and kind are needed".into()))?;
    match info.api_version.as_str() {
        _ if info.kind != "ExecCredential" => Err(TokenError::ExecInfo("its kind is not ExecCredential".into())),
        V1 => Ok(V1),
        V1BETA1 => Ok(V1BETA1),
        _ => Err(TokenError::ExecInfo(format!("its apiVersion must be {V1}: set it so in the kubeconfig"))),
    }
}

/// The credential, which the client keeps until it expires.
pub fn exec_credential(api_version: &str, token: &str, expires_at: Option<Timestamp>) -> Value {
    let mut status = Map::new();
    status.insert("token".into(), token.into());
    // Whole seconds, as everywhere in Kubernetes; none too late.
    let end = expires_at.and_then(|end| Timestamp::from_second(end.as_second()).ok());
    status.extend(end.map(|end| ("expirationTimestamp".to_owned(), end.to_string().into())));
    json!({"apiVersion": api_version, "kind": "ExecCredential", "status": status})
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::{api_version, exec_credential};

    #[test]
    fn the_answer_has_the_version_that_was_asked_for() {
        let info = |version: &str| {
            json!({"apiVersion": format!("client.authentication.k8s.io/{version}"), "kind": "ExecCredential",
                "spec": {"interactive": true}})
            .to_string()
        };
        assert_eq!(api_version(None).unwrap(), "client.authentication.k8s.io/v1");
        assert_eq!(api_version(Some("")).unwrap(), "client.authentication.k8s.io/v1");
        for version in ["v1", "v1beta1"] {
            assert!(api_version(Some(&info(version))).unwrap().ends_with(version));
        }
        for wrong in [info("v1alpha1"), "{".into(), "{}".into(), info("v1").replace("ExecCredential", "Pod")] {
            let error = api_version(Some(&wrong)).unwrap_err().to_string();
            assert!(error.starts_with("KUBERNETES_EXEC_INFO: "), "{error}");
        }
    }

    #[test]
    fn a_credential_says_when_it_ends_as_kubernetes_writes_times() {
        let end = Timestamp::from_second(1_767_225_600).unwrap();
        let credential = exec_credential("client.authentication.k8s.io/v1", "t", Some(end));
        assert_eq!(credential["status"], json!({"token": "t", "expirationTimestamp": "2026-01-01T00:00:00Z"}));
        assert_eq!(exec_credential("v", "t", None)["status"], json!({"token": "t"}));
    }
}
