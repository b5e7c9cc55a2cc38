/** The persons who read here (docs/protocol.md §10.5): who they are, inviting one more, ending an access, what happened. */
import {
  Button,
  Copyable,
  Dialog,
  Loaded,
  Notice,
  Page,
  Panel,
  useFormats,
  useLoaded,
} from "@smarter-metering/web";
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { HouseholdView, Person } from "../device/messages.ts";
import { useTexts } from "../i18n.ts";
import { useAsk, usePortal } from "../portal.tsx";

export function HouseholdPage(): VNode {
  const { household: words } = useTexts();
  const ask = useAsk();
  const loaded = useLoaded((signal) => ask("household", null, { signal }), []);
  const reload = (): void => {
    if (loaded.state === "ready") loaded.reload();
  };
  return (
    <Page title={words.title} lead={words.lead}>
      <Loaded of={loaded}>
        {(household) => (
          <div class="stack">
            <Persons household={household} onChange={reload} />
            {household.isFirst && <Invitations household={household} onChange={reload} />}
            <Events household={household} />
          </div>
        )}
      </Loaded>
    </Page>
  );
}

interface PartProps {
  readonly household: HouseholdView;
  readonly onChange: () => void;
}

function Persons({ household, onChange }: PartProps): VNode {
  const { household: words, actions } = useTexts();
  const formats = useFormats();
  const ask = useAsk();
  const { signOut } = usePortal();
  const [ending, setEnding] = useState<Person>();
  const { self, isFirst, persons } = household;
  const isOwn = ending?.login === self;
  const end = async ({ login }: Person): Promise<void> => {
    await ask("endAccess", { login });
    setEnding(undefined);
    if (login === self) signOut();
    else onChange();
  };
  return (
    <Panel title={words.persons}>
      <ul class="rows">
        {persons.map((person, index) => {
          const { login, since } = person;
          const mayEnd = index > 0 && (isFirst || login === self);
          const notes = [
            ...(login === self ? [words.you] : []),
            ...(index === 0 ? [words.first] : []),
            words.since(formats.date(since)),
          ];
          return (
            <li key={login}>
              <span>
                <strong>{login}</strong> <span class="muted small">{notes.join(", ")}</span>
              </span>
              {mayEnd && (
                <Button kind="quiet" onClick={() => setEnding(person)}>
                  {login === self ? words.leave : words.end}
                </Button>
              )}
            </li>
          );
        })}
      </ul>
      {persons.length < 2 && <p class="muted">{words.alone}</p>}
      {ending !== undefined && (
        <Dialog
          open
          title={isOwn ? words.leave : words.endTitle(ending.login)}
          onClose={() => setEnding(undefined)}
          actions={
            <>
              <Button kind="danger" onClick={() => void end(ending).catch(onChange)}>
                {isOwn ? words.leave : words.end}
              </Button>
              <Button onClick={() => setEnding(undefined)}>{actions.cancel}</Button>
            </>
          }
        >
          <p>{isOwn ? words.leaveText : words.endText}</p>
        </Dialog>
      )}
    </Panel>
  );
}

function Invitations({ household, onChange }: PartProps): VNode {
  const { household: words } = useTexts();
  const formats = useFormats();
  const ask = useAsk();
  const [made, setMade] = useState<{ text: string; expiresAt: number }>();
  const [error, setError] = useState<unknown>();
  const attempt = (work: Promise<unknown>): void => {
    setError(undefined);
    work.then(onChange, setError);
  };
  const invite = async (): Promise<void> => setMade(await ask("invite", null));
  return (
    <Panel title={words.invite} lead={words.inviteText}>
      {error instanceof Error && <Notice tone="alarm">{error.message}</Notice>}
      {made === undefined ? (
        <div>
          <Button icon="plus" onClick={() => attempt(invite())}>
            {words.invite}
          </Button>
        </div>
      ) : (
        <Notice tone="good" title={words.invitation}>
          <Copyable value={made.text} label={words.invitation} />
          <p>{words.inviteUntil(formats.dateTime(made.expiresAt))}</p>
        </Notice>
      )}
      {household.invitations.length > 0 && (
        <>
          <h3>{words.waiting}</h3>
          <ul class="rows">
            {household.invitations.map(({ id, expiresAt, openedBy }) => (
              <li key={id}>
                <span>
                  {words.expires(formats.dateTime(expiresAt))}
                  {openedBy !== null && `, ${words.openedBy(openedBy)}`}
                </span>
                <Button kind="quiet" onClick={() => attempt(ask("withdrawInvitation", { id }))}>
                  {words.withdraw}
                </Button>
              </li>
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}

function Events({ household: { events } }: { readonly household: HouseholdView }): VNode {
  const { household: words } = useTexts();
  const formats = useFormats();
  return (
    <Panel title={words.events}>
      {events.length === 0 ? (
        <p class="muted">{words.noEvents}</p>
      ) : (
        <ul class="rows">
          {events.map(({ at, login, event }, index) => (
            <li key={index}>
              <span>
                <strong>{login}</strong> {words.eventTexts[event] ?? event}
              </span>
              <span class="muted small">{formats.dateTime(at)}</span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
