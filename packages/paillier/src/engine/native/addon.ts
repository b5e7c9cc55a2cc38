/**
 * What the compiled addon (native/addon.h) exports. It checks lengths and kinds again, throws a
 * TypeError for a wrong one or an array that is detached, and copies what it is given before it
 * returns.
 */
export type Kernel = "ifma" | "mulx" | "generic";

/** A key inside the addon, shared by all threads of the process; freed with its last holder. */
export type AddonKey = { readonly brand: unique symbol };

export type AddonOperation =
  | "encrypt"
  | "rerandomize"
  | "blind"
  | "encryptBlinded"
  | "product"
  | "weightedProduct"
  | "repack"
  | "subtract"
  | "check"
  | "power"
  | "decrypt"
  | "encryptSecret"
  | "buildTable"
  | "buildSecretTables";

export type NativeAddon = {
  /** What this machine can run, fastest first. */
  kernels(): Kernel[];
  /** Opening copies bytes; what takes time is done by the first job of a key, on its thread. */
  openPublicKey(n: Uint8Array, hs: Uint8Array, kernel: Kernel): AddonKey;
  openSecretKey(p: Uint8Array, q: Uint8Array, kernel: Kernel): AddonKey;
  /** Wipes a secret key when its last call has ended. A closed key is refused by `run`. */
  close(key: AddonKey): void;
  /**
   * Columns as in job.ts; of `buildSecretTables`, which `encryptSecret` needs: hs. `parameter`: the
   * shift of `repack`, the window of `buildTable` and `buildSecretTables` in bits. Rejects with an
   * Error of code NOT_A_UNIT (a ciphertext), BASE_NOT_A_UNIT (hs) or NO_MEMORY.
   */
  run(
    operation: AddonOperation,
    key: AddonKey,
    first: Uint8Array | undefined,
    second: Uint8Array | undefined,
    groupSizes: Uint32Array | undefined,
    parameter: number,
  ): Promise<Uint8Array>;
  /** How often a key was prepared by its first job, in this process; for tests. */
  preparations(): number;
};
