/** Prices that were published late (docs/protocol.md §11.4): credit notes of a correction, made and read. */
import type { Signer } from "@smarter-metering/protocol";
import { createRoute, z, type App, type Clock } from "@smarter-metering/runtime";
import { HTTPException } from "hono/http-exception";
import { correctStatements } from "../correct-statements.ts";
import { checkCorrection } from "../correction.ts";
import { signedNotes } from "../correction-store.ts";
import type { WebPorts } from "../web-ports.ts";
import { answers, notFound, problemContent } from "./answers.ts";
import { encodeCursor } from "./cursor.ts";
import { correctionAnswer, correctionStep, noteList } from "./correction-schemas.ts";
import { instant, servicePointId, toIso } from "./schemas.ts";

export interface CorrectionApiPorts extends WebPorts {
  readonly clock: Clock;
  /** The MDMS's, as of statements. */
  readonly signer: Signer;
}

export function addCorrectionApi(app: App, ports: CorrectionApiPorts): void {
  addApply(app, ports);
  addNotes(app, ports);
}

function addApply(app: App, { store, context, guard, clock, signer }: CorrectionApiPorts): void {
  const route = createRoute({
    method: "post",
    path: "/v1/corrections",
    summary: "Credit notes for statements under corrected prices, some at a time; idempotent",
    middleware: guard.api({ permission: "corrections", action: "statements.correct" }),
    request: {
      body: { required: true, content: { "application/json": { schema: correctionStep } } },
    },
    responses: {
      ...answers("What was made of them", correctionAnswer),
      409: { description: "A newer correction was applied", content: problemContent },
    },
  });
  app.openapi(route, async (c) => {
    const { correction: jws, cursor, limit, preview } = c.req.valid("json");
    const correction = await checkCorrection(jws, await context());
    const after = cursor && { fromSeconds: cursor[0], servicePoint: cursor[1] };
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
    const ports = { store, signer, nowSeconds };
    const made = await correctStatements(correction, { after, limit, preview }, ports);
    const { next } = made;
    const answer = {
      tariff: correction.tariff.tariff,
      number: correction.document.number,
      examined: made.examined,
      notes: made.notes.map(({ note: { servicePoint, from, amount, corrected, currency } }) => {
        return { servicePoint, from: toIso(from), amount, corrected, currency };
      }),
      unmatched: made.unmatched.map(({ servicePoint, fromSeconds }) => {
        return { servicePoint, from: toIso(fromSeconds) };
      }),
      ...(next && { next: encodeCursor([next.fromSeconds, next.servicePoint]) }),
    };
    return c.json(answer, 200);
  });
}

function addNotes(app: App, { store, guard }: CorrectionApiPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/statements/{servicePoint}/{from}/notes",
    summary: "A statement's credit notes, as JWS, with the corrections that they were made of",
    middleware: guard.api({
      permission: "customers",
      action: "statement.notes",
      subject: (c) => c.req.param("servicePoint"),
    }),
    request: { params: z.object({ servicePoint: servicePointId, from: instant }) },
    responses: { ...answers("In their order", noteList), ...notFound },
  });
  app.openapi(route, async (c) => {
    const { servicePoint, from } = c.req.valid("param");
    const notes = await signedNotes(store, servicePoint, from);
    if (notes === undefined) throw new HTTPException(404);
    return c.json({ notes }, 200);
  });
}
