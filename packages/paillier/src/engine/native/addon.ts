/** What the compiled addon exports. */
export type NativeAddon = unknown;
