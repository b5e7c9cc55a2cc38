/** A service point's pseudonym as a link; the first characters tell it from others on a screen. */
import { Link } from "@smarter-metering/web";
import type { VNode } from "preact";

const SHOWN = 12;

export const shortPoint = (id: string): string => `${id.slice(0, SHOWN)}…`;

export const ServicePointLink = ({ id }: { readonly id: string }): VNode => (
  <Link to={`/service-points/${id}`} class="id">
    {shortPoint(id)}
  </Link>
);
