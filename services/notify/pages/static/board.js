// Keeps the duty board live: asks for its rows every few seconds and puts them in place when they changed.
"use strict";
(() => {
  const board = document.getElementById("board");
  const pause = 3000;
  let shown = "";
  const strip = (text) => text.replace(/<p class="soft" data-at=[^]*?<\/p>/, "");
  const refresh = async () => {
    try {
      const answer = await fetch("/board" + location.search, { headers: { accept: "text/html" }, redirect: "error" });
      if (answer.ok) {
        const text = await answer.text();
        if (strip(text) !== shown && !board.contains(document.activeElement)) {
          shown = strip(text);
          board.innerHTML = text;
        }
        board.removeAttribute("data-stale");
      }
    } catch {
      board.setAttribute("data-stale", "");
    }
    setTimeout(refresh, document.hidden ? 10 * pause : pause);
  };
  setTimeout(refresh, pause);
})();
