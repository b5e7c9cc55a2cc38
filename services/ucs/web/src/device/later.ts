/** What the first page does without (docs/protocol.md §11): checking bills and releases, and files to take along. Comes by `later-part.ts`. */
export {
  evidenceOfBill,
  spanOfStatement,
  verifyBill,
  whoSawWhat,
} from "@smarter-metering/customer";
export { csvFile, greenButtonFile, recipientOf, shareFile } from "./exports.ts";
