use std::fmt;

use kube::Error;

use crate::plugin::names::Kind;

/// The API server did not do what was asked of it. Displays as a sentence with what to do.
#[derive(Debug)]
pub struct ApiError {
    verb: &'static str,
    kind: Kind,
    name: Option<String>,
    namespace: Option<String>,
    source: Box<Error>,
}

impl ApiError {
    /// `verb` is the API's word (get, list, patch); without a name it is about all of the kind, without a namespace about all of
    /// them.
    pub fn new(verb: &'static str, kind: Kind, name: Option<&str>, namespace: Option<&str>, source: Error) -> Self {
        let (name, namespace) = (name.map(str::to_owned), namespace.map(str::to_owned));
        Self { verb, kind, name, namespace, source: Box::new(source) }
    }

    /// It was refused for want of a right (403).
    pub fn is_forbidden(&self) -> bool {
        self.code() == Some(403)
    }

    /// It is not there (404): the object, or without a name the whole kind.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// Asking once more may help: the API server is busy, starts anew or could not be reached.
    pub fn is_passing(&self) -> bool {
        match &*self.source {
            Error::Api(status) => status.code == 429 || status.code >= 500,
            Error::HyperError(_) | Error::Service(_) => true,
            _ => false,
        }
    }

    fn code(&self) -> Option<u16> {
        match &*self.source {
            Error::Api(status) => Some(status.code),
            _ => None,
        }
    }

    /// True where the cluster doesn't know the kind, as opposed to this one object.
    fn is_unknown_kind(&self) -> bool {
        match &*self.source {
            Error::Api(status) => status.details.as_ref().is_none_or(|details| details.name.is_empty()),
            _ => false,
        }
    }

    fn object(&self) -> String {
        let place = self.namespace.as_ref().map(|namespace| format!(" in namespace {namespace}"));
        let place = place.unwrap_or_else(|| " of all namespaces".to_owned());
        match &self.name {
            Some(name) => format!("{} {name}{place}", self.kind),
            None => format!("{}s{place}", self.kind),
        }
    }

    fn advice(&self) -> String {
        let Self { verb, kind, .. } = self;
        let place = self.namespace.as_ref().map_or("-A".to_owned(), |namespace| format!("-n {namespace}"));
        match self.code() {
            Some(401) => "the API server does not know you: mend the credentials of the kubeconfig".to_owned(),
            Some(403) => format!(
                "have whoever runs the cluster grant it (`kubectl auth can-i {verb} {}.realmkeeper.dev {place}` asks)",
                kind.plural()
            ),
            Some(404) if self.name.is_none() || self.is_unknown_kind() => {
                "install the definitions first: `realmkeeper crds | kubectl apply --server-side -f -`".to_owned()
            }
            Some(404) => format!("`kubectl get {}.realmkeeper.dev -A` lists what there is", kind.plural()),
            Some(_) => "see what the API server says".to_owned(),
            None => "see whether `kubectl version` reaches the cluster, and --kubeconfig and --context".to_owned(),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = self.object();
        match (&*self.source, self.code()) {
            (_, Some(404)) if self.name.is_some() && !self.is_unknown_kind() => write!(f, "there is no {object}")?,
            (_, Some(404)) => write!(f, "the cluster has no kind {}", self.kind)?,
            (Error::Api(status), _) => write!(f, "can't {} {object}: {}", self.verb, status.message)?,
            // Its own texts name the error's type, and the cause says what happened.
            (Error::Service(cause), _) => write!(f, "can't {} {object}: {}", self.verb, chain(cause.as_ref()))?,
            (Error::HyperError(cause), _) => write!(f, "can't {} {object}: {}", self.verb, chain(cause))?,
            (Error::Auth(cause), _) => write!(f, "can't {} {object}: {}", self.verb, chain(cause))?,
            (other, _) => write!(f, "can't {} {object}: {other}", self.verb)?,
        }
        write!(f, "; {}", self.advice())
    }
}

impl std::error::Error for ApiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

/// An error with its causes, each said once.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use serde_json::json;

    use super::ApiError;
    use crate::plugin::names::Kind;

    fn api(code: u16, message: &str, name: &str) -> kube::Error {
        let status = json!({"code": code, "message": message, "reason": "", "details": {"name": name}});
        kube::Error::Api(Box::new(serde_json::from_value::<Status>(status).unwrap()))
    }

    #[test]
    fn each_failure_is_a_sentence_with_what_to_do() {
        let error = |name: Option<&str>, namespace, source| {
            ApiError::new("get", Kind::Realm, name, namespace, source).to_string()
        };
        assert_eq!(
            error(Some("staff"), Some("a"), api(404, "realms \"staff\" not found", "staff")),
            "there is no Realm staff in namespace a; `kubectl get realms.realmkeeper.dev -A` lists what there is"
        );
        let unknown = error(Some("staff"), Some("a"), api(404, "the server could not find", ""));
        assert!(unknown.starts_with("the cluster has no kind Realm; install"), "{unknown}");
        let forbidden = error(None, None, api(403, "realms is forbidden", ""));
        assert!(forbidden.starts_with("can't get Realms of all namespaces: realms is forbidden; have"), "{forbidden}");
        assert!(forbidden.contains("can-i get realms.realmkeeper.dev -A"), "{forbidden}");
        let refused: tower::BoxError = std::io::Error::other("connection refused").into();
        let unreachable = error(None, Some("a"), kube::Error::Service(refused));
        assert!(unreachable.contains("connection refused; see whether"), "{unreachable}");
    }

    #[test]
    fn only_what_may_pass_is_asked_again() {
        let passing = |source| ApiError::new("get", Kind::Realm, None, None, source).is_passing();
        assert!(passing(api(503, "", "")) && passing(api(429, "", "")));
        assert!(!passing(api(403, "", "")) && !passing(api(404, "", "")) && !passing(api(409, "", "")));
        let refused: tower::BoxError = std::io::Error::other("connection refused").into();
        assert!(passing(kube::Error::Service(refused)));
    }
}
