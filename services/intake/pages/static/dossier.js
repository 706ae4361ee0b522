// The forms below an enterprise's findings: each reports one step of a rectification.
import { carried, sendJson } from "./api.js";
import { Attempt } from "./attempt.js";
import { evidence } from "./evidence.js";
import { showReceipt } from "./receipt.js";
import { clear, show } from "./wrong.js";

const texts = { ...carried("texts"), ...carried("evidence-texts") };

function step(form) {
  const summary = form.querySelector(".error");
  const status = form.querySelector("[role=status]");
  const value = (pointer) => form.querySelector(`[data-pointer="${pointer}"]`).value.trim() || null;
  const attempt = new Attempt(`rectification|${form.dataset.finding}`);
  const failed = (refusal, input) => show(form, summary, refusal.about(), () => input);
  const attached = evidence(form.querySelector(".evidence"), texts, { failed });

  function body() {
    const { enterprise, unit, finding, drill } = form.dataset;
    const found = attached.files().map((file) => file.id);
    return {
      enterprise_id: enterprise, unit_id: unit, finding_id: finding, action: value("/action"), on: value("/on"),
      due_on: value("/due_on"), reason: value("/reason"), evidence: found.length ? found : null, drill: Boolean(drill),
    };
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button:not([type])");
    if (button.disabled) return;
    clear(form, summary);
    const content = JSON.stringify(body());
    button.disabled = true;
    status.textContent = texts.sending;
    try {
      const answer = await sendJson("POST", "/v1/rectifications", content, { headers: { "Idempotency-Key": attempt.key(content) } });
      attempt.done();
      showReceipt(answer, `${location.pathname}${location.search}`);
    } catch (refusal) {
      show(form, summary, refusal);
    } finally {
      status.textContent = "";
      button.disabled = false;
    }
  });
}

document.querySelectorAll("form.step").forEach(step);
