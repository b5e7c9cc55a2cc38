/** Addresses as values: a pattern such as "/statements/:servicePoint/:from" matched against a path, and the query as a record. */

export type Params = Readonly<Record<string, string>>;
export type Query = Readonly<Record<string, string>>;

/** The parameters, decoded, when the path is the pattern's; undefined otherwise. A trailing slash is ignored; malformed escapes never match. */
export function matchPath(pattern: string, path: string): Params | undefined {
  const wanted = segmentsOf(pattern);
  const given = segmentsOf(path);
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, want] of wanted.entries()) {
    const segment = given[index] ?? "";
    if (!want.startsWith(":")) {
      if (want !== segment) return undefined;
      continue;
    }
    const value = decoded(segment);
    if (value === undefined) return undefined;
    params[want.slice(1)] = value;
  }
  return params;
}

/** A pattern with its parameters filled in and escaped: the inverse of {@link matchPath}. */
export function pathOf(pattern: string, params: Params): string {
  return pattern.replaceAll(/:([A-Za-z]+)/g, (_, name: string) =>
    encodeURIComponent(params[name] ?? ""),
  );
}

/** The first value of each name of a query ("?a=1&b=2"). */
export function parseQuery(search: string): Query {
  const query: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(search)) query[name] ??= value;
  return query;
}

/** A query with some names changed; undefined or "" takes a name out. Names stay sorted, so that equal states have equal addresses. */
export function changeQuery(
  query: Query,
  change: Readonly<Record<string, string | undefined>>,
): string {
  const merged = Object.entries({ ...query, ...change }).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[name, value]],
  );
  const text = new URLSearchParams(
    merged.sort(([a = ""], [b = ""]) => (a < b ? -1 : 1)),
  ).toString();
  return text === "" ? "" : `?${text}`;
}

const segmentsOf = (path: string): string[] => path.split("/").filter((part) => part !== "");

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined; // A malformed escape names nothing.
  }
}
