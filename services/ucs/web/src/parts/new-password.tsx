/** A new password, typed twice; what a name may look like. */
import { PasswordField, type FormValues } from "@smarter-metering/web";
import type { VNode } from "preact";
import { useTexts } from "../i18n.ts";
import { useProblem } from "../portal.tsx";

const PASSWORD_CHARACTERS_MIN = 12;
export const NAME_PATTERN = "[A-Za-z0-9][A-Za-z0-9._@+\\-]{2,126}";

export function NewPasswordFields(): VNode {
  const { fields } = useTexts();
  return (
    <>
      <PasswordField
        name="newPassword"
        label={fields.newPassword}
        autocomplete="new-password"
        minLength={PASSWORD_CHARACTERS_MIN}
      />
      <PasswordField name="again" label={fields.again} autocomplete="new-password" hint="" />
    </>
  );
}

/** Reads both. Throws ProblemError PASSWORDS_DIFFER. */
export function useAgreedPassword(): (values: FormValues) => string {
  const problemOf = useProblem();
  return (values) => {
    const password = values.text("newPassword");
    if (password === values.text("again")) return password;
    throw problemOf("PASSWORDS_DIFFER");
  };
}
