/**
 * What a JSON document has to look like (docs/protocol.md §1.1), for those that a customer's browser reads too: strict, and without a
 * library that would be larger than the page. Run by everybody.
 */
import { ProtocolError } from "./error.ts";

/** Gives back what it accepts; throws what `readShape` names otherwise. */
export type Shape<T> = (value: unknown) => T;
export type ShapeOf<S> = S extends Shape<infer T> ? T : never;

type Optional<T> = Shape<T> & { readonly isOptional: true };
type OptionalKeys<S> = {
  [Key in keyof S]: S[Key] extends { readonly isOptional: true } ? Key : never;
}[keyof S];
type ObjectOf<S> = {
  [Key in Exclude<keyof S, OptionalKeys<S>>]: ShapeOf<S[Key]>;
} & { [Key in OptionalKeys<S>]?: ShapeOf<S[Key]> | undefined };
type Flat<T> = { [Key in keyof T]: T[Key] };

class Mismatch extends Error {}

function fits(condition: boolean): asserts condition {
  if (!condition) throw new Mismatch();
}

/** The document in its shape. Throws PROTOCOL_MALFORMED, which names the document and nothing in it. */
export function readShape<T>(shape: Shape<T>, value: unknown, what: string): T {
  try {
    return shape(value);
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    throw new ProtocolError("PROTOCOL_MALFORMED", `malformed message: not ${what}`);
  }
}

export const text =
  (pattern: RegExp = /^/): Shape<string> =>
  (value) => {
    fits(typeof value === "string" && pattern.test(value));
    return value;
  };

/** A safe integer in [min, max]. */
export const integer =
  (min: number, max: number = Number.MAX_SAFE_INTEGER): Shape<number> =>
  (value) => {
    fits(typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max);
    return value;
  };

export const flag: Shape<boolean> = (value) => {
  fits(typeof value === "boolean");
  return value;
};

export const yes: Shape<true> = (value) => {
  fits(value === true);
  return value;
};

export const oneOf =
  <const Name extends string>(...names: readonly Name[]): Shape<Name> =>
  (value) => {
    const name = names.find((one) => one === value);
    fits(name !== undefined);
    return name;
  };

/** Whatever it is: somebody else parses it. */
export const anything: Shape<unknown> = (value) => {
  fits(value !== undefined);
  return value;
};

export const nullable =
  <T>(shape: Shape<T>): Shape<T | null> =>
  (value) =>
    value === null ? null : shape(value);

/** The second where it is not the first. */
export const eitherOf =
  <A, B>(first: Shape<A>, second: Shape<B>): Shape<A | B> =>
  (value) => {
    try {
      return first(value);
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error;
      return second(value);
    }
  };

/** Of an object's entry that need not be there. */
export const optional = <T>(shape: Shape<T>): Optional<T> =>
  Object.assign((value: unknown) => shape(value), { isOptional: true } as const);

/** Of `length` entries, if that is given. */
export const list =
  <T>(shape: Shape<T>, length?: number): Shape<T[]> =>
  (value) => {
    fits(Array.isArray(value) && value.length === (length ?? value.length));
    return value.map((entry: unknown) => shape(entry));
  };

/** Entries of one shape under names that fit the pattern. */
export const table =
  <T>(names: RegExp, shape: Shape<T>): Shape<Record<string, T>> =>
  (value) => {
    const entries = Object.entries(plainObject(value)).map(([name, entry]) => {
      fits(names.test(name));
      return [name, shape(entry)] as const;
    });
    return Object.fromEntries(entries);
  };

/** An object of just these entries, in this order. */
export const object =
  <S extends Readonly<Record<string, Shape<unknown>>>>(shapes: S): Shape<Flat<ObjectOf<S>>> =>
  (value) => {
    fits(Object.keys(plainObject(value)).every((name) => Object.hasOwn(shapes, name)));
    return partOf(shapes)(value);
  };

/** These entries of an object, whatever else it has. */
export const partOf =
  <S extends Readonly<Record<string, Shape<unknown>>>>(shapes: S): Shape<Flat<ObjectOf<S>>> =>
  (value) => {
    const given = plainObject(value);
    const read: Record<string, unknown> = {};
    for (const [name, shape] of Object.entries(shapes)) {
      const isThere = Object.hasOwn(given, name) && given[name] !== undefined;
      if (isThere || !("isOptional" in shape)) read[name] = shape(given[name]);
    }
    // Each entry has been read by its own shape: the type says the same of the whole.
    return read as Flat<ObjectOf<S>>;
  };

function plainObject(value: unknown): Readonly<Record<string, unknown>> {
  fits(typeof value === "object" && value !== null && !Array.isArray(value));
  return value as Readonly<Record<string, unknown>>;
}
