import { DepotError, type ErrorKind, messageOf } from '../errors.js';
import { errorCode } from '../files.js';
import { networkError } from '../network.js';

/** What the service answered when it did not do what it was asked. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
  /** The service's own word, such as `rateLimitExceeded`; empty where it gives none. */
  readonly reason: string;
}

/** What an answer's body says, however much of an error it is. */
export function readRefusal(status: number, body: string): Refusal {
  const { error } = (parsed(body) ?? {}) as {
    error?: { message?: unknown; errors?: { reason?: unknown }[] };
  };
  return {
    status,
    message: typeof error?.message === 'string' ? error.message : '',
    reason: String(error?.errors?.[0]?.reason ?? ''),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Whether the same request may succeed a little later. */
export function isTransient({ status, reason }: Refusal): boolean {
  if (status === 403) return reason === 'rateLimitExceeded' || reason === 'userRateLimitExceeded';
  return [408, 429, 500, 502, 503, 504].includes(status);
}

interface Meaning {
  readonly kind: ErrorKind;
  readonly why: string;
  readonly hint?: string;
}

const credentialsHint =
  'Set credentials to the path of a service-account file, or GOOGLE_APPLICATION_CREDENTIALS.';

/** An answer as an error: `what`, such as `cannot list the bucket files at https://…`, and why. */
export function refusalError(refusal: Refusal, what: string, anonymous: boolean): DepotError {
  const { kind, why, hint } = meaningOf(refusal, anonymous);
  return new DepotError(kind, `${what}: ${why}`, hint === undefined ? {} : { hint });
}

function meaningOf(refusal: Refusal, anonymous: boolean): Meaning {
  const { status, message, reason } = refusal;
  if (status === 404) {
    return {
      kind: 'unreachable',
      why: 'there is no such bucket',
      hint: 'Check the option bucket; a new one is made with: depot storages create NAME',
    };
  }
  if (status === 401) {
    const why = anonymous ? 'it asks for credentials' : 'it does not accept the credentials';
    return { kind: 'unreachable', why, hint: credentialsHint };
  }
  if (isTransient(refusal) && status !== 429 && status !== 403) {
    const why = `it answers HTTP ${status}, also when asked again`;
    return { kind: 'unreachable', why, hint: 'Run it again later.' };
  }
  if (status === 429 || isTransient(refusal)) {
    return {
      kind: 'unreachable',
      why: 'too many requests in too short a time',
      hint: 'Run it again later, or with less at once (--concurrency, --tpslimit).',
    };
  }
  if (status === 403) return deniedMeaning(message, reason);
  if (/uniform bucket-level access/i.test(message)) {
    return {
      kind: 'config',
      why: 'its blobs cannot be made public one by one (uniform bucket-level access)',
      hint: 'Use policy = private, or a bucket with fine-grained access.',
    };
  }
  const text = oneLine(message);
  return { kind: 'failed', why: `it answers HTTP ${status}${text === '' ? '' : ` (${text})`}` };
}

function deniedMeaning(message: string, reason: string): Meaning {
  const permission = /\bstorage(?:\.[a-zA-Z]+)+/.exec(message)?.[0];
  if (permission !== undefined) {
    return {
      kind: 'unreachable',
      why: `access is denied (${permission})`,
      hint: `Grant the account of the credentials the permission ${permission} on the bucket.`,
    };
  }
  if (/billing|accountDisabled|quotaExceeded/i.test(`${reason} ${message}`)) {
    return {
      kind: 'unreachable',
      why: `its project may not be used (${oneLine(message)})`,
      hint: "Check the project's billing and quotas.",
    };
  }
  const text = oneLine(message);
  return {
    kind: 'unreachable',
    why: `access is denied${text === '' ? '' : ` (${text})`}`,
    hint: 'Check what the account of the credentials may do with the bucket.',
  };
}

function oneLine(text: string): string {
  const line = text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

/** An error of the network as a DepotError; others are passed on as `failed`. */
export function transportError(error: unknown, what: string): DepotError {
  if (error instanceof DepotError) return error;
  return (
    networkError(innermost(error), what) ??
    new DepotError('failed', `${what}: ${oneLine(messageOf(error))}`, { cause: innermost(error) })
  );
}

/** Whether a connection broke that had been made, or a name server was busy: worth another try. */
export function isCut(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return cuts.has(errorCode(error) ?? '') || isCut(error.cause);
}

const cuts = new Set([
  ...['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'EAI_AGAIN'],
  ...['ERR_STREAM_PREMATURE_CLOSE', 'UND_ERR_SOCKET'],
]);

/** Errors around it carry requests with their headers. */
function innermost(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? innermost(error.cause) : error;
}

/** Why there is no access token: what the token's service says, or that it cannot be reached. */
export function tokenError(error: unknown, where: string): DepotError {
  const what = `cannot sign in for ${where}`;
  const unreachable = networkError(
    innermost(error),
    `${what}: the service that gives access tokens`,
  );
  if (unreachable !== null) return unreachable;
  const text = oneLine(messageOf(error));
  if (/GOOGLE_APPLICATION_CREDENTIALS/.test(text) || error instanceof SyntaxError) {
    // Without the parser's words, which quote the file.
    const file = process.env.GOOGLE_APPLICATION_CREDENTIALS ?? 'the default credentials';
    return new DepotError('config', `${what}: ${file}: it cannot be read as credentials`, {
      hint: credentialsHint,
    });
  }
  if (/could not load the default credentials/i.test(text)) {
    return new DepotError('config', `${what}: there are no credentials`, { hint: credentialsHint });
  }
  if (/invalid_grant|invalid_client|unauthorized_client/.test(text)) {
    return new DepotError('unreachable', `${what}: the credentials are refused (${text})`, {
      hint: 'The key may be deleted or disabled, or the clock here wrong: make a new key.',
    });
  }
  if (/DECODER|PEM|asn1|unsupported|private key|secretOrPrivateKey/i.test(text)) {
    return new DepotError('config', `${what}: the credentials' private_key is no private key`, {
      hint: 'Download the service-account file again.',
    });
  }
  return new DepotError('unreachable', `${what}: ${text}`, {
    hint: credentialsHint,
    cause: innermost(error),
  });
}
