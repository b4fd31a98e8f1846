import { type Cursor, openCursor } from './mysql-cursor.js';
import type { DriverResult, DriverStatement, Parameter, Row } from './mysql-driver.js';
import { MysqlFailure } from './mysql-errors.js';
import type { Link } from './mysql-link.js';
import { queryRow, type StreamedRow, sendParameterBytes } from './mysql-wire.js';

/** Bytes of a parameter sent at a time. */
const pieceSize = 256 * 1024;

/** Rows, and how many were found or changed. */
export interface Result {
  readonly rows: readonly Row[];
  readonly count: number;
}

/** A statement whose last parameter is sent ahead of it. */
export interface Upload {
  /** Sends the bytes, which are never in memory together here; returns how many. */
  send(chunks: AsyncIterable<Uint8Array>): Promise<number>;
  /** Runs the statement with the values of its other parameters. */
  execute(values: readonly Parameter[]): Promise<Result>;
}

/** Runs a statement that takes no parameters. */
export async function run({ driver, wait }: Link, sql: string): Promise<Result> {
  return resultOf(await wait(called<DriverResult>((done) => driver.query(sql, done))));
}

/** Prepares a statement with these parameters, of at most so many bytes, and runs it. */
export async function query(
  link: Link,
  sql: string,
  values: readonly Parameter[],
  limit: number,
): Promise<Result> {
  return execute(link, await prepareFor(link, sql, values, limit), values);
}

/** As `query`, for rows that are read page by page. */
export async function cursor(
  link: Link,
  sql: string,
  values: readonly Parameter[],
  limit: number,
): Promise<Cursor> {
  const { driver, wait, begun } = link;
  const statement = await prepareFor(link, sql, values, limit);
  begun.add('rows');
  const done = (): void => void begun.delete('rows');
  return openCursor(driver, () => statement.execute(values), wait, done);
}

export async function upload(link: Link, sql: string): Promise<Upload> {
  const { driver, wait, begun } = link;
  const statement = await prepare(link, sql);
  const last = { statement: statement.id, parameter: statement.parameters.length - 1 };
  return {
    async send(chunks) {
      begun.add('upload');
      let sent = 0;
      for await (const chunk of chunks) {
        for (let start = 0; start < chunk.byteLength; start += pieceSize) {
          const piece = chunk.subarray(start, start + pieceSize);
          await wait(sendParameterBytes(driver.stream, last, piece));
        }
        sent += chunk.byteLength;
      }
      return sent;
    },
    async execute(values) {
      // What has been sent goes before this value, which must stand last.
      const result = await execute(link, statement, [...values, Buffer.alloc(0)]);
      begun.delete('upload');
      return result;
    },
  };
}

/** Runs a query of one row at most, whose last value comes as it arrives. */
export async function streamedRow(
  { driver, wait, begun }: Link,
  sql: string,
): Promise<StreamedRow | null> {
  begun.add('rows');
  const done = (): void => void begun.delete('rows');
  const row = await queryRow(driver.stream, sql, wait);
  if (row?.last) return { ...row, last: { ...row.last, bytes: ending(row.last.bytes, done) } };
  done();
  return row;
}

async function* ending<T>(chunks: AsyncIterable<T>, action: () => void): AsyncGenerator<T> {
  yield* chunks;
  action();
}

function prepare({ driver, wait }: Link, sql: string): Promise<DriverStatement> {
  return wait(called<DriverStatement>((done) => driver.prepare(sql, done)));
}

async function prepareFor(
  link: Link,
  sql: string,
  values: readonly Parameter[],
  limit: number,
): Promise<DriverStatement> {
  checkLength(sql, values, limit);
  const statement = await prepare(link, sql);
  if (statement.parameters.length === values.length) return statement;
  throw new MysqlFailure(new Error('it holds a question mark that stands for no value'));
}

async function execute(
  { wait }: Link,
  statement: DriverStatement,
  values: readonly Parameter[],
): Promise<Result> {
  return resultOf(await wait(called<DriverResult>((done) => void statement.execute(values, done))));
}

/** A server hangs up on a statement that is too long, before anyone can read why. */
function checkLength(sql: string, values: readonly Parameter[], limit: number): void {
  const lengths = [sql, ...values].map((value) => Buffer.byteLength(value ?? ''));
  const length = lengths.reduce((sum, one) => sum + one + 16, 0);
  if (length <= limit) return;
  const why = `a statement of ${length} bytes, and the limit is ${limit}`;
  throw new MysqlFailure(Object.assign(new Error(why), { errno: 1153 }));
}

function called<T>(action: (done: (error: Error | null, result: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    action((error, result) => (error ? reject(error) : resolve(result)));
  });
}

function resultOf(result: DriverResult): Result {
  if (Array.isArray(result)) return { rows: result, count: result.length };
  return { rows: [], count: result.affectedRows };
}
