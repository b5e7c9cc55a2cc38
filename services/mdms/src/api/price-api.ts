/** `/v1/prices`: the prices that meters counted costs by (docs/protocol.md §6.6), as signed by the registry's root: public, and nobody's. */
import { createRoute, z, type App } from "@smarter-metering/runtime";
import { pricesEndSeconds } from "@smarter-metering/tariff";
import type { SignedPrices } from "../registry-context.ts";
import type { WebPorts } from "../web-ports.ts";
import { answers, nextOf } from "./answers.ts";
import { encodeCursor, printableId } from "./cursor.ts";
import { pageOf, priceList, range, toIso } from "./schemas.ts";

/** More than the days of which the registry keeps prices. */
const ROWS_MAX = 500;

export function addPriceApi(app: App, { context, guard }: WebPorts): void {
  const route = createRoute({
    method: "get",
    path: "/v1/prices",
    summary: "Documents of a series of prices that touch [from, to)",
    middleware: guard.api({
      permission: "neighbourhoods",
      action: "prices.view",
      subject: (c) => c.req.query("series"),
    }),
    request: {
      query: z.object({ series: printableId.min(1), ...range, ...pageOf(ROWS_MAX) }),
    },
    responses: answers("Documents in the order of time, signed by the registry's root", priceList),
  });
  app.openapi(route, async (c) => {
    const { series, from, to, cursor, limit } = c.req.valid("query");
    const after = cursor?.[0] ?? -1;
    const found = (await context()).prices
      .filter(({ document }) => document.prices === series && document.startSeconds > after)
      .filter(({ document }) => document.startSeconds < to && pricesEndSeconds(document) > from)
      .slice(0, limit);
    const prices = found.map(({ document, jws }) => ({
      from: toIso(document.startSeconds),
      to: toIso(pricesEndSeconds(document)),
      signed: jws,
    }));
    const cursorOf = ({ document }: SignedPrices): string =>
      encodeCursor([document.startSeconds, series]);
    return c.json({ prices, ...nextOf(found, limit, cursorOf) }, 200);
  });
}
