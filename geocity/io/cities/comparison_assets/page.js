"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  const theme = document.getElementById("theme");
  const dark = () => root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const told = () => { theme.textContent = dark() ? "Light page" : "Dark page"; };
  theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; told(); });
  told();

  const value = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.v === undefined) return cell.textContent.trim();
    return cell.dataset.v === "" ? Infinity : Number(cell.dataset.v);
  };
  const compare = (a, b) => typeof a === "number" && typeof b === "number"
    ? a - b : String(a).localeCompare(String(b));

  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = head.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...body.rows].map((row) => [value(row, column), row]);
        rows.sort((a, b) => {
          if (a[0] === Infinity || b[0] === Infinity) return (a[0] === Infinity) - (b[0] === Infinity);
          return (down ? -1 : 1) * compare(a[0], b[0]);
        });
        body.append(...rows.map((row) => row[1]));
        limit(table);
      });
    });
  }

  // Long tables show their first rows until all are asked for.
  const SHOWN = 15;
  function limit(table) {
    const box = document.querySelector(`[data-for="${table.id}"]`);
    if (!box) return;
    const city = box.querySelector("select").value;
    const every = box.querySelector("button");
    const all = every.getAttribute("aria-pressed") === "true";
    let fitting = 0;
    for (const row of table.tBodies[0].rows) {
      const fits = city === "" || row.dataset.a === city || row.dataset.b === city;
      fitting += fits;
      row.hidden = !fits || (!all && fitting > SHOWN);
    }
    every.hidden = fitting <= SHOWN;
    every.textContent = all ? `Show the first ${SHOWN}` : `Show all ${fitting}`;
  }
  for (const box of document.querySelectorAll("[data-for]")) {
    const table = document.getElementById(box.dataset.for);
    const every = box.querySelector("button");
    box.querySelector("select").addEventListener("change", () => limit(table));
    every.addEventListener("click", () => {
      every.setAttribute("aria-pressed", every.getAttribute("aria-pressed") !== "true");
      limit(table);
    });
    limit(table);
  }

  const highlight = document.getElementById("highlight");
  if (highlight) {
    const marks = document.querySelectorAll(".map [data-city]");
    highlight.addEventListener("change", () => {
      for (const mark of marks) {
        const other = highlight.value !== "" && mark.dataset.city !== highlight.value;
        mark.classList.toggle("faded", other);
      }
    });
  }
})();
