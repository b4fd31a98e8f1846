import { DepotError, type ErrorKind, messageOf } from '../errors.js';
import { errorCode } from '../files.js';
import { networkError } from '../network.js';

/** What the server or the connection to it failed with, told apart from errors of a blob's source. */
export class MysqlFailure extends Error {
  /** The server's number of the error, or a code of Node's or the driver's; null where there is none. */
  readonly code: number | string | null;

  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
    this.name = 'MysqlFailure';
    const { errno, code } = cause as { errno?: unknown; code?: unknown };
    const number = [errno, code].find((one) => typeof one === 'number' && one > 0);
    this.code = (number as number | undefined) ?? errorCode(cause) ?? null;
  }
}

/** Seconds that a lock of another session is waited for, each time that it is tried. */
export const lockSeconds = 10;

interface Reason {
  readonly kind: ErrorKind;
  readonly why: string;
  readonly hint?: string;
}

const again = 'Run it again: what is done is not done twice.';
const url = 'Check sqlalchemy.url.';
const grant = 'GRANT it to the user, or name another user in sqlalchemy.url.';

const denied: Reason = { kind: 'unreachable', why: 'permission denied: $', hint: grant };
const credentials: Reason = {
  kind: 'unreachable',
  why: 'wrong password, or no such user: $',
  hint: 'Check user and password in sqlalchemy.url, and from which hosts the user may connect.',
};
const full: Reason = {
  kind: 'unreachable',
  why: 'it takes no more connections',
  hint: 'Try again later, or raise max_connections or the limit of the user.',
};
const readOnly: Reason = {
  kind: 'unreachable',
  why: 'it takes no writes: $',
  hint: 'Name the primary server in sqlalchemy.url, or turn read_only off there.',
};
const ended: Reason = {
  kind: 'unreachable',
  why: 'the connection was ended by the server',
  hint: again,
};
const noSpace: Reason = {
  kind: 'failed',
  why: 'no space left on the disk of the server, or in its tablespace: $',
  hint: 'Nothing half written was kept. Free some space, then run it again.',
};
const noTls: Reason = {
  kind: 'unreachable',
  why: 'it does not speak TLS',
  hint: 'Set up TLS there, or check the ssl options of sqlalchemy.url.',
};
const packet: Reason = {
  kind: 'failed',
  why: 'it is larger than the server’s max_allowed_packet: $',
  hint: 'Raise max_allowed_packet in the section [mysqld] of the server: at most 1G.',
};

/** What the server's numbers and the codes of the driver mean; `$` is what the server says. */
const reasons: Readonly<Record<string | number, Reason>> = {
  1045: credentials,
  1698: credentials,
  1044: denied,
  1142: denied,
  1143: denied,
  1227: denied,
  1370: denied,
  1049: { kind: 'unreachable', why: 'there is no database of that name', hint: url },
  1040: full,
  1203: full,
  1226: full,
  1129: {
    kind: 'unreachable',
    why: 'it has blocked this host after too many errors',
    hint: 'FLUSH HOSTS there.',
  },
  1130: {
    kind: 'unreachable',
    why: 'it lets nobody in from this host: $',
    hint: 'Check from which hosts the user may connect.',
  },
  1820: { kind: 'unreachable', why: 'the user must change the password first', hint: 'ALTER USER' },
  1862: { kind: 'unreachable', why: 'the password has expired', hint: 'ALTER USER' },
  3159: {
    kind: 'unreachable',
    why: 'it takes connections with TLS alone',
    hint: 'Add ssl_mode=REQUIRED to sqlalchemy.url.',
  },
  1290: readOnly,
  1792: readOnly,
  1836: readOnly,
  1021: noSpace,
  1114: noSpace,
  1153: packet,
  1301: packet,
  1105: { kind: 'failed', why: '$' },
  1205: {
    kind: 'failed',
    why: `another session held a lock on it for ${lockSeconds} s, again and again`,
    hint: 'See SHOW FULL PROCESSLIST and SHOW ENGINE INNODB STATUS; then run it again.',
  },
  1213: { kind: 'failed', why: 'other sessions kept locking the same rows', hint: again },
  1020: { kind: 'failed', why: 'other sessions kept changing the same rows', hint: again },
  1366: { kind: 'failed', why: 'the text does not fit the column or its character set: $' },
  1053: ended,
  1927: ended,
  4031: ended,
  2006: ended,
  PROTOCOL_CONNECTION_LOST: ended,
  HANDSHAKE_NO_SSL_SUPPORT: noTls,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: {
    kind: 'unreachable',
    why: 'its certificate is not signed by the authorities in ssl_ca',
    hint: 'Name the file of its authority as ssl_ca in the URL.',
  },
  NO_MYSQL_SERVER: {
    kind: 'unreachable',
    why: 'what listens there is no MariaDB or MySQL server',
    hint: 'Check the port.',
  },
  ENOENT: {
    kind: 'unreachable',
    why: 'there is no socket of a server',
    hint: 'Check that it runs, and unix_socket in sqlalchemy.url.',
  },
  EACCES: { kind: 'unreachable', why: 'permission denied on the socket' },
};

