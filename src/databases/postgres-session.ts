import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client } from 'pg';
import { from, to } from 'pg-copy-streams';
import { lockSeconds, PostgresFailure } from './postgres-errors.js';
import type { Watch } from './watch.js';

/** Values as the server writes them in text. */
export type Row = readonly (string | null)[];

/** A connection to the server, for one piece of work at a time. */
export interface Session {
  /** Number of the server's process. */
  readonly pid: number;
  /** Such as 150018. */
  readonly serverVersion: number;
  readonly isReplica: boolean;
  readonly isReadOnly: boolean;
  /** Runs one statement with values for its parameters; `count` rows were changed or found. */
  query(sql: string, values?: readonly unknown[]): Promise<{ rows: Row[]; count: number }>;
  /** Runs statements without parameters. */
  run(sql: string): Promise<void>;
  /** What `COPY … TO STDOUT` gives; who does not read that to its end must end the session. */
  copyOut(sql: string): AsyncGenerator<Buffer>;
  /** Feeds `COPY … FROM STDIN`. The session ends where the chunks fail. */
  copyIn(sql: string, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  isOpen(): boolean;
  /** Whether it is open and in no transaction. */
  isFree(): boolean;
  /** Calls this when the connection has ended, whoever ended it. */
  onEnd(action: () => void): void;
  end(): Promise<void>;
}

/** What the driver has and its types do not tell. */
interface Driver {
  readonly connection: { readonly stream: Duplex };
  getTransactionStatus(): string | null;
}

/**
 * What our sessions must not inherit from user, database or server: texts are read back as they
 * were written, nothing hides rows, a scan may take long and an upload pause; a host that has died
 * holds no lock for hours.
 */
const parameters: Readonly<Record<string, string>> = {
  client_encoding: 'UTF8',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  extra_float_digits: '3',
  bytea_output: 'hex',
  default_transaction_isolation: 'read committed',
  row_security: 'off',
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  transaction_timeout: '0',
  lock_timeout: `${lockSeconds}s`,
  tcp_keepalives_idle: '60',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '6',
};

/** `remote_apply` waits for more than `on` does, the others for less. */
const setUp = `
  SELECT pg_backend_pid(), current_setting('server_version_num'), pg_is_in_recovery(),
         current_setting('transaction_read_only'),
         (SELECT count(set_config(known.name, wanted.value, false))
          FROM unnest($1::text[], $2::text[]) AS wanted(name, value)
          JOIN pg_settings AS known ON lower(known.name) = lower(wanted.name)),
         CASE WHEN current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')
              THEN set_config('synchronous_commit', 'on', false) END`;

/** Prepares a connected client; `socket` is what its traffic is seen on. */
export async function openSession(client: Client, socket: Socket, watch: Watch): Promise<Session> {
  const driver = client as unknown as Driver;
  let open = true;
  const closed = (): void => {
    open = false;
  };
  client.on('error', closed);
  client.on('end', closed);
  let process = 0;
  const wait: Wait = async (waiting) => {
    try {
      return await watch(socket, process, waiting);
    } catch (error) {
      throw error instanceof PostgresFailure ? error : new PostgresFailure(error);
    }
  };
  const query: Session['query'] = async (text, values = []) => {
    const config = { text, values: [...values], rowMode: 'array' as const, queryMode: 'extended' };
    const { rows, rowCount } = await wait(client.query<(string | null)[]>(config));
    return { rows, count: rowCount ?? 0 };
  };
  const end = async (): Promise<void> => {
    closed();
    await client.end().catch(() => {});
  };
  const state = await query(setUp, [Object.keys(parameters), Object.values(parameters)]);
  const [pid, serverVersion, isReplica, isReadOnly] = state.rows[0] as Row;
  process = Number(pid);
  return {
    pid: process,
    serverVersion: Number(serverVersion),
    isReplica: isReplica === 't',
    isReadOnly: isReadOnly === 'on',
    query,
    run: async (sql) => void (await wait(client.query(sql))),
    copyOut: (sql) => copyOut(client, sql, wait),
    copyIn: (sql, chunks) => copyIn(client, sql, chunks, { wait, end }),
    isOpen: () => open,
    isFree: () => open && driver.getTransactionStatus() === 'I',
    onEnd: (action) => void client.on('end', action),
    end,
  };
}

type Wait = <T>(waiting: Promise<T>) => Promise<T>;

async function* copyOut(client: Client, sql: string, wait: Wait): AsyncGenerator<Buffer> {
  const chunks = client.query(to(sql))[Symbol.asyncIterator]();
  while (true) {
    const step: IteratorResult<Buffer> = await wait(chunks.next());
    if (step.done === true) return;
    yield step.value;
  }
}

async function copyIn(
  client: Client,
  sql: string,
  chunks: AsyncIterable<Uint8Array>,
  { wait, end }: { wait: Wait; end(): Promise<void> },
): Promise<void> {
  const { stream: socket } = (client as unknown as Driver).connection;
  const copy = client.query(from(sql));
  let failure: Error | null = null;
  let fail: (error: Error) => void = () => {};
  copy.on('error', (error: Error) => {
    failure = error;
    fail(error);
  });
  // The stream answers no callback once the server has refused it.
  const answered = (action: (done: (error?: Error | null) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      if (failure !== null) return reject(failure);
      fail = reject;
      action((error) => (error ? reject(error) : resolve()));
    });
  try {
    for await (const chunk of chunks) {
      await wait(answered((done) => copy.write(chunk, done)));
      // Until it has left, the chunk must stay as it is.
      await wait(answered((done) => socket.write('', done)));
    }
    await wait(answered((done) => void copy.end(done)));
  } catch (error) {
    await end();
    throw error;
  }
}
