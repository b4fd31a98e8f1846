import type { Command } from 'commander';
import { DepotError, exitCodes } from '../../errors.js';
import type { Storage } from '../../storage.js';
import { parseText, parseType } from '../arguments.js';
import { infoObject } from '../blob-info.js';
import type { Context } from '../context.js';
import { checkStandardInput, openInput } from '../input.js';
import { forEachItem } from '../items.js';
import { checkWritable } from '../writable.js';

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
    .option('--name <name>', 'filename to store (default: its own)', parseText)
    .option('--type <type>', 'content type (default: guessed from the filename)', parseType)
    .action((files: string[], options: Options) => put(start(), files, options));
}

async function put(context: Context, files: readonly string[], options: Options): Promise<void> {
  if (files.length > 1 && options.name !== undefined) {
    throw new DepotError('usage', 'put: --name is for one file');
  }
  checkStandardInput(files);
  const manager = await context.manager();
  const storage = await manager.storage(options.storage ?? manager.defaultName());
  checkWritable(storage);
  // Until the last one is stored, also where nobody reads the paths any more.
  context.exitCode = exitCodes.failed;
  await forEachItem(context, files, (file) => putOne(context, storage, file, options));
}

async function putOne(
  { output, signal }: Context,
  storage: Storage,
  file: string,
  options: Options,
): Promise<void> {
  const { chunks, filename, length } = await openInput(file, signal);
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
