/**
 * Our own reports' Markdown as elements: headings, paragraphs, lists, tables, code, bold. Made of text nodes alone, so nothing in a report
 * can become markup; what it does not know stays as it was written.
 */
import type { ComponentChildren, VNode } from "preact";

export function Markdown({ text }: { readonly text: string }): VNode {
  const blocks = text.trim().split(/\n{2,}/);
  return (
    <div class="markdown">
      {blocks.map((block, index) => (
        <Block key={index} block={block} />
      ))}
    </div>
  );
}

function Block({ block }: { readonly block: string }): VNode {
  const lines = block.split("\n");
  const [first = ""] = lines;
  const heading = /^(#{1,4}) (.*)$/.exec(first);
  if (heading !== null) {
    const rest = lines.slice(1).join("\n");
    return (
      <>
        <h3>{inline(heading[2] ?? "")}</h3>
        {rest !== "" && <Block block={rest} />}
      </>
    );
  }
  if (lines.every((line) => line.startsWith("|"))) return <MarkdownTable lines={lines} />;
  if (lines.every((line) => /^([-*]|\d+\.) |^ {2,}/.test(line))) {
    return (
      <ul>
        {listItems(lines).map((item) => (
          <li key={item}>{inline(item)}</li>
        ))}
      </ul>
    );
  }
  if (first.startsWith("```")) return <pre>{lines.slice(1, -1).join("\n")}</pre>;
  return <p>{inline(lines.join(" "))}</p>;
}

/** Lines that go on belong to the item before. */
function listItems(lines: readonly string[]): string[] {
  const items: string[] = [];
  for (const line of lines) {
    const start = /^(?:[-*]|\d+\.) (.*)$/.exec(line);
    if (start !== null) items.push(start[1] ?? "");
    else items.push(`${items.pop() ?? ""} ${line.trim()}`);
  }
  return items;
}

function MarkdownTable({ lines }: { readonly lines: readonly string[] }): VNode {
  const cellsOf = (line: string): string[] =>
    line
      .replace(/^\||\|\s*$/g, "")
      .split("|")
      .map((cell) => cell.trim());
  const [head = "", ...rest] = lines.filter((line) => !/^\|[\s:|-]+$/.test(line));
  return (
    <div class="table scroll" role="region" aria-label={cellsOf(head).join(", ")} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {cellsOf(head).map((cell) => (
              <th key={cell} scope="col">
                {inline(cell)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rest.map((line) => (
            <tr key={line}>
              {cellsOf(line).map((cell, index) => (
                <td key={index}>{inline(cell)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** `code`, **bold**, and the words of [links](…) without their address. */
function inline(text: string): ComponentChildren {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*|\[[^\]]+\]\([^)]+\))/).map((part, index) => {
    if (part.startsWith("`")) return <code key={index}>{part.slice(1, -1)}</code>;
    if (part.startsWith("**")) return <strong key={index}>{part.slice(2, -2)}</strong>;
    if (part.startsWith("[")) return part.slice(1, part.indexOf("]"));
    return part;
  });
}
