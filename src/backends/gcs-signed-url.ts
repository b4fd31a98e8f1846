import { createHash, createSign } from 'node:crypto';
import type { GivenHeaders } from '../backend.js';
import type { ServiceAccount } from './gcs-credentials.js';
import { quotePath } from './object-metadata.js';

/** An object, where it is. */
interface ObjectPlace {
  /** Scheme, host and port. */
  readonly service: string;
  readonly bucketName: string;
  readonly name: string;
}

/**
 * A URL with which anybody gets an object for so many seconds, signed here with the account's key
 * (Google's V4 signing process). The SDK's own method takes no key that it was given as a client.
 */
export function signedUrl(
  { service, bucketName, name }: ObjectPlace,
  { contentType, contentDisposition }: GivenHeaders,
  { account, seconds, now }: { account: ServiceAccount; seconds: number; now: Date },
): string {
  const time = now.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const scope = `${time.slice(0, 8)}/auto/storage/goog4_request`;
  const algorithm = 'GOOG4-RSA-SHA256';
  const parameters = {
    'X-Goog-Algorithm': algorithm,
    'X-Goog-Credential': `${account.client_email}/${scope}`,
    'X-Goog-Date': time,
    'X-Goog-Expires': String(seconds),
    'X-Goog-SignedHeaders': 'host',
    'response-content-disposition': contentDisposition,
    'response-content-type': contentType,
  };
  const quoted = (text: string): string => quotePath(text).replaceAll('/', '%2F');
  const query = Object.entries(parameters)
    .map(([key, value]) => `${key}=${quoted(value)}`)
    .sort()
    .join('&');
  const path = `/${bucketName}/${quotePath(name)}`;
  const { host } = new URL(service);
  const request = ['GET', path, query, `host:${host}`, '', 'host', 'UNSIGNED-PAYLOAD'].join('\n');
  const digest = createHash('sha256').update(request).digest('hex');
  const signed = createSign('sha256').update([algorithm, time, scope, digest].join('\n'));
  return `${service}${path}?${query}&X-Goog-Signature=${signed.sign(account.private_key, 'hex')}`;
}
