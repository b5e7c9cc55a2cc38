/** The provider around an application: its language for the kit's components and for the application's own texts. */
import { createContext, type ComponentChildren, type VNode } from "preact";
import { useContext, useEffect, useMemo, useState } from "preact/hooks";
import { keepChoice, readChoice } from "../choice/stored-choice.ts";
import { Announcements } from "../parts/announcements.tsx";
import { kitTexts, type KitTexts } from "./kit-texts.ts";

export type Language = "en" | "fr";
export const LANGUAGES: readonly Language[] = ["en", "fr"];

interface Kit {
  readonly language: Language;
  readonly setLanguage: (language: Language) => void;
  readonly texts: KitTexts;
}

const KitContext = createContext<Kit>({
  language: "en",
  setLanguage: () => undefined,
  texts: kitTexts.en,
});

/** The first of a person's languages that we speak; English when none is. Region and script are ignored ("fr-CH" is French). */
export function languageOf(preferred: readonly string[]): Language {
  for (const tag of preferred) {
    const found = LANGUAGES.find((language) => tag.toLowerCase().split("-")[0] === language);
    if (found !== undefined) return found;
  }
  return "en";
}

/** Once around an application: what was chosen here before, else what the browser prefers. Sets `<html lang>`; holds the live region. */
export function KitProvider({ children }: { readonly children: ComponentChildren }): VNode {
  const [language, setState] = useState<Language>(
    () => readChoice("language", LANGUAGES) ?? languageOf(navigator.languages),
  );
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const kit = useMemo<Kit>(() => {
    const setLanguage = (next: Language): void => {
      keepChoice("language", next);
      setState(next);
    };
    return { language, setLanguage, texts: kitTexts[language] };
  }, [language]);
  return (
    <KitContext.Provider value={kit}>
      {children}
      <Announcements />
    </KitContext.Provider>
  );
}

/** The kit's own words and the language they are in. */
export const useKit = (): Kit => useContext(KitContext);

/** The page's language, and how to change it. */
export function useLanguage(): Pick<Kit, "language" | "setLanguage"> {
  const { language, setLanguage } = useKit();
  return { language, setLanguage };
}

/**
 * An application's texts: `createI18n<Texts>({ en, fr })` with `type Texts = typeof en`, so that a missing text does not compile.
 * `I18nProvider` is the kit's provider: one around an application is enough for any number of text sets.
 */
export function createI18n<T>(texts: Readonly<Record<Language, T>>): {
  readonly I18nProvider: typeof KitProvider;
  readonly useTexts: () => T;
  readonly useLanguage: typeof useLanguage;
} {
  return {
    I18nProvider: KitProvider,
    useTexts: () => texts[useKit().language],
    useLanguage,
  };
}
