// What two Go libraries make of the provider: github.com/coreos/go-oidc, by which most of the Kubernetes world signs in, and
// github.com/zitadel/oidc. tests/provider/go_relying_parties.rs builds this as a program, starts the provider and the clients, and says in
// the environment where they are.
package peers

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"
)

var (
	issuer   = os.Getenv("ISSUER")
	username = os.Getenv("USERNAME")
	password = os.Getenv("PASSWORD")
	audience = os.Getenv("AUDIENCE")
	scopes   = []string{"openid", "profile", "email", "groups", "offline_access"}
	// Where the clients have registered what needs a port of its own.
	fixed = os.Getenv("LISTEN")
	bye   = "http://" + fixed + "/bye"
	// What was posted to /back-channel.
	told = make(chan string, 1)
)

func TestMain(m *testing.M) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /bye", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /back-channel", func(_ http.ResponseWriter, r *http.Request) {
		told <- r.PostFormValue("logout_token")
	})
	listener, err := net.Listen("tcp", fixed)
	if err != nil {
		panic(err)
	}
	go http.Serve(listener, mux)
	os.Exit(m.Run())
}

// credentials are those of one of the clients.
type credentials struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
	// A private key, where the client authenticates with one.
	PEM string `json:"pem"`
}

// client gives the credentials of the OidcClient of this name.
func client(t *testing.T, name string) credentials {
	t.Helper()
	clients := map[string]credentials{}
	must(t, json.Unmarshal([]byte(os.Getenv("CLIENTS")), &clients))
	found, ok := clients[name]
	if !ok {
		t.Fatalf("CLIENTS has no client %q", name)
	}
	return found
}

// serve starts the web application of a relying party on a free port of loopback, and gives its URL.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// soon is the time that all of a test may take.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func random() string { return rand.Text() }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, found, want T) {
	t.Helper()
	if found != want {
		t.Fatalf("%s is %v, not %v", what, found, want)
	}
}

// taken waits for what another goroutine has to tell.
func taken[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(20 * time.Second):
		t.Fatalf("no %s in 20 seconds", what)
		panic("unreachable")
	}
}

func decoded(t *testing.T, part string) []byte {
	t.Helper()
	bytes, err := base64.RawURLEncoding.DecodeString(part)
	must(t, err)
	return bytes
}
