import { expect, test } from 'vitest';
import type { Backend } from '../../src/backend.js';
import { openMemory } from '../../src/backends/memory.js';
import { DepotError } from '../../src/errors.js';
import { guarded } from '../../src/modules/guarded.js';
import { Storage } from '../../src/storage.js';
import { chunksOf, contentOf } from '../conformance/harness.js';

function stored(changes: Partial<Backend>): Storage {
  return new Storage('files', 'module', guarded({ ...openMemory(), ...changes }, 'files'));
}

async function* broken(error: unknown): AsyncGenerator<Uint8Array> {
  yield Uint8Array.of(1);
  throw error;
}

/** Reads all there is, whatever goes wrong. */
async function drain(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const chunk of chunks) chunk.fill(0);
  } catch {}
}

test('an error of the source stays what it is, whatever the module makes of it', async () => {
  const error = new Error('the source broke');
  const made: readonly Backend['create'][] = [
    openMemory().create,
    async (_id, { chunks }) => {
      await drain(chunks);
      return 1;
    },
    async (_id, { chunks }) => {
      await drain(chunks);
      throw new DepotError('refused', 'taken');
    },
    async (_id, { chunks }) => {
      for await (const chunk of chunks) chunk.fill(0);
      return 1;
    },
  ];
  for (const create of made) {
    await expect(stored({ create }).create(broken(error))).rejects.toBe(error);
  }
});

test('an error of the module is its own, also while a source is read', async () => {
  const create: Backend['create'] = async () => {
    throw new Error('no space');
  };
  await expect(stored({ create }).create(chunksOf('x'))).rejects.toMatchObject({
    name: 'DepotError',
    kind: 'failed',
    message: 'storage files: no space',
    cause: new Error('no space'),
  });
});

test('content may be left, and is closed by the module', async () => {
  let left = 0;
  const memory = openMemory();
  const backend = guarded(
    {
      ...memory,
      async read(id, range) {
        const content = await memory.read(id, range);
        async function* chunks(): AsyncGenerator<Uint8Array> {
          try {
            yield* content.chunks;
          } finally {
            left += 1;
          }
        }
        return { ...content, chunks: chunks() };
      },
    },
    'files',
  );
  await backend.create(
    'a',
    { chunks: chunksOf(Buffer.alloc(5_000_000)), length: null },
    { filename: 'a', contentType: 'b', lastModified: null },
  );
  const { chunks } = await backend.read('a');
  for await (const chunk of chunks) if (chunk.byteLength > 0) break;
  expect(left).toBe(1);
});

test('a module copies between two storages of its own, and from no other', async () => {
  const known = new WeakSet<Backend>();
  const openOwn = (): Backend => {
    const memory = openMemory();
    const backend: Backend = {
      ...memory,
      async copyFrom(source, sourceId, id) {
        if (!known.has(source)) return null;
        const { info, chunks } = await source.read(sourceId);
        const length = await memory.create(id, { chunks, length: info.contentLength }, info);
        return { length, checksum: 'none' };
      },
    };
    known.add(backend);
    return backend;
  };
  const [one, other] = [openOwn(), openOwn()].map(
    (backend) => new Storage('files', 'module', guarded(backend, 'files')),
  ) as [Storage, Storage];
  const { id } = await one.create(chunksOf('content'));
  expect(await other.copyFrom(one, id, id)).toEqual({ length: 7, checksum: 'none' });
  expect(await contentOf(other, id)).toBe('content');
  const foreign = stored({});
  expect(await other.copyFrom(foreign, id, other.backend.newId())).toBeNull();
  expect(foreign.backend.copyFrom).toBeUndefined();
});

test('what a module says of its storage is passed on', async () => {
  const readOnly = new DepotError('config', 'frozen');
  const { backend } = stored({ readOnly, deniesVisitors: true, ephemeral: false });
  expect(backend).toMatchObject({ readOnly, deniesVisitors: true, ephemeral: false });
  expect(stored({}).backend).toMatchObject({ holdsWholeBlobs: true, ephemeral: true });
});
