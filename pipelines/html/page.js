// The page reads whole without this script. It adds: values under the pointer on curves and tokens, a filter of sample
// documents, links from reasons to the documents that were dropped for them. It requests nothing and stores nothing.
"use strict";
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const make = (name, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};

// -- tables: only boxes that scroll take the keyboard's focus

const fit = () => {
  for (const box of all(".scroll")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};
addEventListener("resize", fit);
document.addEventListener("toggle", fit, true);
fit();

// -- curves and tokens: the values at the pointer, or at a point that the arrow keys choose

const hint = make("div", {className: "hint", role: "status", hidden: true});
document.body.append(hint);
const hintAt = (left, top) => { // left, top: in the window; the hint is before `left` where it does not fit after it
  hint.hidden = false;
  const before = left + hint.offsetWidth + 16 > document.documentElement.clientWidth;
  hint.style.left = `${Math.max(4, scrollX + (before ? left - hint.offsetWidth - 12 : left + 12))}px`;
  hint.style.top = `${scrollY + top + 4}px`;
};
for (const plot of all("svg.plot")) {
  const curves = all("polyline", plot).map((line) => ({
    name: line.dataset.name,
    colour: line.dataset.colour,
    places: line.getAttribute("points").split(" ").map((point) => Number(point.split(",")[0])),
    xs: line.dataset.x.split("|"),
    ys: line.dataset.y.split("|"),
  })).filter((curve) => curve.places.length > 0 && curve.ys[0] !== "");
  if (curves.length === 0) continue;
  const inner = plot.querySelector("svg");
  const cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
  for (const [key, value] of Object.entries({y1: 0, y2: 1000, class: "cursor", visibility: "hidden"})) {
    cursor.setAttribute(key, value);
  }
  inner.append(cursor);
  const every = [...new Set(curves.flatMap((curve) => curve.places))].sort((a, b) => a - b);
  let chosen = every.length - 1;
  const nearest = (places, place) => places.reduce(
    (best, other, index) => Math.abs(other - place) < Math.abs(places[best] - place) ? index : best, 0);
  const hide = () => {
    hint.hidden = true;
    cursor.setAttribute("visibility", "hidden");
  };
  const show = (place) => {
    const lines = curves.map((curve) => ({curve, index: nearest(curve.places, place)}))
      .filter(({curve, index}) => curve.places[index] === place);
    const first = lines[0];
    hint.replaceChildren(
      make("b", {textContent: `${first.curve.xs[first.index]} ${plot.dataset.unit}`}),
      ...lines.map(({curve, index}) => make(
        "span", {}, make("i", {className: curve.colour}), `${curve.name} `, make("b", {textContent: curve.ys[index]}))),
    );
    cursor.setAttribute("x1", place);
    cursor.setAttribute("x2", place);
    cursor.setAttribute("visibility", "visible");
    const box = inner.getBoundingClientRect();
    hintAt(box.left + box.width * place / 1000, box.top);
  };
  plot.addEventListener("pointermove", (event) => {
    const box = inner.getBoundingClientRect();
    chosen = nearest(every, 1000 * (event.clientX - box.left) / box.width);
    show(every[chosen]);
  });
  plot.addEventListener("pointerleave", hide);
  plot.addEventListener("blur", hide);
  plot.tabIndex = 0;
  plot.addEventListener("keydown", (event) => {
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (event.key === "Escape") hide();
    if (step === undefined) return;
    event.preventDefault();
    chosen = Math.min(every.length - 1, Math.max(0, hint.hidden ? chosen : chosen + step));
    show(every[chosen]);
  });
}

for (const text of all(".losses")) {
  const spans = all("span[title]", text);
  for (const span of spans) {
    span.dataset.value = span.title; // shown at once, and by keyboard
    span.removeAttribute("title");
  }
  let chosen = -1;
  const show = (index) => {
    spans[chosen]?.classList.remove("chosen");
    chosen = index;
    hint.hidden = chosen < 0;
    if (hint.hidden) return;
    spans[chosen].classList.add("chosen");
    hint.replaceChildren(make("b", {textContent: spans[chosen].textContent}), spans[chosen].dataset.value);
    const [box] = spans[chosen].getClientRects();
    if (box) hintAt(box.left, box.bottom);
  };
  text.addEventListener("pointerover", (event) => show(spans.indexOf(event.target)));
  text.addEventListener("pointerleave", () => show(-1));
  text.addEventListener("blur", () => show(-1));
  if (spans.length > 0) text.tabIndex = 0;
  text.addEventListener("keydown", (event) => {
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (event.key === "Escape") show(-1);
    if (step === undefined) return;
    event.preventDefault();
    const after = getComputedStyle(text).direction === "rtl" ? -step : step;
    show(Math.min(spans.length - 1, Math.max(0, chosen + after)));
  });
}

for (const map of all("svg.map")) {
  const hints = new Map(all("circle", map).filter((dot) => dot.firstElementChild).map((dot) => {
    const value = dot.textContent; // shown at once, and for links by keyboard
    dot.replaceChildren();
    return [dot, value];
  }));
  const show = (dot) => {
    hint.hidden = !hints.has(dot);
    if (hint.hidden) return;
    hint.replaceChildren(make("span", {textContent: hints.get(dot), dir: "auto"}));
    const box = dot.getBoundingClientRect();
    hintAt(box.right, box.bottom);
  };
  map.addEventListener("pointerover", (event) => show(event.target));
  map.addEventListener("pointerleave", () => show(null));
  map.addEventListener("focusin", (event) => show(event.target.querySelector("circle")));
  map.addEventListener("focusout", () => show(null));
}

// -- sample documents: search and filter

const list = document.querySelector(".samples");
if (list) {
  const cards = all(".sample", list);
  const plain = (text) => text.normalize("NFKD").replace(/[\p{M}\u0640]/gu, "").replace(/\u0649/g, "\u064a")
    .replace(/\u0629/g, "\u0647").toLowerCase();
  const texts = cards.map((card) => plain(card.textContent));
  const fields = {};
  const bar = make("div", {className: "filter", role: "search"});
  const search = make("input", {type: "search", id: "filter-text", autocomplete: "off"});
  bar.append(make("label", {}, "Search ", search));
  for (const key of ["source", "language", "reason"]) {
    const values = [...new Set(cards.map((card) => card.dataset[key]))].sort();
    const select = make("select", {id: `filter-${key}`}, make("option", {value: "*", textContent: "all"}));
    for (const value of values) {
      const name = cards.find((card) => card.dataset[key] === value).dataset[`${key}Name`] || value || "kept";
      select.append(make("option", {value, textContent: name}));
    }
    fields[key] = select;
    bar.append(make("label", {}, `${key === "reason" ? "Kept or dropped" : key[0].toUpperCase() + key.slice(1)} `, select));
  }
  const counter = make("output", {id: "filter-count"});
  const reset = make("button", {type: "button", textContent: "Show all"});
  bar.append(reset, counter);
  list.before(bar);
  const filter = () => {
    const words = plain(search.value).split(/\s+/).filter(Boolean);
    const chosen = Object.entries(fields).filter(([, select]) => select.value !== "*");
    const active = words.length > 0 || chosen.length > 0;
    let shown = 0;
    cards.forEach((card, index) => {
      card.hidden = !(words.every((word) => texts[index].includes(word))
        && chosen.every(([key, select]) => card.dataset[key] === select.value));
      shown += !card.hidden;
    });
    for (const fold of all(":scope > details", list)) {
      fold.hidden = !fold.querySelector(".sample:not([hidden])");
      fold.open = active && !fold.hidden;
    }
    counter.textContent = `${shown} of ${cards.length} documents`;
    reset.disabled = !active;
  };
  const set = (values) => {
    search.value = "";
    for (const [key, select] of Object.entries(fields)) select.value = values[key] ?? "*";
    filter();
  };
  search.addEventListener("input", filter);
  for (const select of Object.values(fields)) select.addEventListener("change", filter);
  reset.addEventListener("click", () => set({}));
  for (const link of all("a[data-reason]")) {
    link.addEventListener("click", () => set(link.dataset)); // the browser then moves to the documents
  }
  filter();
}

// -- links into folded parts open them

const open = () => {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let fold = target && target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  if (target) target.scrollIntoView();
};
addEventListener("hashchange", open);
open();
