/** A refusal by our servers (RFC 9457 problem+json with a literal `code`), as an error that a page may act on. */

export interface FieldProblem {
  /** Where in the request: "login", "bands.0.price" or "/bands/0/price". */
  readonly path: string;
  readonly message: string;
}

/** `code` is the server's; the kit's own are UNREACHABLE (no answer) and UNREADABLE (an answer that is none of ours). */
export class ProblemError extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string | undefined;
  readonly errors: readonly FieldProblem[];

  constructor(
    problem: {
      readonly status: number;
      readonly code: string;
      readonly title: string;
      readonly detail?: string | undefined;
      readonly errors?: readonly FieldProblem[];
    },
    options?: ErrorOptions,
  ) {
    super(problem.title, options);
    this.name = "ProblemError";
    this.status = problem.status;
    this.code = problem.code;
    this.title = problem.title;
    this.detail = problem.detail;
    this.errors = problem.errors ?? [];
  }
}

/** The problem in an answer that is not `ok`. What is not shaped like one becomes UNREADABLE with the status. */
export function problemOf(status: number, body: unknown): ProblemError {
  const record = isRecord(body) ? body : {};
  const { code, title, detail, errors } = record;
  if (typeof code !== "string" || typeof title !== "string") {
    return new ProblemError({ status, code: "UNREADABLE", title: `the server answered ${status}` });
  }
  return new ProblemError({
    status,
    code,
    title,
    detail: typeof detail === "string" ? detail : undefined,
    errors: Array.isArray(errors) ? errors.filter(isFieldProblem) : [],
  });
}

/**
 * Which messages belong to which field of a form, by name: "/bands/0/price", "bands.0.price" and "price" all find the field `price`
 * unless a longer name is there. What finds no field is left over and belongs in the summary.
 */
export function fieldProblems(
  errors: readonly FieldProblem[],
  names: readonly string[],
): { readonly byName: Readonly<Record<string, string>>; readonly rest: readonly string[] } {
  const byName: Record<string, string> = {};
  const rest: string[] = [];
  for (const { path, message } of errors) {
    const parts = path.split(/[./]/).filter((part) => part !== "");
    const candidates = parts.map((_, index) => parts.slice(index).join("."));
    const name = candidates.find((candidate) => names.includes(candidate));
    if (name === undefined) rest.push(message);
    else byName[name] ??= message;
  }
  return { byName, rest };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

const isFieldProblem = (value: unknown): value is FieldProblem =>
  isRecord(value) && typeof value["path"] === "string" && typeof value["message"] === "string";
