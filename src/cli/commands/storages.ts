import type { Command } from 'commander';
import { redactSqlalchemyUrl } from '../../config/sqlalchemy-url.js';
import { DepotError, type ErrorKind, exitCodes, messageOf } from '../../errors.js';
import type { Manager, StorageDescription } from '../../manager.js';
import type { Context } from '../context.js';

interface Options {
  readonly ping?: boolean;
}

interface Reach {
  readonly reachable: boolean;
  readonly error: string | null;
}

export function registerStorages(program: Command, start: () => Context): void {
  const storages = program
    .command('storages')
    .description('show the configured storages')
    .option('--ping', 'reach each of them')
    .action((options: Options) => show(start(), options));
  storages
    .command('create')
    .description('make the directory or table of a storage')
    .argument('<name>')
    .action((name: string) => create(start(), name));
}

async function show(context: Context, options: Options): Promise<void> {
  const { output } = context;
  const manager = await context.manager();
  const rows: string[][] = [];
  const kinds = new Set<ErrorKind>();
  for (const storage of manager.describe()) {
    const reach = options.ping ? await ping(manager, storage.name, kinds) : null;
    if (output.json) await output.data('', { ...storage, ...reach });
    rows.push([...cells(storage, manager), ...(reach === null ? [] : [reach.error ?? 'ok'])]);
  }
  const [kind] = kinds;
  if (kind !== undefined) context.exitCode = exitCodes[kinds.size === 1 ? kind : 'failed'];
  if (output.json) return;
  const { printTable } = await import('../table.js');
  const head = [
    'NAME',
    'KIND',
    'DEFAULT',
    'ALIASES',
    'OPTIONS',
    ...(options.ping ? ['REACHED'] : []),
  ];
  await printTable(output, head, rows);
}

function cells(storage: StorageDescription, { configuration }: Manager): string[] {
  const { name, kind, aliases, options } = storage;
  const settings = Object.entries(options).map(([option, value]) => `${option}=${value}`);
  const { sqlalchemyUrl } = configuration;
  if (kind === 'sql' && sqlalchemyUrl !== undefined) {
    settings.push(`sqlalchemy.url=${redactSqlalchemyUrl(sqlalchemyUrl.value)}`);
  }
  return [name, kind, storage.default ? 'yes' : '', aliases.join(', '), settings.join(' ')];
}

async function ping(manager: Manager, name: string, kinds: Set<ErrorKind>): Promise<Reach> {
  try {
    await (await manager.storage(name)).backend.ping();
    return { reachable: true, error: null };
  } catch (error) {
    kinds.add(error instanceof DepotError ? error.kind : 'failed');
    return { reachable: false, error: messageOf(error) };
  }
}

async function create(context: Context, name: string): Promise<void> {
  const storage = await (await context.manager()).storage(name);
  const location = await storage.backend.provision();
  await context.output.data(location, { storage: storage.name, location });
}
