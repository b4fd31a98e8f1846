import type { BlobSource } from '../backend.js';

/** Bytes of a part, where no more are needed; the service takes parts from 5 MiB on. */
const smallPart = 8 * 1024 * 1024;

/** Bytes of a part of a blob whose length nobody knows: 160 GiB in all. */
const unknownPart = 16 * 1024 * 1024;

/** Parts of an object at most. */
const mostParts = 10_000;

/** One part of a blob, in memory of its own. */
export interface Part {
  /** From 1. */
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly last: boolean;
  /** Gives its memory to a later part. */
  free(): void;
}

/** Cuts a blob into parts of one size, the last one excepted, which is empty for an empty blob. */
export async function* partsOf({ chunks, length }: BlobSource): AsyncGenerator<Part> {
  const size = length === null ? unknownPart : Math.max(smallPart, Math.ceil(length / mostParts));
  const spare: ArrayBuffer[] = [];
  const take = (): ArrayBuffer => spare.pop() ?? new ArrayBuffer(Math.min(size, length ?? 65_536));
  let buffer = take();
  let filled = 0;
  let number = 1;
  const part = (last: boolean): Part => {
    const own = buffer;
    return {
      ...{ number, bytes: new Uint8Array(own, 0, filled), last },
      free: () => void spare.push(own),
    };
  };
  for await (const chunk of chunks) {
    for (let rest = chunk; rest.byteLength > 0; ) {
      if (filled === size) {
        yield part(false);
        number += 1;
        buffer = take();
        filled = 0;
      }
      const taken = rest.subarray(0, size - filled);
      buffer = grown(buffer, filled + taken.byteLength, size);
      new Uint8Array(buffer).set(taken, filled);
      filled += taken.byteLength;
      rest = rest.subarray(taken.byteLength);
    }
  }
  yield part(true);
}

function grown(buffer: ArrayBuffer, needed: number, most: number): ArrayBuffer {
  if (needed <= buffer.byteLength) return buffer;
  return buffer.transfer(Math.min(Math.max(needed, 2 * buffer.byteLength), most));
}
