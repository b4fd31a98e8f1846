import type { Command } from 'commander';
import type { Manager } from '../../manager.js';
import { infoObject } from '../blob-info.js';
import type { Context } from '../context.js';
import { forEachItem } from '../items.js';

interface Options {
  readonly hash?: boolean;
  readonly references?: boolean;
}

export function registerInfo(program: Command, start: () => Context): void {
  program
    .command('info')
    .alias('stat')
    .description('show what is known of blobs')
    .argument('<path...>', 'storage/id')
    .option('--hash', 'read the bytes and show their SHA-256')
    .option('--references', 'show the rows that name the blob, in any text of the databases')
    .action((paths: string[], options: Options) => info(start(), paths, options));
}

async function info(context: Context, paths: readonly string[], options: Options): Promise<void> {
  const { output, signal } = context;
  const manager = await context.manager();
  const named = options.references ? await findNames(manager, paths, signal) : null;
  let printed = 0;
  await forEachItem(context, paths, async (path) => {
    const { storage, id } = await manager.locate(path);
    const { info, ...hash } = options.hash
      ? await storage.hash(id, signal)
      : { info: await storage.info(id) };
    const references = named === null ? {} : { references: named.get(id) ?? [] };
    const object = { ...infoObject(storage, info), ...hash, ...references };
    if (output.json) await output.data('', object);
    else {
      if (printed > 0) await output.raw('\n');
      for (const [key, value] of Object.entries(object))
        await output.data(`${key}: ${Array.isArray(value) ? value.join(', ') : value}`, null);
    }
    printed += 1;
  });
}

/** All at once, since it takes as long for many as for one. */
async function findNames(
  manager: Manager,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, string[]>> {
  const { namedAt } = await import('../../references/named-at.js');
  manager.checkDatabases();
  const databases = await manager.allDatabases();
  // A path that is wrong is told of when its turn comes.
  const located = await Promise.allSettled(paths.map((path) => manager.locate(path)));
  const ids = located.flatMap((one) => (one.status === 'fulfilled' ? [one.value.id] : []));
  return namedAt(databases, ids, signal);
}
