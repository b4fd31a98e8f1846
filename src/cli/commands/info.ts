import type { Command } from 'commander';
import { infoObject } from '../blob-info.js';
import type { Context } from '../context.js';
import { forEachItem } from '../items.js';

interface Options {
  readonly hash?: boolean;
}

export function registerInfo(program: Command, start: () => Context): void {
  program
    .command('info')
    .alias('stat')
    .description('show what is known of blobs')
    .argument('<path...>', 'storage/id')
    .option('--hash', 'read the bytes and show their SHA-256')
    .action((paths: string[], options: Options) => info(start(), paths, options));
}

async function info(context: Context, paths: readonly string[], options: Options): Promise<void> {
  const { output, signal } = context;
  const manager = await context.manager();
  let printed = 0;
  await forEachItem(context, paths, async (path) => {
    const { storage, id } = await manager.locate(path);
    const { info, ...hash } = options.hash
      ? await storage.hash(id, signal)
      : { info: await storage.info(id) };
    const object = { ...infoObject(storage, info), ...hash };
    if (output.json) await output.data('', object);
    else {
      if (printed > 0) await output.raw('\n');
      for (const [key, value] of Object.entries(object))
        await output.data(`${key}: ${value}`, null);
    }
    printed += 1;
  });
}
