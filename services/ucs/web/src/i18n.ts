/** The portal's words in the language of the page. */
import { createI18n } from "@smarter-metering/web";
import { en, type Texts } from "./texts/en.ts";
import { fr } from "./texts/fr.ts";

export const { useTexts } = createI18n<Texts>({ en, fr });
