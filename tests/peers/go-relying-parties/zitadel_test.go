package peers

import (
	"net/url"
	"strings"
	"testing"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/client/rs"
	"github.com/zitadel/oidc/v3/pkg/oidc"
)

func TestZitadel(t *testing.T) {
	for name, options := range methods {
		t.Run(name, func(t *testing.T) {
			credentials := client(t, name)
			app := newZitadelApp(t, credentials, options(credentials)...)
			equal(t, "PKCE", app.party.IsPKCE(), true)
			person := newPerson(t)
			arrived := app.signIn(t, person)
			equal(t, "email", arrived.user.Email, "ada@example.com")
			equal(t, "name", arrived.user.Name, "Ada Lovelace")
			equal(t, "iss", arrived.tokens.IDTokenClaims.Issuer, issuer)

			refreshed, err := rp.RefreshTokens[*oidc.IDTokenClaims](soon(t), app.party, arrived.tokens.RefreshToken, "", "")
			must(t, err)
			equal(t, "sub", refreshed.IDTokenClaims.Subject, arrived.user.Subject)
			introspects(t, name, credentials, refreshed.AccessToken, arrived.user.Subject)

			// Kept for clients that can prove that it is theirs.
			refreshToken := refreshed.RefreshToken
			if refreshToken == "" {
				refreshToken = arrived.tokens.RefreshToken
			}
			must(t, rp.RevokeToken(soon(t), app.party, refreshToken, "refresh_token"))
			_, err = rp.RefreshTokens[*oidc.IDTokenClaims](soon(t), app.party, refreshToken, "", "")
			if err == nil || !strings.Contains(err.Error(), "invalid_grant") {
				t.Fatalf("refreshed with what is revoked: %v", err)
			}
			signsOut(t, app, person, arrived.tokens.IDToken)
		})
	}
}

// introspects asks about an access token as the library's resource servers do.
func introspects(t *testing.T, name string, credentials credentials, token, subject string) {
	t.Helper()
	var server rs.ResourceServer
	var err error
	switch name {
	case "public":
		return
	case "keyed":
		server, err = rs.NewResourceServerJWTProfile(soon(t), issuer, credentials.ID, "", []byte(credentials.PEM))
	case "post":
		basic := client(t, "basic")
		server, err = rs.NewResourceServerClientCredentials(soon(t), issuer, basic.ID, basic.Secret)
	default:
		server, err = rs.NewResourceServerClientCredentials(soon(t), issuer, credentials.ID, credentials.Secret)
	}
	must(t, err)
	known, err := rs.Introspect[*oidc.IntrospectionResponse](soon(t), server, token)
	must(t, err)
	// To who is not meant by it, a token is none.
	equal(t, "active", known.Active, name != "post")
	if known.Active {
		equal(t, "sub", known.Subject, subject)
		equal(t, "client_id", known.ClientID, credentials.ID)
	}
	unknown, err := rs.Introspect[*oidc.IntrospectionResponse](soon(t), server, "made up")
	must(t, err)
	equal(t, "active", unknown.Active, false)
}

// signsOut posts as the library does, and sends the person where the answer says.
func signsOut(t *testing.T, app *zitadelApp, person *person, idToken string) {
	t.Helper()
	next, err := rp.EndSession(soon(t), app.party, idToken, bye, "farewell", "", nil)
	must(t, err)
	if next == nil {
		t.Fatal("the answer sends nobody anywhere")
	}
	out := person.visit(t, next.String())
	equal(t, "the way back", out.url.String(), bye+"?state=farewell")
	silent := person.visit(t, app.url+"/silent")
	if !strings.Contains(silent.body, "login_required") {
		t.Fatalf("still signed in: %s", silent.body)
	}
}

func TestZitadelClientCredentials(t *testing.T) {
	robot := client(t, "robot")
	party, err := rp.NewRelyingPartyOIDC(soon(t), issuer, robot.ID, robot.Secret, "", nil)
	must(t, err)
	token, err := rp.ClientCredentials(soon(t), party, url.Values{"resource": {audience}})
	must(t, err)
	equal(t, "type", token.Type(), "Bearer")
	equal(t, "refresh token", token.RefreshToken, "")
}
