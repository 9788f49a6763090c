// A person at a browser, by HTTP: keeps cookies, follows redirects within the provider, fills in the sign-in form.

const unescape = (text) =>
  text.replace(/&#x([0-9a-f]+);/gi, (_, hex) => String.fromCodePoint(parseInt(hex, 16)))
    .replace(/&#(\d+);/g, (_, decimal) => String.fromCodePoint(Number(decimal)))
    .replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&')

const attribute = (tag, name) => {
  const found = tag.match(new RegExp(`\\s${name}="([^"]*)"`))
  return found ? unescape(found[1]) : undefined
}

export class Person {
  #cookies = new Map()

  constructor(username, password) {
    this.username = username
    this.password = password
  }

  // Signs in (and agrees, where asked) at an authorization URL; returns the URL at the relying party.
  async authorize(start) {
    let page = await this.#follow(await this.#request(start))
    for (let forms = 0; page.response && forms < 3; forms++) {
      page = await this.#submit(page)
    }
    if (!page.away) throw new Error(`still at ${page.url}: ${page.body}`)
    return page.away
  }

  // Opens a URL and returns where its redirects lead to.
  async visit(start) {
    return this.#follow(await this.#request(start))
  }

  async #submit({ url, body }) {
    const forms = body.split('<form').slice(1).map((form) => form.split('</form')[0])
    const form = forms.find((form) => attribute(form.split('>')[0], 'method')?.toLowerCase() === 'post')
    if (!form) throw new Error(`no form at ${url}: ${body}`)
    const fields = new URLSearchParams()
    for (const input of form.split('<input').slice(1).map((text) => text.split('>')[0])) {
      const name = attribute(input, 'name')
      if (name) fields.set(name, attribute(input, 'value') ?? '')
    }
    if (fields.has('password')) {
      fields.set('username', this.username)
      fields.set('password', this.password)
    } else {
      fields.set('action', url.pathname.endsWith('/logout') ? 'sign-out' : 'allow')
    }
    const action = new URL(attribute(form.split('>')[0], 'action') ?? '', url)
    return this.#follow(await this.#request(action, { method: 'POST', body: fields, headers: { origin: url.origin } }))
  }

  async #request(url, options = {}) {
    const headers = { ...options.headers, cookie: [...this.#cookies].map(([k, v]) => `${k}=${v}`).join('; ') }
    const response = await fetch(url, { ...options, headers, redirect: 'manual' })
    for (const cookie of response.headers.getSetCookie()) {
      const [pair, ...attributes] = cookie.split(';').map((part) => part.trim())
      const at = pair.indexOf('=')
      if (attributes.some((part) => part.toLowerCase() === 'max-age=0')) this.#cookies.delete(pair.slice(0, at))
      else this.#cookies.set(pair.slice(0, at), pair.slice(at + 1))
    }
    return { url: new URL(url), response, body: await response.text() }
  }

  async #follow(page) {
    for (let hops = 0; hops < 10; hops++) {
      const location = page.response.headers.get('location')
      if (!location) return page
      const next = new URL(location, page.url)
      if (next.origin !== page.url.origin) return { away: next }
      page = await this.#request(next)
    }
    throw new Error(`redirected without end, now at ${page.url}`)
  }
}
