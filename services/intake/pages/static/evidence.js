// Uploads photos and files as evidence, and keeps the list of what is attached to a field.
import { filled, send } from "./api.js";

/** Makes the files of one `.evidence` block; `changed` is called when the list changes, `failed` with a Refusal. */
export function evidence(block, texts, { changed = () => {}, failed = () => {} } = {}) {
  const input = block.querySelector("input[type=file]");
  const bar = block.querySelector("progress");
  const list = block.querySelector(".files");
  const files = [];

  function add(id, name) {
    if (files.some((file) => file.id === id)) return;
    const file = { id, name };
    files.push(file);
    const item = document.createElement("li");
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "link";
    remove.textContent = filled(texts.remove, { name });
    remove.addEventListener("click", () => {
      files.splice(files.indexOf(file), 1);
      item.remove();
      input.focus();
      changed();
    });
    item.append(filled(texts.uploaded, { name }), " ", remove);
    list.append(item);
    changed();
  }

  input.addEventListener("change", async () => {
    const chosen = [...input.files];
    input.value = "";
    bar.hidden = false;
    try {
      for (const [place, file] of chosen.entries()) {
        const progress = (share) => { bar.value = (place + share) / chosen.length; };
        const headers = { "Content-Type": file.type || "application/octet-stream", "X-File-Name": encodeURIComponent(file.name) };
        const answer = await send("POST", "/v1/evidence", { body: file, headers, progress });
        add(JSON.parse(answer.text).id, file.name);
      }
    } catch (refusal) {
      failed(refusal, input);
    } finally {
      bar.hidden = true;
      bar.value = 0;
    }
  });

  return { add, files: () => files.map((file) => ({ ...file })) };
}
