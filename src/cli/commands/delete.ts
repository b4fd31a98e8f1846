import type { Command } from 'commander';
import { isNotFound } from '../../errors.js';
import type { Context } from '../context.js';
import { checkStandardInput, expandPaths } from '../input.js';
import { forEachItem } from '../items.js';

interface Options {
  readonly force?: boolean;
}

export function registerDelete(program: Command, start: () => Context): void {
  program
    .command('delete')
    .alias('rm')
    .description('delete blobs, whatever refers to them; - reads paths from standard input')
    .argument('<path...>', 'storage/id')
    .option('-f, --force', 'a missing blob is no error')
    .action((paths: string[], options: Options) => remove(start(), paths, options));
}

async function remove(
  context: Context,
  paths: readonly string[],
  { force }: Options,
): Promise<void> {
  checkStandardInput(paths);
  const manager = await context.manager();
  await forEachItem(context, expandPaths(paths, context.signal), async (path) => {
    const { storage, id } = await manager.locate(path);
    await storage.delete(id).catch((error: unknown) => {
      if (!(force === true && isNotFound(error))) throw error;
    });
    context.output.detail(`deleted ${storage.path(id)}`);
  });
}
