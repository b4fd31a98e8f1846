import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { queryRow } from '../../src/databases/mysql-wire.js';

/** Bytes that a packet holds at most. */
const full = 0xff_ff_ff;

/** A value before its length. */
function encoded(value: Uint8Array | null): Buffer {
  if (value === null) return Buffer.from([0xfb]);
  const length = value.byteLength;
  const head = Buffer.alloc(9);
  if (length < 0xfb) return Buffer.concat([Buffer.from([length]), value]);
  if (length < 1 << 16) {
    head[0] = 0xfc;
    head.writeUInt16LE(length, 1);
    return Buffer.concat([head.subarray(0, 3), value]);
  }
  if (length < 1 << 24) {
    head[0] = 0xfd;
    head.writeUIntLE(length, 1, 3);
    return Buffer.concat([head.subarray(0, 4), value]);
  }
  head[0] = 0xfe;
  head.writeBigUInt64LE(BigInt(length), 1);
  return Buffer.concat([head, value]);
}

/** As many packets as the bytes take. */
function packets(...payloads: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const payload of payloads) {
    for (let start = 0; start <= payload.byteLength; start += full) {
      const part = payload.subarray(start, start + full);
      const head = Buffer.alloc(4);
      head.writeUIntLE(part.byteLength, 0, 3);
      parts.push(head, part);
      if (part.byteLength < full) break;
    }
  }
  return Buffer.concat(parts);
}

const end = Buffer.from([0xfe, 0, 0, 2, 0]);
const definition = Buffer.from('\x03def, and what else is said of a column');

/** What a server answers with: a row of these values. */
function answer(values: readonly (Uint8Array | null)[]): Buffer {
  const columns = values.map(() => definition);
  return packets(
    Buffer.from([values.length]),
    ...columns,
    end,
    Buffer.concat(values.map(encoded)),
    end,
  );
}

/** A socket on which, once it has been written to, these bytes arrive in chunks that end there. */
function answering(bytes: Buffer, places: readonly number[]) {
  const written: Buffer[] = [];
  const driver: Buffer[] = [];
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk);
      if (written.length > 1) return done();
      let from = 0;
      const ends = [...places.map((place) => place % (bytes.byteLength + 1)), bytes.byteLength];
      for (const to of ends.sort((one, other) => one - other)) {
        // A memory of its own, which a reader may give back.
        if (to > from) socket.push(Buffer.from(Uint8Array.from(bytes.subarray(from, to)).buffer));
        from = to;
      }
      done();
    },
  });
  socket.on('data', (chunk: Buffer) => void driver.push(chunk));
  return { socket, written, driver };
}

const wait = <T>(waiting: Promise<T>): Promise<T> => waiting;

async function read(bytes: Buffer, places: readonly number[]) {
  const { socket, written, driver } = answering(bytes, places);
  const row = await queryRow(socket, 'SELECT 1', wait);
  const parts: Buffer[] = [];
  for await (const chunk of row?.last?.bytes ?? []) {
    parts.push(Buffer.from(Uint8Array.from(chunk)));
    if (chunk.buffer instanceof ArrayBuffer) chunk.buffer.transfer(0);
  }
  const last = row?.last ? Buffer.concat(parts) : null;
  return { socket, row, last, written, driver };
}

describe('a row that a server sends', () => {
  const value = fc.option(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 65_530, max: 65_540 }).map((length) => Buffer.alloc(length, 'x')),
    ),
  );

  test('is read however it is cut', async () => {
    const values = fc.array(value, { minLength: 1, maxLength: 9 });
    const places = fc.array(fc.nat(), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(values, places, async (all, at) => {
        const { row, last, written } = await read(answer(all), at);
        const texts = all
          .slice(0, -1)
          .map((one) => (one === null ? null : Buffer.from(one).toString()));
        expect(row?.values).toEqual(texts);
        const expected = all.at(-1) ?? null;
        expect(last === null ? null : [...last]).toEqual(expected === null ? null : [...expected]);
        expect(row?.last?.length).toBe(expected?.byteLength);
        expect(written[0]?.subarray(4).toString()).toBe('\x03SELECT 1');
      }),
    );
  });

  // With the value's length and the other value, the packet is just full, or one more or less.
  test.each([full - 7, full - 6, full - 5, full - 4, full, 2 * full - 11, 2 * full - 10])(
    'of %d bytes goes on in the next packet',
    async (length) => {
      const long = Buffer.alloc(length, 'content ');
      const { last, socket, driver } = await read(answer([Buffer.from('a'), long]), [100, 70_000]);
      expect(last?.equals(long)).toBe(true);
      socket.push(Buffer.from('for the driver'));
      await new Promise((resolve) => setImmediate(resolve));
      expect(Buffer.concat(driver).toString()).toBe('for the driver');
    },
  );

  test('that there is not leaves the driver what comes next', async () => {
    const none = packets(Buffer.from([1]), definition, end, end);
    const { row, socket, driver } = await read(none, []);
    expect(row).toBeNull();
    socket.push(Buffer.from('next'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(Buffer.concat(driver).toString()).toBe('next');
  });

  const error = Buffer.concat([Buffer.from([0xff, 0x7a, 0x04]), Buffer.from('#42S02no table')]);

  test.each([
    ['at once', packets(error)],
    ['instead of a row', packets(Buffer.from([1]), definition, end, error)],
    ['behind a row', packets(Buffer.from([1]), definition, end, encoded(Buffer.from('a')), error)],
  ])('may be an error: %s', async (_name, bytes) => {
    await expect(read(bytes, [])).rejects.toMatchObject({ code: 1146, message: 'no table' });
  });
});
