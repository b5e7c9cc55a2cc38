/** The `tls` section of a configuration: what a party shows itself with, and whom it believes. */
import type { ConfigPaths } from "@smarter-metering/runtime";
import { z } from "zod";

/** Made by `init`, renewed by `certificates renew` while the party runs. */
export const tlsConfig = (paths: ConfigPaths) =>
  z
    .strictObject({
      certFile: paths.file(),
      keyFile: paths.secretFile(),
      /** The deployment's authorities. */
      caFile: paths.file(),
    })
    .optional();
