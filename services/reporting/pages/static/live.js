// Keeps a page in step with the events: when something it shows has changed, the page is fetched again and its live part replaced.
"use strict";
(() => {
  const live = document.getElementById("live");
  const told = document.getElementById("connection");
  if (!live || !told || !document.querySelector(".who form")) return;
  const watched = live.dataset.live;
  let waiting = null;
  let lastFetch = 0;

  function say(on) {
    told.textContent = on ? told.dataset.on : told.dataset.off;
    told.classList.toggle("off", !on);
  }

  async function refresh() {
    waiting = null;
    lastFetch = Date.now();
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live");
    if (!fresh) return;
    const open = [...live.querySelectorAll("details")].map((one) => one.open);
    const focused = document.activeElement && live.contains(document.activeElement) ? document.activeElement.id : "";
    live.replaceChildren(...fresh.childNodes);
    live.querySelectorAll("details").forEach((one, place) => { one.open = open[place] || false; });
    if (focused && document.getElementById(focused)) document.getElementById(focused).focus();
  }

  function changed(event) {
    const change = JSON.parse(event.data);
    const mine = watched === "*" || change.unit_id === watched || change.about_id === watched;
    if (!mine || waiting !== null || live.querySelector("form :focus")) return;
    // At most one reload in two seconds, however many events arrive.
    waiting = setTimeout(refresh, Math.max(300, 2000 - (Date.now() - lastFetch)));
  }

  if (live.dataset.every) {
    // Pages without events of their own (operations) are looked at again at intervals.
    say(true);
    setInterval(() => { if (!document.hidden) refresh().catch(() => say(false)); }, 1000 * Number(live.dataset.every));
    return;
  }
  if (watched === "-") return;
  const source = new EventSource("/v1/stream");
  source.onopen = () => say(true);
  source.onerror = () => say(false);
  // Away for longer than changes are kept: the page is read anew.
  source.addEventListener("reset", () => { if (waiting === null) waiting = setTimeout(refresh, 300); });
  for (const kind of ["unit", "enterprise", "finding", "alert", "round"]) source.addEventListener(kind, changed);
})();
