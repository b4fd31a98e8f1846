import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { copiedField, copyRow } from '../../src/databases/postgres-copy.js';

/** One row of one field, as the server writes it. */
function framed(data: Uint8Array, extension = Buffer.alloc(0), flags = 0): Buffer {
  const start = Buffer.alloc(8);
  start.writeUInt32BE(flags, 0);
  start.writeUInt32BE(extension.byteLength, 4);
  const field = Buffer.alloc(6);
  field.writeInt16BE(1, 0);
  field.writeInt32BE(data.byteLength, 2);
  return Buffer.concat([
    Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'),
    ...[start, extension, field, data],
    Buffer.from([0xff, 0xff]),
  ]);
}

/** The bytes in chunks that end at these places, each of a memory of its own or all of one. */
async function* cut(bytes: Buffer, places: readonly number[]): AsyncGenerator<Buffer> {
  const ends = [...places.map((place) => place % (bytes.byteLength + 1)), bytes.byteLength];
  let from = 0;
  for (const to of ends.sort((one, other) => one - other)) {
    yield bytes.subarray(from, to);
    from = to;
  }
}

async function collected(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) {
    parts.push(Buffer.from(Uint8Array.from(chunk)));
    // A reader may give the memory back.
    if (chunk.buffer instanceof ArrayBuffer) chunk.buffer.transfer(0);
  }
  return Buffer.concat(parts);
}

const bytes = fc.uint8Array({ maxLength: 300 });
const places = fc.array(fc.nat(400), { maxLength: 40 });

describe('a field that the server copies out', () => {
  test('is read however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(bytes, fc.uint8Array({ maxLength: 9 }), places, async (data, more, at) => {
        const chunks = cut(framed(data, Buffer.from(more)), at);
        expect((await collected(copiedField(chunks))).equals(data)).toBe(true);
      }),
    );
  });

  test('is an error where anything is missing, however it is cut', async () => {
    const whole = framed(Buffer.from('content'));
    for (let length = 0; length < whole.byteLength; length += 1) {
      for (const at of [[], [3], [length - 1], Array.from({ length }, (_, index) => index)]) {
        const chunks = cut(Buffer.from(whole.subarray(0, length)), at.map(Math.abs));
        await expect(collected(copiedField(chunks))).rejects.toMatchObject({ kind: 'damaged' });
      }
    }
  });

  test.each([
    ['another signature', Buffer.concat([Buffer.from('x'), framed(Buffer.from('a')).subarray(1)])],
    ['a flag that nobody knows', framed(Buffer.from('a'), Buffer.alloc(0), 0x00010000)],
    ['more behind its end', Buffer.concat([framed(Buffer.from('a')), Buffer.from('b')])],
    [
      'a second row',
      Buffer.concat([
        framed(Buffer.from('a')).subarray(0, -2),
        framed(Buffer.from('b')).subarray(19),
      ]),
    ],
    ['no row', Buffer.concat([framed(Buffer.alloc(0)).subarray(0, 19), Buffer.from([0xff, 0xff])])],
    ['a null', Buffer.concat([framed(Buffer.alloc(0)).subarray(0, 21), Buffer.alloc(4, 0xff)])],
  ])('is an error where it has %s', async (_name, all) => {
    const reading = collected(copiedField(cut(Buffer.from(all), [])));
    await expect(reading).rejects.toMatchObject({ kind: 'damaged' });
  });
});

describe('a row to copy in', () => {
  async function* pieces(data: Uint8Array, at: readonly number[]): AsyncGenerator<Uint8Array> {
    // The same memory each time: a chunk is valid until the next one is asked for.
    const shared = new Uint8Array(data.byteLength);
    for await (const part of cut(Buffer.from(data), at)) {
      shared.set(part);
      yield shared.subarray(0, part.byteLength);
    }
  }

  test('of one field is what a server would write, however it comes', async () => {
    await fc.assert(
      fc.asyncProperty(bytes, places, async (data, at) => {
        const parts: Buffer[] = [];
        for await (const part of copyRow([], data.byteLength, pieces(data, at))) {
          parts.push(Buffer.from(Uint8Array.from(part)));
        }
        expect(Buffer.concat(parts).equals(framed(data))).toBe(true);
      }),
    );
  });

  test.each([-1, 1, -5])('of another length than announced, by %d, never ends', async (off) => {
    const data = Buffer.from('content');
    const read = async (): Promise<Buffer> => {
      const parts: Uint8Array[] = [];
      try {
        for await (const part of copyRow([], 7 + off, cut(data, [2]))) parts.push(part);
      } catch {
        return Buffer.concat(parts);
      }
      return expect.unreachable();
    };
    expect((await read()).subarray(-2).equals(Buffer.from([0xff, 0xff]))).toBe(false);
  });
});
