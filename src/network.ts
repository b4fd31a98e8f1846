import { DepotError } from './errors.js';
import { errorCode } from './files.js';

/** What is opened over a network gets this beside its settings. */
export interface NetworkOptions {
  /** Told of each request that is sent once more. */
  retried(): void;
  /** Milliseconds without a sign of the server after which a request counts as failed. */
  readonly idleTimeout: number;
}

/** A storage over a network: also what it is called, and where it is configured, for messages. */
export interface NetworkStorage extends NetworkOptions {
  readonly name: string;
  /** File, line and section. */
  readonly where: string;
}

interface Reason {
  readonly why: string;
  readonly hint: string;
}

const check = 'Check host, port and network.';
const cut: Reason = { why: 'the connection was cut', hint: 'Run it again.' };
const silent: Reason = { why: 'it does not answer', hint: check };
const untrusted: Reason = {
  why: 'its certificate is signed by nobody who is trusted here',
  hint: 'Name the file of its authority in the environment variable NODE_EXTRA_CA_CERTS.',
};
const noTls: Reason = { why: 'it does not speak TLS there', hint: 'Check scheme and port.' };

/** What the codes of Node's network errors mean to an administrator. */
const reasons: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: { why: 'nothing listens there', hint: 'Check host and port, and that it runs.' },
  ENOTFOUND: { why: 'there is no host of that name', hint: 'Check its spelling.' },
  EAI_AGAIN: { why: 'the name server does not answer', hint: 'Check the network.' },
  EHOSTUNREACH: { why: 'there is no way to that host', hint: check },
  ENETUNREACH: { why: 'there is no way to that host', hint: check },
  ETIMEDOUT: silent,
  ESOCKETTIMEDOUT: silent,
  UND_ERR_CONNECT_TIMEOUT: silent,
  ECONNRESET: cut,
  ECONNABORTED: cut,
  EPIPE: cut,
  ERR_STREAM_PREMATURE_CLOSE: cut,
  UND_ERR_SOCKET: cut,
  CERT_HAS_EXPIRED: { why: 'its certificate has expired', hint: 'Renew it there.' },
  CERT_NOT_YET_VALID: { why: 'its certificate is not valid yet', hint: 'Check both clocks.' },
  ERR_TLS_CERT_ALTNAME_INVALID: { why: 'its certificate is for another host', hint: check },
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  EPROTO: noTls,
  ERR_SSL_WRONG_VERSION_NUMBER: noTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: noTls,
};

/**
 * `what`, such as `cannot reach the bucket files at https://…`, and why: an `unreachable` error for
 * an error of the network, however deep an SDK has wrapped it; null for any other.
 */
export function networkError(error: unknown, what: string): DepotError | null {
  const reason = reasonOf(error, 0);
  if (reason === null) return null;
  return new DepotError('unreachable', `${what}: ${reason.why}`, {
    hint: reason.hint,
    cause: error,
  });
}

function reasonOf(error: unknown, depth: number): Reason | null {
  if (!(error instanceof Error) || depth > 5) return null;
  const known = reasons[errorCode(error) ?? ''];
  if (known !== undefined) return known;
  const nested = error instanceof AggregateError ? error.errors : [];
  return [error.cause, ...nested].map((one) => reasonOf(one, depth + 1)).find(isReason) ?? null;
}

function isReason(reason: Reason | null): reason is Reason {
  return reason !== null;
}
