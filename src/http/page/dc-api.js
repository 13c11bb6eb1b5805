// Offers the browser's Digital Credentials API on the page where there is one. Without it, or without this script, the link
// to the wallet is there as ever. All words stand in the page; this file only shows and hides them.
"use strict";
(() => {
  const way = document.getElementById("browser-way");
  const button = document.getElementById("browser-ask");
  const words = [...document.querySelectorAll("[data-said]")];
  const address = way.dataset.address;
  let busy = false;

  const say = (name) => words.forEach((word) => { word.hidden = word.dataset.said !== name; });

  // The page looks again by itself, but never while the person is asked.
  const look = () => setTimeout(() => (busy ? look() : location.reload()), 5000);

  const allowed = (request) => {
    const allows = window.DigitalCredential?.userAgentAllowsProtocol;
    return typeof allows !== "function" || allows.call(window.DigitalCredential, request.protocol);
  };

  // The request has to be here before the click: browsers ask the person only as long as the click is fresh.
  const prepare = async () => {
    if (typeof window.DigitalCredential === "undefined" || typeof navigator.credentials?.get !== "function") return null;
    const response = await fetch(address, { credentials: "same-origin", redirect: "error", cache: "no-store" });
    if (!response.ok) return null;
    const call = await response.json();
    const requests = call.digital.requests.filter(allowed);
    return requests.length > 0 ? { digital: { requests } } : null;
  };

  const hand = async (credential) => {
    const response = await fetch(address, {
      method: "POST",
      credentials: "same-origin",
      redirect: "error",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ protocol: credential.protocol, data: credential.data }),
    });
    if (response.ok) {
      location.replace((await response.json()).next);
      return true;
    }
    // It has ended meanwhile, or is not this browser's: the page says which.
    if ([403, 404, 409, 410].includes(response.status)) {
      location.reload();
      return true;
    }
    return false;
  };

  const ask = async (call) => {
    if (busy) return;
    busy = true;
    button.disabled = true;
    say("");
    let gone = false;
    try {
      // No waiting may stand before this line.
      const credential = await navigator.credentials.get(call);
      gone = await hand(credential);
      if (!gone) say("refused");
    } catch (error) {
      // Closed by the person, or by the browser: nothing has happened, and the link is there.
      say(["NotAllowedError", "AbortError"].includes(error?.name) ? "closed" : "failed");
    }
    if (!gone) {
      busy = false;
      button.disabled = false;
    }
  };

  prepare()
    .then((call) => {
      if (call === null) return;
      button.addEventListener("click", () => ask(call));
      way.hidden = false;
    })
    .catch(() => {})
    .finally(look);
})();
