/** What a form holds when it is sent. */

export interface FormValues {
  /** As typed; "" when there is no such field. A NumberField's comma is a point, a CodeField's dashes and spaces are gone. */
  text(name: string): string;
  isChecked(name: string): boolean;
  file(name: string): File | undefined;
}

/** Reads the form once: what is typed afterwards does not change the values. */
export function valuesOf(form: HTMLFormElement): FormValues {
  const data = new FormData(form);
  const shapes = new Map<string, string>();
  for (const element of form.elements) {
    const { shape } = element instanceof HTMLElement ? element.dataset : {};
    if (shape !== undefined) shapes.set(element.getAttribute("name") ?? "", shape);
  }
  return {
    text: (name) => {
      const value = data.get(name);
      if (typeof value !== "string") return "";
      const shape = shapes.get(name);
      return shape === "number" ? plainNumber(value) : shape === "code" ? plainCode(value) : value;
    },
    isChecked: (name) => data.has(name),
    file: (name) => {
      const value = data.get(name);
      return value instanceof File && value.size > 0 ? value : undefined;
    },
  };
}

/** "1 234,5" is "1234.5": spaces go, the last comma or point is the decimal one. */
export function plainNumber(text: string): string {
  const compact = text.replaceAll(/[\s'’]/g, "");
  const at = Math.max(compact.lastIndexOf(","), compact.lastIndexOf("."));
  if (at < 0) return compact;
  return `${compact.slice(0, at).replaceAll(/[.,]/g, "")}.${compact.slice(at + 1)}`;
}

/** A code without its groups: upper case letters, digits, and the signs that a Crockford check character may be. */
export const plainCode = (text: string): string =>
  text.toUpperCase().replaceAll(/[^A-Z0-9*~$=]/g, "");

/** A code in groups for reading: "ABCDE-FGHIJ-K". */
export const groupedCode = (text: string, group: number): string =>
  (plainCode(text).match(new RegExp(`.{1,${group}}`, "g")) ?? []).join("-");
