// The items of a checklist in the form: their answers, the findings below them, and which result is which.
import { filled } from "./api.js";
import { evidence } from "./evidence.js";

const FIELDS = ["grade", "ref", "location", "description", "measure", "due_on"];

/** The items of `form`. `changed()` after every change that is no input event, `failed(refusal, input)` for evidence. */
export function results(form, texts, { changed, failed }) {
  const items = [...form.querySelectorAll("fieldset.item")];
  const template = document.getElementById("finding");
  const files = new WeakMap();
  let rows = [];
  let unanswered = [];
  let names = {};

  for (const item of items) {
    item.append(document.getElementById("choice").content.cloneNode(true));
    for (const radio of item.querySelectorAll("input")) radio.name = `outcome-${item.dataset.item}`;
  }

  const outcome = (item) => item.querySelector("input[type=radio]:checked")?.value || null;
  const findings = (item) => [...item.querySelectorAll(".finding")];

  function add(item, found = {}, withEvidence = true) {
    const block = template.content.firstElementChild.cloneNode(true);
    block.setAttribute("aria-label", filled(texts.finding, { item: item.dataset.item }));
    item.append(block);
    files.set(block, evidence(block.querySelector(".evidence"), texts, { changed, failed }));
    for (const field of FIELDS) block.querySelector(`[data-field="${field}"]`).value = found[field] || "";
    for (const id of (withEvidence && found.evidence) || []) files.get(block).add(id, names[id] || id.slice(7, 19));
    block.querySelector("[data-do=more]").addEventListener("click", () => { focus(add(item)); changed(); });
    block.querySelector("[data-do=less]").addEventListener("click", () => { less(item, block); changed(); });
    return block;
  }

  function less(item, block) {
    block.remove();
    if (findings(item).length === 0) item.querySelector("[value=finding]").checked = false;
    item.querySelector("input").focus();
  }

  const focus = (block) => [...block.querySelectorAll("select, input")].find((field) => field.offsetParent).focus();

  function answer(item, value) {
    const radio = item.querySelector(`[value="${value}"]`);
    if (radio) radio.checked = true;
    turned(item);
  }

  // The findings of an item stay in the page when its answer changes: a slip of the key must not lose them.
  function turned(item) {
    const found = outcome(item) === "finding";
    if (found && findings(item).length === 0) add(item);
    for (const block of findings(item)) block.hidden = !found;
  }

  function row(item, block) {
    const value = (field) => block.querySelector(`[data-field="${field}"]`).value.trim() || null;
    const sent = { item: item.dataset.item, outcome: "finding" };
    for (const field of FIELDS) if (value(field)) sent[field] = value(field);
    const attached = files.get(block).files();
    return attached.length ? { ...sent, evidence: attached.map((file) => file.id) } : sent;
  }

  form.addEventListener("change", (event) => {
    if (event.target.matches("fieldset.item > label > input[type=radio]")) turned(event.target.closest("fieldset.item"));
  });

  return {
    /** The results in the order of the checklist; remembers which row of the page each one is. */
    collect() {
      rows = [];
      unanswered = [];
      const sent = [];
      for (const item of items) {
        const said = outcome(item);
        if (!said) unanswered.push(item);
        else if (said !== "finding") { rows.push(item); sent.push({ item: item.dataset.item, outcome: said }); }
        else for (const block of findings(item)) { rows.push(block); sent.push(row(item, block)); }
      }
      return sent;
    },

    /** Puts results into the page, taking away what was there. */
    fill(found, withEvidence = true) {
      for (const item of items) {
        for (const block of findings(item)) block.remove();
        for (const radio of item.querySelectorAll("input[type=radio]")) radio.checked = false;
      }
      for (const result of found) {
        const item = items.find((one) => one.dataset.item === result.item);
        if (!item) continue;
        if (result.outcome === "finding") add(item, result, withEvidence);
        answer(item, result.outcome);
      }
    },

    /** Says beside each item what another stage answered. */
    beside(found, stage) {
      for (const item of items) {
        const theirs = found.filter((result) => result.item === item.dataset.item);
        if (!theirs.length) continue;
        const line = document.createElement("p");
        line.className = "soft earlier";
        line.textContent = theirs.map((result) => {
          const told = filled(texts.earlier, { stage, outcome: texts.outcomes[result.outcome] });
          return [told, result.ref, result.location, result.description].filter(Boolean).join(" · ");
        }).join("\n");
        item.querySelector("legend").after(line);
      }
    },

    /** The field of an error below /results: the nth unanswered item, or a field of the nth result. */
    finder() {
      let next = 0;
      return (error) => {
        if (error.code === "item_not_answered") return unanswered[next++] || null;
        const [, place, field] = error.pointer.match(/^\/results\/(\d+)(?:\/(\w+))?/) || [];
        const found = rows[Number(place)];
        return found ? (field && found.querySelector(`[data-field="${field}"]`)) || found : null;
      };
    },

    conformRest() {
      for (const item of items) if (!outcome(item)) answer(item, "conform");
    },

    count() {
      return { answered: items.filter(outcome).length, all: items.length };
    },

    fileNames() {
      const all = items.flatMap(findings).flatMap((block) => files.get(block).files());
      return Object.fromEntries(all.map((file) => [file.id, file.name]));
    },

    /** What the files of a draft were called. */
    name(known) { names = known; },
  };
}
