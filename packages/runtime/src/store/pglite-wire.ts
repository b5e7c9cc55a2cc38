/** What the store's thread and the process that owns it say to each other. */

export type PgliteInput =
  | { readonly task: "make-template" }
  | { readonly task: "serve"; readonly database?: string; readonly template?: Uint8Array };

/** Messages of PostgreSQL's wire protocol; null asks the thread to close the database and end. */
export type PgliteRequest = Uint8Array | null;

export type PgliteReply =
  | { readonly kind: "ready" }
  | { readonly kind: "template"; readonly archive: Uint8Array }
  | { readonly kind: "unusable"; readonly message: string }
  /** The whole answer to a request; one for each, in their order. Empty to null. */
  | { readonly kind: "answer"; readonly bytes: Uint8Array };
