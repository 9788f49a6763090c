// What openid-client makes of the provider, from discovery to logout. ISSUER, REDIRECT_URI, USERNAME, PASSWORD, and a client each way
// of authentication come from the environment.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as jose from 'jose'
import * as oidc from 'openid-client'

import { Person } from './person.mjs'

const { ISSUER, REDIRECT_URI, POST_LOGOUT_REDIRECT_URI, USERNAME, PASSWORD, AUDIENCE } = process.env
const SCOPE = 'openid profile email groups offline_access'

// Discovers the issuer and sees to it that every ID token's signature is verified, too.
const discover = async (clientId, metadata, authentication) => {
  const options = { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] }
  return oidc.discovery(new URL(ISSUER), clientId, metadata, authentication, options)
}

// Each way by which a client says who it is.
const clients = {
  client_secret_basic: () =>
    discover(process.env.BASIC_ID, {}, oidc.ClientSecretBasic(process.env.BASIC_SECRET)),
  client_secret_post: () =>
    discover(process.env.POST_ID, {}, oidc.ClientSecretPost(process.env.POST_SECRET)),
  private_key_jwt: async () => {
    const key = await jose.importPKCS8(process.env.KEYED_PEM, 'ES256')
    return discover(process.env.KEYED_ID, {}, oidc.PrivateKeyJwt(key))
  },
  none: () => discover(process.env.PUBLIC_ID, {}, oidc.None()),
}

// The code flow with PKCE, state and nonce: signs in and redeems the code.
const signIn = async (config, person = new Person(USERNAME, PASSWORD), more = {}) => {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
  const expectedState = oidc.randomState()
  const expectedNonce = oidc.randomNonce()
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope: SCOPE,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    ...more,
  })
  const back = await person.authorize(url)
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }
  return { person, tokens: await oidc.authorizationCodeGrant(config, back, checks) }
}

test('discovery gives what this library asks of an OpenID Provider', async () => {
  const metadata = (await clients.client_secret_basic()).serverMetadata()
  assert.equal(metadata.issuer, ISSUER)
  assert.equal(metadata.supportsPKCE(), true)
  assert.equal(metadata.authorization_response_iss_parameter_supported, true)
  for (const name of ['token', 'authorization', 'userinfo', 'introspection', 'revocation', 'end_session']) {
    assert.ok(metadata[`${name}_endpoint`].startsWith(`${ISSUER}/`), name)
  }
})

for (const [method, client] of Object.entries(clients)) {
  test(`${method}: code flow, userinfo, refresh, introspection, revocation`, async () => {
    const config = await client()
    const { tokens } = await signIn(config)
    const claims = tokens.claims()
    assert.equal(claims.iss, ISSUER)
    assert.equal(claims.aud, config.clientMetadata().client_id)
    assert.deepEqual(claims.amr, ['pwd'])
    assert.equal(tokens.token_type, 'bearer')

    const user = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub)
    assert.equal(user.email, 'ada@example.com')
    assert.equal(user.email_verified, true)
    assert.equal(user.name, 'Ada Lovelace')
    assert.deepEqual(user.groups, ['engineers'])

    const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token)
    assert.equal(refreshed.claims().sub, claims.sub)
    assert.notEqual(refreshed.access_token, tokens.access_token)
    // Rotated for a public client, which can't prove that a token is its own; kept for the others (RFC 9700 section 4.14.2).
    const refreshToken = refreshed.refresh_token ?? tokens.refresh_token
    assert.equal(refreshToken !== tokens.refresh_token, method === 'none')

    if (method !== 'none') {
      const known = await oidc.tokenIntrospection(config, refreshed.access_token)
      assert.equal(known.active, true)
      assert.equal(known.sub, claims.sub)
      assert.equal(known.client_id, claims.aud)
      assert.equal((await oidc.tokenIntrospection(config, 'made up')).active, false)
    }

    await oidc.tokenRevocation(config, refreshToken)
    await assert.rejects(oidc.refreshTokenGrant(config, refreshToken), { error: 'invalid_grant' })
    if (method !== 'none') {
      assert.equal((await oidc.tokenIntrospection(config, refreshed.access_token)).active, false)
    }
  })
}

