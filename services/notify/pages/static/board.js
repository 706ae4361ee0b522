// Keeps the duty board live: puts its rows in place as the server sends them, and says when they may be out of date.
"use strict";
(() => {
  const board = document.getElementById("board");
  const stale = document.getElementById("stale");
  const again = 10000;
  let waiting = null;
  const put = () => {
    // Whoever has stepped into a row by keyboard keeps it until they leave it.
    if (waiting === null || board.contains(document.activeElement)) return;
    board.innerHTML = waiting;
    waiting = null;
  };
  const source = new EventSource("/board/stream" + location.search);
  source.addEventListener("rows", (event) => { waiting = event.data; stale.hidden = true; put(); });
  source.onopen = () => { stale.hidden = true; };
  source.onerror = () => {
    stale.hidden = false;
    // Refused for good, as when the session has ended: the page itself knows where to go.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), again);
  };
  board.addEventListener("focusout", () => setTimeout(put));
})();
