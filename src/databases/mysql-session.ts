import type { Socket } from 'node:net';
import { type Cursor, openCursor } from './mysql-cursor.js';
import type { Driver, DriverResult, DriverStatement, Parameter, Row } from './mysql-driver.js';
import { lockSeconds, MysqlFailure } from './mysql-errors.js';
import { setUp, type Variables } from './mysql-variables.js';
import { queryRow, type StreamedRow, sendParameterBytes, type Wait } from './mysql-wire.js';
import type { Watch } from './watch.js';

/** Bytes of a parameter sent at a time. */
const pieceSize = 256 * 1024;

/** Rows, and how many were found or changed. */
interface Result {
  readonly rows: readonly Row[];
  readonly count: number;
}

/** A statement whose last parameter is sent ahead of it. */
interface Upload {
  /** Sends the bytes, which are never in memory together here; returns how many. */
  send(chunks: AsyncIterable<Uint8Array>): Promise<number>;
  /** Runs the statement with the values of its other parameters. */
  execute(values: readonly Parameter[]): Promise<Result>;
}

/** A connection to the server, for one piece of work at a time. */
export interface Session {
  /** The server's number of the connection. */
  readonly id: number;
  readonly variables: Variables;
  /** Runs one statement with values for its parameters. */
  query(sql: string, values?: readonly Parameter[]): Promise<Result>;
  /** Runs a statement that takes no parameters. */
  run(sql: string): Promise<Result>;
  upload(sql: string): Promise<Upload>;
  /** Runs a query of one row at most, whose last value comes as it arrives. */
  queryRow(sql: string): Promise<StreamedRow | null>;
  cursor(sql: string, values: readonly Parameter[]): Promise<Cursor>;
  begin(): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
  /** Takes the server's lock of that name, of 64 characters at most, until `unlock`. */
  lock(name: string): Promise<void>;
  unlock(name: string): Promise<void>;
  isOpen(): boolean;
  /** Whether it is open, and nothing is left of the work before. */
  isFree(): boolean;
  /** Calls this when the connection has ended, whoever ended it. */
  onEnd(action: () => void): void;
  end(): Promise<void>;
}

/** Prepares a connection; `socket` is what its traffic is seen on. */
export async function openSession(driver: Driver, socket: Socket, watch: Watch): Promise<Session> {
  const { unlessLost, isOpen, onEnd, close } = connectionState(driver, socket);
  /** What has been begun and must be ended before the session can be used for other work. */
  const begun = new Set<'transaction' | 'upload' | 'rows' | 'lock'>();
  const wait: Wait = async (waiting) => {
    try {
      return await watch(socket, driver.threadId, unlessLost(waiting));
    } catch (error) {
      throw error instanceof MysqlFailure ? error : new MysqlFailure(error);
    }
  };
  const prepare = (sql: string): Promise<DriverStatement> =>
    wait(called<DriverStatement>((done) => driver.prepare(sql, done)));
  const prepareFor = async (
    sql: string,
    values: readonly Parameter[],
  ): Promise<DriverStatement> => {
    checkLength(sql, values, variables);
    const statement = await prepare(sql);
    if (statement.parameters.length === values.length) return statement;
    throw new MysqlFailure(new Error('it holds a question mark that stands for no value'));
  };
  const execute = async (statement: DriverStatement, values: readonly Parameter[]) =>
    resultOf(await wait(called<DriverResult>((done) => void statement.execute(values, done))));
  const query: Session['query'] = async (sql, values = []) =>
    execute(await prepareFor(sql, values), values);
  const run: Session['run'] = async (sql) =>
    resultOf(await wait(called<DriverResult>((done) => driver.query(sql, done))));
  const variables = await setUp(async (sql) => (await run(sql)).rows);
  return {
    id: driver.threadId,
    variables,
    query,
    run,
    async upload(sql) {
      const statement = await prepare(sql);
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
          const result = await execute(statement, [...values, Buffer.alloc(0)]);
          begun.delete('upload');
          return result;
        },
      };
    },
    async queryRow(sql) {
      begun.add('rows');
      const row = await queryRow(driver.stream, sql, wait);
      const done = (): void => void begun.delete('rows');
      if (row?.last) return { ...row, last: { ...row.last, bytes: ending(row.last.bytes, done) } };
      done();
      return row;
    },
    async cursor(sql, values) {
      const statement = await prepareFor(sql, values);
      begun.add('rows');
      return openCursor(
        driver,
        () => statement.execute(values),
        wait,
        () => begun.delete('rows'),
      );
    },
    async begin() {
      begun.add('transaction');
      await run('START TRANSACTION');
    },
    async commit() {
      await run('COMMIT');
      begun.delete('transaction');
    },
    async rollback() {
      await run('ROLLBACK');
      begun.delete('transaction');
    },
    async lock(name) {
      begun.add('lock');
      const { rows } = await query(`SELECT GET_LOCK(?, ${lockSeconds})`, [name]);
      if (Number(rows[0]?.[0]) === 1) return;
      begun.delete('lock');
      throw new MysqlFailure(Object.assign(new Error(`no lock ${name}`), { errno: 1205 }));
    },
    async unlock(name) {
      await query('DO RELEASE_LOCK(?)', [name]);
      begun.delete('lock');
    },
    isOpen,
    isFree: () => isOpen() && begun.size === 0,
    onEnd,
    end: async () => close(begun.size === 0),
  };
}

/** A server hangs up on a statement that is too long, before anyone can read why. */
function checkLength(sql: string, values: readonly Parameter[], variables: Variables): void {
  const limit = Number(variables.get('max_allowed_packet') ?? Number.POSITIVE_INFINITY);
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

async function* ending<T>(chunks: AsyncIterable<T>, action: () => void): AsyncGenerator<T> {
  yield* chunks;
  action();
}

/** Whether a connection is there; the driver does not tell everyone who waits that it is lost. */
function connectionState(driver: Driver, socket: Socket) {
  const waiting = new Set<(error: Error) => void>();
  const actions: (() => void)[] = [];
  let failure: Error | null = null;
  const lost = (error: Error): void => {
    if (failure !== null) return;
    failure = error;
    for (const reject of waiting) reject(error);
    for (const action of actions) action();
  };
  const gone = (): void =>
    lost(Object.assign(new Error('the connection was lost'), { code: 'PROTOCOL_CONNECTION_LOST' }));
  driver.on('error', lost);
  socket.on('error', lost);
  socket.on('close', gone);
  return {
    isOpen: () => failure === null,
    onEnd: (action: () => void) => void actions.push(action),
    unlessLost: <T>(promise: Promise<T>): Promise<T> =>
      new Promise<T>((resolve, reject) => {
        if (failure !== null) reject(failure);
        waiting.add(reject);
        promise.then(resolve, reject).finally(() => waiting.delete(reject));
      }),
    /** Hangs up, politely where the server listens. */
    close(politely: boolean) {
      if (failure !== null) return;
      gone();
      if (!politely) return void socket.destroy();
      driver.end();
      driver.stream.end();
      socket.unref();
    },
  };
}
