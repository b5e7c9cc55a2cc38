/** Elements without markup: text goes in as text, so that nothing from outside can become a tag. */

type Attributes = Readonly<Record<string, string>>;
type Child = Node | string;

export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  return filled(document.createElement(name), attributes, children);
}

export function svgElement<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Name] {
  const created = document.createElementNS("http://www.w3.org/2000/svg", name);
  return filled(created, attributes, children);
}

function filled<Made extends Element>(
  made: Made,
  attributes: Attributes,
  children: readonly Child[],
): Made {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A labelled input. */
export function field(label: string, attributes: Attributes): HTMLLabelElement {
  return element("label", {}, label, element("input", attributes));
}

export function button(label: string, act: () => void): HTMLButtonElement {
  const made = element("button", { type: "button" }, label);
  made.addEventListener("click", act);
  return made;
}

/** A form that stays on the page; `submit` gets what was typed, by the inputs' names. */
export function form(
  title: string,
  action: string,
  submit: (typed: (name: string) => string) => Promise<void>,
  ...children: readonly Child[]
): HTMLFormElement {
  const send = element("button", { type: "submit" }, action);
  const made = element("form", {}, element("h2", {}, title), ...children, send);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    send.disabled = true;
    const values = new FormData(made);
    const typed = (name: string): string => {
      const value = values.get(name);
      return typeof value === "string" ? value : "";
    };
    void submit(typed).finally(() => (send.disabled = false));
  });
  return made;
}
