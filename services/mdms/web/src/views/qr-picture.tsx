/** A QR code as a picture: dark on light in both themes, as cameras expect it, with the margin of four squares. */
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { qrCode } from "../model/qr-code.ts";

const MARGIN = 4;

export function QrPicture({
  text,
  label,
}: {
  readonly text: string;
  readonly label: string;
}): VNode | null {
  const squares = useMemo(() => qrCode(text), [text]);
  if (squares === undefined) return null; // Too long for a code: the secret is there to be typed.
  const size = squares.length + 2 * MARGIN;
  const path = squares
    .flatMap((row, y) =>
      row.flatMap((isDark, x) => (isDark ? `M${x + MARGIN} ${y + MARGIN}h1v1h-1z` : [])),
    )
    .join("");
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label}>
      <rect class="qr-light" width={size} height={size} />
      <path class="qr-dark" d={path} shape-rendering="crispEdges" />
    </svg>
  );
}
