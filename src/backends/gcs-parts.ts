/** Bytes of an upload that are kept until the service has them: a multiple of 256 KiB, as it asks. */
const partSize = 8 * 1024 * 1024;

/** One part of a blob; its bytes are valid until the next is asked for. */
interface Part {
  readonly bytes: Uint8Array;
  readonly last: boolean;
}

/**
 * Cuts a stream into parts of exactly `partSize` bytes, the last one excepted, which is empty only
 * for an empty stream. All of them share one buffer, which grows no larger than is needed.
 */
export async function* partsOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Part> {
  let buffer = new ArrayBuffer(0);
  let length = 0;
  for await (const chunk of chunks) {
    let rest = chunk;
    while (rest.byteLength > 0) {
      if (length === partSize) {
        yield { bytes: new Uint8Array(buffer, 0, length), last: false };
        length = 0;
      }
      const taken = rest.subarray(0, partSize - length);
      buffer = grown(buffer, length + taken.byteLength);
      new Uint8Array(buffer).set(taken, length);
      length += taken.byteLength;
      rest = rest.subarray(taken.byteLength);
    }
  }
  yield { bytes: new Uint8Array(buffer, 0, length), last: true };
}

function grown(buffer: ArrayBuffer, needed: number): ArrayBuffer {
  if (needed <= buffer.byteLength) return buffer;
  return buffer.transfer(Math.min(Math.max(needed, 2 * buffer.byteLength), partSize));
}
