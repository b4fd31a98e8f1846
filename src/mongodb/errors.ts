import {
  MongoBulkWriteError,
  MongoError,
  MongoNetworkError,
  MongoNetworkTimeoutError,
  MongoServerError,
  MongoServerSelectionError,
  MongoWriteConcernError,
} from 'mongodb';
import { DepotError, type ErrorKind, messageOf } from '../errors.js';
import { networkError } from '../network.js';

interface Reason {
  readonly kind: ErrorKind;
  readonly why: string;
  readonly hint?: string;
}

const again = 'Run it again: what is done is not done twice.';
const noPrimary: Reason = {
  kind: 'unreachable',
  why: 'no server of the replica set takes writes now',
  hint: 'Look at rs.status() there, and run it again later.',
};
const signIn = 'Check user, password and authSource in the URI; percent-encode the password.';
const refusedUser: Reason = {
  kind: 'unreachable',
  why: 'wrong password, or no such user',
  hint: signIn,
};
const notDurable: Reason = {
  kind: 'failed',
  why: 'too few servers of the replica set confirm what is written',
  hint: 'Look at rs.status() there, and run it again later.',
};

/** What the server's codes mean to an administrator; `$` is what the server says. */
const reasons: Readonly<Record<number, Reason>> = {
  11: refusedUser,
  18: refusedUser,
  8000: refusedUser,
  13: {
    kind: 'unreachable',
    why: 'access is denied: $',
    hint: 'Grant the user the role readWrite on the database, or name another one in the URI.',
  },
  26: { kind: 'unreachable', why: 'it has no such collection' },
  50: { kind: 'failed', why: 'it took longer than the server allows', hint: again },
  64: notDurable,
  73: { kind: 'config', why: 'the server does not take the name: $' },
  91: { kind: 'unreachable', why: 'the server is shutting down', hint: again },
  100: notDurable,
  189: noPrimary,
  10107: noPrimary,
  11600: { kind: 'unreachable', why: 'the server is shutting down', hint: again },
  11602: noPrimary,
  13388: { kind: 'failed', why: 'the cluster changed meanwhile', hint: again },
  13435: noPrimary,
  13436: noPrimary,
  14031: {
    kind: 'failed',
    why: 'no space left on the disk of the server',
    hint: 'Nothing half written is visible. Free some space, then run it again.',
  },
};

/** Codes after which the same request may succeed a moment later. */
const transient = new Set([
  ...[6, 7, 89, 91, 112, 134, 189, 262, 317, 358, 384],
  ...[9001, 10107, 11600, 11602, 13435, 13436],
]);

/** What stopped several writes that were sent together, where that was the network. */
function unwrapped(error: unknown): unknown {
  if (!(error instanceof MongoBulkWriteError)) return error;
  const response: unknown = error.errorResponse;
  return response instanceof MongoNetworkError ? response : error;
}

/** Whether a connection broke, or a server stepped down, so that asking again may help. */
export function isTransient(wrapped: unknown): boolean {
  const error = unwrapped(wrapped);
  if (error instanceof MongoNetworkTimeoutError) return false;
  if (error instanceof MongoNetworkError) return networkError(error, '') === null || isCut(error);
  return error instanceof MongoServerError && transient.has(Number(error.code));
}

function isCut(error: MongoNetworkError): boolean {
  // What another request's connection broke with ends those too that waited for one.
  if (error.cause instanceof MongoNetworkError) return isTransient(error.cause);
  const code = (error.cause as { code?: unknown } | undefined)?.code;
  return ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE'].includes(
    String(code),
  );
}

/**
 * Whether the server says that a document of that key is there already. Where an update meets one,
 * FerretDB says it in the words of the SQLite below it.
 */
export function isDuplicate(error: unknown): boolean {
  if (!(error instanceof MongoServerError)) return false;
  return error.code === 11000 || error.message.includes('UNIQUE constraint failed');
}