test('a code is redeemed once, and only with its verifier', async () => {
  const config = await clients.none()
  const person = new Person(USERNAME, PASSWORD)
  const verifier = oidc.randomPKCECodeVerifier()
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope: 'openid',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  const grant = (back, pkceCodeVerifier) => oidc.authorizationCodeGrant(config, back, { pkceCodeVerifier })
  const refused = { error: 'invalid_grant' }
  await assert.rejects(grant(await person.authorize(url), oidc.randomPKCECodeVerifier()), refused)
  const back = await person.authorize(url)
  const tokens = await grant(back, verifier)
  assert.ok(tokens.access_token)
  await assert.rejects(grant(back, verifier), refused)
})

test('claims are asked for one by one', async () => {
  const config = await clients.client_secret_basic()
  assert.equal(config.serverMetadata().claims_parameter_supported, true)
  const claims = {
    userinfo: { given_name: { essential: true }, 'name#de': null, picture: null },
    id_token: { email: null, acr: { essential: true, values: ['1'] } },
  }
  const asked = { scope: 'openid', claims: JSON.stringify(claims) }
  const { person, tokens } = await signIn(config, undefined, asked)
  assert.equal(tokens.claims().email, 'ada@example.com')
  assert.equal(tokens.claims().given_name, undefined)
  const user = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
  assert.deepEqual(user, { sub: tokens.claims().sub, given_name: 'Ada' })
  const sub = (value) => ({ claims: JSON.stringify({ id_token: { sub: { value } } }), prompt: 'none' })
  const again = await signIn(config, person, sub(user.sub))
  assert.equal(again.tokens.claims().sub, user.sub)
  await assert.rejects(signIn(config, person, sub('somebody-else')), { error: 'login_required' })
  const acr = { claims: JSON.stringify({ id_token: { acr: { essential: true, value: 'gold' } } }) }
  await assert.rejects(signIn(config, person, acr), { error: 'unmet_authentication_requirements' })
})

test('client credentials give a JWT that a resource server verifies by itself', async () => {
  const config = await discover(process.env.ROBOT_ID, {}, oidc.ClientSecretBasic(process.env.ROBOT_SECRET))
  const tokens = await oidc.clientCredentialsGrant(config, { resource: AUDIENCE })
  assert.equal(tokens.refresh_token, undefined)
  assert.equal(tokens.id_token, undefined)
  const keys = jose.createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri))
  const expected = { issuer: ISSUER, audience: AUDIENCE, typ: 'at+jwt', requiredClaims: ['jti', 'iat', 'exp', 'client_id'] }
  const { payload } = await jose.jwtVerify(tokens.access_token, keys, expected)
  assert.equal(payload.client_id, process.env.ROBOT_ID)

  const impostor = await discover(process.env.ROBOT_ID, {}, oidc.ClientSecretBasic('guessed'))
  await assert.rejects(oidc.clientCredentialsGrant(impostor), (error) => error.status === 401)
})

test('logout ends the session and sends the person back', async () => {
  const config = await clients.client_secret_basic()
  const { person, tokens } = await signIn(config)
  const silent = oidc.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope: 'openid',
    prompt: 'none',
    code_challenge: await oidc.calculatePKCECodeChallenge(oidc.randomPKCECodeVerifier()),
    code_challenge_method: 'S256',
  })
  const before = await person.visit(silent)
  assert.ok(before.away.searchParams.get('code'), String(before.away))
  const out = await person.authorize(oidc.buildEndSessionUrl(config, {
    post_logout_redirect_uri: POST_LOGOUT_REDIRECT_URI,
    id_token_hint: tokens.id_token,
    state: 'farewell',
  }))
  assert.equal(out.href, `${POST_LOGOUT_REDIRECT_URI}?state=farewell`)
  const after = await person.visit(silent)
  assert.equal(after.away.searchParams.get('error'), 'login_required', String(after.away))
})
