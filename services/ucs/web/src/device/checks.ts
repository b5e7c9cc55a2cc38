/** What bills and releases are checked with: a part of the worker that comes when it is asked for (src/device/parts.ts). */
export { evidenceOfBill, verifyBill, whoSawWhat } from "@smarter-metering/customer";
