"use strict";
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const one = (selector) => document.querySelector(selector);
const tabs = all("[role=tab]"), panels = all("[role=tabpanel]");
const search = one("#search"), signal = one("#signal"), boxes = all("#observables input");
let current = panels[0].id;

// Words that a figure or a row of a table is found by.
const figures = all(".kind").map((kind) => {
  const text = `${kind.querySelector("h3").textContent} ${kind.querySelector("p").textContent}`;
  return [kind, all("figure", kind).map((figure) => [
    figure, `${text} ${figure.dataset.signal} ${figure.textContent}`.toLowerCase()])];
});
const tables = all("section.table").map((table) => [table, all("tbody tr", table).map((row) => [
  row, `${table.querySelector("h3").textContent} ${row.textContent}`.toLowerCase()])]);

function show() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (text) => words.every((word) => text.includes(word));
  const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
  const wanted = ({ signal: of, observable }) =>
    (!of || !signal || of === signal.value) && (!observable || !boxes.length || chosen.includes(observable));
  let drawn = 0, rows = 0;
  const only = (whole, parts, keep) => {
    const kept = parts.filter(([part, text]) => !(part.hidden = !keep(part, text)));
    whole.hidden = !kept.length;
    return kept.length;
  };
  for (const [kind, several] of figures)
    drawn += only(kind, several, (figure, text) => words.length ? matches(text) : wanted(figure.dataset));
  for (const [table, several] of tables) rows += only(table, several, (_, text) => matches(text));
  for (const panel of panels)
    panel.hidden = words.length ? !panel.querySelector(":scope > section:not([hidden])") : panel.id !== current;
  for (const tab of tabs) {
    const selected = !words.length && tab.getAttribute("aria-controls") === current;
    tab.setAttribute("aria-selected", selected);
    tab.tabIndex = tab.getAttribute("aria-controls") === current ? 0 : -1;
  }
  const count = (n, name) => `${n} ${name}${n === 1 ? "" : "s"}`;
  one("#hits").textContent = !words.length ? ""
    : drawn + rows ? `${count(drawn, "figure")}, ${count(rows, "row")}` : "no hits";
}

function open(tab) {
  current = tab;
  search.value = "";
  show();
}

for (const tab of tabs) {
  tab.addEventListener("click", () => open(tab.getAttribute("aria-controls")));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    open(next.getAttribute("aria-controls"));
    next.focus();
  });
}

function follow() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const panel = target && target.closest("[role=tabpanel]");
  if (!panel) return;
  open(panel.id);
  target.scrollIntoView({ block: target === panel ? "start" : "center" });
  target.focus({ preventScroll: true });
}
addEventListener("hashchange", follow);

for (const input of [search, signal, ...boxes]) if (input) input.addEventListener("input", show);

const dialog = one("dialog");
for (const button of all("figure .open")) {
  button.addEventListener("click", () => {
    const from = button.querySelector("img"), to = dialog.querySelector("img");
    to.src = button.dataset.film || from.src;
    to.alt = from.alt;
    const kind = button.closest(".kind");
    one("#shown").textContent = [button.nextElementSibling.querySelector("strong").textContent,
      kind ? kind.querySelector("p").textContent : from.alt].join(". ");
    dialog.showModal();
  });
}
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

for (const button of all("th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement, body = head.closest("table").tBodies[0];
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const sign = down ? -1 : 1;
    const compare = (a, b) => {
      const [x, y] = [a, b].map((row) => row.cells[head.cellIndex]);
      if ("value" in x.dataset && "value" in y.dataset) return sign * (x.dataset.value - y.dataset.value);
      // What has no number comes last, either way.
      if ("value" in x.dataset !== "value" in y.dataset) return "value" in x.dataset ? -1 : 1;
      return sign * x.textContent.localeCompare(y.textContent, "en", { numeric: true });
    };
    body.append(...[...body.rows].sort(compare));
  });
}

// A table that is cut says so, whenever it is shown and however wide the window is.
const cut = new ResizeObserver((entries) => {
  for (const { target } of entries)
    target.parentElement.classList.toggle("wide", target.scrollWidth > target.clientWidth + 1);
});
for (const table of all(".scroll")) cut.observe(table);

show();
follow();
