import { DepotError, type ErrorKind, messageOf } from '../errors.js';
import { networkError } from '../network.js';
import { idleError } from './idle.js';

/** No sign of the server. It has no code of the network's, by which the SDK would try again. */
export class StalledError extends Error {}

/** An error that the service answered with. */
export interface ServiceError extends Error {
  readonly $metadata: { readonly httpStatusCode?: number; readonly attempts?: number };
  readonly Code?: string;
  readonly Region?: string;
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && '$metadata' in error;
}

export function statusOf(error: unknown): number | undefined {
  return isServiceError(error) ? error.$metadata.httpStatusCode : undefined;
}

/** Whether it was sent more than once: an earlier one may have been carried out. */
export function wasRepeated(error: unknown): boolean {
  return isServiceError(error) && (error.$metadata.attempts ?? 1) > 1;
}

interface Meaning {
  readonly kind: ErrorKind;
  readonly why: string;
  readonly hint?: string;
}

const checkKey = 'Check access_key_id and secret_access_key.';

/** What the service's codes mean to an administrator. */
const meanings: Readonly<Record<string, Meaning>> = {
  NoSuchBucket: {
    kind: 'unreachable',
    why: 'there is no such bucket',
    hint: 'Check the option bucket; a new one is made with: depot storages create NAME',
  },
  AccessDenied: {
    kind: 'unreachable',
    why: 'access is denied',
    hint: 'Check what the access key may do with the bucket.',
  },
  AllAccessDisabled: {
    kind: 'unreachable',
    why: 'access is denied: the bucket is disabled',
    hint: 'Ask who runs the service.',
  },
  InvalidAccessKeyId: {
    kind: 'unreachable',
    why: 'it does not know the access key',
    hint: checkKey,
  },
  SignatureDoesNotMatch: {
    kind: 'unreachable',
    why: 'the secret does not belong to the access key',
    hint: checkKey,
  },
  ExpiredToken: {
    kind: 'unreachable',
    why: 'the credentials have expired',
    hint: 'Get new ones.',
  },
  InvalidToken: { kind: 'unreachable', why: 'the credentials are not valid', hint: checkKey },
  RequestTimeTooSkewed: {
    kind: 'unreachable',
    why: 'the clocks here and there differ by more than a quarter of an hour',
    hint: 'Set the clock of this machine.',
  },
  SlowDown: {
    kind: 'unreachable',
    why: 'too many requests in too short a time',
    hint: 'Run it again later, or with less at once (--concurrency).',
  },
  BucketAlreadyExists: {
    kind: 'refused',
    why: 'somebody else has a bucket of that name',
    hint: 'Choose another name for the option bucket.',
  },
  InvalidBucketName: {
    kind: 'config',
    why: 'that is no name for a bucket',
    hint: 'Check the option bucket.',
  },
  InvalidStorageClass: {
    kind: 'config',
    why: 'it has no such storage class',
    hint: 'Check the option storage_class.',
  },
  AccessControlListNotSupported: {
    kind: 'config',
    why: 'its files cannot be made public one by one: the bucket has access control lists disabled',
    hint: 'Use policy = private, or enable the lists in the bucket (Object Ownership).',
  },
  EntityTooLarge: { kind: 'failed', why: 'the file is larger than it takes' },
  InvalidObjectState: {
    kind: 'failed',
    why: 'the file is archived',
    hint: 'Restore it in the service, then run it again.',
  },
  XMinioStorageFull: full(),
  InsufficientStorage: full(),
  BadDigest: damagedOnTheWay(),
  XAmzContentSHA256Mismatch: damagedOnTheWay(),
  XAmzContentChecksumMismatch: damagedOnTheWay(),
  NotImplemented: {
    kind: 'failed',
    why: 'it does not have what was asked for',
    hint: 'An older service may need: request_checksum = when_required',
  },
};

function full(): Meaning {
  return {
    kind: 'failed',
    why: 'no space left there',
    hint: 'Free some space, then run it again.',
  };
}

function damagedOnTheWay(): Meaning {
  return { kind: 'damaged', why: 'it was damaged on the way', hint: 'Run it again.' };
}

/** `what`, such as `cannot list the bucket files at https://…`, and why. */
export function explained(error: unknown, what: string): DepotError {
  if (error instanceof DepotError) return error;
  const network = networkError(error instanceof StalledError ? idleError() : error, what);
  if (network !== null) return network;
  if (!isServiceError(error)) return otherError(error, what);
  const { kind, why, hint } = meaningOf(error);
  const code = errorCodeOf(error);
  // The cause's code tells a migration that every further blob would meet the same.
  const cause = /StorageFull|InsufficientStorage/.test(code)
    ? Object.assign(new Error(why), { code: 'ENOSPC' })
    : error;
  return new DepotError(kind, `${what}: ${why}`, hint === undefined ? { cause } : { cause, hint });
}

export function errorCodeOf(error: ServiceError): string {
  return error.Code ?? error.name;
}

function meaningOf(error: ServiceError): Meaning {
  const known = meanings[errorCodeOf(error)];
  if (known !== undefined) return known;
  const status = statusOf(error) ?? 0;
  const region =
    error.Region ?? error.$response?.headers?.['x-amz-bucket-region'] ?? regionIn(error);
  if (region !== undefined) {
    return {
      kind: 'unreachable',
      why: `the bucket is in another region: ${region}`,
      hint: `Set the option region_name = ${region}`,
    };
  }
  if (status === 301 || errorCodeOf(error) === 'PermanentRedirect') {
    return {
      kind: 'unreachable',
      why: 'the bucket is in another region, or at another address',
      hint: 'Check region_name and endpoint_url.',
    };
  }
  if (status === 401 || status === 403) return meanings.AccessDenied as Meaning;
  const text = oneLine(error.message);
  if (status >= 500 || status === 429) {
    return {
      kind: 'unreachable',
      why: `it answers HTTP ${status}, also when asked again`,
      hint: 'Run it again later.',
    };
  }
  return {
    kind: 'failed',
    why: `it answers ${errorCodeOf(error)}${text === '' ? '' : ` (${text})`}`,
  };
}

/** `… the region 'us-east-1' is wrong; expecting 'eu-west-1'` */
function regionIn({ message }: ServiceError): string | undefined {
  return /region\b.*\bexpecting '?([a-z0-9-]+)'?/i.exec(message)?.[1];
}

function otherError(error: unknown, what: string): DepotError {
  const text = messageOf(error);
  if (error instanceof Error && /Credential|TokenProvider/.test(error.name)) {
    return new DepotError('config', `${what}: there are no credentials`, {
      hint: 'Give access_key_id and secret_access_key, or set AWS_ACCESS_KEY_ID or AWS_PROFILE.',
      cause: error,
    });
  }
  return new DepotError('failed', `${what}: ${oneLine(text)}`, { cause: error });
}

function oneLine(text: string): string {
  const line = text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
