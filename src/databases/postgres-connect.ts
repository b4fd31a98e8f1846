import { Socket } from 'node:net';
import { Client } from 'pg';
import { DepotError } from '../errors.js';
import { isAway, PostgresFailure } from './postgres-errors.js';
import { passwordFor } from './postgres-password.js';
import { openSession, type Session } from './postgres-session.js';
import { type TlsAttempt, tlsAttempts } from './postgres-tls.js';
import {
  describeDatabase,
  isSocket,
  type PostgresHost,
  type PostgresSettings,
  type SessionAttributes,
} from './postgres-url.js';
import type { Watch } from './watch.js';

export interface ConnectOptions {
  /** Where certificates may be. */
  readonly home: string;
  /** Milliseconds. */
  readonly idleTimeout: number;
  readonly watch: Watch;
}

/** Connects to the first of the hosts that can be reached and is of the wanted kind. */
export async function connect(
  settings: PostgresSettings,
  options: ConnectOptions,
): Promise<Session> {
  const { hosts, sessionAttributes } = settings;
  const passes = sessionAttributes === 'prefer-standby' ? (['standby', 'any'] as const) : null;
  let failure: unknown;
  for (const wanted of passes ?? [sessionAttributes]) {
    for (const host of hosts) {
      try {
        const session = await connectTo(host, settings, options);
        if (isWanted(session, wanted)) return session;
        await session.end();
        failure = unwanted(settings, wanted);
      } catch (error) {
        failure = error;
        // What a server answers, the others would answer too.
        if (!isUnreachable(error)) throw error;
      }
    }
  }
  throw failure;
}

function isUnreachable(error: unknown): boolean {
  if (!(error instanceof PostgresFailure)) return false;
  const isServers = /^[0-9A-Z]{5}$/.test(error.code ?? '') && !(error.code ?? '').startsWith('E');
  return isAway(error) || !isServers;
}

function isWanted({ isReplica, isReadOnly }: Session, wanted: SessionAttributes): boolean {
  switch (wanted) {
    case 'read-write':
      return !isReadOnly && !isReplica;
    case 'read-only':
      return isReadOnly || isReplica;
    case 'primary':
      return !isReplica;
    case 'standby':
      return isReplica;
    default:
      return true;
  }
}

function unwanted(settings: PostgresSettings, wanted: SessionAttributes): DepotError {
  return new DepotError(
    'unreachable',
    `cannot open the database ${describeDatabase(settings)}: no host of it is ${wanted}`,
    { hint: 'Check the hosts and target_session_attrs in the URL.' },
  );
}

async function connectTo(
  host: PostgresHost,
  settings: PostgresSettings,
  options: ConnectOptions,
): Promise<Session> {
  const attempts = isSocket(host.host)
    ? [false as const]
    : await tlsAttempts(settings.tls, options.home);
  let failure: unknown;
  for (const tls of attempts) {
    try {
      return await attempt(host, tls, settings, options);
    } catch (error) {
      failure = error;
      if (!mayNeedOtherTls(error, tls)) throw error;
    }
  }
  throw failure;
}

/** A server may take connections with TLS alone, or without alone. */
function mayNeedOtherTls(error: unknown, tls: TlsAttempt): boolean {
  if (!(error instanceof PostgresFailure)) return false;
  const { code, message } = error;
  if (code === '28000') return true;
  return tls !== false && (/SSL/.test(message) || /^(?:ERR_(?:SSL|TLS)|EPROTO)/.test(code ?? ''));
}

async function attempt(
  host: PostgresHost,
  tls: TlsAttempt,
  settings: PostgresSettings,
  { idleTimeout, watch }: ConnectOptions,
): Promise<Session> {
  const socket = new Socket();
  const { connectTimeout, user, database, applicationName, options } = settings;
  let refusal: unknown = null;
  const password = async (): Promise<string> => {
    const found = await passwordFor(settings, host);
    if (found !== null) return found;
    refusal = noPassword(settings);
    throw refusal;
  };
  const client = new Client({
    stream: () => socket,
    host: host.address ?? host.host,
    port: host.port,
    user,
    database,
    password,
    application_name: applicationName,
    ...(options === null ? {} : { options }),
    ssl: tls === false ? false : { ...tls, ...nameOf(host) },
    ...(settings.tls.direct && tls !== false ? { sslnegotiation: 'direct' } : {}),
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    connectionTimeoutMillis: Math.min(
      idleTimeout,
      connectTimeout === null ? Number.POSITIVE_INFINITY : 1000 * connectTimeout,
    ),
    // Every value as the server's text: the driver would round numbers and shift times.
    types: { getTypeParser: () => (text: unknown) => text },
  } as never);
  client.on('error', () => {});
  try {
    await client.connect();
    return await openSession(client, socket, watch);
  } catch (error) {
    socket.destroy();
    if (refusal !== null) throw refusal;
    throw error instanceof PostgresFailure ? error : new PostgresFailure(error);
  }
}

/** The certificate is that of the host's name, wherever that is. */
function nameOf({ host, address }: PostgresHost): { host?: string; servername?: string } {
  return address === null ? {} : { host, servername: host };
}

function noPassword(settings: PostgresSettings): DepotError {
  return new DepotError(
    'unreachable',
    `cannot open the database ${describeDatabase(settings)}: it asks for a password, and there is none`,
    { hint: 'Give one in sqlalchemy.url, in PGPASSWORD, or in ~/.pgpass with mode 600.' },
  );
}
