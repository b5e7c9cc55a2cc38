/** Les pages des opérateurs en français: the same texts as `en.ts`. */
import type { en } from "./en.ts";
import { corePagesFr } from "./fr-core.ts";
import { customerPagesFr } from "./fr-customers.ts";
import { deskPagesFr } from "./fr-desk.ts";
import { refusalsFr } from "./refusals-fr.ts";

export const fr: typeof en = {
  ...corePagesFr,
  ...customerPagesFr,
  ...deskPagesFr,
  refusals: refusalsFr,
};
