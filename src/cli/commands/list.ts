import type { Command } from 'commander';
import type { BlobInfo } from '../../backend.js';
import type { Storage } from '../../storage.js';
import { parseCount } from '../arguments.js';
import { blobTest, isFilter } from '../blob-filter.js';
import { infoObject } from '../blob-info.js';
import type { Context } from '../context.js';
import { forEachItem } from '../items.js';
import { formatBytes } from '../output.js';
import { parseMoment, parseSize } from '../quantities.js';

interface Options {
  readonly long?: boolean;
  readonly bytes?: boolean;
  readonly limit?: number;
  readonly type?: string;
  readonly name?: string;
  readonly largerThan?: number;
  readonly smallerThan?: number;
  readonly since?: Date;
}

export function registerList(program: Command, start: () => Context): void {
  program
    .command('list')
    .alias('ls')
    .description('list identifiers, in no particular order')
    .argument('[storage]', 'name or alias (default: the default storage)')
    .option('-l, --long', 'with size, time, type and filename')
    .option('--bytes', 'sizes in bytes')
    .option('--type <pattern>', "only of this content type, such as 'image/*'")
    .option('--name <pattern>', "only of this filename, such as '*.pdf'")
    .option('--larger-than <size>', 'only larger ones, such as 10M', parseSize)
    .option('--smaller-than <size>', 'only smaller ones', parseSize)
    .option('--since <time>', 'only changed since, such as 7d or 2026-01-31', parseMoment)
    .option('--limit <count>', 'at most so many', parseCount)
    .action((storage: string | undefined, options: Options) => list(start(), storage, options));
}

async function list(context: Context, name: string | undefined, options: Options): Promise<void> {
  const { output } = context;
  const manager = await context.manager();
  const storage = await manager.storage(name ?? manager.defaultName());
  const { type, name: filename, largerThan, smallerThan, since } = options;
  const filter = { type, name: filename, largerThan, smallerThan, since };
  if (!options.long && !isFilter(filter)) {
    return forEachItem(context, limited(storage.list(), options.limit), async (id) =>
      output.data(storage.path(id), { path: storage.path(id), storage: storage.name, id }),
    );
  }
  const wanted = only(lookedUp(storage), blobTest(filter));
  await forEachItem(context, limited(wanted, options.limit), async (one) => {
    if ('error' in one) throw one.error;
    await printBlob(context, storage, one.info, options);
  });
}

type LookedUp = { readonly info: BlobInfo } | { readonly error: unknown };

/** Looks several up at once, in the order of the listing. */
async function* lookedUp(storage: Storage): AsyncGenerator<LookedUp> {
  const { pMapIterable } = await import('p-map');
  const lookUp = (id: string): Promise<LookedUp> =>
    storage.info(id).then(
      (info) => ({ info }),
      (error: unknown) => ({ error }),
    );
  yield* pMapIterable(storage.list(), lookUp, { concurrency: 16, backpressure: 64 });
}

/** What fails is wanted too: nobody knows what it is. */
async function* only(
  all: AsyncIterable<LookedUp>,
  test: (info: BlobInfo) => boolean,
): AsyncGenerator<LookedUp> {
  for await (const one of all) if ('error' in one || test(one.info)) yield one;
}

async function printBlob(
  { output }: Context,
  storage: Storage,
  info: BlobInfo,
  { long, bytes }: Options,
): Promise<void> {
  const object = infoObject(storage, info);
  const { path, id, content_length: length, content_type: type, filename } = object;
  if (!long) return output.data(path, { path, storage: storage.name, id });
  const size = bytes ? String(length).padStart(12) : formatBytes(length).padStart(10);
  const time = object.last_modified ?? '-'.padEnd(20);
  await output.data(`${path}  ${size}  ${time}  ${type}  ${filename}`, object);
}

async function* limited<T>(items: AsyncIterable<T>, limit: number | undefined): AsyncGenerator<T> {
  let count = 0;
  for await (const item of items) {
    yield item;
    count += 1;
    if (count === limit) return;
  }
}
