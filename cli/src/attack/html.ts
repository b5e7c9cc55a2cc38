/** The report's Markdown as one page without anything from outside: headings, paragraphs, lists and tables, as report.ts writes them. */

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#222}
table{border-collapse:collapse;font-size:13px;display:block;overflow-x:auto}
th,td{border:1px solid #ccc;padding:.25rem .5rem;text-align:left;vertical-align:top}
th{background:#f4f4f4;position:sticky;top:0}code{background:#f4f4f4}`;

export function htmlOf(title: string, markdown: string): string {
  const body = markdown.trimEnd().split("\n\n").map(blockOf).join("\n");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title><style>${STYLE}</style></head><body>
${body}
</body></html>
`;
}

function blockOf(block: string): string {
  const [, marks, heading] = /^(#{1,4}) (.*)$/.exec(block) ?? [];
  if (marks !== undefined && heading !== undefined) {
    return `<h${marks.length}>${inline(heading)}</h${marks.length}>`;
  }
  const lines = block.split("\n");
  if (block.startsWith("|")) return tableOf(lines);
  if (!block.startsWith("- ")) return `<p>${inline(block)}</p>`;
  const items = lines.map((line) => `<li>${inline(line.slice(2))}</li>`);
  return `<ul>${items.join("")}</ul>`;
}

function tableOf([head = "", , ...rows]: readonly string[]): string {
  const row = (line: string, tag: string): string => {
    const cells = line.slice(2, -2).split(/(?<!\\)\|/);
    const shown = cells.map((cell) => inline(cell.trim().replaceAll("\\|", "|")));
    return `<tr>${shown.map((cell) => `<${tag}>${cell}</${tag}>`).join("")}</tr>`;
  };
  const body = rows.map((line) => row(line, "td")).join("\n");
  return `<table><thead>${row(head, "th")}</thead><tbody>\n${body}\n</tbody></table>`;
}

const inline = (text: string): string =>
  escaped(text)
    .replaceAll(/\*\*(.+?)\*\*/g, "<strong>$1</strong>")
    .replaceAll(/(?<!\w)_(.+?)_(?!\w)/g, "<em>$1</em>")
    .replaceAll(/`(.+?)`/g, "<code>$1</code>");

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
