import type { Command } from 'commander';
import type { Storage } from '../../storage.js';
import type { Context } from '../context.js';
import { formatBytes } from '../output.js';

interface Options {
  readonly bytes?: boolean;
}

interface Usage {
  blobs: number;
  bytes: number;
}

export function registerDu(program: Command, start: () => Context): void {
  program
    .command('du')
    .description('show how much storages hold, of each content type')
    .argument('[storage...]', 'names or aliases (default: all)')
    .option('--bytes', 'sizes in bytes')
    .action((names: string[], options: Options) => du(start(), names, options));
}

async function du(context: Context, names: readonly string[], options: Options): Promise<void> {
  const { output, signal } = context;
  const manager = await context.manager();
  const wanted = names.length > 0 ? names : manager.describe().map(({ name }) => name);
  const storages = new Set(await Promise.all(wanted.map((name) => manager.storage(name))));
  const rows: string[][] = [];
  for (const storage of storages) {
    const usages = await usageOf(storage, context);
    if (signal.aborted) return;
    for (const [type, { blobs, bytes }] of usages) {
      const object = { storage: storage.name, content_type: type, blobs, bytes };
      if (output.json) await output.data('', object);
      const size = options.bytes ? String(bytes) : formatBytes(bytes);
      rows.push([storage.name, type ?? 'all', String(blobs), size]);
    }
  }
  if (output.json) return;
  const { printTable } = await import('../table.js');
  await printTable(output, ['STORAGE', 'TYPE', 'BLOBS', 'SIZE'], rows);
}

/** What a storage holds of each content type, the most bytes first; of all, under null, last. */
async function usageOf(
  storage: Storage,
  context: Context,
): Promise<[type: string | null, usage: Usage][]> {
  const { pMapIterable } = await import('p-map');
  const types = new Map<string, Usage>();
  const all: Usage = { blobs: 0, bytes: 0 };
  const look = async (id: string): Promise<void> => {
    if (context.signal.aborted) return;
    const info = await storage.find(id).catch((error: unknown) => {
      context.output.error(error);
      context.exitCode = 1;
      return null;
    });
    if (info === null) return;
    const usage = types.get(info.contentType) ?? { blobs: 0, bytes: 0 };
    types.set(info.contentType, usage);
    for (const one of [usage, all]) {
      one.blobs += 1;
      one.bytes += info.contentLength;
    }
  };
  for await (const _ of pMapIterable(storage.list(), look, { concurrency: 16 }));
  const sorted = [...types].sort(([, one], [, other]) => other.bytes - one.bytes);
  return [...sorted, [null, all]];
}
