(function () {
  "use strict";
  var name = document.documentElement.getAttribute("data-cookie") + "=";
  function browserState() {
    var found = document.cookie.split("; ").find(function (pair) { return pair.indexOf(name) === 0; });
    return found === undefined ? "" : found.slice(name.length);
  }
  // Session Management section 5.1: a browser may keep what it holds of us from the frames of other sites. A signed-out person looks the
  // same, but the page around would ask without end if it were told of a change. Over plain HTTP no other site sees the cookie.
  async function isBlind(origin) {
    if (browserState() !== "") { return false; }
    if (location.protocol === "http:") { return new URL(origin).hostname !== location.hostname; }
    return typeof document.hasStorageAccess === "function" && !(await document.hasStorageAccess());
  }
  function base64url(buffer) {
    var text = btoa(String.fromCharCode.apply(null, new Uint8Array(buffer)));
    return text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }
  async function status(message, origin) {
    var parts = typeof message === "string" ? /^(.+) ([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/.exec(message) : null;
    if (parts === null || await isBlind(origin)) { return "error"; }
    var text = [parts[1], origin, browserState(), parts[3]].join(" ");
    var hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    return base64url(hash) === parts[2] ? "unchanged" : "changed";
  }
  window.addEventListener("message", function (event) {
    if (window.parent === window || event.source !== window.parent || event.origin === "null") { return; }
    status(event.data, event.origin).catch(function () { return "error"; }).then(function (answer) {
      event.source.postMessage(answer, event.origin);
    });
  });
})();
