// Puts what is wrong at its field: JSON pointer -> field, a summary with links above, focus on the first.
import { carried, filled } from "./api.js";

const texts = carried("texts");
let serial = 0;

/** Takes every mark away. */
export function clear(form, summary) {
  summary.hidden = true;
  summary.replaceChildren();
  for (const mark of form.querySelectorAll(".wrong")) mark.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
}

/**
 * Shows a Refusal. `find(error)` answers the field of an error or null; without one, the field whose data-pointer is
 * the error's pointer, or the nearest above it.
 */
export function show(form, summary, refusal, find = () => null) {
  clear(form, summary);
  const placed = refusal.errors.map((error) => ({ error, field: find(error) || byPointer(form, error.pointer) }));
  placed.sort(inOrder);
  for (const { error, field } of placed) if (field) mark(field, error);
  summary.append(heading(refusal), list(placed));
  summary.hidden = false;
  (placed[0]?.field ? control(placed[0].field) : summary).focus();
}

function heading(refusal) {
  const count = refusal.errors.length;
  const told = count === 0 ? refusal.message : filled(count === 1 ? texts.wrong_one : texts.wrong_many, { n: count });
  const line = document.createElement("p");
  line.textContent = `${told} ${texts.kept}`;
  return line;
}

function list(placed) {
  const items = document.createElement("ul");
  for (const { error, field } of placed) {
    const item = document.createElement("li");
    if (field) {
      const link = document.createElement("a");
      link.href = `#${control(field).id}`;
      link.textContent = error.detail;
      link.addEventListener("click", (event) => { event.preventDefault(); reveal(field); control(field).focus(); });
      item.append(link);
    } else {
      item.textContent = error.pointer ? `${error.detail} (${error.pointer})` : error.detail;
    }
    items.append(item);
  }
  return items;
}

function byPointer(form, pointer) {
  for (let at = pointer; at; at = at.slice(0, at.lastIndexOf("/"))) {
    const field = form.querySelector(`[data-pointer="${CSS.escape(at)}"]`);
    if (field) return field;
  }
  return null;
}

function control(field) {
  const found = field.matches("fieldset, div") ? field.querySelector("input, select, textarea") || field : field;
  found.id ||= `field-${(serial += 1)}`;
  return found;
}

function reveal(field) {
  for (let at = field; at; at = at.parentElement) {
    if (at.hidden) at.hidden = false;
    if (at.tagName === "DETAILS") at.open = true;
  }
}

function mark(field, error) {
  reveal(field);
  const focusable = control(field);
  const note = document.createElement("p");
  note.className = "wrong";
  note.id = `wrong-${(serial += 1)}`;
  note.textContent = error.detail;
  if (field.matches("fieldset, div")) field.append(note);
  else (field.closest("label") || field).after(note);
  if (!focusable.matches("[type=radio], [type=checkbox], fieldset, div")) focusable.setAttribute("aria-invalid", "true");
  focusable.setAttribute("aria-describedby", `${focusable.getAttribute("aria-describedby") || ""} ${note.id}`.trim());
}

// As the fields stand in the page; what has no field comes last.
function inOrder(one, other) {
  if (!one.field || !other.field) return Number(!one.field) - Number(!other.field);
  if (one.field === other.field) return 0;
  return one.field.compareDocumentPosition(other.field) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1;
}
