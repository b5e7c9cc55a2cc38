/** The one stylesheet: light and dark, readable from 360 px, and on paper. */
export const stylesheet = `
:root {
  color-scheme: light dark;
  --back: #fdfdfc; --front: #1b1f24; --soft: #5b6570; --line: #d5d9de; --accent: #0b62a8;
  --fill: #0b62a833; --second: #b35c00; --danger: #b00020;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #14171a; --front: #e8eaed; --soft: #9aa4af; --line: #343b43; --accent: #6cb6ff;
    --fill: #6cb6ff33; --second: #ffb265; --danger: #ff6b7d;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--front); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 70rem; margin: 0 auto; padding: 0.5rem 1rem 3rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
a { color: var(--accent); }
header {
  display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; justify-content: space-between;
  padding: 0.5rem 1rem; border-bottom: 1px solid var(--line);
}
nav { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; align-items: center; }
form { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; }
form.login { flex-direction: column; align-items: stretch; max-width: 20rem; }
input, select, button {
  font: inherit; color: inherit; background: transparent; padding: 0.35rem 0.6rem;
  border: 1px solid var(--line); border-radius: 0.3rem;
}
select option { background: var(--back); }
button { cursor: pointer; border-color: var(--accent); color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding: 0.3rem 0; }
th, td { padding: 0.3rem 0.6rem; text-align: left; border-bottom: 1px solid var(--line); }
.number { text-align: right; white-space: nowrap; }
tfoot td, tfoot th, .total { font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; }
.id { font-family: ui-monospace, monospace; font-size: 0.85em; overflow-wrap: anywhere; }
td.id { white-space: nowrap; }
.note { color: var(--soft); }
.unsafe { margin: 0; padding: 0.5rem 1rem; background: var(--danger); color: var(--back); font-weight: 600; }
.danger { color: var(--danger); font-weight: 600; }
svg { display: block; width: 100%; min-width: 34rem; height: auto; }
svg text { fill: var(--soft); font-size: 12px; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .area { fill: var(--fill); } svg .curve { fill: none; stroke: var(--accent); stroke-width: 1.5; }
svg .second { fill: none; stroke: var(--second); stroke-width: 1.5; }
svg .gap { fill: var(--line); opacity: 0.5; }
svg .band0 { fill: var(--accent); } svg .band1 { fill: var(--second); } svg .band2 { fill: var(--soft); }
.legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; padding: 0; list-style: none; }
.legend i { display: inline-block; width: 0.8em; height: 0.8em; border-radius: 0.15em; }
.legend .band0 { background: var(--accent); } .legend .band1 { background: var(--second); }
.legend .band2 { background: var(--soft); }
@media (max-width: 30rem) { th, td { padding: 0.3rem 0.4rem; font-size: 0.9rem; } }
@media print {
  header, .screen-only { display: none; }
  body { font-size: 11pt; background: white; color: black; }
}
`;
