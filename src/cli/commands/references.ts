import type { Command } from 'commander';
import type { Manager } from '../../manager.js';
import type { ReferenceColumn } from '../../references/columns.js';
import type { NamedBlobs } from '../../transfer/named-blobs.js';
import type { Context } from '../context.js';
import { keepMemorySmall } from '../memory.js';
import { formatBytes, type Output } from '../output.js';

interface Options {
  readonly count?: boolean;
}

export function registerReferences(program: Command, start: () => Context): void {
  program
    .command('references')
    .description('show the columns and document fields that hold references')
    .option(
      '--count',
      'how many references of each name blobs of which storage, how large, and which blobs several name',
    )
    .action((options: Options) => references(start(), options));
}

async function references(context: Context, options: Options): Promise<void> {
  keepMemorySmall();
  const { findColumns } = await import('../../references/columns.js');
  const manager = await context.manager();
  manager.checkDatabases();
  const columns = await findColumns(await manager.referenceDatabases());
  if (columns.length === 0) context.output.note('No column holds references.');
  else if (options.count) await printCounts(context, manager, columns);
  else await printColumns(context, columns);
}

async function printColumns(
  { output }: Context,
  columns: readonly ReferenceColumn[],
): Promise<void> {
  const { columnName } = await import('../../references/columns.js');
  const objects = columns.map((column) => ({
    column: columnName(column),
    primary_key: column.table.primaryKey,
    max_length: column.column.maxLength,
    database: column.database.name,
  }));
  if (output.json) {
    for (const object of objects) await output.data('', object);
    return;
  }
  const { printTable } = await import('../table.js');
  const rows = objects.map((object) => [
    object.column,
    object.primary_key.join(', '),
    String(object.max_length ?? ''),
    object.database,
  ]);
  await printTable(output, ['COLUMN', 'PRIMARY KEY', 'LENGTH', 'DATABASE'], rows);
}

async function printCounts(
  context: Context,
  manager: Manager,
  columns: readonly ReferenceColumn[],
): Promise<void> {
  const { output, signal } = context;
  const { namedBlobs } = await import('../../transfer/named-blobs.js');
  const notice = (text: string): void => output.note(text);
  const named = await namedBlobs({ manager, columns, signal, notice, concurrency: 64 });
  try {
    if (output.json) await printCountObjects(output, named);
    else await printCountTables(output, named);
  } finally {
    named.close();
  }
}

async function printCountObjects(output: Output, named: NamedBlobs): Promise<void> {
  const { columnName } = await import('../../references/columns.js');
  for (const of of named.columns) {
    const { column, ...counts } = of;
    const shared = [...named.shared(of)];
    await output.data('', { column: columnName(column), ...counts, shared });
  }
}

async function printCountTables(output: Output, named: NamedBlobs): Promise<void> {
  const { columnName } = await import('../../references/columns.js');
  const { printTable } = await import('../table.js');
  const rows = named.columns.map(({ column, storage, references, blobs, bytes }) => [
    ...[columnName(column), storage, String(references), String(blobs)],
    bytes === null ? '?' : formatBytes(bytes),
  ]);
  await printTable(output, ['COLUMN', 'STORAGE', 'REFERENCES', 'BLOBS', 'SIZE'], rows);
  for (const { path, references } of named.shared()) {
    await output.data(`${path} is named by ${references.join(', ')}`, null);
  }
}
