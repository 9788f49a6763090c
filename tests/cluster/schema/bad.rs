use serde_json::{Value, json};

use super::{child, client, jwk, key, named, object, realm, secret};

/// What a rule refuses: the message of the rule (or of the schema) and the object.
pub(super) fn bad() -> Vec<(&'static str, Value)> {
    [realms(), names(), redirects(), clients(), secrets(), people(), rings()].concat()
}

fn realms() -> Vec<(&'static str, Value)> {
    const FROM: &str = "selector must be given with from: Selector, and only then";
    const VALUES: &str = "In and NotIn take one or more values, Exists and DoesNotExist take none";
    const AUDIENCE: &str = "must be an absolute URI without a fragment, or one that ends with /* for all below it";
    let audience = |pattern: &str| {
        realm(json!({"allowed": {"oidcClients": {"namespaces": {"from": "Same"}, "grantTypes": [], "responseTypes": [],
            "clientIds": "Any", "audiences": [pattern]}}}))
    };
    let users = |namespaces: Value| realm(json!({"allowed": {"users": {"namespaces": namespaces}}}));
    let requirement = |fields: Value| users(json!({"from": "Selector", "selector": {"matchExpressions": [fields]}}));
    let https =
        "must be https://HOST[:PORT][/PATH] with the host in lower case; http is accepted for a loopback address only";
    vec![
        (
            "must have no query and no fragment (RFC 8414 section 2)",
            realm(json!({"issuer": "https://id.example.com/?a=b"})),
        ),
        (
            "must have no query and no fragment (RFC 8414 section 2)",
            realm(json!({"issuer": "https://id.example.com/#a"})),
        ),
        (https, realm(json!({"issuer": "http://id.example.com"}))),
        (https, realm(json!({"issuer": "https://ID.example.com"}))),
        (https, realm(json!({"issuer": "id.example.com"}))),
        ("must not end with a slash", realm(json!({"issuer": "https://id.example.com/staff/"}))),
        ("the name of a Realm must have at most 63 characters", named(realm(json!({})), "a".repeat(64))),
        ("must be one line without control characters", realm(json!({"displayName": "two\nlines"}))),
        ("subjectType pairwise needs pairwiseSaltSecretRef", realm(json!({"subjectType": "pairwise"}))),
        (
            "must be a host name in lower case without scheme and port",
            realm(json!({"webFinger": {"domains": ["https://example.com"]}})),
        ),
        (
            "mode InitialAccessToken needs at least one of initialAccessTokens",
            realm(json!({"registration": {"mode": "InitialAccessToken"}})),
        ),
        (
            "where software statements are required, somebody's must be trusted: name one of issuers",
            realm(json!({"registration": {"softwareStatements": {"required": true}}})),
        ),
        (
            "a software statement is verified with the keys of jwks or of jwksUri: give one of them",
            realm(json!({"registration": {"softwareStatements": {"issuers": [{"issuer": "https://a.example"}]}}})),
        ),
        (
            "must be a time such as 2027-01-31T12:00:00Z (RFC 3339)",
            realm(
                json!({"registration": {"initialAccessTokens": [{"name": "a", "expiresAt": "2027-01-31 at twelve"}]}}),
            ),
        ),
        ("must be one second or more", realm(json!({"tokens": {"idToken": "0s"}}))),
        (
            "must be a duration in whole numbers with the units d, h, m and s, such as 90s, 10m, 1h30m or 30d",
            realm(json!({"tokens": {"idToken": "1.5h"}})),
        ),
        (
            "must be a network in CIDR notation, such as 10.0.0.0/8 or fd00::/8",
            realm(json!({"outbound": {"allowedNetworks": ["10.0.0.1"]}})),
        ),
        (
            "must be one scope: visible ASCII without spaces, quotation marks, brackets and backslashes (RFC 6749 section 3.3)",
            realm(json!({"scopes": [{"name": "two scopes"}]})),
        ),
        (
            "openid, profile, email, address, phone, offline_access and groups are there already",
            realm(json!({"scopes": [{"name": "email"}]})),
        ),
        (
            "this claim belongs to the protocol and can't be computed",
            realm(json!({"claims": [{"name": "sub", "expression": "'root'"}]})),
        ),
        (
            "claims are either aggregated or distributed: give one of them",
            realm(json!({"claimSources": [{"name": "a", "claims": ["b"]}]})),
        ),
        (
            "the access token is computed or stands in a Secret: give one of accessTokenExpression and accessTokenSecretRef, or neither",
            realm(
                json!({"claimSources": [{"name": "a", "claims": ["b"], "distributed": {"endpoint": "https://a.example",
                "accessTokenExpression": "'a'", "accessTokenSecretRef": {"name": "b"}}}]}),
            ),
        ),
        (
            "must be a host name in lower case without scheme and port, or *. and a host name",
            realm(
                json!({"allowed": {"oidcClients": {"namespaces": {"from": "Same"}, "grantTypes": [], "responseTypes": [],
                "clientIds": "Any", "redirectHosts": ["https://a.example"]}}}),
            ),
        ),
        (
            "must be a host name in lower case without scheme and port",
            realm(json!({"webFinger": {"domains": ["https://example.com"]}})),
        ),
        (AUDIENCE, audience("api.example.com")),
        (AUDIENCE, audience("https://api.example.com/#a")),
        (AUDIENCE, audience("https://*.example.com/")),
        (AUDIENCE, audience("https://api.example.com*")),
        (FROM, users(json!({"from": "Selector"}))),
        (FROM, users(json!({"from": "All", "selector": {}}))),
        (VALUES, requirement(json!({"key": "a", "operator": "In"}))),
        (VALUES, requirement(json!({"key": "a", "operator": "Exists", "values": ["b"]}))),
        ("must be the key of a label: [PREFIX/]NAME", requirement(json!({"key": "-a", "operator": "Exists"}))),
        (
            "must be the value of a label: letters, digits and - _ ., with a letter or a digit at both ends",
            users(json!({"from": "Selector", "selector": {"matchLabels": {"a": "-"}}})),
        ),
        ("must be visible ASCII without spaces", realm(json!({"claims": [{"name": "a b", "expression": "1"}]}))),
        ("Unsupported value", realm(json!({"pkce": "Never"}))),
        ("spec.login.lockout.maxFailures", realm(json!({"login": {"lockout": {"maxFailures": 0}}}))),
    ]
}

