/**
 * The time zone of the place: days, windows and dates of releases are its own, wherever the operator sits. That of the first neighbourhood,
 * where a page is about no single one.
 */
import { browserZone, useFormats, type Formats } from "@smarter-metering/web";
import { createContext } from "preact";
import { useContext } from "preact/hooks";

export const PlaceZone = createContext(browserZone());

/** Formats in the zone of the place. */
export const usePlaceFormats = (): Formats => useFormats(useContext(PlaceZone));
