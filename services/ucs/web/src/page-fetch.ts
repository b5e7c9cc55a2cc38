/** `fetch` for the portal's own page: asks for a cookie session, keeps its CSRF token in memory and sends it back with every request. */

/** What opens a session. */
const OPENING = /\/v1\/(sessions|recoveries)$/;

export interface PageFetch {
  readonly fetch: typeof globalThis.fetch;
  /** Epoch seconds when another account took over the service point; null if none did. */
  readonly enrolmentEndedAt: () => number | null;
}

export function pageFetch(): PageFetch {
  let csrf: string | undefined;
  let endedAt: number | null = null;
  return {
    enrolmentEndedAt: () => endedAt,
    async fetch(input, init) {
      const headers = new Headers(init?.headers);
      headers.set("x-portal-page", "1");
      if (csrf !== undefined) headers.set("x-csrf-token", csrf);
      const response = await globalThis.fetch(input, { ...init, headers });
      if (init?.method === "POST" && response.ok && OPENING.test(response.url)) {
        const session = (await response.clone().json()) as Record<string, unknown>;
        csrf = typeof session["csrf"] === "string" ? session["csrf"] : undefined;
        endedAt =
          typeof session["enrolmentEndedAt"] === "number" ? session["enrolmentEndedAt"] : null;
      }
      return response;
    },
  };
}
