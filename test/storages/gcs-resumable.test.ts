import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { crc32c, encodeCrc32c } from '../../src/backends/crc32c.js';
import { pattern } from '../conformance/harness.js';
import { openTestGcs } from './gcs-bucket.js';
import { answer, refusal, serviceAt } from './gcs-service.js';

const id = '3c1b9742-f338-4dcf-a812-e60d74b46c69';
const metadata = { filename: 'a.txt', contentType: 'text/plain', lastModified: null };
const quarter = 256 * 1024;

/** How much of a part the service keeps, and what it does in place of an answer. */
interface Behaviour {
  keeps?(request: number, bytes: number): number;
  loses?(request: number): boolean;
  corrupts?: boolean;
}

/** Resumable uploads by the letter of the documentation, which the emulator is not. */
async function service({ keeps, loses, corrupts }: Behaviour) {
  let kept = Buffer.alloc(0);
  let stored: { size: string; crc32c: string } | null = null;
  const ranges: string[] = [];

  const put = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    const range = String(request.headers['content-range']);
    ranges.push(range);
    const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(range) ?? [];
    if (Number(end) - Number(start) + 1 !== body.byteLength || Number(start) > kept.byteLength) {
      return answer(response, 400, refusal(400, 'invalid', 'the range is wrong'));
    }
    // Bytes that it has are ignored; all but the last part are kept by multiples of 256 KiB.
    const news = body.subarray(kept.byteLength - Number(start));
    const most = keeps?.(ranges.length, news.byteLength) ?? news.byteLength;
    kept = Buffer.concat([kept, news.subarray(0, most)]);
    if (corrupts === true && ranges.length === 1) kept.writeUInt8(kept.readUInt8(0) ^ 1, 0);
    const isWhole = total !== '*' && kept.byteLength === Number(total);
    if (isWhole) {
      const sum = encodeCrc32c(crc32c(kept));
      if (request.headers['x-goog-hash'] !== `crc32c=${sum}`) {
        const message = `Provided CRC32C doesn't match calculated CRC32C "${sum}".`;
        return answer(response, 400, refusal(400, 'invalid', message));
      }
      stored = { size: String(kept.byteLength), crc32c: sum };
    }
    if (loses?.(ranges.length) === true) return void request.socket.destroy();
    if (isWhole) return answer(response, 200, { name: id, generation: '1', ...stored });
    const header = kept.byteLength === 0 ? {} : { Range: `bytes=0-${kept.byteLength - 1}` };
    response.writeHead(308, header).end();
  };

  const url = await serviceAt((request, response) => {
    if (request.method === 'PUT') return void put(request, response);
    request.resume();
    if (request.method === 'DELETE') return answer(response, 499);
    response.setHeader('Location', `http://${request.headers.host}/session`);
    answer(response, 200);
  });
  const backend = await openTestGcs({ bucket: 'b', policy: 'private', api_endpoint: url });
  return {
    ranges,
    content: () => (stored === null ? null : kept),
    create: (bytes: Uint8Array) =>
      backend.create(id, { chunks: inPieces(bytes), length: null }, metadata),
  };
}

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(300_000);
  for (let start = 0; start < bytes.byteLength; start += buffer.byteLength) {
    const piece = bytes.subarray(start, start + buffer.byteLength);
    buffer.set(piece);
    yield buffer.subarray(0, piece.byteLength);
  }
  buffer.fill(0);
}

const part = 8 * 1024 * 1024;

test.each([part + 1, 2 * part, 2 * part + 1, 20_000_000])(
  '%i bytes go in parts',
  async (length) => {
    const bytes = pattern(length);
    const { create, content, ranges } = await service({});
    expect(await create(bytes)).toBe(length);
    expect(content()?.equals(bytes)).toBe(true);
    const parts = Math.ceil(length / part);
    expect(ranges).toEqual(
      Array.from({ length: parts }, (_, index) => {
        const end = Math.min((index + 1) * part, length) - 1;
        return `bytes ${index * part}-${end}/${index === parts - 1 ? length : '*'}`;
      }),
    );
  },
);

test('what the service has not kept is sent again', async () => {
  const bytes = pattern(20_000_000);
  const some = (request: number, sent: number): number =>
    request % 3 === 0 ? sent : Math.min(sent, ((request * 5) % 7) * quarter);
  const { create, content, ranges } = await service({ keeps: some });
  expect(await create(bytes)).toBe(bytes.byteLength);
  expect(content()?.equals(bytes)).toBe(true);
  expect(ranges.length).toBeGreaterThan(3);
});

test('a service that keeps nothing is given up', async () => {
  const { create, content } = await service({ keeps: () => 0 });
  await expect(create(pattern(20_000_000))).rejects.toMatchObject({
    kind: 'failed',
    message: expect.stringMatching(/lost track of the upload$/),
  });
  expect(content()).toBeNull();
});

test('the last part is sent again when its answer is lost', async () => {
  const bytes = pattern(part + 5);
  const { create, content, ranges } = await service({ loses: (request) => request === 2 });
  expect(await create(bytes)).toBe(bytes.byteLength);
  expect(content()?.equals(bytes)).toBe(true);
  expect(ranges).toHaveLength(3);
});

test('what arrives damaged never becomes visible', async () => {
  const { create, content } = await service({ corrupts: true });
  await expect(create(pattern(part + 5))).rejects.toMatchObject({
    kind: 'damaged',
    message: expect.stringMatching(/damaged on the way$/),
  });
  expect(content()).toBeNull();
});
