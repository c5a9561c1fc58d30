"""How the page looks: light, dark and on paper."""

__all__ = ["STYLE"]

# Colours of the map are of Okabe and Ito's palette, which people with any kind of colour vision distinguish.
STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #55595f; --paper: #ffffff; --panel: #f4f5f7;
  --line: #d6d9de; --accent: #0b57a4; --bar: #0b6fbf; --gap: 2rem;
  --c0: #9fcdea; --c1: #f2c879; --c2: #86d3b4; --c3: #f3b39b; --c4: #d9b6d6; --c5: #e9e08a; --c6: #c6c9ce; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --soft: #a9afb8; --paper: #15171a; --panel: #1f2226; --line: #3a3f46; --accent: #7fbcf5;
    --bar: #4c9be0; --c0: #1d5579; --c1: #77540f; --c2: #14614a; --c3: #853a20; --c4: #6b3f68; --c5: #5f5a16;
    --c6: #464b52; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
header, main, footer { max-width: 78rem; margin: 0 auto; padding: 0 1.5rem; }
header { padding-top: 1.5rem; } footer { color: var(--soft); padding-bottom: 2rem; font-size: .875rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.35rem; margin: 2.5rem 0 .25rem; border-bottom: 2px solid var(--line); padding-bottom: .25rem; }
h3 { font-size: 1.05rem; margin: 0 0 .5rem; }
section { margin: var(--gap) 0; }
a { color: var(--accent); } nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; padding: 0; list-style: none; }
.skip { position: absolute; left: -100vw; } 
.skip:focus { left: 1rem; top: 1rem; background: var(--paper); padding: .5rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", "Liberation Mono", monospace; font-size: .875em; }
.identity { color: var(--soft); margin: .25rem 0; } .digest { overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: .75rem 2rem; margin: 0; }
dt { color: var(--soft); font-size: .875rem; } dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; max-height: 34rem; overflow-y: auto; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem; border-bottom: 1px solid var(--line); }
thead > tr > * { position: sticky; top: 0; background: var(--panel); color: var(--soft); font-weight: 600; z-index: 1; }
tbody tr:last-child > * { border-bottom: 0; } tbody th { font-weight: 500; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.metric { display: inline-block; min-width: 6rem; font-variant-numeric: tabular-nums; }
td small { margin-left: .75rem; color: var(--soft); font-size: .85em; } svg { max-width: 100%; }
.rail { fill: var(--panel); stroke: var(--line); } .bar { fill: var(--bar); }
.code { position: relative; } .code pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px;
  margin: .5rem 0; padding: .75rem 5.5rem .75rem .75rem; overflow-y: auto; max-height: 12rem;
  white-space: pre-wrap; overflow-wrap: anywhere; }
button { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: 5px;
  padding: .15rem .6rem; cursor: pointer; } button:hover { border-color: var(--accent); }
.copy { position: absolute; right: .6rem; top: .6rem; font-size: .85rem; }
fieldset { border: 0; padding: 0; margin: 0 0 .5rem; display: flex; gap: 1rem; color: var(--soft); }
legend { float: left; margin-right: 1rem; } .path { display: flex; flex-wrap: wrap; gap: .25rem; align-items: center;
  min-height: 2rem; } .path button { border: 0; color: var(--accent); padding: 0 .2rem; background: none; }
.map { contain: content; } .map svg { display: block; width: 100%; background: var(--panel); border-radius: 6px; }
.map rect { stroke: var(--paper); } .map .box:hover > .tile { stroke: var(--ink); stroke-width: 2; }
.map .leaf:hover { fill-opacity: .55; } .map text { fill: var(--ink); font-size: 12px; pointer-events: none; }
.box.deep { cursor: pointer; } .hover { height: 1.5em; margin: .35rem 0; color: var(--soft); font-size: .9rem;
  contain: strict; white-space: nowrap; text-overflow: ellipsis; }
.list table button { border: 0; padding: 0; color: var(--accent); background: none; text-align: left;
  overflow-wrap: anywhere; }
.share { display: inline-block; height: .6em; background: var(--bar); border-radius: 3px; }
.list .wide { max-height: 22rem; }
@media print { :root { --gap: 1rem; } .copy, fieldset, .hover, .skip, nav { display: none; }
  .wide, .list .wide { max-height: none; overflow: visible; border: 0; }
  .code pre { max-height: none; padding-right: .75rem; }
  .share { print-color-adjust: exact; }
  thead > tr > * { position: static; } section { break-inside: avoid-page; } tr { break-inside: avoid; }
  .package { break-before: page; } .package:first-child { break-before: auto; } }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
"""
