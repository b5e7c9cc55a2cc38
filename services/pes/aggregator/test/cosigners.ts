/** Trustees as far as the log goes: they take its messages from the test's bus and cosign, each with a follower of its own. */
import assert from "node:assert/strict";
import {
  createQuorum,
  decodeLogMessage,
  initialiseFollower,
  openFollower,
  type IndexedEntry,
  type LogFollower,
  type Quorum,
} from "@smarter-metering/log";
import { utf8, type Signer } from "@smarter-metering/protocol";
import type { BusMessage } from "@smarter-metering/runtime";
import { MemoryFile } from "../../../../packages/log/test/operator.ts";
import type { World } from "../../../../test/support/world.ts";

/** Later than any head. */
const NOW_SECONDS = 4_000_000_000;

/** In the order of their numbers. */
export const trusteesOf = (world: World): readonly Signer[] =>
  world.shareHolders.length > 0
    ? world.shareHolders.map(({ signer }) => signer)
    : [world.parties.trustee.signer];

export function logQuorumOf(world: World, threshold: number): Promise<Quorum> {
  const keys = trusteesOf(world).map(({ publicKey }) => publicKey);
  return createQuorum(world.parties.aggregator.signer.publicKey, keys, threshold);
}

export class Cosigner {
  readonly #follower: LogFollower;
  readonly #number: number;
  #taken = 0;
  /** All that the log told it. */
  readonly entries: IndexedEntry[] = [];

  private constructor(follower: LogFollower, number: number) {
    this.#follower = follower;
    this.#number = number;
  }

  static async open(world: World, number: number, threshold: number): Promise<Cosigner> {
    const signer = trusteesOf(world)[number - 1];
    assert(signer !== undefined);
    const quorum = await logQuorumOf(world, threshold);
    const nowSeconds = (): number => NOW_SECONDS;
    const ports = { quorum, signer, state: new MemoryFile(), nowSeconds };
    await initialiseFollower(ports);
    return new Cosigner(await openFollower(ports), number);
  }

  /** Its cosignatures of what is new among all messages of the log. */
  async take(messages: readonly BusMessage[]): Promise<BusMessage[]> {
    const made: BusMessage[] = [];
    for (const { id, body } of messages.slice(this.#taken)) {
      const message = decodeLogMessage(body);
      assert.equal(id, `${message.from}`);
      assert.equal(message.from, this.#follower.size, "each message goes on where the last ended");
      const { cosigned, entries } = await this.#follower.take(message);
      this.entries.push(...entries);
      this.#taken += 1;
      made.push({
        id: `${this.#number}/${this.#follower.size}`,
        subject: "",
        body: utf8(cosigned),
      });
    }
    return made;
  }
}
