package peers

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	zitadel "github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// header is the decoded header of a JWT.
func header(t *testing.T, jwt string) (header struct{ Alg, Typ, Kid string }) {
	t.Helper()
	first, _, _ := strings.Cut(jwt, ".")
	must(t, json.Unmarshal(decoded(t, first), &header))
	return header
}

func TestGoOIDC(t *testing.T) {
	// By the header; in the form, which the library finds out by trying; with another algorithm; with a UserInfo that is a JWT, which
	// zitadel/oidc does not read; and with no secret at all.
	algorithms := map[string]string{
		"basic": "ES256", "post": "ES256", "rs256": "RS256", "signed-userinfo": "ES256", "public": "ES256",
	}
	for name, algorithm := range algorithms {
		t.Run(name, func(t *testing.T) {
			app := newGoOIDC(t, client(t, name))
			arrived := app.signIn(t, newPerson(t))
			equal(t, "alg", header(t, arrived.raw).Alg, algorithm)
			if err := arrived.idToken.VerifyAccessToken(arrived.token.AccessToken + "x"); err == nil {
				t.Fatal("at_hash is of any access token")
			}
			claims := struct {
				AuthTime int64    `json:"auth_time"`
				Amr      []string `json:"amr"`
				Sid      string   `json:"sid"`
			}{}
			must(t, arrived.idToken.Claims(&claims))
			equal(t, "amr", strings.Join(claims.Amr, " "), "pwd")
			if age := time.Since(time.Unix(claims.AuthTime, 0)); age < -time.Minute || age > time.Minute || claims.Sid == "" {
				t.Fatalf("not signed in just now: %+v", claims)
			}
			userInfoIsOf(t, app, arrived)
			refreshes(t, app, arrived)
			other := app.provider.Verifier(&oidc.Config{ClientID: "somebody-else"})
			if _, err := other.Verify(soon(t), arrived.raw); err == nil {
				t.Fatal("an ID token is for any client")
			}
		})
	}
}

func userInfoIsOf(t *testing.T, app *goOIDC, arrived arrival) {
	t.Helper()
	user, err := app.provider.UserInfo(soon(t), oauth2.StaticTokenSource(arrived.token))
	must(t, err)
	equal(t, "sub", user.Subject, arrived.idToken.Subject)
	equal(t, "email", user.Email, "ada@example.com")
	equal(t, "email_verified", user.EmailVerified, true)
	claims := struct {
		Name   string   `json:"name"`
		Groups []string `json:"groups"`
	}{}
	must(t, user.Claims(&claims))
	equal(t, "name", claims.Name, "Ada Lovelace")
	equal(t, "groups", strings.Join(claims.Groups, " "), "engineers")
}

func refreshes(t *testing.T, app *goOIDC, arrived arrival) {
	t.Helper()
	stale := &oauth2.Token{RefreshToken: arrived.token.RefreshToken}
	token, err := app.config.TokenSource(soon(t), stale).Token()
	must(t, err)
	if token.AccessToken == arrived.token.AccessToken || !token.Valid() {
		t.Fatal("the access token is not a new one")
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := app.verifier.Verify(soon(t), raw)
	must(t, err)
	must(t, idToken.VerifyAccessToken(token.AccessToken))
	// OpenID Connect Core section 12.2.
	equal(t, "sub", idToken.Subject, arrived.idToken.Subject)
	equal(t, "nonce", idToken.Nonce, "")
}

func TestGoOIDCDiscovery(t *testing.T) {
	provider, err := oidc.NewProvider(soon(t), issuer)
	must(t, err)
	equal(t, "userinfo_endpoint", provider.UserInfoEndpoint(), issuer+"/userinfo")
	equal(t, "token_endpoint", provider.Endpoint().TokenURL, issuer+"/token")
	metadata := struct {
		Algorithms []string `json:"id_token_signing_alg_values_supported"`
	}{}
	must(t, provider.Claims(&metadata))
	if !slices.Contains(metadata.Algorithms, "RS256") || !slices.Contains(metadata.Algorithms, "ES256") {
		t.Fatalf("%v", metadata)
	}
	if _, err := oidc.NewProvider(soon(t), issuer+"/"); err == nil {
		t.Fatal("an issuer of another spelling is another issuer")
	}
}

func TestGoOIDCClientCredentials(t *testing.T) {
	provider, err := oidc.NewProvider(soon(t), issuer)
	must(t, err)
	robot := client(t, "robot")
	config := clientcredentials.Config{
		ClientID:       robot.ID,
		ClientSecret:   robot.Secret,
		TokenURL:       provider.Endpoint().TokenURL,
		EndpointParams: url.Values{"resource": {audience}},
	}
	token, err := config.Token(soon(t))
	must(t, err)
	equal(t, "typ", header(t, token.AccessToken).Typ, "at+jwt")
	// A resource server that is written with go-oidc; the same keys sign what is for somebody else.
	verified, err := provider.Verifier(&oidc.Config{ClientID: audience}).Verify(soon(t), token.AccessToken)
	must(t, err)
	equal(t, "sub", verified.Subject, robot.ID)
	config.ClientSecret += "x"
	if _, err := config.Token(soon(t)); err == nil || !strings.Contains(err.Error(), "invalid_client") {
		t.Fatalf("a wrong secret: %v", err)
	}
}

func TestGoOIDCBackChannelLogout(t *testing.T) {
	app := newGoOIDC(t, client(t, "told"))
	person := newPerson(t)
	arrived := app.signIn(t, person)
	metadata := struct {
		EndSession string `json:"end_session_endpoint"`
		IsTold     bool   `json:"backchannel_logout_session_supported"`
	}{}
	must(t, app.provider.Claims(&metadata))
	equal(t, "backchannel_logout_session_supported", metadata.IsTold, true)
	query := url.Values{"id_token_hint": {arrived.raw}, "post_logout_redirect_uri": {bye}, "state": {"farewell"}}
	out := person.visit(t, metadata.EndSession+"?"+query.Encode())
	equal(t, "the way back", out.url.String(), bye+"?state=farewell")

	logout, err := app.verifier.VerifyLogout(soon(t), taken(t, "logout token", told))
	must(t, err)
	claims := struct {
		Sid string `json:"sid"`
	}{}
	must(t, arrived.idToken.Claims(&claims))
	equal(t, "sid", logout.SessionID, claims.Sid)
	equal(t, "sub", logout.Subject, arrived.idToken.Subject)
	// As the types of zitadel/oidc have it.
	typed := zitadel.LogoutTokenClaims{}
	must(t, logout.Claims(&typed))
	equal(t, "sid", typed.SessionID, claims.Sid)
	equal(t, "aud", strings.Join(typed.Audience, " "), app.config.ClientID)
	if _, err := app.verifier.VerifyLogout(soon(t), arrived.raw); err == nil {
		t.Fatal("an ID token is a logout token")
	}

	silent := person.visit(t, app.url+"/login?prompt=none")
	equal(t, "after the sign-out", strings.TrimSpace(silent.body), "login_required")
}
