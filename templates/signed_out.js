(function () {
  "use strict";
  var loaded = new Set(), complete = false;
  function goOn() {
    var link = document.getElementById("on");
    if (complete && link !== null && loaded.size >= document.querySelectorAll("iframe").length) { location.replace(link.href); }
  }
  document.addEventListener("load", function (event) {
    if (event.target.tagName === "IFRAME") { loaded.add(event.target); goOn(); }
  }, true);
  document.addEventListener("DOMContentLoaded", function () { complete = true; goOn(); });
})();
