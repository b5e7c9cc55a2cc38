/** The application's words in the language of the page. */
import { createI18n } from "@smarter-metering/web";
import { en } from "./texts/en.ts";
import { fr } from "./texts/fr.ts";

export type Texts = typeof en;
export const { I18nProvider, useTexts } = createI18n<Texts>({ en, fr });
