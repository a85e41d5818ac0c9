"use strict";
// Filter, sort and open: the page can be read without any of it.
(() => {
  const filter = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const body = document.querySelector("tbody");
  const rows = [...body.rows];
  const boxes = [...document.querySelectorAll("input[name=status]")];
  const part = (row) => document.getElementById(row.dataset.for);

  function apply() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let count = 0;
    for (const row of rows) {
      const text = row.dataset.words.toLowerCase();
      const fits = wanted.has(row.dataset.status) && words.every((word) => text.includes(word));
      row.hidden = part(row).hidden = !fits;
      count += fits;
    }
    shown.value = `${count} of ${rows.length} shown`;
  }

  function sort(head) {
    const key = head.dataset.sort;
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const compare = key === "name"
      ? (a, b) => a.dataset.name.localeCompare(b.dataset.name, "en")
      : (a, b) => a.dataset[key] - b.dataset[key];
    body.append(...[...rows].sort((a, b) => (down ? compare(b, a) : compare(a, b))));
  }

  function openTarget() {
    const target = document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
      target.firstElementChild.focus();
      target.scrollIntoView();
    }
  }

  const openAll = (open) => {
    for (const row of rows) part(row).open = open;
  };

  document.querySelector(".controls").hidden = false;
  for (const head of document.querySelectorAll("th[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(head));
    head.replaceChildren(button);
  }
  filter.addEventListener("input", apply);
  for (const box of boxes) box.addEventListener("change", apply);
  document.getElementById("open-all").addEventListener("click", () => openAll(true));
  document.getElementById("close-all").addEventListener("click", () => openAll(false));
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && event.target !== filter) {
      event.preventDefault();
      filter.focus();
      filter.select();
    } else if (event.key === "Escape" && event.target === filter) {
      filter.value = "";
      apply();
    }
  });
  // A link to the part that is shown already does not change the address.
  body.addEventListener("click", (event) => {
    if (event.target.closest("a")) setTimeout(openTarget);
  });
  addEventListener("hashchange", openTarget);
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = rows.map(part).filter((one) => !one.open);
    openAll(true);
  });
  addEventListener("afterprint", () => {
    for (const one of closed) one.open = false;
  });
  apply();
  openTarget();
})();
