/**
 * The release policy that is announced, if any (docs/protocol.md §9.4), for everybody who comes to the portal: what it loosens is said
 * before it holds. The words are the registry's; the UCS passes them on.
 */
import type { RegistryFeed, UcsView } from "@smarter-metering/protocol";
import { createRoute, type App } from "@smarter-metering/runtime";
import * as schema from "./schemas.ts";

const route = createRoute({
  method: "get",
  path: "/v1/policy-notice",
  responses: {
    200: schema.json(schema.policyNotice, "What is announced, or null"),
    ...schema.problems,
  },
});

export function addNoticeRoute(
  app: App,
  { registry }: { readonly registry: RegistryFeed<UcsView> },
): void {
  app.openapi(route, (context) => {
    context.header("cache-control", "no-cache");
    return context.json({ policyNotice: registry.current().view.policyNotice ?? null }, 200);
  });
}
