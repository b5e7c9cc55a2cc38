/** The login. */
import { html } from "hono/html";
import { page, type Html } from "./layout.ts";

/** `refusal`: why the last attempt failed. */
export function loginPage(refusal?: string): Html {
  return page(
    { title: "Log in" },
    html`${refusal === undefined ? "" : html`<p class="danger" role="alert">${refusal}</p>`}
      <form class="login" method="post" action="/login">
        <label for="login">Login</label>
        <input id="login" name="login" autocomplete="username" required maxlength="64" />
        <label for="password">Password</label>
        <input
          id="password"
          name="password"
          type="password"
          autocomplete="current-password"
          required
          maxlength="256"
        />
        <button>Log in</button>
      </form>`,
  );
}
