import { Readable } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Storage } from '../../src/storage.js';
import {
  chunksOf,
  collected,
  contentOf,
  type Harness,
  listed,
  openStorage,
  pattern,
  sha256,
} from './harness.js';

async function* byteByByte(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (const byte of bytes) yield Uint8Array.of(byte);
}

/** One buffer filled again and again: who keeps a chunk instead of its bytes stores garbage. */
async function* oneBuffer(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(size);
  for (let start = 0; start < bytes.byteLength; start += size) {
    const part = bytes.subarray(start, start + size);
    buffer.set(part);
    yield buffer.subarray(0, part.byteLength);
  }
  buffer.fill(0);
}

/** Parts of one buffer: who takes their whole memory stores too much. */
async function* views(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const shared = Buffer.concat([Buffer.alloc(10), bytes, Buffer.alloc(10)]);
  for (let start = 0; start < bytes.byteLength; start += 400_000) {
    yield shared.subarray(10 + start, 10 + Math.min(start + 400_000, bytes.byteLength));
  }
}

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += size) {
    yield Uint8Array.from(bytes.subarray(start, start + size));
  }
}

export function writing(harness: Harness): void {
  describe('writing', () => {
    test('creates a blob under a new identifier, and another at the next call', async () => {
      const { storage } = await openStorage(harness);
      const first = await storage.create(chunksOf('one'));
      const second = await storage.create(chunksOf('two'));
      expect(first.id).not.toBe(second.id);
      expect(first).toMatchObject({ length: 3, sha256: sha256(Buffer.from('one')) });
      expect(await contentOf(storage, first.id)).toBe('one');
      expect(await contentOf(storage, second.id)).toBe('two');
    });

    test('creates under a given identifier, once', async () => {
      const { storage } = await openStorage(harness);
      const id = storage.backend.newId();
      await storage.create(chunksOf('old'), { id });
      await expect(storage.create(chunksOf('new'), { id })).rejects.toMatchObject({
        kind: 'refused',
      });
      expect(await contentOf(storage, id)).toBe('old');
      expect(await listed(storage)).toEqual([id]);
    });

    test.each([
      ['byte by byte', byteByByte(pattern(5000)), pattern(5000)],
      ['from one buffer filled again', oneBuffer(pattern(3_000_000), 65_536), pattern(3_000_000)],
      ['in chunks that share a buffer', views(pattern(3_000_000)), pattern(3_000_000)],
      ['in one large chunk', chunksOf(pattern(20_000_000)), pattern(20_000_000)],
      [
        'from a stream of Node',
        Readable.from([Buffer.from('a'), Buffer.from('b')]),
        Buffer.from('ab'),
      ],
      ['with empty chunks', chunksOf('', 'a', '', '', 'b', ''), Buffer.from('ab')],
      ['without a chunk', chunksOf(), Buffer.alloc(0)],
      ['with an empty chunk alone', chunksOf(''), Buffer.alloc(0)],
    ])('takes a source of unknown length, %s', async (_name, source, expected) => {
      const { storage } = await openStorage(harness);
      const { id, length } = await storage.create(source);
      expect(length).toBe(expected.byteLength);
      const { info, chunks } = await storage.read(id);
      expect(info.contentLength).toBe(expected.byteLength);
      expect((await collected(chunks)).equals(expected)).toBe(true);
    });

    test('takes 50 MB, of known and of unknown length', async () => {
      const { storage } = await openStorage(harness);
      const bytes = pattern(50_000_000);
      const known = await storage.create(inChunks(bytes, 300_000), { length: bytes.byteLength });
      const unknown = await storage.create(inChunks(bytes, 1_000_000));
      for (const { id } of [known, unknown]) {
        expect(await storage.hash(id)).toMatchObject({
          sha256: sha256(bytes),
          info: { contentLength: bytes.byteLength },
        });
      }
    });

    test('refuses a source of text, and keeps nothing of it', async () => {
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf(pattern(10)));
      const texts = async function* () {
        yield 'text' as unknown as Uint8Array;
      };
      const refused = { kind: 'usage', message: expect.stringContaining('gives a string') };
      await expect(storage.create(texts())).rejects.toMatchObject(refused);
      await expect(storage.replace(id, texts())).rejects.toMatchObject(refused);
      const found: string[] = [];
      for await (const one of storage.list()) found.push(one);
      expect(found).toEqual([id]);
      expect((await storage.info(id)).contentLength).toBe(10);
    });

    test('replaces the content and keeps the identifier', async () => {
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf('old content'));
      await storage.replace(id, chunksOf('new'));
      expect(await contentOf(storage, id)).toBe('new');
      expect(await storage.info(id)).toMatchObject({ id, contentLength: 3 });
      expect(await listed(storage)).toEqual([id]);
    });

    test('changes the version with every replace, and with nothing else', async () => {
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf('same'), { filename: 'a.txt' });
      const { version } = await storage.info(id);
      expect((await storage.info(id)).version).toBe(version);
      expect((await storage.hash(id)).info.version).toBe(version);
      // A store of rows tells versions apart by their length and time alone.
      const lastModified = new Date('2026-01-02T03:04:05Z');
      const seen = [version];
      for (const [text, seconds] of [
        ['longer', 0],
        ['', 0],
        ['same', 0],
        ['size', 1],
      ] as const) {
        const time = new Date(lastModified.getTime() + 1000 * seconds);
        await storage.replace(id, chunksOf(text), { lastModified: time });
        seen.push((await storage.info(id)).version);
        expect((await storage.hash(id)).info.version).toBe(seen.at(-1));
      }
      expect(new Set(seen).size).toBe(seen.length);
    });

    test('replaces any length by any other', async () => {
      const { storage } = await openStorage(harness);
      const { id } = await storage.create(chunksOf('first'));
      for (const length of [0, 1, 3_000_000, 0, 2_000_000, 5]) {
        const bytes = pattern(length);
        const written = await storage.replace(id, chunksOf(bytes), { length });
        expect(written).toEqual({ id, length, sha256: sha256(bytes) });
        expect(await storage.hash(id)).toMatchObject({
          sha256: sha256(bytes),
          info: { contentLength: length },
        });
      }
      expect(await listed(storage)).toEqual([id]);
    });

    test('deletes a blob, and no other', async () => {
      const { storage } = await openStorage(harness);
      const [kept, gone] = [
        await storage.create(chunksOf('a')),
        await storage.create(chunksOf('b')),
      ];
      await storage.delete(gone.id);
      expect(await storage.find(gone.id)).toBeNull();
      expect(await listed(storage)).toEqual([kept.id]);
      await storage.create(chunksOf('again'), { id: gone.id });
      expect(await contentOf(storage, gone.id)).toBe('again');
    });

    test('is seen by whoever opens the storage anew', async (context) => {
      const { storage, opened } = await openStorage(harness);
      const { id } = await storage.create(chunksOf('kept'), { filename: 'kept.txt' });
      const other = await opened.reopen();
      if (other === null) return context.skip('nobody else can open this kind of storage');
      expect(await other.info(id)).toEqual(await storage.info(id));
      expect((await collected((await other.read(id)).chunks)).toString()).toBe('kept');
      expect((await other.place()).identity).toBe((await storage.place()).identity);
      await other.close();
    });

    test('needs a storage that is there, and makes none', async (context) => {
      if (harness.openMissing === undefined) return context.skip('there is always one');
      const opened = await harness.openMissing();
      onTestFinished(() => opened.close());
      const storage = new Storage('missing', 'kind', opened.backend);
      const id = storage.backend.newId();
      const unreachable = { kind: 'unreachable' };
      await expect(storage.backend.ping()).rejects.toMatchObject(unreachable);
      await expect(storage.create(chunksOf('x'))).rejects.toMatchObject(unreachable);
      await expect(storage.info(id)).rejects.toMatchObject(unreachable);
      await expect(storage.find(id)).rejects.toMatchObject(unreachable);
      await expect(storage.read(id)).rejects.toMatchObject(unreachable);
      await expect(storage.replace(id, chunksOf('x'))).rejects.toMatchObject(unreachable);
      await expect(storage.delete(id)).rejects.toMatchObject(unreachable);
      await expect(listed(storage)).rejects.toMatchObject(unreachable);
      await storage.backend.provision();
      await storage.backend.ping();
      await storage.create(chunksOf('now it works'), { id });
      // Once more leaves it as it is.
      await storage.backend.provision();
      expect(await contentOf(storage, id)).toBe('now it works');
    });

    test('is another place than any other storage', async () => {
      const { storage } = await openStorage(harness);
      const { storage: other } = await openStorage(harness);
      expect((await storage.place()).identity).not.toBe((await other.place()).identity);
    });
  });
}
