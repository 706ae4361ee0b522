// The form of one inspection: fills it from a draft or an earlier submission, checks it and submits it.
import { carried, filled, send, sendJson } from "./api.js";
import { Attempt, kept } from "./attempt.js";
import { grading } from "./grading.js";
import { results } from "./results.js";
import { showReceipt } from "./receipt.js";
import { clear, show } from "./wrong.js";

const facts = carried("facts");
const texts = { ...carried("texts"), ...carried("form-texts") };
const form = document.getElementById("inspection");
const part = (id) => document.getElementById(id);
const summary = part("wrong");
const name = [facts.enterprise_id, facts.round_id, facts.stage, facts.checklist, facts.drill ? "drill" : "real"].join("|");
const draft = `kc:draft:${name}`;
const attempt = new Attempt(name);
const items = results(form, texts, { changed, failed: (refusal, input) => show(form, summary, refusal.about(), () => input) });
const points = grading(part("grading"));
let timer = 0;

const at = (pointer) => form.querySelector(`[data-pointer="${pointer}"]`);
const text = (pointer) => at(pointer).value.trim() || null;

function inspector() {
  const who = text("/inspector/name"), position = text("/inspector/position");
  return who || position ? { name: who || "", position } : null;
}

function body() {
  const { round_id, stage, unit_id, enterprise_id, checklist, drill } = facts;
  return {
    round_id, stage, unit_id, enterprise_id, inspected_on: text("/inspected_on"), inspector: inspector(), checklist,
    results: items.collect(), grading: points.collect(),
    supersedes_reason: text("/supersedes_reason"), late_reason: text("/late_reason"), drill,
  };
}

function fill(found, { evidence = true, own = true } = {}) {
  items.fill(found.results || [], evidence);
  points.fill(found.grading);
  if (!own) return;
  at("/inspected_on").value = found.inspected_on || facts.today;
  at("/inspector/name").value = found.inspector?.name || "";
  at("/inspector/position").value = found.inspector?.position || "";
}

function changed() {
  count();
  clearTimeout(timer);
  timer = setTimeout(keep, 300);
}

function keep() {
  clearTimeout(timer);
  timer = 0;
  const now = new Date();
  const stored = kept.put(draft, { at: now.toISOString(), body: body(), files: items.fileNames() });
  part("kept").textContent = stored ? filled(texts.draft_kept, { time: now.toLocaleTimeString(document.documentElement.lang) }) : texts.draft_lost;
}

function forget() {
  clearTimeout(timer);
  timer = 0;
  kept.drop(draft);
  attempt.done();
}

function tell(words) {
  part("source").hidden = false;
  part("source").querySelector("span").textContent = words;
}

async function record(id) {
  return JSON.parse((await send("GET", `/v1/inspections/${id}/record`)).text);
}

async function begin() {
  const before = Object.keys(facts.standing).filter((stage) => stage !== facts.stage);
  const found = Object.fromEntries(await Promise.all(Object.entries(facts.standing).map(async ([stage, id]) => [stage, await record(id)])));
  for (const stage of before) items.beside(found[stage].results, texts.stages[stage]);
  const stored = kept.get(draft);
  if (stored) {
    items.name(stored.files || {});
    fill(stored.body);
    at("/late_reason").value = stored.body.late_reason || "";
    at("/supersedes_reason").value = stored.body.supersedes_reason || "";
    tell(filled(texts.from_draft, { time: new Date(stored.at).toLocaleString(document.documentElement.lang) }));
  } else if (found[facts.stage]) {
    fill(found[facts.stage]);
    tell(texts.from_own);
  } else {
    const order = ["expert_verification", "re_examination", "self_inspection"];
    const latest = order.slice(order.indexOf(facts.stage) + 1).find((stage) => found[stage]);
    if (latest) {
      fill(found[latest], { evidence: false, own: false });
      tell(filled(texts.from_earlier, { stage: texts.stages[latest] }));
    }
  }
  count();
}

function count() {
  const { answered, all } = items.count();
  part("count").textContent = filled(texts.count, { n: answered, all });
}

async function post(dryRun) {
  clear(form, summary);
  keep();
  const content = JSON.stringify(body());
  const bar = part("progress");
  busy(true, dryRun ? texts.checking : texts.sending);
  bar.hidden = dryRun;
  try {
    const progress = (share) => { bar.value = share * 0.9; };
    const headers = { "Idempotency-Key": attempt.key(content) };
    const answer = await sendJson("POST", `/v1/inspections${dryRun ? "?dry_run=true" : ""}`, content, { headers, progress });
    bar.value = 1;
    if (dryRun) busy(false, texts.valid);
    else accepted(answer);
  } catch (refusal) {
    busy(false, "");
    show(form, summary, refusal, items.finder());
  } finally {
    bar.hidden = true;
  }
}

function accepted(answer) {
  forget();
  busy(false, "");
  form.hidden = true;
  showReceipt(answer, `/enterprises/${facts.enterprise_id}`);
}

function busy(on, words) {
  part("said").textContent = words;
  for (const id of ["check", "send"]) part(id).disabled = on;
}

form.addEventListener("input", changed);
form.addEventListener("submit", (event) => { event.preventDefault(); if (!part("send").disabled) post(false); });
part("check").addEventListener("click", () => post(true));
part("rest").addEventListener("click", () => { items.conformRest(); changed(); });
part("discard").addEventListener("click", () => {
  forget();
  fill({});
  for (const pointer of ["/late_reason", "/supersedes_reason"]) at(pointer).value = "";
  part("source").hidden = true;
  part("kept").textContent = "";
  count();
  at("/inspected_on").focus();
});
addEventListener("pagehide", () => { if (timer) keep(); });
begin().catch((refusal) => { count(); show(form, summary, refusal); });
