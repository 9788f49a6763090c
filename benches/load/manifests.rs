//! The realms of the measurement.

use std::{fmt::Write, fs, path::Path};

pub const SECRET: &str = "bmV2ZXItdXNlLXRoaXMtc2VjcmV0LWFueXdoZXJlLWVsc2U";
pub const PASSWORD: &str = "analytical-engine";
pub const REDIRECT_URI: &str = "http://127.0.0.1/callback";

/// A realm `es256` and a realm `rs256`, each with a robot (client_credentials) and an app (code flow with rotation).
pub fn write(folder: &Path) {
    for algorithm in ["ES256", "RS256"] {
        let realm = algorithm.to_lowercase();
        let text = format!(
            "apiVersion: realmkeeper.dev/v1alpha1
kind: Realm
metadata: {{name: {realm}}}
spec:
  signing: {{defaultAlgorithm: {algorithm}}}
  tokens: {{refreshToken: {{rotation: Always}}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: {realm}-secret, labels: {{realmkeeper.dev/readable: \"true\"}}}}
stringData: {{client-secret: {SECRET}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: {realm}-ada, labels: {{realmkeeper.dev/readable: \"true\"}}}}
stringData: {{password: {PASSWORD}}}
---
apiVersion: realmkeeper.dev/v1alpha1
kind: User
metadata: {{name: {realm}-ada}}
spec: {{realmRef: {{name: {realm}}}, username: ada, passwordSecretRef: {{name: {realm}-ada}}}}
---
apiVersion: realmkeeper.dev/v1alpha1
kind: OidcClient
metadata: {{name: {realm}-robot}}
spec:
  realmRef: {{name: {realm}}}
  clientId: robot
  audiences: [\"https://api.example.com\"]
  credentials: {{secret: {{source: Reference, name: {realm}-secret}}}}
---
apiVersion: realmkeeper.dev/v1alpha1
kind: OidcClient
metadata: {{name: {realm}-app}}
spec:
  realmRef: {{name: {realm}}}
  clientId: app
  redirectUris: [\"{REDIRECT_URI}\"]
  scopes: [openid, offline_access]
  credentials: {{secret: {{source: Reference, name: {realm}-secret}}}}
"
        );
        fs::write(folder.join(format!("{realm}.yaml")), text).unwrap();
    }
}

/// One realm with `count` clients, each with a generated secret.
pub fn write_clients(folder: &Path, count: usize) {
    let mut text = "apiVersion: realmkeeper.dev/v1alpha1\nkind: Realm\nmetadata: {name: many}\nspec: {}\n".to_owned();
    for number in 0..count {
        writeln!(
            text,
            "---\napiVersion: realmkeeper.dev/v1alpha1\nkind: OidcClient\nmetadata: {{name: client-{number}}}\nspec:\n  realmRef: {{name: many}}\n  redirectUris: [\"https://client-{number}.example.com/callback\"]"
        )
        .unwrap();
    }
    fs::write(folder.join("many.yaml"), text).unwrap();
}
