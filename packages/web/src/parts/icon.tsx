/** Our own small set of line icons on a 24-unit grid, inline, in the colour of the text around them. Decoration: the words stand beside. */
import type { VNode } from "preact";

const PATHS = {
  home: "M4 11 12 4l8 7M6 9.5V20h12V9.5M10 20v-6h4v6",
  bolt: "M13 3 5 14h6l-1 7 8-11h-6z",
  chart: "M4 4v16h16M8 16v-4M12 16V8M16 16v-6",
  curve: "M3 17c3 0 3-9 6-9s3 6 6 6 3-7 6-7",
  receipt: "M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6",
  shield: "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zM9 12l2 2 4-4",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
  settings:
    "M4 7h10M18 7h2M4 17h2M10 17h10M16 9a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM8 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  user: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 20c1-4 4-6 8-6s7 2 8 6",
  users:
    "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 19.500c.7-3.500 3-5.500 6.500-5.500s5.800 2 6.500 5.500M16 4.500a3.500 3.500 0 0 1 0 6M18 14.500c2 .7 3 2.500 3.500 5",
  meter: "M5 3h14v18H5zM8 6h8v4H8zM12 18a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  tag: "M3 12V4h8l10 10-8 8zM7.500 8.500h.01",
  calendar: "M4 6h16v14H4zM4 10h16M8 3v4M16 3v4",
  list: "M9 6h11M9 12h11M9 18h11M4 6h.01M4 12h.01M4 18h.01",
  key: "M14.500 13a4.500 4.500 0 1 0-4.300-3L3 17v4h4v-2.500h2.500V16l2.200-2.300a4.500 4.500 0 0 0 2.800-.7zM15.500 8.500h.01",
  lock: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
  device: "M7 3h10v18H7zM11 18h2",
  download: "M12 4v11M7 11l5 5 5-5M4 20h16",
  share: "M12 15V4M8 7.500 12 3.500l4 4M5 12v8h14v-8",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  print: "M7 8V3h10v5M7 17H4V8h16v9h-3M7 14h10v7H7z",
  search: "M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM15.500 15.500 21 21",
  trash: "M4 6.500h16M9 6V3.500h6V6M6 6.500 7 21h10l1-14.500",
  check: "M4.500 12.500 10 18 20 6.500",
  alert: "M12 3.500 22 20.500H2zM12 10v4.500M12 17.500h.01",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5.500M12 7.500h.01",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  menu: "M4 6.500h16M4 12h16M4 17.500h16",
  left: "M14.500 5 8 12l6.500 7",
  right: "M9.500 5 16 12l-6.500 7",
  down: "M5 9l7 7 7-7",
  reset: "M4 4v5h5M4.500 9A8 8 0 1 1 4 13",
  leave: "M14 4H5v16h9M10 12h11M17 8l4 4-4 4",
} as const;

export type IconName = keyof typeof PATHS;
export const ICON_NAMES: readonly IconName[] = Object.keys(PATHS) as IconName[];

export function Icon({ name }: { readonly name: IconName }): VNode {
  return (
    <svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
