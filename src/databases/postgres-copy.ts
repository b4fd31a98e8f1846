import { DepotError } from '../errors.js';

/** What COPY's binary format begins with: its signature, no flags, no further header. */
const header = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
const signatureLength = 11;
const end = Buffer.from([0xff, 0xff]);

/**
 * One row in COPY's binary format: some short fields, then a long one of `length` bytes. Fails
 * where the chunks add up to another length.
 */
export async function* copyRow(
  fields: readonly Uint8Array[],
  length: number,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const start = [header, int16(fields.length + 1)];
  for (const field of fields) start.push(int32(field.byteLength), Buffer.from(field));
  yield Buffer.concat([...start, int32(length)]);
  let sent = 0;
  for await (const chunk of chunks) {
    sent += chunk.byteLength;
    if (sent > length) break;
    if (chunk.byteLength > 0) yield chunk;
  }
  if (sent !== length) throw new Error(`${sent} bytes came where ${length} were announced`);
  yield end;
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/**
 * The bytes of the only field of the only row in COPY's binary format, however it is cut into
 * chunks. Each piece belongs to the reader. Fails with `damaged` for anything else.
 */
export async function* copiedField(chunks: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(chunks);
  const start = await reader.take(header.byteLength);
  if (!start.subarray(0, signatureLength).equals(header.subarray(0, signatureLength))) {
    throw malformed();
  }
  // Upper flags are for what a reader must know of, and there was nothing when this was written.
  if (start.readUInt16BE(signatureLength) !== 0) throw malformed();
  await reader.take(start.readUInt32BE(header.byteLength - 4));
  if ((await reader.take(2)).readInt16BE() !== 1) throw malformed();
  const length = (await reader.take(4)).readInt32BE();
  if (length < 0) throw malformed();
  for (let left = length; left > 0; ) {
    const piece = await reader.some(left);
    left -= piece.byteLength;
    yield owned(piece);
  }
  if (!(await reader.take(2)).equals(end) || !(await reader.isAtEnd())) throw malformed();
}

/** Takes bytes off a stream of chunks. */
class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async isAtEnd(): Promise<boolean> {
    while (this.#rest.byteLength === 0) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return true;
      this.#rest = value;
    }
    return false;
  }

  /** At least one byte, and as many as there are at once up to `most`. */
  async some(most: number): Promise<Buffer> {
    if (await this.isAtEnd()) throw malformed();
    const taken = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(taken.byteLength);
    return taken;
  }

  /** Exactly so many bytes. */
  async take(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let left = length; left > 0; ) {
      const part = await this.some(left);
      parts.push(part);
      left -= part.byteLength;
    }
    return Buffer.concat(parts);
  }
}

/** Bytes that share their memory with others are copied: the reader may give it back. */
function owned(bytes: Buffer): Uint8Array {
  const alone = bytes.byteLength === bytes.buffer.byteLength;
  return alone ? bytes : Uint8Array.prototype.slice.call(bytes);
}

function malformed(): DepotError {
  return new DepotError('damaged', 'what the server sent of a blob is not in its COPY format');
}