fn names() -> Vec<(&'static str, Value)> {
    let selector = |labels: Value, key: &str| {
        let expression = json!({"key": key, "operator": "Exists"});
        child("Group", json!({"members": {"selector": {"matchLabels": labels, "matchExpressions": [expression]}}}))
    };
    vec![
        (
            "must be a name as Kubernetes has it: lower-case letters, digits, - and ., with a letter or a digit at both ends",
            object("User", json!({"realmRef": {"name": "Staff"}})),
        ),
        (
            "must be the name of a namespace: lower-case letters, digits and -, with a letter or a digit at both ends",
            object("User", json!({"realmRef": {"name": "staff", "namespace": "a.b"}})),
        ),
        (
            "must be the value of a label: letters, digits and - _ ., with a letter or a digit at both ends",
            selector(json!({"team": "a team"}), "team"),
        ),
        ("must be the key of a label: [PREFIX/]NAME", selector(json!({}), "a team")),
        ("must be visible ASCII without spaces", child("User", json!({"subject": "ada lovelace"}))),
        ("must be a language tag, such as fr-CA (BCP 47)", child("User", json!({"profile": {"locale": "english!"}}))),
        (
            "must be the name of an entry of a Secret: letters, digits and - _ .",
            secret(json!({"keys": {"client-id": "A B"}})),
        ),
        ("must be base64url without padding", jwk(json!({"kty": "RSA", "n": "AA==", "e": "AQAB"}))),
    ]
}

