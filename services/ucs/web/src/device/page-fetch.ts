/** `fetch` for a cookie session: asks for one, keeps its CSRF token in this worker's memory and sends it back with every request. */

/** What opens a session. */
const OPENING = /\/v1\/(sessions|recoveries)$/;

export interface PageFetch {
  readonly fetch: typeof globalThis.fetch;
  /** Epoch seconds when another account took over the service point; null if none did. */
  readonly takenOverAt: () => number | null;
}

export function pageFetch(): PageFetch {
  let csrf: string | undefined;
  let takenOverAt: number | null = null;
  return {
    takenOverAt: () => takenOverAt,
    async fetch(input, init) {
      const headers = new Headers(init?.headers);
      headers.set("x-portal-page", "1");
      if (csrf !== undefined) headers.set("x-csrf-token", csrf);
      const response = await globalThis.fetch(input, { ...init, headers });
      if (init?.method === "POST" && response.ok && OPENING.test(response.url)) {
        const session = (await response.clone().json()) as Record<string, unknown>;
        csrf = typeof session["csrf"] === "string" ? session["csrf"] : undefined;
        const ended = session["enrolmentEndedAt"];
        takenOverAt = typeof ended === "number" ? ended : null;
      }
      return response;
    },
  };
}
