import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { DepotError } from '../errors.js';
import { errorCode } from '../files.js';
import type { NetworkStorage } from '../network.js';
import { retries } from './retries.js';
import { StalledError } from './s3-errors.js';
import { retryStrategy } from './s3-retry.js';

/** Connections at once. */
const connections = 128;

/** Where a service is, and with whose key it is used. */
export interface S3AccessSettings {
  readonly access_key_id?: string | undefined;
  readonly secret_access_key?: string | undefined;
  readonly region_name?: string | undefined;
  readonly endpoint_url?: string | undefined;
  readonly host?: string | undefined;
  readonly addressing_style?: 'auto' | 'path' | 'virtual' | undefined;
  readonly request_checksum?: 'when_supported' | 'when_required' | undefined;
}

export interface S3Access {
  readonly client: S3Client;
  /** The URL of the service, or null for Amazon's own. */
  readonly endpoint: string | null;
  readonly region: string;
  /** Whose rights: equal texts, equal rights. */
  readonly account: string;
  /** Whether requests carry checksums of their own. */
  readonly checksums: boolean;
}

/**
 * Opens the service with the SDK, and its own chain of credentials where the options have none.
 * Nothing is sent. What is repeated is told; what stalls is not repeated.
 */
export async function openAccess(
  settings: S3AccessSettings,
  network: NetworkStorage,
): Promise<S3Access> {
  const endpoint = endpointOf(settings, network.where);
  const { addressing_style: style = 'auto', request_checksum: checksum } = settings;
  const credentials = credentialsOf(settings, network.where);
  const checksums = checksum !== 'when_required';
  const options: S3ClientConfig = {
    ...(endpoint === null ? {} : { endpoint }),
    ...(credentials === null ? {} : { credentials }),
    forcePathStyle: style === 'auto' ? endpoint !== null : style === 'path',
    maxAttempts: retries + 1,
    retryStrategy,
    requestChecksumCalculation: checksums ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED',
    // Bodies are compared by us, also across connections that were cut; see s3-download.ts.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: network.idleTimeout,
      socketTimeout: network.idleTimeout,
      httpAgent: { keepAlive: true, maxSockets: connections },
      httpsAgent: { keepAlive: true, maxSockets: connections },
    },
    // It warns of Node versions and of waiting requests on the terminal.
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  };
  const region = settings.region_name ?? (await defaultRegion(options));
  const client = new S3Client({ ...options, region });
  watchAttempts(client, network);
  const account = credentials?.accessKeyId ?? 'default credentials';
  return { client, endpoint, region, account, checksums };
}

/** That of the environment or the profile. */
async function defaultRegion(options: S3ClientConfig): Promise<string> {
  const client = new S3Client(options);
  try {
    return await client.config.region();
  } catch {
    return 'us-east-1';
  } finally {
    client.destroy();
  }
}

function credentialsOf(
  { access_key_id: accessKeyId, secret_access_key: secretAccessKey }: S3AccessSettings,
  where: string,
): { accessKeyId: string; secretAccessKey: string } | null {
  if (accessKeyId === undefined && secretAccessKey === undefined) return null;
  if (accessKeyId !== undefined && secretAccessKey !== undefined)
    return { accessKeyId, secretAccessKey };
  const missing = accessKeyId === undefined ? 'access_key_id' : 'secret_access_key';
  throw new DepotError('config', `${where}: the option ${missing} is missing`, {
    hint: 'Give both access_key_id and secret_access_key, or neither for those of the environment.',
  });
}

function endpointOf(
  { endpoint_url: endpoint, host }: S3AccessSettings,
  where: string,
): string | null {
  if (endpoint !== undefined && host !== undefined) {
    throw new DepotError('config', `${where}: endpoint_url and host are given`, {
      hint: 'Keep endpoint_url, which has scheme, host and port.',
    });
  }
  const text = endpoint ?? (host === undefined ? undefined : `https://${host}`);
  if (text === undefined) return null;
  const url = URL.parse(text);
  const onlyHost = host === undefined || /^[^\s/@]+$/.test(host);
  if (url !== null && onlyHost && /^https?:$/.test(url.protocol) && url.username === '') {
    return text.replace(/\/+$/, '');
  }
  const option = endpoint === undefined ? 'host' : 'endpoint_url';
  throw new DepotError('config', `${where}: ${option} is no address of a service`, {
    hint: 'Write endpoint_url as https://HOST or http://HOST:PORT, and host without a scheme.',
  });
}

/** Below the SDK's repetition of requests, which tells nobody, and repeats what has stalled. */
function watchAttempts(client: S3Client, { retried }: NetworkStorage): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      if (/^attempt=(?!1;)/.test(headers['amz-sdk-request'] ?? '')) retried();
      try {
        return await next(args);
      } catch (error) {
        throw isStalled(error) ? new StalledError() : error;
      }
    },
    { step: 'finalizeRequest', priority: 'low', name: 'depotWatchAttempts' },
  );
}

/** The SDK has the same name for connections that were cut, which are worth another try. */
function isStalled(error: unknown): boolean {
  if (!(error instanceof Error) || error.name !== 'TimeoutError') return false;
  return !['ECONNRESET', 'EPIPE'].includes(errorCode(error) ?? '');
}
