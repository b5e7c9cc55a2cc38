/** `meter enrol`: more simulated households, admitted by the registry while everything runs. */
import type { Admitted } from "@smarter-metering/registry";
import { addLocalDays, localDayStart } from "@smarter-metering/tariff";
import { CliError, EXIT } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { addHouseholds } from "../demo/access.ts";
import { loadDemo, saveDemo } from "../demo/demo-options.ts";
import { tariffOf } from "../demo/demo-tariff.ts";
import { FUSE } from "../demo/prepare.ts";
import { createMeter } from "../deployment/init.ts";
import { addMeters } from "../deployment/meters-file.ts";
import { presentMs } from "../serve/clock-file.ts";
import { servedDoor, throughDoor } from "../serve/door.ts";
import { callApi } from "../serve/reach.ts";
import { adminToken } from "../serve/registry-admin.ts";
import { dirOption, layoutFrom } from "./deployment-option.ts";

const COUNT_MAX = 1000;

export const meterEnrol: Command = {
  name: "meter enrol",
  summary: "Admit more simulated households to a running deployment, from the next local midnight.",
  options: {
    ...dirOption,
    count: { type: "string", value: "<n>", text: "how many (1)" },
    neighbourhood: { type: "string", value: "<id>", text: "where (north)" },
  },
  async run({ terminal }, args) {
    const layout = layoutFrom(args);
    const count = args.integer("count", 1, { min: 1, max: COUNT_MAX });
    const demo = await loadDemo(layout);
    if (demo?.source.kind !== "synthetic") {
      const message = "only made-up households can be added: a file's are all there already";
      throw new CliError("DEMO_NOT_SYNTHETIC", message);
    }
    const now = Math.floor((await presentMs(layout)) / 1000);
    const contractStart = addLocalDays(localDayStart(now, demo.zone), 1, demo.zone);
    const meters = await Promise.all(Array.from({ length: count }, createMeter));
    const servicePoints = meters.map(({ meterId, signingKey }, index) => ({
      label: `s${String(demo.households + index + 1).padStart(3, "0")}`,
      neighbourhood: args.text("neighbourhood") ?? "north",
      intervalSeconds: demo.intervalSeconds,
      fuse: FUSE,
      consumptionClass: "household",
      contractStart,
      tariff: tariffOf(demo).tariff,
      meter: { meterId, signingKey },
    }));
    const token = await adminToken(layout);
    const door = await servedDoor(layout, "registry");
    if (door === undefined) {
      throw new CliError("NOT_SERVED", `nobody serves ${layout.root}; start serve first`);
    }
    // The registry answers with what it has just made; the same request again gets the same answer.
    const admitted = (await throughDoor(door, (registry) =>
      callApi(registry, "/v1/service-points", { token, body: { servicePoints } }),
    )) as Admitted;
    await addMeters(layout, meters, admitted.meters);
    await addHouseholds(layout, admitted.letters);
    await saveDemo(layout, { ...demo, households: demo.households + count });
    if (terminal.json) terminal.printJson({ letters: admitted.letters });
    else {
      const rows = admitted.letters.map(({ label, enrolmentCode }) => [label, enrolmentCode]);
      terminal.print(terminal.table([["household", "enrolment code"], ...rows], ""));
      terminal.print(
        "They send from the next local midnight, when their meters run: meter simulate.",
      );
    }
    return EXIT.ok;
  },
};