/** Says what an error of the server or the connection means; passes any other on as it is. */
export function explain(error: unknown, name: string, what: string): unknown {
  if (!(error instanceof MysqlFailure)) return error;
  const { message } = error;
  const failed =
    what === 'open' ? `cannot open the database ${name}` : `cannot ${what} in the database ${name}`;
  const known = reasonOf(error);
  if (known !== null) {
    const { kind, why, hint } = known;
    // By this the engine knows that nothing further fits either.
    const cause =
      known === noSpace
        ? Object.assign(new Error(message, { cause: error.cause }), { code: 'ENOSPC' })
        : error.cause;
    return new DepotError(kind, `${failed}: ${why.replace('$', () => message)}`, {
      cause,
      ...(hint === undefined ? {} : { hint }),
    });
  }
  return (
    networkError(error.cause, failed) ??
    new DepotError('failed', `${failed}: ${message}`, { cause: error.cause })
  );
}

function reasonOf(error: MysqlFailure): Reason | null {
  const { code, message } = error;
  if (code === 1146 && /\bblobs'/.test(message)) {
    const hint = 'Check sqlalchemy.url; the table is made with: depot storages create NAME';
    return { kind: 'unreachable', why: 'it has no table blobs', hint };
  }
  if (/errcode: 28\b|error 28\b|no space left/i.test(message)) return noSpace;
  if (/max_(?:allowed_packet|long_data_size)'?\s*bytes/.test(message)) return packet;
  if (isLost(error) && networkError(error.cause, '') === null) return ended;
  return reasons[code ?? ''] ?? null;
}

/** The connection is gone: what was not committed on it never will be. */
export function isLost(error: unknown): boolean {
  if (!(error instanceof MysqlFailure)) return false;
  const { code, message } = error;
  if (code === null) return /closed state|server closed the connection/i.test(message);
  const codes: readonly (number | string)[] = [
    ...[1053, 1927, 2006, 4031],
    ...['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'PROTOCOL_CONNECTION_LOST'],
    'PROTOCOL_UNEXPECTED_PACKET',
  ];
  return codes.includes(code);
}

/** There is no server for a moment, as while one starts. */
export function isAway(error: unknown): boolean {
  return (
    error instanceof MysqlFailure && ['ECONNREFUSED', 'ENOENT', 1053].includes(error.code ?? '')
  );
}

/** The server has no room for another connection of this user's. */
export function isFull(error: unknown): boolean {
  return error instanceof MysqlFailure && [1040, 1203, 1226].includes(Number(error.code));
}

/** Undone by the server because of what other sessions did, or waited for in vain. */
export function isConflict(error: unknown): boolean {
  return error instanceof MysqlFailure && [1205, 1213, 1020].includes(Number(error.code));
}
