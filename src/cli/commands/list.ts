import type { Command } from 'commander';
import type { BlobInfo } from '../../backend.js';
import type { Storage } from '../../storage.js';
import { parseCount } from '../arguments.js';
import { infoObject } from '../blob-info.js';
import type { Context } from '../context.js';
import { forEachItem } from '../items.js';

interface Options {
  readonly long?: boolean;
  readonly limit?: number;
}

export function registerList(program: Command, start: () => Context): void {
  program
    .command('list')
    .alias('ls')
    .description('list identifiers, in no particular order')
    .argument('[storage]', 'name or alias (default: the default storage)')
    .option('-l, --long', 'with size, time, type and filename')
    .option('--limit <count>', 'at most so many', parseCount)
    .action((storage: string | undefined, options: Options) => list(start(), storage, options));
}

async function list(context: Context, name: string | undefined, options: Options): Promise<void> {
  const { output } = context;
  const manager = await context.manager();
  const storage = await manager.storage(name ?? manager.defaultName());
  const ids = limited(storage.list(), options.limit);
  if (options.long) return listLong(context, storage, ids);
  await forEachItem(context, ids, async (id) => {
    await output.data(storage.path(id), { path: storage.path(id), storage: storage.name, id });
  });
}

/** Looks several up at once, and prints them in the order of the listing. */
async function listLong(
  context: Context,
  storage: Storage,
  ids: AsyncIterable<string>,
): Promise<void> {
  const { pMapIterable } = await import('p-map');
  const lookUp = (id: string): Promise<{ info: BlobInfo } | { error: unknown }> =>
    storage.info(id).then(
      (info) => ({ info }),
      (error: unknown) => ({ error }),
    );
  const found = pMapIterable(ids, lookUp, { concurrency: 16, backpressure: 64 });
  await forEachItem(context, found, async (one) => {
    if ('error' in one) throw one.error;
    await printLong(context, storage, one.info);
  });
}

async function printLong({ output }: Context, storage: Storage, info: BlobInfo): Promise<void> {
  const object = infoObject(storage, info);
  const size = String(object.content_length).padStart(10);
  const time = object.last_modified ?? '-'.padEnd(20);
  const type = object.content_type;
  await output.data(`${object.path}  ${size}  ${time}  ${type}  ${object.filename}`, object);
}

async function* limited(
  ids: AsyncIterable<string>,
  limit: number | undefined,
): AsyncGenerator<string> {
  let count = 0;
  for await (const id of ids) {
    yield id;
    count += 1;
    if (count === limit) return;
  }
}
