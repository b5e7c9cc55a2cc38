// Who contributed when: runs of slots with the same service points, as bitmaps over the members of
// a cohort version (docs/protocol.md: release policy). A trustee's ledger keeps them beside each
// released block, for the rules that look at several releases together. No reading is in here.

/** Consecutive slots with a value from the same members. */
export interface PresenceRun {
  readonly slotCount: number;
  /** Bit j, least significant first: member j of the cohort version has a value in these slots. */
  readonly members: Uint8Array;
}

/** Whether bit `member` of a bitmap is set. */
export function hasMember(bitmap: Uint8Array, member: number): boolean {
  return (((bitmap[member >> 3] ?? 0) >> (member & 7)) & 1) === 1;
}

/** The runs of a block; `hasValue` says whether a member has a value in a slot. */
export function presenceRuns(
  slotCount: number,
  memberCount: number,
  hasValue: (member: number, slot: number) => boolean,
): PresenceRun[] {
  const runs: PresenceRun[] = [];
  for (let slot = 0; slot < slotCount; slot++) {
    const members = new Uint8Array(Math.ceil(memberCount / 8));
    for (let member = 0; member < memberCount; member++) {
      if (!hasValue(member, slot)) continue;
      members[member >> 3] = (members[member >> 3] ?? 0) | (1 << (member & 7));
    }
    const last = runs.at(-1);
    if (last !== undefined && last.members.every((byte, index) => byte === members[index])) {
      runs[runs.length - 1] = { slotCount: last.slotCount + 1, members };
    } else {
      runs.push({ slotCount: 1, members });
    }
  }
  return runs;
}
