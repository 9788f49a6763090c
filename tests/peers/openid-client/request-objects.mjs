// Request objects that openid-client and jose make: signed, encrypted, unsigned, by value and by reference. ISSUER, REDIRECT_URI, USERNAME,
// PASSWORD, KEY (PEM) with its KID, CLIENTS and DOCUMENT (a URL that keeps what is PUT there) come from the environment.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as jose from 'jose'
import * as oidc from 'openid-client'

import { Person } from './person.mjs'

const { ISSUER, REDIRECT_URI, USERNAME, PASSWORD, KEY, KID, DOCUMENT } = process.env
const clients = JSON.parse(process.env.CLIENTS)
const key = { key: await jose.importPKCS8(KEY, 'ES256'), kid: KID }
const octets = (text) => new TextEncoder().encode(text)
const discover = ({ id, secret }) =>
  oidc.discovery(new URL(ISSUER), id, undefined, oidc.ClientSecretBasic(secret), { execute: [oidc.allowInsecureRequests] })

const attempt = async (scope = 'openid email') => {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
  const [expectedState, expectedNonce] = [oidc.randomState(), oidc.randomNonce()]
  const parameters = {
    redirect_uri: REDIRECT_URI, scope, state: expectedState, nonce: expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256',
  }
  return { parameters, checks: { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true } }
}

const signIn = async (config, url, checks) => {
  const back = await new Person(USERNAME, PASSWORD).authorize(url)
  const tokens = await oidc.authorizationCodeGrant(config, back, checks)
  assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)).email, 'ada@example.com')
}

// What Core section 6.1 wants beside the object; the rest is inside.
const beside = (config, member, value) => oidc.buildAuthorizationUrl(config, {
  response_type: 'code', scope: 'openid', redirect_uri: REDIRECT_URI, [member]: value,
})

const claims = (config, parameters) => ({
  iss: config.clientMetadata().client_id, aud: ISSUER, client_id: config.clientMetadata().client_id, response_type: 'code',
  ...parameters,
})

const sign = (payload) =>
  new jose.SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: key.kid }).setIssuedAt().setExpirationTime('1m').sign(key.key)

test('buildAuthorizationUrlWithJAR is heard by a client that must sign, and nothing else', async () => {
  const config = await discover(clients.strict)
  const { parameters, checks } = await attempt()
  const url = await oidc.buildAuthorizationUrlWithJAR(config, parameters, key)
  assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request'])
  await signIn(config, url, checks)
  const { away } = await new Person(USERNAME, PASSWORD).visit(oidc.buildAuthorizationUrl(config, parameters))
  assert.equal(away.searchParams.get('error'), 'invalid_request')
})

for (const client of ['keyed', 'strict']) {
  test(`signed and encrypted by every key of the realm: ${client}`, async () => {
    const config = await discover(clients[client])
    const { keys } = await (await fetch(config.serverMetadata().jwks_uri)).json()
    const recipients = keys.filter((jwk) => jwk.use === 'enc')
    const listed = config.serverMetadata().request_object_encryption_alg_values_supported
    assert.deepEqual(recipients.map((jwk) => jwk.alg).concat('dir').sort(), [...listed].sort())
    for (const jwk of recipients) {
      for (const enc of config.serverMetadata().request_object_encryption_enc_values_supported) {
        const { parameters, checks } = await attempt()
        const object = await sign(claims(config, parameters))
        const request = await new jose.CompactEncrypt(octets(object))
          .setProtectedHeader({ alg: jwk.alg, enc, kid: jwk.kid, cty: 'JWT' }).encrypt(await jose.importJWK(jwk))
        await signIn(config, beside(config, 'request', request), checks)
      }
    }
  })
}

test('authenticated by the secret, and encrypted by it', async () => {
  const config = await discover(clients.coded)
  const { parameters, checks } = await attempt()
  const object = await new jose.SignJWT(claims(config, parameters)).setProtectedHeader({ alg: 'HS256' })
    .sign(octets(clients.coded.secret))
  await signIn(config, beside(config, 'request', object), checks)
  const direct = new Uint8Array(await crypto.subtle.digest('SHA-256', octets(clients.coded.secret)))
  const again = await attempt()
  const second = await new jose.SignJWT(claims(config, again.parameters)).setProtectedHeader({ alg: 'HS256' })
    .sign(octets(clients.coded.secret))
  const request = await new jose.CompactEncrypt(octets(second)).setProtectedHeader({ alg: 'dir', enc: 'A256GCM', cty: 'JWT' })
    .encrypt(direct)
  await signIn(config, beside(config, 'request', request), again.checks)
})

test('unsigned, with what varies beside it', async () => {
  const config = await discover(clients.unsigned)
  const { parameters, checks } = await attempt()
  const { state, nonce, ...fixed } = parameters
  const request = new jose.UnsecuredJWT(claims(config, fixed)).encode()
  const url = beside(config, 'request', request)
  url.searchParams.set('state', state)
  url.searchParams.set('nonce', nonce)
  await signIn(config, url, checks)
})

test('by reference, with the hash of the content', async () => {
  const config = await discover(clients.keyed)
  const put = async (object) => assert.ok((await fetch(DOCUMENT, { method: 'PUT', body: object })).ok)
  const fetched = async () => Number(await (await fetch(`${DOCUMENT}/fetched`)).text())
  const hash = async (object) => jose.base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', octets(object))))
  for (const round of [1, 2]) {
    const { parameters, checks } = await attempt()
    const object = await sign(claims(config, parameters))
    await put(object)
    await signIn(config, beside(config, 'request_uri', `${DOCUMENT}#${await hash(object)}`), checks)
    assert.equal(await fetched(), round)
    const { away } = await new Person(USERNAME, PASSWORD)
      .visit(beside(config, 'request_uri', `${DOCUMENT}?#${await hash(object)}`))
    assert.equal(away.searchParams.get('error'), 'invalid_request_uri')
    assert.equal(await fetched(), round)
  }
})

test('an object of somebody else is an error at the client', async () => {
  const config = await discover(clients.keyed)
  const { parameters } = await attempt()
  const { privateKey } = await jose.generateKeyPair('ES256')
  const object = await new jose.SignJWT(claims(config, parameters)).setProtectedHeader({ alg: 'ES256' }).sign(privateKey)
  const { away } = await new Person(USERNAME, PASSWORD).visit(beside(config, 'request', object))
  assert.equal(away.searchParams.get('error'), 'invalid_request_object')
})