fn redirects() -> Vec<(&'static str, Value)> {
    let redirect = |uri: &str| client(json!({"redirectUris": [uri]}));
    let scheme = "must be https, or http on a loopback address (localhost, 127.0.0.1, [::1]), or a private-use scheme with a dot in it such as com.example.app:/callback (RFC 8252 section 7.1)";
    vec![
        ("must have no fragment (RFC 6749 section 3.1.2)", redirect("https://a.example/#f")),
        (
            "must be written out in full: redirect URIs are compared exactly and know no wildcards",
            redirect("https://*.a.example/"),
        ),
        (scheme, redirect("http://a.example/cb")),
        (scheme, redirect("javascript:alert(1)")),
        (scheme, redirect("https://user@a.example/")),
        (scheme, redirect("/cb")),
        (
            "must be https, or http on a loopback address",
            client(json!({"credentials": {"jwksUri": "http://a.example/jwks"}})),
        ),
        (
            "must be an absolute URI without a fragment (RFC 8707 section 2)",
            client(json!({"audiences": ["https://a.example/#f"]})),
        ),
        ("Duplicate value", client(json!({"redirectUris": ["https://a.example/cb", "https://a.example/cb"]}))),
        ("Too long", redirect(&format!("https://a.example/{}", "a".repeat(2048)))),
    ]
}

fn clients() -> Vec<(&'static str, Value)> {
    let public = |mut fields: Value| {
        fields["tokenEndpointAuthMethod"] = "none".into();
        client(fields)
    };
    let web = ["https://a.example/cb"];
    let no_credentials = "a public client (tokenEndpointAuthMethod none) has no credentials: leave out serviceAccounts and a referenced secret";
    vec![
        (
            "must begin with a letter or a digit and hold only letters, digits and . _ ~ : / @ + -",
            client(json!({"clientId": "a b"})),
        ),
        (
            "the grant type authorization_code needs at least one of redirectUris",
            client(json!({"grantTypes": ["authorization_code"]})),
        ),
        (
            "the grant type refresh_token needs authorization_code beside it",
            client(json!({"grantTypes": ["refresh_token"]})),
        ),
        (
            "a response type with code needs the grant type authorization_code",
            client(json!({"responseTypes": ["code"]})),
        ),
        (
            "a response type with code needs the grant type authorization_code",
            client(json!({"responseTypes": ["code"], "grantTypes": ["client_credentials"], "redirectUris": web})),
        ),
        (
            "a public client (tokenEndpointAuthMethod none) can't use the grant type client_credentials",
            public(json!({"grantTypes": ["client_credentials"]})),
        ),
        (
            "a public client (tokenEndpointAuthMethod none) can't use the grant type client_credentials",
            public(json!({})),
        ),
        (no_credentials, public(json!({"redirectUris": web, "credentials": {"serviceAccounts": [{"name": "a"}]}}))),
        (
            no_credentials,
            public(json!({"redirectUris": web, "credentials": {"secret": {"source": "Reference", "name": "a"}}})),
        ),
        (
            "tokenEndpointAuthMethod private_key_jwt needs credentials.jwks, credentials.jwksUri or credentials.serviceAccounts",
            client(json!({"tokenEndpointAuthMethod": "private_key_jwt"})),
        ),
        (
            "tokenEndpointAuthMethod says client secret, but credentials holds only keys: give credentials.secret too, or leave the method out",
            client(
                json!({"tokenEndpointAuthMethod": "client_secret_post", "credentials": {"serviceAccounts": [{"name": "a"}]}}),
            ),
        ),
        (
            "a response type with code needs the grant type authorization_code",
            client(json!({"responseTypes": ["code token"], "grantTypes": ["implicit"], "redirectUris": web})),
        ),
        (
            "a response type with id_token or token needs the grant type implicit",
            client(json!({"responseTypes": ["id_token"], "redirectUris": web})),
        ),
        ("the grant type implicit needs at least one of redirectUris", client(json!({"grantTypes": ["implicit"]}))),
        (
            "ID tokens without a signature are for the code flow only: no response type may hold id_token (OpenID Connect Core section 2)",
            client(
                json!({"idTokenSignedResponseAlg": "none", "responseTypes": ["id_token"], "grantTypes": ["implicit"],
                "redirectUris": web}),
            ),
        ),
        (
            "idTokenEncryptedResponseEnc needs idTokenEncryptedResponseAlg beside it",
            client(json!({"idTokenEncryptedResponseEnc": "A128GCM"})),
        ),
        (
            "userinfoEncryptedResponseEnc needs userinfoEncryptedResponseAlg beside it",
            client(json!({"userinfoEncryptedResponseEnc": "A128GCM"})),
        ),
        (
            "requestObjectEncryptionEnc needs requestObjectEncryptionAlg beside it",
            client(json!({"requestObjectEncryptionEnc": "A128GCM"})),
        ),
        (
            "requestObjectSigningAlg none contradicts requireSignedRequestObject",
            client(json!({"requireSignedRequestObject": true, "requestObjectSigningAlg": "none"})),
        ),
        (
            "tokenEndpointAuthSigningAlg must fit tokenEndpointAuthMethod: HS256, HS384 or HS512 for client_secret_jwt, a signature for private_key_jwt",
            client(json!({"tokenEndpointAuthSigningAlg": "ES256", "tokenEndpointAuthMethod": "client_secret_jwt"})),
        ),
        ("must be https, or http on a loopback address", client(json!({"requestUris": ["http://a.example/r"]}))),
        ("must be an absolute http or https URL", client(json!({"logoUri": "javascript:alert(1)"}))),
        ("must be a language tag, such as fr-CA (BCP 47)", client(json!({"localized": [{"locale": "1"}]}))),
        (
            "jwks and jwksUri exclude one another (RFC 7591 section 2)",
            client(
                json!({"credentials": {"jwksUri": "https://a.example/jwks", "jwks": {"keys": [{"kty": "RSA", "n": "AA", "e": "AQAB"}]}}}),
            ),
        ),
        (
            "an RSA key has n and e, an EC key has crv, x and y, an OKP key has crv and x",
            jwk(json!({"kty": "RSA", "n": "AA"})),
        ),
        (
            "an RSA key has n and e, an EC key has crv, x and y, an OKP key has crv and x",
            jwk(json!({"kty": "EC", "crv": "P-256", "x": "AA"})),
        ),
        ("must be base64url without padding", jwk(json!({"kty": "RSA", "n": "a+b=", "e": "AQAB"}))),
        (
            "must be a name as Kubernetes has it: lower-case letters, digits, - and ., with a letter or a digit at both ends",
            object("OidcClient", json!({"realmRef": {"name": "Staff"}})),
        ),
        (
            "must be the name of a namespace: lower-case letters, digits and -, with a letter or a digit at both ends",
            object("OidcClient", json!({"realmRef": {"name": "staff", "namespace": "a.b"}})),
        ),
        ("use must be sig or enc", jwk(json!({"kty": "RSA", "n": "AA", "e": "AQAB", "use": "tls"}))),
        (
            "the name of an OidcClient must have at most 240 characters, because its Secret is named after it",
            named(client(json!({})), "a".repeat(241)),
        ),
        ("spec.realmRef", object("OidcClient", json!({}))),
    ]
}

