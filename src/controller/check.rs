use super::{
    index::Options,
    source::{Malformed, Object},
    survey::{Problem, Survey},
};

/// Judges these objects as if they were all there is, and writes nothing. What is parsed and what needs other objects is looked at;
/// what the CRD's own rules refuse is [`super::validation`]'s. The problems come in the order of kinds and names.
pub fn check_objects(
    objects: impl IntoIterator<Item = Object>,
    malformed: impl IntoIterator<Item = Malformed>,
    options: Options,
) -> Vec<Problem> {
    Survey::of(objects, malformed, options).problems()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::check_objects;
    use crate::controller::{
        index::Options,
        testing::{client, group, object, realm, signing_key, user},
    };

    #[test]
    fn every_mistake_that_needs_other_objects_is_found_and_what_is_to_be_generated_is_none() {
        let objects = [
            realm("staff", json!({})),
            realm("thief", json!({"issuer": "http://localhost:8080/realms/staff"})),
            client("identity", "good", json!({"idTokenSignedResponseAlg": "RS256"})),
            client("apps", "outside", json!({})),
            client("identity", "scopes", json!({"scopes": ["nothing"], "redirectUris": ["https://a/cb"]})),
            client("identity", "alg", json!({"idTokenSignedResponseAlg": "PS512", "access": {"groups": ["ops"]}})),
            client("identity", "lost", json!({"realmRef": {"name": "nowhere"}})),
            user("identity", "ada", json!({"passwordSecretRef": {"name": "ada-login"}})),
            group("identity", "dev", json!({"users": ["ada", "eve"]})),
            group("identity", "loop", json!({"groups": ["loop"]})),
            signing_key("mine", json!({"algorithm": "ES256"})),
        ];
        let problems =
            check_objects(objects.iter().map(object), [], Options::new("http://localhost:8080", false).unwrap());
        let told: Vec<_> = problems
            .iter()
            .map(|problem| format!("{} {} {} {}", problem.key, problem.field, problem.reason, problem.is_waiting))
            .collect();
        assert_eq!(
            told,
            [
                "Realm/identity/thief spec.issuer Conflicted false",
                "Group/identity/dev spec.members.users UserNotFound true",
                "Group/identity/loop spec.members.groups Cycle false",
                "User/identity/ada spec.passwordSecretRef SecretNotFound true",
                "OidcClient/apps/outside spec.realmRef NamespaceNotAllowed false",
                "OidcClient/identity/alg spec.access.groups GroupNotFound true",
                "OidcClient/identity/alg spec.idTokenSignedResponseAlg SigningKeyNotFound true",
                "OidcClient/identity/lost spec.realmRef RealmNotFound true",
                "OidcClient/identity/scopes spec.scopes ScopeNotFound false",
            ]
        );
    }
}
