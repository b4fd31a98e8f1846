import { existsSync } from 'node:fs';
import { connect as connectSocket, type Socket } from 'node:net';
import { createConnection, type SslOptions } from 'mysql2';
import type { Driver } from './mysql-driver.js';
import { MysqlFailure } from './mysql-errors.js';
import { openSession, type Session } from './mysql-session.js';
import { tlsAttempts } from './mysql-tls.js';
import type { MysqlSettings } from './mysql-url.js';
import type { Watch } from './postgres-session.js';

/** Where servers of the usual packages have their socket. */
const usualSockets = [
  '/run/mysqld/mysqld.sock',
  '/var/run/mysqld/mysqld.sock',
  '/var/lib/mysql/mysql.sock',
  '/tmp/mysql.sock',
];

/** What we negotiate otherwise than the driver: no files of ours are read, words mean what they say. */
const flags = ['-LOCAL_FILES', '-IGNORE_SPACE', '-CLIENT_QUERY_ATTRIBUTES'];

interface ConnectOptions {
  /** Milliseconds. */
  readonly idleTimeout: number;
  readonly watch: Watch;
}

/** The settings with the socket that `localhost` stands for, where there is one. */
export function withSocket(settings: MysqlSettings): MysqlSettings {
  if (settings.socket !== null || !settings.prefersSocket) return settings;
  return { ...settings, socket: usualSockets.find((one) => existsSync(one)) ?? null };
}

/** Connects, and sets the session up. */
export async function connect(settings: MysqlSettings, options: ConnectOptions): Promise<Session> {
  // Nobody listens in on a socket of this machine.
  const attempts = settings.socket === null ? await tlsAttempts(settings.tls) : [null];
  let failure: unknown;
  for (const ssl of attempts) {
    try {
      return await attempt(settings, ssl, options);
    } catch (error) {
      failure = error;
      if (!lacksTls(error)) throw error;
    }
  }
  throw failure;
}

function lacksTls(error: unknown): boolean {
  if (!(error instanceof MysqlFailure)) return false;
  return error.code === 'HANDSHAKE_NO_SSL_SUPPORT' || error.code === 'HANDSHAKE_SSL_ERROR';
}

async function attempt(
  settings: MysqlSettings,
  ssl: SslOptions | null,
  { idleTimeout, watch }: ConnectOptions,
): Promise<Session> {
  const { host, port, socket: path, user, password, database, connectTimeout } = settings;
  const socket = path === null ? connectSocket({ host, port }) : connectSocket(path);
  socket.setNoDelay(true).setKeepAlive(true, 30_000);
  try {
    const driver = createConnection({
      stream: () => socket,
      host,
      port,
      // Not to connect to, but to tell that it is safe to send a password.
      ...(path === null ? {} : { socketPath: path }),
      ...(ssl === null ? {} : { ssl }),
      user,
      password,
      database,
      connectTimeout: Math.min(idleTimeout, 1000 * (connectTimeout ?? Number.POSITIVE_INFINITY)),
      flags,
      rowsAsArray: true,
      supportBigNumbers: true,
      bigNumberStrings: true,
      dateStrings: true,
      jsonStrings: true,
      maxPreparedStatements: 64,
    }) as unknown as Driver;
    await connected(driver, socket);
    return await openSession(driver, socket, watch);
  } catch (error) {
    socket.destroy();
    throw error instanceof MysqlFailure ? error : new MysqlFailure(error);
  }
}

function connected(driver: Driver, socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    driver.on('error', reject);
    socket.on('error', reject);
    driver.once('connect', () => resolve());
  });
}
