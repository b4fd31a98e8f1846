import { existsSync } from 'node:fs';
import { connect as connectSocket, type Socket } from 'node:net';
import { type ConnectionOptions, createConnection, type SslOptions } from 'mysql2';
import { DepotError } from '../errors.js';
import type { Driver } from './mysql-driver.js';
import { MysqlFailure } from './mysql-errors.js';
import { awaitGreeting } from './mysql-greeting.js';
import { openLink } from './mysql-link.js';
import { openSession, type Session } from './mysql-session.js';
import { sslOptions, tlsError } from './mysql-tls.js';
import type { MysqlSettings } from './mysql-url.js';
import type { Watch } from './watch.js';

/** Where servers of the usual packages have their socket. */
const usualSockets = [
  '/run/mysqld/mysqld.sock',
  '/var/run/mysqld/mysqld.sock',
  '/var/lib/mysql/mysql.sock',
  '/tmp/mysql.sock',
];

/** What we negotiate otherwise than the driver: no files of ours are read, words mean what they say. */
const flags = ['-LOCAL_FILES', '-IGNORE_SPACE', '-CLIENT_QUERY_ATTRIBUTES'];

export interface ConnectOptions {
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
export async function connect(
  settings: MysqlSettings,
  { idleTimeout, watch }: ConnectOptions,
): Promise<Session> {
  const { host, port, socket: path, connectTimeout } = settings;
  const timeout = Math.min(idleTimeout, 1000 * (connectTimeout ?? Number.POSITIVE_INFINITY));
  const socket = path === null ? connectSocket({ host, port }) : connectSocket(path);
  socket.setNoDelay(true).setKeepAlive(true, 30_000);
  socket.on('error', () => {});
  // Whom Node takes the other end for where the driver does not say it: an address.
  Object.assign(socket, { _host: host });
  try {
    const { tls } = await awaitGreeting(socket, timeout);
    const ssl = await encryption(settings, tls);
    const driver = createConnection({
      ...driverOptions(settings, ssl),
      stream: () => socket,
      connectTimeout: timeout,
    }) as unknown as Driver;
    socket.resume();
    await connected(driver, socket);
    return await openSession(openLink(driver, socket, watch));
  } catch (error) {
    socket.destroy();
    throw error instanceof DepotError || error instanceof MysqlFailure
      ? error
      : new MysqlFailure(tlsError(error));
  }
}

async function encryption(
  { tls, socket }: MysqlSettings,
  isOffered: boolean,
): Promise<SslOptions | null> {
  // Nobody listens in on a socket of this machine.
  if (tls.mode === 'DISABLED' || socket !== null) return null;
  if (tls.mode === 'PREFERRED' && !isOffered) return null;
  return sslOptions(tls);
}

function driverOptions(
  { host, port, socket, user, password, database }: MysqlSettings,
  ssl: SslOptions | null,
): ConnectionOptions {
  return {
    host,
    port,
    // Not to connect to, but to tell that it is safe to send a password.
    ...(socket === null ? {} : { socketPath: socket }),
    ...(ssl === null ? {} : { ssl }),
    user,
    password,
    database,
    flags,
    rowsAsArray: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
    jsonStrings: true,
    maxPreparedStatements: 64,
  };
}

function connected(driver: Driver, socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    driver.on('error', reject);
    socket.on('error', reject);
    driver.once('connect', () => resolve());
  });
}
