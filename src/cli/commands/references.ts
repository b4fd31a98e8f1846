import type { Command } from 'commander';
import type { ReferenceColumn } from '../../references/columns.js';
import type { Context } from '../context.js';
import { keepMemorySmall } from '../memory.js';

interface Options {
  readonly count?: boolean;
}

export function registerReferences(program: Command, start: () => Context): void {
  program
    .command('references')
    .description('show the columns and document fields that hold references')
    .option('--count', 'how many references of each name blobs of which storage')
    .action((options: Options) => references(start(), options));
}

async function references(context: Context, options: Options): Promise<void> {
  keepMemorySmall();
  const { findColumns } = await import('../../references/columns.js');
  const manager = await context.manager();
  manager.checkDatabases();
  const columns = await findColumns(await manager.referenceDatabases());
  if (columns.length === 0) context.output.note('No column holds references.');
  else if (options.count) await printCounts(context, columns);
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

async function printCounts(context: Context, columns: readonly ReferenceColumn[]): Promise<void> {
  const { output, signal } = context;
  const { columnName } = await import('../../references/columns.js');
  const { countBlobs } = await import('../../references/count.js');
  const rows: string[][] = [];
  for (const column of columns) {
    for (const [storage, { references, blobs }] of await countBlobs(column, signal)) {
      const name = columnName(column);
      if (output.json) await output.data('', { column: name, storage, references, blobs });
      rows.push([name, storage, String(references), String(blobs)]);
    }
  }
  if (output.json) return;
  const { printTable } = await import('../table.js');
  await printTable(output, ['COLUMN', 'STORAGE', 'REFERENCES', 'BLOBS'], rows);
}
