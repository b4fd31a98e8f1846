import type { Command } from 'commander';
import { DepotError } from '../../errors.js';
import type { Storage } from '../../storage.js';
import { infoObject } from '../blob-info.js';
import type { Context } from '../context.js';
import { openInput } from '../input.js';
import { forEachItem } from '../items.js';
import { refuseEphemeral } from '../writable.js';

interface Options {
  readonly storage?: string;
  readonly name?: string;
  readonly type?: string;
}

export function registerPut(program: Command, start: () => Context): void {
  program
    .command('put')
    .description('store files; - reads standard input')
    .argument('<file...>')
    .option('-s, --storage <storage>', 'where (default: the default storage)')
    .option('--name <name>', 'filename to store (default: its own)')
    .option('--type <type>', 'content type (default: guessed from the filename)')
    .action((files: string[], options: Options) => put(start(), files, options));
}

async function put(context: Context, files: readonly string[], options: Options): Promise<void> {
  if (files.length > 1 && options.name !== undefined) {
    throw new DepotError('usage', '--name is for one file');
  }
  const manager = await context.manager();
  const storage = await manager.storage(options.storage ?? manager.defaultName());
  refuseEphemeral(storage);
  await forEachItem(context, files, (file) => putOne(context, storage, file, options));
}

async function putOne(
  { output, signal }: Context,
  storage: Storage,
  file: string,
  options: Options,
): Promise<void> {
  const { chunks, filename, length } = await openInput(file);
  const { id } = await storage.create(chunks, {
    filename: options.name ?? filename,
    contentType: options.type,
    length,
    signal,
  });
  await output.data(
    storage.path(id),
    output.json ? infoObject(storage, await storage.info(id)) : null,
  );
}
