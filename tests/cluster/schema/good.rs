use serde_json::{Value, json};

use super::{child, client, jwk, key, realm, secret};

/// What people write, from the smallest to the fullest.
pub(super) fn good() -> Vec<Value> {
    vec![
        realm(json!({})),
        realm(json!({
            "issuer": "https://id.example.com/staff",
            "displayName": "Staff",
            "tokens": {"idToken": "10m", "accessToken": "1h30m", "accessTokenFormat": "opaque",
                "refreshToken": {"lifetime": "30d", "idle": "7d", "rotation": "Always", "reuseInterval": "0s"}},
            "sessions": {"idle": "8h", "absolute": "24h"},
            "subjectType": "pairwise", "pairwiseSaltSecretRef": {"name": "salt"},
            "signing": {"defaultAlgorithm": "RS256", "defaultKeys": "None"},
            "pkce": "PublicClients",
            "outbound": {"allowedNetworks": ["10.0.0.0/8", "fd00::/8"]},
            "webFinger": {"domains": ["example.com"]},
            "login": {"passwords": "Enabled", "passwordChange": "Enabled", "lockout": {"maxFailures": 10, "window": "5m", "duration": "15m"}},
            "registration": {
                "mode": "InitialAccessToken",
                "initialAccessTokens": [{"name": "partners", "maxUses": 10, "expiresAt": "2027-01-31T12:00:00+01:00"}],
                "grantTypes": ["authorization_code"], "responseTypes": ["code"], "scopes": ["openid"],
                "redirectHosts": ["*.example.com"], "tokenEndpointAuthMethods": ["none"], "applicationTypes": ["native"],
                "linkHosts": "OfRedirectUris", "clientSecretLifetime": "90d", "unusedAfter": "30d", "maxClients": 50,
                "rotateAccessTokens": "Always",
                "softwareStatements": {"required": true, "issuers": [
                    {"issuer": "https://statements.example", "jwksUri": "https://statements.example/jwks"},
                ]},
            },
            "scopes": [{"name": "department", "description": "Your department", "claims": ["department"]}],
            "claims": [{"name": "department", "expression": "user.attributes.department[0]"}],
            "claimSources": [
                {"name": "people", "claims": ["level"], "aggregated": {"jwtExpression": "user.attributes.level[0]"}},
                {"name": "bank", "claims": ["iban"], "distributed": {"endpoint": "https://bank.example/claims",
                    "accessTokenSecretRef": {"name": "bank-token"}}},
                {"name": "shop", "claims": ["size"], "distributed": {"endpoint": "https://shop.example/claims",
                    "accessTokenExpression": "user.attributes.shop[0]"}},
            ],
            "allowed": {
                "oidcClients": {"namespaces": {"from": "All"}, "grantTypes": ["authorization_code"], "responseTypes": ["code"],
                    "scopes": ["openid"], "redirectHosts": ["app.example.com", "*.example.com"],
                    "audiences": ["https://api.example.com", "https://api.example.com/team/*", "urn:example:api"], "clientIds": "Any"},
                "users": {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"people": "yes"}}}},
                "groups": {"namespaces": {"from": "Selector", "selector": {"matchExpressions": [
                    {"key": "a", "operator": "In", "values": ["b"]}, {"key": "c", "operator": "Exists"}]}}},
            },
        })),
        realm(json!({"issuer": "http://localhost:8080/realms/staff"})),
        realm(json!({"issuer": "http://[::1]:8080"})),
        client(json!({})),
        client(json!({
            "clientId": "monitoring.grafana", "clientName": "Grafana",
            "redirectUris": ["https://grafana.example.com/login/generic_oauth", "http://127.0.0.1/cb", "com.example.app:/cb"],
            "postLogoutRedirectUris": ["https://grafana.example.com/"],
            "grantTypes": ["authorization_code", "refresh_token", "client_credentials"], "responseTypes": ["code"],
            "scopes": ["openid", "profile"], "audiences": ["https://api.example.com", "urn:example:api"],
            "tokenEndpointAuthMethod": "client_secret_basic",
            "credentials": {"secret": {"name": "grafana-oidc", "source": "Generate", "rotation": {"every": "90d", "overlap": "24h"},
                "keyStyle": "Env", "keys": {"client-secret": "GF_SECRET"},
                "metadata": {"labels": {"app.kubernetes.io/part-of": "argocd"}, "annotations": {"a": "b"}},
                "template": {"config.json": "{\"id\":\"{{ client_id }}\"}"}, "deletionPolicy": "Retain"}},
            "access": {"groups": ["grafana-users"]}, "consent": "Ask",
        })),
        client(json!({"tokenEndpointAuthMethod": "none", "redirectUris": ["http://localhost:3000/cb"]})),
        client(json!({"credentials": {"serviceAccounts": [{"name": "grafana"}, {"name": "default"}]}})),
        jwk(json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "use": "sig", "kid": "1"})),
        jwk(json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"})),
        jwk(json!({"kty": "RSA", "n": "AA", "e": "AQAB"})),
        client(json!({"credentials": {"jwksUri": "https://app.example.com/jwks"}})),
        secret(json!({"source": "Reference", "name": "mine"})),
        child("User", json!({})),
        child(
            "User",
            json!({
                "username": "ada@example.com", "subject": "7b0c", "enabled": false,
                "profile": {"name": "Ada Lovelace", "birthdate": "0000-12-10", "locale": "en-GB", "website": "https://ada.example.com",
                    "address": {"formatted": "12 St James's Square\nLondon"}, "updatedAt": "2026-01-01T00:00:00Z",
                    "localized": [{"locale": "ja-Kana-JP", "name": "エイダ", "address": {"country": "イギリス"}}]},
                "email": {"address": "ada@example.com", "verified": true},
                "attributes": {"department": ["maths", "engines"]}, "passwordSecretRef": {"name": "ada-login"},
            }),
        ),
        child("Group", json!({})),
        child(
            "Group",
            json!({"displayName": "Platform", "members": {"users": ["ada"], "groups": ["core"],
            "selector": {"matchLabels": {"team": "platform"}}}}),
        ),
        key(json!({})),
        key(json!({"algorithm": "PS512", "use": "sig", "source": {"generate": {}},
            "rotation": {"every": "30d", "prePublish": "1h", "retain": "Auto"}, "revokedKids": ["abc"], "deletionPolicy": "Delete"})),
        key(json!({"source": {"secretRef": {"name": "tls"}}})),
        key(json!({"algorithm": "ECDH-ES+A256KW", "use": "enc"})),
        key(json!({"algorithm": "RSA-OAEP-256", "use": "enc"})),
    ]
}
