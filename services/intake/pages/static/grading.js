// The points of 应急〔2018〕19号 in the form: null unless they are included on purpose.

export function grading(block) {
  const included = block.querySelector("#with-grading");
  for (const set of block.querySelectorAll(".points")) {
    for (const label of document.getElementById("points").content.cloneNode(true).children) {
      const field = label.querySelector("input");
      if (!set.dataset.parts.includes(field.dataset.part)) continue;
      field.dataset.code = set.dataset.code;
      field.dataset.pointer = `/grading/${field.dataset.part}/${set.dataset.code}`;
      set.append(label.cloneNode(true));
    }
  }
  const fields = [...block.querySelectorAll("[data-part]")];
  const reds = [...block.querySelectorAll("[data-red]")];

  // Points that somebody enters are meant: without the tick they would be lost in silence.
  block.addEventListener("input", (event) => { if (event.target !== included) included.checked = true; });

  return {
    collect() {
      if (!included.checked) return null;
      const found = { deductions: {}, bonuses: {}, direct_red: reds.filter((box) => box.checked).map((box) => box.dataset.red) };
      for (const field of fields) if (field.value !== "") found[field.dataset.part][field.dataset.code] = Number(field.value);
      return found;
    },
    fill(found) {
      included.checked = Boolean(found);
      for (const field of fields) field.value = found?.[field.dataset.part]?.[field.dataset.code] ?? "";
      for (const box of reds) box.checked = Boolean(found?.direct_red?.includes(box.dataset.red));
    },
  };
}
