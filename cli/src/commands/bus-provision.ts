/** `bus provision`: makes the streams on the NATS servers, before the roles start and after a change of their limits. */
import { loadConfig, provisionStreams } from "@smarter-metering/runtime";
import { EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { natsOperatorConfig, natsOperatorPath } from "../deployment/bus-config.ts";
import { natsConnection } from "../serve/party-bus.ts";
import { streamsOf } from "../serve/streams.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

export const busProvision: Command = {
  name: "bus provision",
  summary: "Make the streams and their consumers on the NATS servers; again, it changes nothing.",
  options: dirOption,
  async run({ terminal }, args) {
    const config = loadConfig(natsOperatorPath(layoutFrom(args)), natsOperatorConfig).value;
    const { nats, replicas } = config;
    const streams = streamsOf(nats.shareHolders);
    await provisionStreams(await natsConnection(config, nats), streams, { replicas });
    const names = streams.map(({ name }) => name);
    if (terminal.json) terminal.printJson({ streams: names, replicas });
    else terminal.print(`${names.length} streams, each message on ${replicas} of the servers`);
    return EXIT.ok;
  },
};
