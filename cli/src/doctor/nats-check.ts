/**
 * Asks the NATS servers whether every stream and consumer is there, what waits and what was set aside: as their operator, so only where his
 * folder is (`bus/nats.json`).
 */
import { existsSync } from "node:fs";
import { connectJetStream, loadConfig, type Bus } from "@smarter-metering/runtime";
import { natsOperatorConfig, natsOperatorPath } from "../deployment/bus-config.ts";
import type { Layout } from "../deployment/layout.ts";
import { natsConnection } from "../serve/party-bus.ts";
import { streamsOf } from "../serve/streams.ts";
import { green, lookedAt, yellow, type Finding } from "./finding.ts";

export async function checkNats(layout: Layout): Promise<Finding[]> {
  const path = natsOperatorPath(layout);
  if (!existsSync(path)) return [];
  const finding = await lookedAt("bus", async () => {
    const config = loadConfig(path, natsOperatorConfig).value;
    const streams = streamsOf(config.nats.shareHolders);
    const bus = await connectJetStream({ ...(await natsConnection(config, config.nats)), streams });
    try {
      return await look(bus, streams);
    } finally {
      await bus.close();
    }
  });
  return [finding];
}

/** Rejects when a stream or a consumer is missing: `bus provision` makes them. */
async function look(bus: Bus, streams: ReturnType<typeof streamsOf>): Promise<Finding> {
  let waiting = 0;
  for (const { name, consumers } of streams) {
    for (const consumer of consumers) waiting += await bus.pending(name, consumer);
  }
  const dead = await bus.deadLetters();
  const there = `${streams.length} streams, ${waiting} messages wait`;
  if (dead.length === 0) return green("bus", there);
  const codes = [...new Set(dead.map(({ reason }) => reason))].join(", ");
  return yellow(
    "bus",
    `${there}, ${dead.length} set aside: ${codes}`,
    "Dead letters in operating.md",
  );
}
