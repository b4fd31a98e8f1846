import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { chmod, chown, link, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { DepotError } from '../../errors.js';
import { errorCode, writeDurably } from '../../files.js';
import type { Context } from '../context.js';
import { safeFilename } from '../filename.js';
import { writeError } from '../writable.js';

interface Options {
  readonly force?: boolean;
}

export function registerGet(program: Command, start: () => Context): void {
  program
    .command('get')
    .description('fetch a blob into a file')
    .argument('<path>', 'storage/id')
    .argument(
      '[dest]',
      'a file, a directory, or - for standard output (default: its filename, here)',
    )
    .option('-f, --force', 'overwrite an existing file')
    .action((blobPath: string, dest: string | undefined, options: Options) =>
      get(start(), blobPath, dest, options),
    );
}

async function get(
  context: Context,
  blobPath: string,
  dest: string | undefined,
  { force = false }: Options,
): Promise<void> {
  const { output, signal } = context;
  const { storage, id } = await (await context.manager()).locate(blobPath);
  const { filename } = await storage.info(id);
  const file = dest === '-' ? null : await destination(dest, filename);
  const existing = file === null ? null : await find(file);
  if (file !== null && existing?.isFile() && !force) throw existsError(file);
  const content = await storage.read(id, { signal });
  try {
    if (file === null) {
      for await (const chunk of content.chunks) await output.raw(chunk);
      return;
    }
    if (existing === null || existing.isFile()) await save(content.chunks, file, force);
    else await writeInto(content.chunks, file, existing);
    await output.data(file, { path: storage.path(id), file });
  } finally {
    await content.close();
  }
}

async function destination(dest: string | undefined, filename: string): Promise<string> {
  if (dest === undefined) return safeFilename(filename);
  const directory = dest.endsWith('/') || (await find(dest))?.isDirectory();
  return directory ? path.join(dest, safeFilename(filename)) : dest;
}

async function find(file: string): Promise<Stats | null> {
  return stat(file).catch(() => null);
}

function existsError(file: string): DepotError {
  return new DepotError('refused', `cannot write ${file}: it exists already`, {
    hint: 'Overwrite it with -f, or name another file.',
  });
}

/** Writes aside and renames, so that the name never stands for a part of the blob. */
async function save(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  force: boolean,
): Promise<void> {
  // A link that is overwritten stays one.
  const target = force ? await realpath(file).catch(() => file) : file;
  const part = path.join(path.dirname(target), `.depot-part-${randomUUID()}`);
  try {
    await writeDurably(part, chunks);
    if (force) await keepAccess(target, part);
    if (force) await rename(part, target);
    else await linkNew(part, file);
  } catch (error) {
    throw writeError(error, file);
  } finally {
    await rm(part, { force: true }).catch(() => {});
  }
}

/** What takes the place of a file is as private as that was. */
async function keepAccess(existing: string, part: string): Promise<void> {
  const found = await find(existing);
  if (found === null) return;
  await chmod(part, found.mode & 0o7777);
  // Only root may give a file away; anybody else owns the new one, as with any copy.
  await chown(part, found.uid, found.gid).catch(() => {});
}

/** Unlike a rename, a link never overwrites; some file systems have none. */
async function linkNew(part: string, file: string): Promise<void> {
  try {
    await link(part, file);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EEXIST') throw existsError(file);
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
    if ((await find(file)) !== null) throw existsError(file);
    await rename(part, file);
  }
}

/** A pipe or a terminal takes the bytes itself: a rename would put a file in its place. */
async function writeInto(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  existing: Stats,
): Promise<void> {
  if (!existing.isFIFO() && !existing.isCharacterDevice()) {
    throw new DepotError('refused', `cannot write ${file}: it is no regular file`);
  }
  try {
    await writeFile(file, chunks);
  } catch (error) {
    throw writeError(error, file);
  }
}
