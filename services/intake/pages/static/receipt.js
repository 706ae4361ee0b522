// Shows the receipt of an accepted submission and lets it be kept as a file.

/** `answer` is the 201; `after` is where "Continue" leads. */
export function showReceipt(answer, after) {
  const card = document.getElementById("receipt");
  const part = (name) => card.querySelector(`[data-receipt="${name}"]`);
  part("sha256").textContent = answer.receipt.sha256;
  part("accepted_at").textContent = new Date(answer.receipt.accepted_at).toLocaleString(document.documentElement.lang, { timeZone: card.dataset.zone });
  part("seq").textContent = answer.seq;
  part("submission_id").textContent = answer.submission_id;
  part("findings").textContent = (answer.findings || []).length;
  part("status").textContent = part("status").dataset[answer.status] || answer.status;
  const download = part("download");
  if (download.href.startsWith("blob:")) URL.revokeObjectURL(download.href);
  download.href = URL.createObjectURL(new Blob([JSON.stringify(answer, null, 2)], { type: "application/json" }));
  download.download = `receipt-${answer.receipt.subject}-${answer.seq}.json`;
  part("after").href = after;
  card.hidden = false;
  card.focus();
  card.scrollIntoView({ block: "start" });
}
