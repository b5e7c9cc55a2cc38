/**
 * Where active attacks are played: what adversaries hold of a deployment that lived for a month, real parties to ask, and the truth that
 * nobody but the household knows. One for all attacks; each gets parties of its own.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  openEngine,
  parseSecretKey,
  type Engine,
  type PublicKey,
} from "@smarter-metering/paillier";
import { defaultPolicy, type ReleasePolicy } from "@smarter-metering/policy";
import {
  instantOf,
  networkReader,
  toHex,
  type Contribution,
  type NetworkView,
  type SignedRequest,
  type Signer,
} from "@smarter-metering/protocol";
import { loadKeysFile } from "../deployment/keys-file.ts";
import { SECRET_KEY_FILE } from "../deployment/paillier-keys.ts";
import { newestView } from "../serve/registry-access.ts";
import type { Observed } from "./attack.ts";
import { askTrustee, type TrusteeSetting } from "./ask-trustee.ts";
import { prototypeTrustee, type Decrypt } from "./prototype.ts";
import { CONTRIBUTORS_MIN, type Town } from "./town.ts";
import { instantOfDay, type Home } from "./town-homes.ts";

export interface Stage {
  readonly town: Town;
  readonly policy: ReleasePolicy;
  readonly epoch: number;
  readonly view: NetworkView;
  readonly engine: Engine;
  readonly publicKey: PublicKey;
  /** A decryption service without rules: the control. */
  readonly decrypt: Decrypt;
  readonly aggregator: Signer;
  readonly opener: Signer;
  readonly home: (index: number) => Home;
  /** The home's name on the network, hex. */
  readonly network: (index: number) => string;
  /** LOAD of all homes on a day, in the order of the homes. */
  readonly load: (day: number) => readonly Contribution[];
  /** BILL of a home whose registers stand as at the beginning of a day. */
  readonly border: (index: number, day: number) => Contribution;
  /** Asks a fresh trustee, under the town's registry and policy, about one request after others that it grants. */
  readonly askTrustee: (request: SignedRequest, setting?: TrusteeSetting) => Promise<Observed>;
  /** An empty folder, gone with the town. */
  readonly folder: () => Promise<string>;
  close(): Promise<void>;
}

export async function openStage(town: Town): Promise<Stage> {
  const { layout, homes, access, contributions } = town;
  const secretText = await readFile(join(layout.folder("trustee"), SECRET_KEY_FILE), "utf8");
  const secretKey = await parseSecretKey(JSON.parse(secretText));
  const { epoch, view } = await newestView(layout, networkReader);
  const signerOf = async (party: "aggregator" | "opener" | "trustee"): Promise<Signer> =>
    (await loadKeysFile(layout.keys(party))).signer;
  const [aggregator, opener, trustee] = await Promise.all([
    signerOf("aggregator"),
    signerOf("opener"),
    signerOf("trustee"),
  ]);
  const { engine } = await openEngine({ threads: 1 });
  const networks = homes.map(({ label }) => access.get(label)?.networkPseudonym ?? "");
  const find = (stream: "LOAD" | "BILL", index: number, instant: number): Contribution => {
    const found = contributions.find(
      ({ header }) =>
        header.stream === stream &&
        toHex(header.networkPseudonym) === networks[index] &&
        (stream === "BILL" ? instantOf(header) : header.blockStart) === instant,
    );
    assert(found !== undefined, `the ledger has the ${stream} of home ${index}`);
    return found;
  };
  const folder = (): Promise<string> => mkdtemp(join(layout.root, "attack-"));
  return {
    town,
    policy: defaultPolicy({ contributorsMin: CONTRIBUTORS_MIN }),
    epoch,
    view,
    engine,
    publicKey: secretKey.publicKey,
    decrypt: prototypeTrustee(secretKey),
    aggregator,
    opener,
    home(index) {
      const home = homes[index];
      assert(home !== undefined, "a home of the town");
      return home;
    },
    network: (index) => networks[index] ?? "",
    load: (day) => homes.map((_, index) => find("LOAD", index, instantOfDay(day))),
    border: (index, day) => find("BILL", index, instantOfDay(day)),
    askTrustee: async (request, setting = {}) =>
      askTrustee({ epoch, view, engine, secretKey, signer: trustee, aggregator }, request, {
        ...setting,
        folder: await folder(),
      }),
    folder,
    close: () => engine.close(),
  };
}
