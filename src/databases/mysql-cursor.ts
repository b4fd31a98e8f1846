import type { Driver, DriverCommand, Row } from './mysql-driver.js';
import type { Wait } from './mysql-wire.js';

/** The rows of a statement, read page by page as they arrive. */
export interface Cursor {
  /** At most so many more rows, fewer where they hold more than so many bytes; none at the end. */
  page(rows: number, bytes: number): Promise<readonly Row[]>;
}

/** Calls `done` when the last row has been read; before, the session is good for nothing else. */
export function openCursor(
  driver: Driver,
  execute: () => DriverCommand,
  wait: Wait,
  done: () => void,
): Cursor {
  let state: 'new' | 'running' | 'done' = 'new';
  let failure: Error | null = null;
  let page: Row[] = [];
  let bytes = 0;
  let isFull = (): boolean => false;
  let wake = (): void => {};

  const start = (): void => {
    state = 'running';
    const command = execute();
    command.on('result', (row: Row) => {
      page.push(row);
      bytes += lengthOf(row);
      if (!isFull()) return;
      driver.pause();
      wake();
    });
    command.on('error', (error: Error) => {
      failure = error;
    });
    command.on('end', () => {
      state = 'done';
      done();
      wake();
    });
  };
  return {
    async page(rows, upTo) {
      page = [];
      bytes = 0;
      isFull = () => page.length >= rows || bytes > upTo;
      if (state !== 'done') {
        const arrived = new Promise<void>((resolve) => {
          wake = resolve;
        });
        if (state === 'new') start();
        else driver.resume();
        await wait(arrived);
      }
      if (failure !== null) throw failure;
      return page;
    },
  };
}

/** Bytes or characters of a row's values. */
function lengthOf(row: Row): number {
  let length = 0;
  for (const value of row)
    length += Buffer.isBuffer(value) ? value.byteLength : String(value).length;
  return length;
}
