import type { Command } from 'commander';
import { redactSqlalchemyUrl } from '../../config/sqlalchemy-url.js';
import { DepotError, exitCodes, messageOf } from '../../errors.js';
import type { Manager, StorageDescription } from '../../manager.js';
import type { Context } from '../context.js';
import type { Output } from '../output.js';

interface Options {
  readonly ping?: boolean;
}

/** Whether a storage can be reached, and whether by its configuration it is written to. */
interface Reach {
  readonly reachable: boolean;
  readonly writable: boolean;
  /** Why it is not reachable, or not writable. */
  readonly error: string | null;
  readonly hint: string | null;
}

export function registerStorages(program: Command, start: () => Context): void {
  const storages = program
    .command('storages')
    .description('show the configured storages')
    .option('--ping', 'reach each of them, writing nothing')
    .action((options: Options) => show(start(), options));
  storages
    .command('create')
    .description('make the directory, bucket or table of a storage')
    .argument('<storage>', 'its name')
    .action((name: string) => create(start(), name));
}

async function show(context: Context, options: Options): Promise<void> {
  const { output } = context;
  const manager = await context.manager();
  const storages = manager.describe();
  if (!options.ping) {
    if (!output.json) return printStorages(manager, output, storages, null);
    for (const storage of storages) await output.data('', storage);
    return;
  }
  const errors = await Promise.all(storages.map(({ name }) => ping(manager, name)));
  const reached = errors.map(({ unreachable, readOnly }) => reachOf(unreachable, readOnly));
  if (!output.json) await printStorages(manager, output, storages, reached);
  for (const [index, storage] of storages.entries()) {
    if (output.json) await output.data('', { ...storage, ...reached[index] });
  }
  const failures = errors.map(({ unreachable }) => unreachable).filter((one) => one !== null);
  for (const failure of failures) output.error(failure);
  for (const { readOnly } of errors) {
    if (readOnly === null) continue;
    output.note(readOnly.message);
    if (readOnly.hint !== undefined) output.note(readOnly.hint);
  }
  const kinds = new Set(failures.map(({ kind }) => kind));
  const [kind] = kinds;
  if (kind !== undefined) context.exitCode = exitCodes[kinds.size === 1 ? kind : 'failed'];
}

interface Pinged {
  readonly unreachable: DepotError | null;
  readonly readOnly: DepotError | null;
}

async function ping(manager: Manager, name: string): Promise<Pinged> {
  try {
    const { backend } = await manager.storage(name);
    await backend.ping();
    return { unreachable: null, readOnly: backend.readOnly ?? null };
  } catch (error) {
    const { kind, hint } =
      error instanceof DepotError ? error : { kind: 'failed' as const, hint: undefined };
    const told = messageOf(error);
    const message = told.startsWith(`storage ${name}: `) ? told : `storage ${name}: ${told}`;
    const unreachable = new DepotError(kind, message, hint === undefined ? {} : { hint });
    return { unreachable, readOnly: null };
  }
}

function reachOf(unreachable: DepotError | null, readOnly: DepotError | null): Reach {
  const error = unreachable ?? readOnly;
  return {
    reachable: unreachable === null,
    writable: error === null,
    error: error?.message ?? null,
    hint: error?.hint ?? null,
  };
}

async function printStorages(
  manager: Manager,
  output: Output,
  storages: readonly StorageDescription[],
  reached: readonly Reach[] | null,
): Promise<void> {
  const { printTable } = await import('../table.js');
  const head = ['NAME', 'KIND', 'DEFAULT', 'ALIASES', 'OPTIONS'];
  const rows = storages.map((storage, index) => {
    const reach = reached?.[index];
    return reach === undefined
      ? cells(storage, manager)
      : [...cells(storage, manager), reachCell(reach)];
  });
  await printTable(output, reached === null ? head : [...head, 'REACHED'], rows);
}

function reachCell({ reachable, writable }: Reach): string {
  if (!reachable) return 'no';
  return writable ? 'yes' : 'yes, only for reading';
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

async function create(context: Context, name: string): Promise<void> {
  const storage = await (await context.manager()).storage(name);
  const location = await storage.backend.provision();
  await context.output.data(location, { storage: storage.name, location });
}
