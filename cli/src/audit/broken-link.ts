/** What an audit stops at: the first link that does not hold. */

/** In the order in which one rests on the other. */
export const REPLAY_LINKS = [
  "terms",
  "registry",
  "request",
  "log",
  "contributions",
  "members",
  "product",
  "root",
  "replay",
  "release",
] as const;
export type ReplayLink = (typeof REPLAY_LINKS)[number];

/** `message` says where: ids, positions, blocks; never a reading. */
export class BrokenLink extends Error {
  override readonly name = "BrokenLink";
  readonly link: ReplayLink;
  readonly code: string;

  constructor(link: ReplayLink, code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.link = link;
    this.code = code;
  }
}
