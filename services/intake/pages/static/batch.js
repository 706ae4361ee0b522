// Takes a file of many submissions, chosen or dropped, and shows what became of each row.
import { carried, filled, send } from "./api.js";

const part = (id) => document.getElementById(id);
const TYPES = {
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  csv: "text/csv",
  tsv: "text/tab-separated-values",
  ndjson: "application/x-ndjson",
  jsonl: "application/x-ndjson",
};
const SHOWN = 500;

function start(texts) {
  const rows = part("batch-table").querySelector("tbody");
  const said = part("batch-said");
  const bar = part("batch-progress");
  let taken, refused, shown, read;

  function place({ row, column, pointer, detail }) {
    if (!row) return pointer && `(${pointer})`;
    return `(${filled(column && !detail.includes(column) ? texts.cell : texts.row, { row, column })})`;
  }

  function show(line) {
    const ok = line.status === "published" || line.status === "queued";
    if (ok) taken += 1; else refused += 1;
    // Of a long file the refused rows matter: the taken ones are counted, and shown while they are few.
    if (shown >= SHOWN || (ok && line.line > 100)) return;
    shown += 1;
    const row = rows.insertRow();
    row.insertCell().textContent = line.line ?? "";
    row.insertCell().textContent = texts[line.status] || line.status;
    const details = (line.errors || []).map((error) => [error.detail, place(error)].filter(Boolean).join(" "));
    row.insertCell().textContent = ok && line.seq ? filled(texts.number, { seq: line.seq }) : details.join("\n");
    if (!ok) row.className = "refused";
    part("batch-table").hidden = false;
  }

  function arrived(text) {
    const end = text.lastIndexOf("\n") + 1;
    for (const line of text.slice(read, end).split("\n")) if (line) show(JSON.parse(line));
    read = Math.max(read, end);
    if (taken + refused) said.textContent = filled(texts.so_far, { taken, refused });
  }

  async function take(file) {
    const type = TYPES[file.name.toLowerCase().split(".").pop()];
    if (!type) { said.textContent = texts.type; return; }
    taken = refused = shown = read = 0;
    rows.replaceChildren();
    part("batch-table").hidden = true;
    bar.hidden = false;
    const progress = (share) => { bar.value = share; said.textContent = filled(texts.sent, { part: Math.round(share * 100) }); };
    try {
      const answer = await send("POST", `/v1/${part("family").value}/batch`, { body: file, headers: { "Content-Type": type }, progress, arriving: arrived });
      arrived(`${answer.text}\n`);
      said.textContent = filled(texts.all, { taken, refused });
    } catch (refusal) {
      const details = (refusal.errors || []).map((error) => error.detail).join(" ");
      said.textContent = refusal.status === 404 || refusal.status === 405 ? texts.absent : refusal.status === 0 && taken + refused ? texts.cut : details || refusal.message;
    } finally {
      bar.hidden = true;
    }
  }

  const drop = part("drop");
  part("file").addEventListener("change", () => { const file = part("file").files[0]; if (file) take(file).finally(() => { part("file").value = ""; }); });
  for (const kind of ["dragover", "dragenter"]) drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]); });
}

if (part("upload")) start(carried("batch-texts"));
