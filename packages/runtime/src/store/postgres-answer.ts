/** Cuts what a socket brings into whole answers of PostgreSQL's wire protocol 3.0. */

/** A message's first byte and its length, which counts itself. */
const headBytes = 5;
/** "Z", ready for the next request: the last message of an answer. */
const READY = 0x5a;

export class AnswerBytes {
  #chunks: Buffer[] = [];
  /** The part of a message's head that has arrived. */
  #head: Buffer = Buffer.alloc(0);
  #code = 0;
  #bodyLeft = 0;

  /** The answer, once `chunk` ends it. What is behind it, such as a notice, belongs to the next. */
  add(chunk: Buffer): Buffer | undefined {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#bodyLeft === 0) rest = this.#readHead(rest);
      const taken = Math.min(this.#bodyLeft, rest.length);
      this.#bodyLeft -= taken;
      rest = rest.subarray(taken);
      if (this.#code === READY && this.#bodyLeft === 0) return this.#finish(chunk, rest);
    }
    this.#chunks.push(chunk);
    return undefined;
  }

  #readHead(rest: Buffer): Buffer {
    const missing = headBytes - this.#head.length;
    const head = missing === headBytes ? rest : Buffer.concat([this.#head, rest]);
    if (head.length < headBytes) {
      this.#head = head;
      return rest.subarray(rest.length);
    }
    this.#head = Buffer.alloc(0);
    this.#code = head.readUInt8(0);
    this.#bodyLeft = head.readInt32BE(1) - headBytes + 1;
    return rest.subarray(missing);
  }

  #finish(chunk: Buffer, rest: Buffer): Buffer {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#code = 0;
    chunks.push(chunk.subarray(0, chunk.length - rest.length));
    if (rest.length > 0) this.add(rest);
    return Buffer.concat(chunks);
  }
}
