"""What the page does: the map of bytes, and the copying of commands."""

__all__ = ["SCRIPT"]

# A node of the data is [name, bytes unpacked, bytes packed, children]. The map is a squarified treemap (Bruls,
# Huizing and van Wijk 2000) of two levels; the list below it has the same for keyboards and screen readers.
SCRIPT = r"""
"use strict";
const trees = JSON.parse(document.getElementById("data").textContent);
const HEIGHT = 420, HEAD = 18, SMALLEST = 3, LISTED = 100, COLOURS = 7;
const make = (name, attributes, ...children) => {
  const svg = ["svg", "g", "rect", "text"].includes(name);
  const one = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const key in attributes) one.setAttribute(key, attributes[key]);
  one.append(...children);
  return one;
};
const readable = bytes => {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) { bytes /= 1000; unit += 1; }
  return (unit ? bytes.toFixed(1) : Math.round(bytes)) + " " + units[unit];
};
const label = node => node[0] + ", " + readable(node[1]) + " unpacked, " + readable(node[2]) + " packed";

// Lays out `nodes` in a rectangle; calls put(node, number, x, y, width, height) for each that can be seen.
function squarify(nodes, key, x, y, width, height, put) {
  const total = nodes.reduce((sum, node) => sum + node[key], 0);
  if (!total || width < SMALLEST || height < SMALLEST) return;
  const scale = width * height / total;
  const sorted = nodes.map((node, number) => [node[key] * scale, node, number]).sort((a, b) => b[0] - a[0]);
  let start = 0;
  while (start < sorted.length && width > 0 && height > 0) {
    const side = Math.min(width, height);
    let end = start, sum = 0, worst = Infinity;
    while (end < sorted.length) {
      const next = sum + sorted[end][0];
      const square = side * side / (next * next);
      const ratio = Math.max(square * sorted[start][0], 1 / (square * sorted[end][0] || 1));
      if (ratio > worst) break;
      worst = ratio; sum = next; end += 1;
    }
    const thick = sum / side;
    let along = 0;
    for (; start < end; start += 1) {
      const length = sorted[start][0] / thick || 0;
      const box = width >= height ? [x, y + along, thick, length] : [x + along, y, length, thick];
      if (box[2] >= SMALLEST && box[3] >= SMALLEST) put(sorted[start][1], sorted[start][2], ...box);
      along += length;
    }
    if (width >= height) { x += thick; width -= thick; } else { y += thick; height -= thick; }
    if (thick < .2) break;  // What is left cannot be seen.
  }
}

function start(part) {
  const tree = trees[part.dataset.subject];
  const find = name => part.querySelector("." + name);
  let trail = [tree], key = 1, width = 0;

  function go(node, focus) {
    const at = trail.indexOf(node);
    trail = at < 0 ? [...trail, node] : trail.slice(0, at + 1);
    draw();
    if (focus) find("path").querySelector("button:last-of-type").focus();
  }
  function drawPath() {
    const parts = trail.flatMap((node, depth) => {
      const button = make("button", { type: "button" }, node[0]);
      button.addEventListener("click", () => go(node, true));
      return depth ? [make("span", { "aria-hidden": "true" }, "/"), button] : [button];
    });
    const here = trail[trail.length - 1];
    find("path").replaceChildren(...parts, make("span", {}, " " + readable(here[key])));
  }
  function text(group, string, x, y, room) {
    const fits = Math.floor((room - 8) / 7);
    if (fits < 4) return;
    const shown = string.length > fits ? string.slice(0, fits - 1) + "…" : string;
    group.append(make("text", { x: x + 5, y: y + 13 }, shown));
  }
  function drawMap() {
    width = find("map").clientWidth;
    const svg = make("svg", { height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, "aria-hidden": "true" });
    const here = trail[trail.length - 1], known = new Map();
    squarify(here[3] || [here], key, 0, 0, width, HEIGHT, (node, number, x, y, w, h) => {
      const top = trail.length > 1 ? tree[3].indexOf(trail[1]) : tree[3] ? tree[3].indexOf(node) : 0;
      const group = make("g", { class: "box" + (node[3] ? " deep" : "") });
      const fill = `fill: var(--c${Math.max(top, 0) % COLOURS})`;
      const tile = make("rect", { class: "tile", x, y, width: w, height: h, style: fill, rx: 2 });
      known.set(tile, [node, node]);
      group.append(tile);
      if (node[3] && h > HEAD + 8 && w > 24)
        squarify(node[3], key, x + 2, y + HEAD, w - 4, h - HEAD - 2, (inner, at, a, b, c, d) => {
          const place = { x: a, y: b, width: c, height: d };
          const leaf = make("rect", { class: "leaf", ...place, style: fill + "; fill-opacity: .8" });
          known.set(leaf, [node, inner]);
          group.append(leaf);
          if (d > 16) text(group, inner[0], a, b, c);
        });
      if (h > 16) text(group, node[3] && h > HEAD ? node[0] + "  " + readable(node[key]) : node[0], x, y, w);
      svg.append(group);
    });
    svg.addEventListener("pointerover", event => {
      const found = known.get(event.target);
      find("hover").textContent = found ? (found[0] === found[1] ? "" : found[0][0] + ": ") + label(found[1]) : "";
    });
    svg.addEventListener("click", event => {
      const found = known.get(event.target);
      if (found && found[0][3]) go(found[0]);
    });
    find("map").replaceChildren(svg);
    find("hover").textContent = "";
  }
  function drawList() {
    const here = trail[trail.length - 1];
    const nodes = [...(here[3] || [])].sort((a, b) => b[key] - a[key]);
    const most = nodes.length ? nodes[0][key] || 1 : 1;
    const rows = nodes.slice(0, LISTED).map(node => {
      const name = node[3] ? make("button", { type: "button" }, node[0]) : node[0];
      if (node[3]) name.addEventListener("click", () => go(node, true));
      const share = make("span", { class: "share", style: `width: ${(8 * node[key] / most).toFixed(2)}rem` });
      return make("tr", {}, make("th", { scope: "row" }, name), make("td", { class: "number" }, readable(node[1])),
        make("td", { class: "number" }, readable(node[2])), make("td", { "aria-hidden": "true" }, share));
    });
    const rest = nodes.length - LISTED;
    if (rest > 0) rows.push(make("tr", {}, make("th", { scope: "row", colspan: 4 }, `and ${rest} smaller ones`)));
    const number = { scope: "col", class: "number" };
    const head = make("tr", {}, make("th", { scope: "col" }, "part"), make("th", number, "unpacked"),
      make("th", number, "packed"), make("td", { "aria-hidden": "true" }));
    const caption = make("caption", {}, "What " + here[0] + " consists of, the largest first");
    const table = make("table", {}, caption, make("thead", {}, head), make("tbody", {}, ...rows));
    const named = { class: "wide", tabindex: "0", role: "group", "aria-label": "What " + here[0] + " consists of" };
    const wide = make("div", named, table);
    find("list").replaceChildren(...(rows.length ? [wide] : []));
  }
  function draw() { drawPath(); drawMap(); drawList(); }
  find("choice").addEventListener("change", event => { key = +event.target.value; draw(); });
  new ResizeObserver(() => { if (find("map").clientWidth !== width) drawMap(); }).observe(find("map"));
  draw();
}
document.querySelectorAll(".bytes").forEach(start);
const buttons = document.querySelectorAll(".copy");
buttons.forEach(button => button.addEventListener("click", async () => {
  const code = button.parentElement.querySelector("code");
  try { await navigator.clipboard.writeText(code.textContent); }
  catch (error) {  // A page that lies on a disk may not be allowed to.
    getSelection().selectAllChildren(code);
    document.execCommand("copy");
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}));
"""
