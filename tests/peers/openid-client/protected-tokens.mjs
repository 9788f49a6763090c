// What npm's jose makes of every way in which ID tokens and UserInfo are signed and encrypted.
// `node protected-tokens.mjs keys` prints, for each algorithm that needs one, a key pair; without it, CLIENTS says which clients there
// are, how each has registered its tokens, and what it decrypts with.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as jose from 'jose'
import * as oidc from 'openid-client'

import { Person } from './person.mjs'

if (process.argv[2] === 'keys') {
  const pairs = {}
  for (const alg of ['RSA-OAEP', 'RSA-OAEP-256', 'ECDH-ES', 'ECDH-ES+A128KW', 'ECDH-ES+A256KW']) {
    const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true })
    const kid = `key-for-${alg}`
    pairs[alg] = {
      public: { ...(await jose.exportJWK(publicKey)), kid, alg, use: 'enc' },
      private: { ...(await jose.exportJWK(privateKey)), kid, alg },
    }
  }
  console.log(JSON.stringify(pairs))
  process.exit(0)
}

const { ISSUER, REDIRECT_URI, USERNAME, PASSWORD } = process.env
const clients = JSON.parse(process.env.CLIENTS)
const metadata = await (await fetch(`${ISSUER}/.well-known/openid-configuration`)).json()
const keys = jose.createRemoteJWKSet(new URL(metadata.jwks_uri))
const octets = (text) => new TextEncoder().encode(text)
const person = new Person(USERNAME, PASSWORD)

// Core section 10.2, written down a second time.
const directKey = async (secret, enc) => {
  const length = { A128GCM: 16, A256GCM: 32, 'A128CBC-HS256': 32, 'A256CBC-HS512': 64 }[enc]
  const hash = await crypto.subtle.digest(length <= 32 ? 'SHA-256' : 'SHA-512', octets(secret))
  return new Uint8Array(hash).slice(0, length)
}

// The JWT inside, where there is one around it; the headers say what was registered.
const opened = async (token, client) => {
  if (!client.encryption) return token
  const { alg, enc } = client.encryption
  const key = alg === 'dir' ? await directKey(client.secret, enc) : await jose.importJWK(client.private, alg)
  const options = { keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: [enc] }
  const { plaintext, protectedHeader } = await jose.compactDecrypt(token, key, options)
  assert.equal(protectedHeader.cty, client.signing ? 'JWT' : undefined)
  assert.equal(protectedHeader.kid, client.private?.kid)
  return new TextDecoder().decode(plaintext)
}

const verified = async (token, client) => {
  const expected = { issuer: ISSUER, audience: client.id }
  if (client.signing === 'none') return jose.UnsecuredJWT.decode(token, expected).payload
  const key = client.signing.startsWith('HS') ? octets(client.secret) : keys
  return (await jose.jwtVerify(token, key, { ...expected, algorithms: [client.signing] })).payload
}

// Core section 3.1.3.6.
const leftHalf = async (alg, text) => {
  const name = { 256: 'SHA-256', 384: 'SHA-384', 512: 'SHA-512' }[alg.slice(-3)] ?? 'SHA-512'
  const hash = new Uint8Array(await crypto.subtle.digest(alg === 'none' ? 'SHA-256' : name, octets(text)))
  return jose.base64url.encode(hash.slice(0, hash.length / 2))
}

const signIn = async (client) => {
  const verifier = oidc.randomPKCECodeVerifier()
  const start = new URL(metadata.authorization_endpoint)
  const nonce = oidc.randomNonce()
  start.search = new URLSearchParams({
    response_type: 'code', client_id: client.id, redirect_uri: REDIRECT_URI, scope: 'openid email', nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  })
  const back = await person.authorize(start)
  const response = await fetch(metadata.token_endpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${encodeURIComponent(client.id)}:${encodeURIComponent(client.secret)}`)}` },
    body: new URLSearchParams({
      grant_type: 'authorization_code', code: back.searchParams.get('code'), redirect_uri: REDIRECT_URI, code_verifier: verifier,
    }),
  })
  const tokens = await response.json()
  assert.equal(response.status, 200, JSON.stringify(tokens))
  return { tokens, nonce }
}

for (const client of clients.filter((client) => client.method !== 'client_secret_jwt')) {
  const { alg, enc } = client.encryption ?? {}
  test(`${client.signing ?? 'JSON'} ${alg ?? ''} ${enc ?? ''}`, async () => {
    const { tokens, nonce } = await signIn(client)
    if (client.signing) {
      const claims = await verified(await opened(tokens.id_token, client), client)
      assert.equal(claims.nonce, nonce)
      assert.equal(claims.at_hash, await leftHalf(client.signing, tokens.access_token))
      assert.ok(metadata.id_token_signing_alg_values_supported.includes(client.signing))
    }
    const response = await fetch(metadata.userinfo_endpoint, { headers: { authorization: `Bearer ${tokens.access_token}` } })
    const body = await response.text()
    const isPlain = (client.signing ?? 'none') === 'none'
    assert.equal(response.headers.get('content-type'), isPlain && !client.encryption ? 'application/json' : 'application/jwt')
    const inside = client.encryption ? await opened(body, client) : body
    const user = isPlain ? JSON.parse(inside) : await verified(inside, client)
    assert.equal(user.email, 'ada@example.com')
    if (client.encryption) {
      assert.ok(metadata.id_token_encryption_alg_values_supported.includes(alg))
      assert.ok(metadata.userinfo_encryption_enc_values_supported.includes(enc))
    }
  })
}

test('client_secret_jwt: openid-client says who it is by a JWT of its secret', async () => {
  const client = clients.find((client) => client.method === 'client_secret_jwt')
  const options = { execute: [oidc.allowInsecureRequests] }
  const discover = (secret) => oidc.discovery(new URL(ISSUER), client.id, {}, oidc.ClientSecretJwt(secret), options)
  const tokens = await oidc.clientCredentialsGrant(await discover(client.secret))
  assert.equal(tokens.token_type, 'bearer')
  const impostor = await discover(`${client.secret}x`)
  await assert.rejects(oidc.clientCredentialsGrant(impostor), (error) => error.status === 401)
})

test('openid-client decrypts and verifies what it gets, from sign-in to UserInfo', async () => {
  const client = clients.find(({ encryption }) => encryption?.alg === 'ECDH-ES+A256KW' && encryption.enc === 'A256GCM')
  const { alg, enc } = client.encryption
  const decrypts = [{ key: await jose.importJWK(client.private, alg), alg, kid: client.private.kid }]
  const metadata = { id_token_signed_response_alg: client.signing, userinfo_signed_response_alg: client.signing }
  const config = await oidc.discovery(new URL(ISSUER), client.id, metadata, oidc.ClientSecretBasic(client.secret), {
    execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
  })
  oidc.enableDecryptingResponses(config, [enc], ...decrypts)
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
  const expectedNonce = oidc.randomNonce()
  const back = await person.authorize(oidc.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope: 'openid email',
    nonce: expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  }))
  const tokens = await oidc.authorizationCodeGrant(config, back, { pkceCodeVerifier, expectedNonce, idTokenExpected: true })
  const user = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
  assert.equal(user.email, 'ada@example.com')
})
