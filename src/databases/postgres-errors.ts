import { DepotError, type ErrorKind, messageOf } from '../errors.js';
import { errorCode } from '../files.js';
import { networkError } from '../network.js';

/** What the server or the connection to it failed with, told apart from errors of a blob's source. */
export class PostgresFailure extends Error {
  /** An SQLSTATE or a code of Node's; null where there is none. */
  readonly code: string | null;

  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
    this.name = 'PostgresFailure';
    this.code = errorCode(cause) ?? null;
  }
}

/** Seconds that a lock of another session is waited for. */
export const lockSeconds = 30;

interface Reason {
  readonly kind: ErrorKind;
  readonly why: string;
  readonly hint?: string;
}

const again = 'Run it again: what is done is not done twice.';
const credentials = 'Check user and password in sqlalchemy.url, PGPASSWORD, and pg_hba.conf.';

/** What SQLSTATEs and codes of sockets mean to an administrator; `$` is what the server says. */
const reasons: Readonly<Record<string, Reason>> = {
  '28P01': { kind: 'unreachable', why: 'wrong password, or no such user', hint: credentials },
  '28000': { kind: 'unreachable', why: 'it lets this user not in: $', hint: credentials },
  '3D000': {
    kind: 'unreachable',
    why: 'there is no database of that name',
    hint: 'Check sqlalchemy.url.',
  },
  '42501': {
    kind: 'unreachable',
    why: 'permission denied: $',
    hint: 'GRANT it to the user, or name another user in sqlalchemy.url.',
  },
  '53300': {
    kind: 'unreachable',
    why: 'it takes no more connections',
    hint: 'Try again later, or raise max_connections or the limit of the user or database.',
  },
  '53100': {
    kind: 'failed',
    why: 'no space left on the disk of the server',
    hint: 'Nothing half written was kept. Free some space, then run it again.',
  },
  '25006': {
    kind: 'unreachable',
    why: 'it takes no writes: it is a replica, or set to read only',
    hint: 'Name the primary, or several hosts and target_session_attrs=read-write.',
  },
  '57P01': { kind: 'unreachable', why: 'the connection was ended by the server: $', hint: again },
  '57P02': { kind: 'unreachable', why: 'the server has crashed', hint: again },
  '57P03': { kind: 'unreachable', why: 'it does not accept connections now: $', hint: again },
  '57P04': { kind: 'unreachable', why: 'the database was removed' },
  '57P05': { kind: 'unreachable', why: 'the connection was ended by the server: $', hint: again },
  '57014': {
    kind: 'failed',
    why: 'the server cancelled it: $',
    hint: 'Raise statement_timeout if that is it.',
  },
  '55P03': {
    kind: 'failed',
    why: `another session has held a lock on it for ${lockSeconds} s`,
    hint: 'See pg_stat_activity and pg_locks; then run it again.',
  },
  '40001': { kind: 'failed', why: 'other sessions kept changing the same rows', hint: again },
  '40P01': { kind: 'failed', why: 'other sessions kept locking the same rows', hint: again },
  '22021': { kind: 'failed', why: 'the text does not fit the database’s encoding: $' },
  '22P05': { kind: 'failed', why: 'the text does not fit the database’s encoding: $' },
  ENOENT: {
    kind: 'unreachable',
    why: 'there is no socket of a server',
    hint: 'Check that it runs, its port, and host in sqlalchemy.url: a directory of sockets.',
  },
  EACCES: { kind: 'unreachable', why: 'permission denied on the socket' },
  ...Object.fromEntries(
    [
      ...['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN'],
      ...['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT'],
      ...['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'CERT_REVOKED'],
    ].map((code) => [
      code,
      {
        kind: 'unreachable' as const,
        why: 'its certificate is not signed by the authorities in sslrootcert',
        hint: 'Name the file of its authority as sslrootcert in the URL.',
      },
    ]),
  ),
  CERT_REVOKED: { kind: 'unreachable', why: 'its certificate was revoked' },
};

/** Messages of the driver that come without a code. */
const messages: readonly (readonly [RegExp, Reason])[] = [
  [
    /^Connection terminated|^Client has encountered a connection error|^Client was closed/,
    { kind: 'unreachable', why: 'the connection was cut', hint: again },
  ],
  [
    /^timeout expired/,
    { kind: 'unreachable', why: 'it does not answer', hint: 'Check host and port.' },
  ],
  [
    /alert certificate required|alert handshake failure/,
    {
      kind: 'unreachable',
      why: 'it asks for a certificate of ours, or refuses the one it got',
      hint: 'Name its files as sslcert and sslkey in the URL.',
    },
  ],
  [
    /does not support SSL/,
    { kind: 'unreachable', why: 'it does not speak TLS', hint: 'Check sslmode in the URL.' },
  ],
  [
    /error establishing an SSL connection|^unexpected message type/i,
    {
      kind: 'unreachable',
      why: 'what listens there is no PostgreSQL server',
      hint: 'Check the port.',
    },
  ],
];

/** Says what an error of the server or the connection means; passes any other on as it is. */
export function explain(error: unknown, name: string, what: string): unknown {
  if (!(error instanceof PostgresFailure)) return error;
  const { cause, code, message } = error;
  const failed =
    what === 'open' ? `cannot open the database ${name}` : `cannot ${what} in the database ${name}`;
  const known = reasonOf(error);
  if (known !== null) {
    const { kind, why, hint } = known;
    return new DepotError(kind, `${failed}: ${why.replace('$', () => message)}`, {
      cause,
      ...(hint === undefined ? {} : { hint }),
    });
  }
  const network = networkError(cause, failed);
  if (network !== null) return network;
  const kind = /^(?:08|ERR_SSL|ERR_TLS)/.test(code ?? '') ? 'unreachable' : 'failed';
  return new DepotError(kind, `${failed}: ${message}`, { cause });
}

function reasonOf({ code, message, cause }: PostgresFailure): Reason | null {
  const { table, column } = cause as { table?: string; column?: string };
  if (code === '42P01' && /\bblobs\b/.test(message)) {
    const hint = 'Check sqlalchemy.url; the table is made with: depot storages create NAME';
    return { kind: 'unreachable', why: 'it has no table blobs', hint };
  }
  if (code === '23502' && table === 'blobs' && column === 'id') {
    const hint =
      'ALTER TABLE blobs ALTER id ADD GENERATED BY DEFAULT AS IDENTITY, then set its start.';
    return { kind: 'failed', why: 'the column id of blobs has no default', hint };
  }
  if (code === '23505' && table === 'blobs') {
    const hint =
      "SELECT setval(pg_get_serial_sequence('blobs', 'id'), (SELECT max(id) FROM blobs))";
    return { kind: 'failed', why: 'the sequence of blobs.id is behind its rows', hint };
  }
  const known = reasons[code ?? ''];
  if (known !== undefined) return known;
  return messages.find(([pattern]) => pattern.test(message))?.[1] ?? null;
}

/** The connection is gone: what was not committed on it never will be. */
export function isLost(error: unknown): boolean {
  if (!(error instanceof PostgresFailure)) return false;
  const { code, message } = error;
  if (code === null)
    return /^Connection terminated|^Client (?:has encountered|was closed)/.test(message);
  return ['ECONNRESET', 'EPIPE', 'ECONNABORTED', '57P01', '57P02', '57P05', '25P03'].includes(code);
}

/** There is no server for a moment, as while one starts. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof PostgresFailure)) return false;
  return ['57P03', 'ECONNREFUSED', 'ENOENT'].includes(error.code ?? '');
}

/** Rolled back by the server because of what other sessions did. */
export function isConflict(error: unknown): boolean {
  return error instanceof PostgresFailure && ['40001', '40P01'].includes(error.code ?? '');
}

/** The server takes no more connections. */
export function isFull(error: unknown): boolean {
  return error instanceof PostgresFailure && error.code === '53300';
}