fn secrets() -> Vec<(&'static str, Value)> {
    let ours = "keys that begin with realmkeeper.dev/ are the operator's";
    vec![
        ("source Reference needs the name of the Secret", secret(json!({"source": "Reference"}))),
        (
            "rotation.every, metadata, template and deletionPolicy are for generated Secrets: a referenced one is never written",
            secret(json!({"source": "Reference", "name": "a", "rotation": {"every": "1d"}})),
        ),
        (
            "the entries are client-id, client-secret, client-secret-previous, issuer, token-endpoint, type and provider",
            secret(json!({"keys": {"password": "PASSWORD"}})),
        ),
        (
            "must be the name of an entry of a Secret: letters, digits and - _ .",
            secret(json!({"keys": {"client-id": "a b"}})),
        ),
        (ours, secret(json!({"metadata": {"labels": {"realmkeeper.dev/readable": "false"}}}))),
        (ours, secret(json!({"metadata": {"annotations": {"realmkeeper.dev/x": "y"}}}))),
        (
            "the label app.kubernetes.io/managed-by is the operator's",
            secret(json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "helm"}}})),
        ),
    ]
}

fn people() -> Vec<(&'static str, Value)> {
    let profile = |fields: Value| child("User", json!({"profile": fields}));
    vec![
        ("must hold no spaces and no control characters", child("User", json!({"username": "ada lovelace"}))),
        ("must be an e-mail address", child("User", json!({"email": {"address": "ada"}}))),
        ("must be YYYY, or YYYY-MM-DD with 0000 for a year left out", profile(json!({"birthdate": "10/12/1815"}))),
        ("must be an absolute http or https URL", profile(json!({"website": "javascript:alert(1)"}))),
        ("must be a language tag, such as fr-CA (BCP 47)", profile(json!({"locale": "no tag"}))),
        ("must be one line without control characters", profile(json!({"name": "a\u{7}b"}))),
    ]
}

