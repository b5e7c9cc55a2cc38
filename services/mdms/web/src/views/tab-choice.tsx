/** Tabs whose choice is in the address. */
import { Tabs, useQuery } from "@smarter-metering/web";
import type { ComponentChildren, VNode } from "preact";

export interface TabChoiceProps<T extends string> {
  readonly label: string;
  readonly items: readonly { readonly value: T; readonly label: string }[];
  readonly children: (current: T) => ComponentChildren;
}

/** A change of tab forgets the filters of the one before. */
export function TabChoice<T extends string>({
  label,
  items,
  children,
}: TabChoiceProps<T>): VNode | null {
  const [query, change] = useQuery();
  const current = (items.find(({ value }) => value === query["tab"]) ?? items[0])?.value;
  if (current === undefined) return null;
  const none = Object.fromEntries(Object.keys(query).map((name) => [name, undefined]));
  return (
    <Tabs
      label={label}
      items={items}
      current={current}
      onChange={(tab) => change({ ...none, tab })}
    >
      {children(current)}
    </Tabs>
  );
}
