/**
 * Log in, sign up with a recovery key that is shown once and typed again, or set a new password with that key
 * (docs/protocol.md §10.2).
 */
import {
  createVault,
  parseRecoveryKey,
  type Login,
  type NewVault,
  type PortalClient,
} from "@smarter-metering/customer";
import { primitives } from "@smarter-metering/protocol";
import { element, field, form } from "./element.ts";
import { attempt, say, show } from "./page.ts";

const PASSWORD_CHARACTERS_MIN = 12;

export type Entered = (login: string, entered: Login) => Promise<void>;

export function showWelcome(client: PortalClient, entered: Entered): void {
  const enter = async (login: string, password: string): Promise<void> =>
    entered(login, await client.login(login, password));
  show(
    form(
      "Log in",
      "Log in",
      (typed) => attempt("Opening your vault", () => enter(typed("login"), typed("password"))),
      field("Login", loginInput),
      field("Password", { ...passwordInput, autocomplete: "current-password" }),
    ),
    form(
      "Sign up",
      "Make my keys",
      (typed) =>
        attempt("Making your keys", async () => {
          const password = agreedPassword(typed);
          if (password !== undefined) await signUp(client, typed("login"), password, entered);
        }),
      field("Login (lower case, or an e-mail address)", loginInput),
      ...newPasswordFields(),
    ),
    form(
      "Forgot your password?",
      "Set a new password",
      (typed) =>
        attempt("Setting the new password", async () => {
          const [login, password] = [typed("login"), agreedPassword(typed)];
          if (password === undefined) return;
          await client.recover(login, parseRecoveryKey(typed("recovery")), password);
          await enter(login, password);
        }),
      field("Login", loginInput),
      field("Recovery key (RK-…)", recoveryInput),
      ...newPasswordFields(),
    ),
  );
}

function agreedPassword(typed: (name: string) => string): string | undefined {
  if (typed("password") === typed("again")) return typed("password");
  say("The two passwords differ.", true);
  return undefined;
}

const loginInput = {
  name: "login",
  required: "",
  autocomplete: "username",
  autocapitalize: "none",
  spellcheck: "false",
  pattern: "[a-z0-9][a-z0-9._@+\\-]{2,126}",
};
const passwordInput = { name: "password", type: "password", required: "" };
const recoveryInput = { name: "recovery", required: "", autocomplete: "off", spellcheck: "false" };
const newPasswordFields = (): HTMLLabelElement[] => [
  field(`New password (${PASSWORD_CHARACTERS_MIN} characters or more)`, newPassword("password")),
  field("Password again", newPassword("again")),
];
const newPassword = (name: string) => ({
  ...passwordInput,
  name,
  autocomplete: "new-password",
  minlength: String(PASSWORD_CHARACTERS_MIN),
});

async function signUp(
  client: PortalClient,
  login: string,
  password: string,
  entered: Entered,
): Promise<void> {
  const random = (length: number): Uint8Array => primitives.randomBytes(length);
  const vault = await createVault({ login, password, random });
  say("");
  show(
    element("h2", {}, "Your recovery key"),
    element("p", {}, "It opens your readings when the password is lost. It is shown this once."),
    element("p", { class: "secret", id: "recovery-key" }, vault.recoveryKey),
    form("Write it down", "I have written it down", () =>
      Promise.resolve(showDrill(client, vault, entered)),
    ),
  );
}

/** The account is made when the recovery key has been typed once: a key that is not written down opens nothing. */
function showDrill(client: PortalClient, vault: NewVault, entered: Entered): void {
  show(
    form(
      "Type your recovery key",
      "Make my account",
      (typed) =>
        attempt("Making your account", async () => {
          if (parseRecoveryKey(typed("recovery")) !== vault.recoveryKey) {
            say("This is another recovery key than the one shown.", true);
            return;
          }
          await entered(vault.registration.login, await client.signUp(vault));
        }),
      field("From your note", recoveryInput),
    ),
  );
}
