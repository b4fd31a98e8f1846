// A storage of your own for depot: one file a blob, with its metadata in front of its bytes.
//
//   8 bytes   length of the content
//   4 bytes   length of the metadata
//             metadata: JSON
//             content
//
// It needs a file system with hard links and directories that can be synchronized (not Windows').
// A killed process leaves a file `.new-…`, which nothing lists and which may be deleted when none runs.
import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, opendir, open as openFile, rename, rm, stat, unlink } from 'node:fs/promises';
import path from 'node:path';

/** Options are text. Those that are missing in `value` are refused as unknown. */
export const schema = {
  '~standard': {
    version: 1,
    vendor: 'own-storage',
    validate({ directory }) {
      if (directory) return { value: { directory } };
      return { issues: [{ message: 'it must name a directory', path: ['directory'] }] };
    },
  },
};

/** @type {import('filedepot').StorageModule<{ directory: string }>['open']} */
export async function open(settings, context) {
  const { DepotError, placeOf } = context;
  const directory = context.path(settings.directory);
  const fileOf = (id) => path.join(directory, id);

  async function ping() {
    try {
      await (await opendir(directory)).close();
    } catch (error) {
      throw new DepotError('unreachable', `cannot open ${directory}: ${error.code}`, {
        hint: `Make it with: depot storages create ${context.name}`,
        cause: error,
      });
    }
  }

  /** What a missing file means depends on whether the directory is there. */
  async function found(id, action) {
    try {
      return await action();
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
      await ping();
      throw new DepotError('not-found', `no blob ${id} in ${directory}`);
    }
  }

  async function openBlob(id) {
    const handle = await found(id, () => openFile(fileOf(id), 'r'));
    try {
      return { handle, ...(await readFront(handle, id)) };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async function readFront(handle, id) {
    const damaged = () => new DepotError('damaged', `the file of blob ${id} is damaged`);
    const lengths = Buffer.alloc(12);
    if ((await handle.read(lengths, 0, 12, 0)).bytesRead < 12) throw damaged();
    const contentLength = Number(lengths.readBigUInt64BE(0));
    const start = 12 + lengths.readUInt32BE(8);
    if ((await handle.stat()).size !== start + contentLength) throw damaged();
    const text = Buffer.alloc(start - 12);
    await handle.read(text, 0, text.length, 12);
    const { lastModified, ...metadata } = JSON.parse(text.toString());
    const time = lastModified === null ? null : new Date(lastModified);
    return { info: { id, ...metadata, contentLength, lastModified: time }, start };
  }

  /** Writes the whole blob aside, durably; `publish` then makes it visible with one step. */
  async function write(source, metadata, publish) {
    await ping();
    const staged = path.join(directory, `.new-${randomUUID()}`);
    try {
      const length = await writeFile(staged, source, { ...metadata, version: randomUUID() });
      await publish(staged);
      await syncDirectory(directory);
      return length;
    } finally {
      await rm(staged, { force: true });
    }
  }

  return {
    holdsWholeBlobs: false,
    ephemeral: false,
    place: () => placeOf(directory),
    ping,
    async provision() {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      return directory;
    },

    acceptsId: (id) => /^[\w-]{1,100}$/.test(id),
    newId: () => randomUUID(),
    idFor: (id) => createHash('sha256').update(id).digest('hex'),
    publicUrl: () => null,

    async info(id) {
      const { handle, info } = await openBlob(id);
      await handle.close();
      return info;
    },
    async read(id, range) {
      const { handle, info, start } = await openBlob(id);
      const { start: first, end: last } = range ?? { start: 0, end: info.contentLength - 1 };
      const chunks = chunksOf(handle, start + first, start + last + 1);
      // The file stays readable to whoever has it open, also when it is replaced or deleted.
      return { info, chunks, close: () => handle.close() };
    },
    create: (id, source, metadata) =>
      write(source, metadata, async (staged) => {
        try {
          await link(staged, fileOf(id));
        } catch (error) {
          if (error.code !== 'EEXIST') throw error;
          throw new DepotError('refused', `blob ${id} is already in ${directory}`);
        }
      }),
    replace: (id, source, metadata) =>
      write(source, metadata, async (staged) => {
        await found(id, () => stat(fileOf(id)));
        await rename(staged, fileOf(id));
      }),
    async delete(id) {
      await found(id, () => unlink(fileOf(id)));
      await syncDirectory(directory);
    },
    async *list() {
      await ping();
      for await (const entry of await opendir(directory)) {
        if (entry.isFile() && this.acceptsId(entry.name)) yield entry.name;
      }
    },
    async close() {},
  };
}

async function writeFile(file, { chunks }, metadata) {
  const text = Buffer.from(JSON.stringify(metadata));
  const handle = await openFile(file, 'wx');
  try {
    const front = Buffer.alloc(12);
    let length = 0;
    await writeAll(handle, text, front.length);
    for await (const chunk of chunks) {
      await writeAll(handle, chunk, front.length + text.length + length);
      length += chunk.byteLength;
    }
    front.writeBigUInt64BE(BigInt(length), 0);
    front.writeUInt32BE(text.length, 8);
    await writeAll(handle, front, 0);
    await handle.sync();
    return length;
  } finally {
    await handle.close();
  }
}

async function writeAll(handle, bytes, position) {
  for (let done = 0; done < bytes.byteLength; ) {
    const rest = bytes.byteLength - done;
    done += (await handle.write(bytes, done, rest, position + done)).bytesWritten;
  }
}

async function* chunksOf(handle, start, end) {
  try {
    for (let position = start; position < end; ) {
      const size = Math.min(256 * 1024, end - position);
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(size), 0, size, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

async function syncDirectory(directory) {
  const handle = await openFile(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
