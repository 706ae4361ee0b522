// The national office's forms: rounds, enrolments, keys. Each puts one object by the API and shows what is wrong in place.
import { carried, send, sendJson } from "./api.js";
import { clear, show } from "./wrong.js";

const texts = carried("texts");
const part = (id) => document.getElementById(id);

/** Runs `work` when the form is submitted; a Refusal shows at its fields. */
function onSubmit(form, work, find) {
  const summary = form.querySelector(".error");
  const status = form.querySelector("p[role=status]");
  const run = async (...given) => {
    clear(form, summary);
    status.textContent = texts.sending;
    try {
      await work(...given);
    } catch (refusal) {
      status.textContent = "";
      show(form, summary, refusal, find);
    }
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); run(); });
  return run;
}

function put(kind, id, body, revision) {
  const condition = revision ? { "If-Match": `"${revision}"` } : { "If-None-Match": "*" };
  return sendJson("PUT", `/v1/registry/${kind}/${encodeURIComponent(id)}`, body, { headers: condition });
}

const at = (form, pointer) => form.querySelector(`[data-pointer="${pointer}"]`);
const text = (form, pointer) => at(form, pointer).value.trim() || null;
const whole = (form, pointer) => (at(form, pointer).value === "" ? null : Number(at(form, pointer).value));

function round(form) {
  // A bound that nobody changed is sent as it was: it may hold a time that a day does not show.
  const bound = (field) => (field.value === field.dataset.shown && field.dataset.kept ? field.dataset.kept : field.value || null);

  function windows() {
    const found = {};
    for (const set of form.querySelectorAll("[data-stage]")) {
      const [from, to] = ["from", "to"].map((name) => bound(set.querySelector(`[data-bound=${name}]`)));
      if (from || to) found[set.dataset.stage] = { from, to };
    }
    return found;
  }

  // A name in two languages is shown in one: unless it was changed here, it goes back whole.
  function rows(id) {
    return [...part(id).children].map((row) => {
      const before = row.dataset.kept ? JSON.parse(row.dataset.kept) : {};
      const fields = [...row.querySelectorAll("[data-key]")];
      return Object.fromEntries(fields.map((field) => [field.dataset.key, field.value === field.dataset.shown ? before[field.dataset.key] : field.value.trim()]));
    });
  }

  function find(error) {
    const [, list, place, key] = error.pointer.match(/^\/(important_periods|key_tasks)\/(\d+)(?:\/(\w+))?/) || [];
    const row = list && part(list === "key_tasks" ? "tasks" : "periods").children[Number(place)];
    return row ? row.querySelector(`[data-key="${key}"]`) || row.querySelector("input") : null;
  }

  const run = onSubmit(form, async (status = text(form, "/status")) => {
    const year = whole(form, "/year"), number = whole(form, "/number");
    const id = `${year}-${number}`;
    const body = { year, number, status, windows: windows(), important_periods: rows("periods"), key_tasks: rows("tasks") };
    const synthetic = form.dataset.synthetic ? { synthetic: true } : {};
    await put("rounds", id, { ...body, ...synthetic }, form.dataset.revision);
    location.assign(`/rounds/${id}`);
  }, find);
  part("turn")?.addEventListener("click", () => run(part("turn").dataset.to));
  form.addEventListener("click", (event) => {
    const { add, do: done } = event.target.dataset;
    if (add) {
      part(add).append(part(`${add}-row`).content.cloneNode(true));
      part(add).lastElementChild.querySelector("input").focus();
    } else if (done === "less") {
      const adder = event.target.closest("section").querySelector("[data-add]");
      event.target.closest(".row").remove();
      adder.focus();
    }
  });
}

function enrolment(form) {
  const boxes = [...form.querySelectorAll("[data-code]")];
  const chosen = () => boxes.filter((box) => box.checked).map((box) => box.dataset.code);
  const find = (error) => {
    const [, place] = error.pointer.match(/^\/enterprises\/(\d+)/) || [];
    return place === undefined ? null : boxes.find((box) => box.dataset.code === chosen()[Number(place)]) || null;
  };
  onSubmit(form, async () => {
    const { round: round_id, unit: unit_id, revision } = form.dataset;
    const body = {
      round_id, unit_id, guidance_class: text(form, "/guidance_class"), decided_by: text(form, "/decided_by"),
      reason: text(form, "/reason"), team_id: text(form, "/team_id"), expert_target: whole(form, "/expert_target") ?? 0, enterprises: chosen(),
    };
    const saved = await put("enrolments", `${round_id}:${unit_id}`, body, revision);
    form.dataset.revision = saved.revision;
    form.querySelector("p[role=status]").textContent = texts.saved;
  }, find);
  part("all").addEventListener("click", () => boxes.forEach((box) => { box.checked = true; }));
  part("none").addEventListener("click", () => boxes.forEach((box) => { box.checked = false; }));
}

function keys(form) {
  const role = part("role");
  const fit = () => form.querySelectorAll("[data-for]").forEach((field) => { field.hidden = !field.dataset.for.split(" ").includes(role.value); });
  const many = (id) => (part(id).closest("[hidden]") ? [] : part(id).value.split(/[\s,;，、]+/).filter(Boolean));
  const one = (id) => (part(id).closest("[hidden]") ? null : part(id).value.trim() || null);
  role.addEventListener("change", fit);
  fit();
  onSubmit(form, async () => {
    const scope = { units: many("units"), enterprises: many("enterprises"), authority: one("authority"), team: one("team") };
    const answer = await sendJson("POST", "/v1/keys", { role: role.value, scope, label: part("label").value.trim() });
    form.querySelector("p[role=status]").textContent = "";
    part("new-key").textContent = answer.key;
    form.hidden = true;
    part("issued").hidden = false;
    part("issued").focus();
  });
  part("copy").addEventListener("click", async () => {
    await navigator.clipboard?.writeText(part("new-key").textContent);
    part("copy").textContent = part("copy").dataset.done;
  });
  for (const button of document.querySelectorAll("[data-revoke]")) button.addEventListener("click", () => revoke(button));
}

async function revoke(button) {
  if (!button.dataset.asked) {
    button.dataset.asked = "1";
    button.textContent = button.dataset.ask;
    return;
  }
  try {
    await send("DELETE", `/v1/keys/${encodeURIComponent(button.dataset.revoke)}`);
    location.reload();
  } catch (refusal) {
    button.textContent = refusal.message;
  }
}

if (part("round")) round(part("round"));
if (part("enrolment")) enrolment(part("enrolment"));
if (part("issue")) keys(part("issue"));
