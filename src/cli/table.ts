import Table from 'cli-table3';
import stringWidth from 'string-width';
import { escapeControls, type Output } from './output.js';

const noLines = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
    .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'])
    .map((name) => [name, '']),
);

/** Prints rows below a head, in columns; each by itself on a terminal that is too narrow for them. */
export async function printTable(
  output: Output,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): Promise<void> {
  const table = new Table({
    chars: { ...noLines, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  table.push([...head], ...rows.map((row) => row.map(escapeControls)));
  const lines = table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
  const fits = lines.every((line) => stringWidth(line) <= output.columns);
  const shown = fits ? lines : records(head, rows);
  await output.raw(shown.map((line) => `${line}\n`).join(''));
}

/** A line for each value behind its column's name, and an empty one between two rows. */
function records(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const width = Math.max(...head.map((name) => name.length));
  return rows.flatMap((row, index) => [
    ...(index === 0 ? [] : ['']),
    ...row.map((value, at) =>
      `${(head[at] ?? '').padEnd(width)}  ${escapeControls(value)}`.trimEnd(),
    ),
  ]);
}
