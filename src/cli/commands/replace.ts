import type { Command } from 'commander';
import { parseText, parseType } from '../arguments.js';
import { infoObject } from '../blob-info.js';
import type { Context } from '../context.js';
import { openInput } from '../input.js';
import { checkWritable } from '../writable.js';

interface Options {
  readonly name?: string;
  readonly type?: string;
}

export function registerReplace(program: Command, start: () => Context): void {
  program
    .command('replace')
    .description('store new content under the same identifier; - reads standard input')
    .argument('<path>', 'storage/id')
    .argument('<file>')
    .option('--name <name>', 'new filename (default: as it was)', parseText)
    .option(
      '--type <type>',
      'new content type (default: as it was, or that of a new name)',
      parseType,
    )
    .action((path: string, file: string, options: Options) =>
      replace(start(), path, file, options),
    );
}

async function replace(
  context: Context,
  path: string,
  file: string,
  options: Options,
): Promise<void> {
  const { output, signal } = context;
  const { storage, id } = await (await context.manager()).locate(path);
  checkWritable(storage);
  await storage.info(id);
  const { chunks, length } = await openInput(file, signal);
  await storage.replace(id, chunks, {
    filename: options.name,
    contentType: options.type,
    length,
    signal,
  });
  await output.data(
    storage.path(id),
    output.json ? infoObject(storage, await storage.info(id)) : null,
  );
}
