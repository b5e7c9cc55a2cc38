/** A question that takes its time: it can be given up, and tells how far it is. */
export interface Task {
  readonly signal: AbortSignal;
  readonly advance: (done: number, total: number) => void;
}
