/** The kit's chart on a page of the benchmarks, over whatever source; resolves when its first frame has been made. */
import { KitProvider, ProfileChart, type ProfileChartProps } from "@smarter-metering/web";
import { h, render } from "preact";

export const nextFrame = (): Promise<number> => new Promise((done) => requestAnimationFrame(done));

export async function showProfile(
  props: Pick<ProfileChartProps, "source" | "behind" | "range" | "zone">,
): Promise<void> {
  const root = document.querySelector("#app");
  if (root === null) throw new Error("the page has no #app");
  const chart = h(ProfileChart, { label: "power", unit: "W", ...props });
  render(h(KitProvider, { children: chart }), root);
  // The readout speaks when the curve is drawn.
  while ((root.querySelector(".chart-readout")?.textContent ?? "") === "") await nextFrame();
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
}
