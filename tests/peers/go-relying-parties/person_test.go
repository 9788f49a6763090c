package peers

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// person sits at a browser: it keeps cookies, follows redirects, and fills in the forms of the provider.
type person struct{ browser *http.Client }

// page is where the redirects have led to.
type page struct {
	url    *url.URL
	status int
	body   string
}

func newPerson(t *testing.T) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	return &person{&http.Client{Jar: jar, Timeout: 20 * time.Second}}
}

// visit opens a URL and does what is asked on the way (signs in, agrees, signs out) until it is at the application.
func (p *person) visit(t *testing.T, start string) page {
	t.Helper()
	answer, err := p.browser.Get(start)
	must(t, err)
	here := read(t, answer)
	for forms := 0; strings.HasPrefix(here.url.String(), issuer) && forms < 4; forms++ {
		here = p.submit(t, here)
	}
	if strings.HasPrefix(here.url.String(), issuer) {
		t.Fatalf("still at %s:\n%s", here.url, here.body)
	}
	return here
}

var (
	form      = regexp.MustCompile(`(?s)<form([^>]*)>(.*?)</form>`)
	input     = regexp.MustCompile(`<input([^>]*)>`)
	attribute = regexp.MustCompile(`\s([a-z]+)="([^"]*)"`)
)

func attributes(tag string) map[string]string {
	found := map[string]string{}
	for _, pair := range attribute.FindAllStringSubmatch(tag, -1) {
		found[pair[1]] = html.UnescapeString(pair[2])
	}
	return found
}

func (p *person) submit(t *testing.T, here page) page {
	t.Helper()
	for _, found := range form.FindAllStringSubmatch(here.body, -1) {
		if tag := attributes(found[1]); strings.EqualFold(tag["method"], "post") {
			return p.post(t, here, tag["action"], found[2])
		}
	}
	t.Fatalf("no form at %s (%d):\n%s", here.url, here.status, here.body)
	panic("unreachable")
}

func (p *person) post(t *testing.T, here page, action, inside string) page {
	t.Helper()
	fields := url.Values{}
	for _, tag := range input.FindAllStringSubmatch(inside, -1) {
		if named := attributes(tag[1]); named["name"] != "" {
			fields.Set(named["name"], named["value"])
		}
	}
	switch {
	case fields.Has("password"):
		fields.Set("username", username)
		fields.Set("password", password)
	case strings.HasSuffix(here.url.Path, "/logout"):
		fields.Set("action", "sign-out")
	default:
		fields.Set("action", "allow")
	}
	target, err := here.url.Parse(action)
	must(t, err)
	request, err := http.NewRequest(http.MethodPost, target.String(), strings.NewReader(fields.Encode()))
	must(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", here.url.Scheme+"://"+here.url.Host)
	answer, err := p.browser.Do(request)
	must(t, err)
	return read(t, answer)
}

func read(t *testing.T, answer *http.Response) page {
	t.Helper()
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must(t, err)
	return page{answer.Request.URL, answer.StatusCode, string(body)}
}