/** Whether the server has not done what it was asked; without its answer nobody knows. */
export function wasRefused(error: unknown): boolean {
  if (!(error instanceof DepotError)) return false;
  const { kind } = error;
  const cause = unwrapped(error.cause);
  if (kind === 'refused') return true;
  return (
    cause instanceof MongoServerError &&
    !(cause instanceof MongoWriteConcernError) &&
    !transient.has(Number(cause.code))
  );
}

/** Whether the index is there under another name, or may not be made by this user. */
export function isIndexRefused(error: unknown): boolean {
  return error instanceof MongoServerError && [13, 85, 86].includes(Number(error.code));
}

/** How many documents of an ordered insert were stored before the one that could not be. */
export function storedBefore(error: unknown): number {
  if (!(error instanceof MongoBulkWriteError)) return 0;
  const [first] = [error.writeErrors].flat();
  return first?.index ?? error.insertedCount;
}

/** The server keeps a cursor for some minutes only. */
export function isCursorLost(error: unknown): boolean {
  return error instanceof MongoServerError && [43, 237].includes(Number(error.code));
}

/**
 * `what`, such as `cannot read a blob in the collections files.* of …`, and why. Any other error
 * than the driver's is passed on as it is.
 */
export function mongoError(wrapped: unknown, what: string, signsIn: boolean): unknown {
  const error = unwrapped(wrapped);
  if (error instanceof MongoServerSelectionError) return selectionError(error, what);
  if (error instanceof MongoServerError) return serverError(error, what, signsIn);
  const network = networkError(error, what);
  if (network !== null) return network;
  if (error instanceof MongoNetworkTimeoutError) {
    return unreachable(what, 'it does not answer', 'Check host, port and network.', error);
  }
  if (error instanceof MongoNetworkError) {
    return unreachable(what, 'the connection was cut', again, error);
  }
  if (!(error instanceof MongoError)) return error;
  return new DepotError('failed', `${what}: ${oneLine(messageOf(error))}`, { cause: error });
}

function serverError(error: MongoServerError, what: string, signsIn: boolean): DepotError {
  const reason = reasons[Number(error.code)];
  const said = oneLine(messageOf(error));
  if (reason === undefined) {
    return new DepotError('failed', `${what}: the server says: ${said}`, { cause: error });
  }
  if (Number(error.code) === 13 && !signsIn) {
    return unreachable(what, 'it asks for a user and a password', signIn, error);
  }
  const { kind, why, hint } = reason;
  return new DepotError(kind, `${what}: ${why.replace('$', () => said)}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** No server was found that takes the request: what is known of each tells why. */
function selectionError(error: MongoServerSelectionError, what: string): DepotError {
  const servers = [...(error.reason?.servers.values() ?? [])];
  const failures = servers.map((server) => server.error).filter((one) => one !== null);
  for (const failure of [error.cause, ...failures]) {
    if (failure instanceof MongoServerError) return serverError(failure, what, true);
    const network = networkError(failure, what);
    if (network !== null) return network;
  }
  const { setName } = error.reason ?? {};
  if (setName && servers.length === 0) {
    const why = `no server there belongs to a replica set ${setName}`;
    return unreachable(what, why, 'Check replicaSet in the URI.', error);
  }
  if (servers.some(({ type }) => type.startsWith('RS'))) {
    return unreachable(what, noPrimary.why, noPrimary.hint as string, error);
  }
  if (
    failures.length > 0 &&
    failures.every((one) => /closed|EOF|malformed|size/i.test(one.message))
  ) {
    return unreachable(what, 'what listens there is no MongoDB server', 'Check the port.', error);
  }
  return unreachable(what, 'it does not answer', 'Check host, port and network.', error);
}

function unreachable(what: string, why: string, hint: string, cause: unknown): DepotError {
  return new DepotError('unreachable', `${what}: ${why}`, { hint, cause });
}

function oneLine(text: string): string {
  const line = text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > 120 ? `${line.slice(0, 120)}…` : line;
}
