// openid-client registers itself, and is a client like any other from then on. ISSUER, INITIAL_ACCESS_TOKEN, REDIRECT_URI, USERNAME and
// PASSWORD come from the environment.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as oidc from 'openid-client'

import { Person } from './person.mjs'

const { ISSUER, INITIAL_ACCESS_TOKEN, REDIRECT_URI, USERNAME, PASSWORD } = process.env

const register = (metadata, authentication, initialAccessToken = INITIAL_ACCESS_TOKEN) => {
  const execute = [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks]
  return oidc.dynamicClientRegistration(new URL(ISSUER), metadata, authentication, { execute, initialAccessToken })
}

for (const method of ['client_secret_basic', 'client_secret_post', 'none']) {
  test(`${method}: registers, signs a person in, reads and removes its registration`, async () => {
    const metadata = {
      client_name: 'Foreign', redirect_uris: [REDIRECT_URI], application_type: 'native',
      grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: method,
    }
    const authentication = method === 'client_secret_basic'
      ? (as, client, body, headers) => oidc.ClientSecretBasic(client.client_secret)(as, client, body, headers)
      : undefined
    const config = await register(metadata, method === 'none' ? oidc.None() : authentication)
    const registered = config.clientMetadata()
    assert.equal(registered.token_endpoint_auth_method, method)
    assert.equal(registered.client_secret === undefined, method === 'none')
    assert.equal(registered.id_token_signed_response_alg, 'RS256')

    const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
    const [expectedState, expectedNonce] = [oidc.randomState(), oidc.randomNonce()]
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: REDIRECT_URI, scope: 'openid profile offline_access', state: expectedState, nonce: expectedNonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256',
    })
    const back = await new Person(USERNAME, PASSWORD).authorize(url)
    const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }
    const tokens = await oidc.authorizationCodeGrant(config, back, checks)
    assert.equal(tokens.claims().aud, registered.client_id)
    assert.ok((await oidc.refreshTokenGrant(config, tokens.refresh_token)).access_token)

    const headers = { authorization: `Bearer ${registered.registration_access_token}` }
    const read = await fetch(registered.registration_client_uri, { headers })
    assert.equal((await read.json()).client_name, 'Foreign')
    assert.equal((await fetch(registered.registration_client_uri, { method: 'DELETE', headers })).status, 204)
    await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub))
  })
}

test('without the initial access token the library is told why', async () => {
  await assert.rejects(register({ redirect_uris: [REDIRECT_URI] }, undefined, 'not-the-right-one'), (error) => {
    assert.equal(error.status ?? error.cause?.status, 401)
    return true
  })
})

test('what can not be registered is an error that the library understands', async () => {
  await assert.rejects(register({ redirect_uris: ['http://app.example/'] }), { error: 'invalid_redirect_uri' })
})