fn rings() -> Vec<(&'static str, Value)> {
    vec![
        (
            "rotation.every is for generated keys: a referenced Secret is renewed by whoever writes it",
            key(json!({"source": {"secretRef": {"name": "a"}}, "rotation": {"every": "30d"}})),
        ),
        ("exactly one of generate and secretRef must be given", key(json!({"source": {}}))),
        (
            "exactly one of generate and secretRef must be given",
            key(json!({"source": {"generate": {}, "secretRef": {"name": "a"}}})),
        ),
        (
            "must be Never or a duration of one second or more, such as 2h or 30d",
            key(json!({"rotation": {"every": "sometimes"}})),
        ),
        (
            "must be Auto or a duration of one second or more, such as 2h or 30d",
            key(json!({"rotation": {"every": "30d", "retain": "Never"}})),
        ),
        (
            "the name of a SigningKey must have at most 240 characters, because its Secrets are named after it",
            named(key(json!({})), "a".repeat(241)),
        ),
        ("Unsupported value", key(json!({"algorithm": "HS256"}))),
        (
            "use: enc goes with the algorithms RSA-OAEP, RSA-OAEP-256, ECDH-ES, ECDH-ES+A128KW and ECDH-ES+A256KW, and they with nothing else",
            key(json!({"use": "enc"})),
        ),
        (
            "use: enc goes with the algorithms RSA-OAEP, RSA-OAEP-256, ECDH-ES, ECDH-ES+A128KW and ECDH-ES+A256KW, and they with nothing else",
            key(json!({"algorithm": "ECDH-ES"})),
        ),
    ]
}

/// What may not become what: message, before, after.
pub(super) fn changes() -> Vec<(&'static str, Value, Value)> {
    let other = |kind: &str| object(kind, json!({"realmRef": {"name": "other"}, "algorithm": "ES256"}));
    let realm_ref = |kind: &str, from: Value| ("realmRef can't be changed: ", from, other(kind));
    let issuer =
        "issuer can't be changed once it is set, because tokens and relying parties name it: make another Realm";
    let client_id =
        "clientId can't be changed, because relying parties are configured with it: make another OidcClient";
    let subject = "subject can't be changed, because relying parties know the person by it";
    vec![
        (issuer, realm(json!({"issuer": "https://a.example"})), realm(json!({"issuer": "https://b.example"}))),
        (issuer, realm(json!({"issuer": "https://a.example"})), realm(json!({}))),
        (client_id, client(json!({"clientId": "a"})), client(json!({"clientId": "b"}))),
        (client_id, client(json!({"clientId": "a"})), client(json!({}))),
        (client_id, client(json!({})), client(json!({"clientId": "b"}))),
        (subject, child("User", json!({"subject": "a"})), child("User", json!({"subject": "b"}))),
        (subject, child("User", json!({})), child("User", json!({"subject": "b"}))),
        (
            "algorithm can't be changed: make a SigningKey of the other algorithm beside this one",
            key(json!({})),
            key(json!({"algorithm": "RS256"})),
        ),
        ("use can't be changed", key(json!({"use": "sig"})), key(json!({"use": "enc"}))),
        realm_ref("OidcClient", client(json!({}))),
        realm_ref("User", child("User", json!({}))),
        realm_ref("Group", child("Group", json!({}))),
        realm_ref("SigningKey", key(json!({}))),
    ]
}
