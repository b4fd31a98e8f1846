import { createRequire } from 'node:module';
import type { Readable } from 'node:stream';
import { Storage, type StorageOptions } from '@google-cloud/storage';
import { DepotError } from '../errors.js';
import type { ServiceAccount } from './gcs-credentials.js';
import { tokenError } from './gcs-errors.js';
import { within } from './idle.js';

const google = 'https://storage.googleapis.com';

/** One HTTP request; any answer resolves, with its body unread. */
interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Readable | null;
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  /** Empty text where there is none. */
  readonly data: Readable | '';
}

/** Where the service is, and with whose rights it is used. */
export interface Access {
  /** Scheme, host and port. */
  readonly endpoint: string;
  /** The endpoint, by the one name of all of Google's. */
  readonly service: string;
  /** Google's own service, or what behaves more or less like it. */
  readonly isGoogle: boolean;
  readonly anonymous: boolean;
  /** Whose rights: equal texts, equal rights. */
  readonly account: string;
  /** For a new bucket; null where it is not known. */
  projectId(): Promise<string | null>;
  /** Headers that prove these rights, none for nobody's. Fails with a DepotError. */
  signIn(url: URL): Promise<Headers>;
  send(request: HttpRequest): Promise<HttpResponse>;
}

export interface AccessOptions {
  readonly apiEndpoint: string | undefined;
  readonly serviceAccount: ServiceAccount | null;
  readonly projectId: string | undefined;
  /** File, line and section. */
  readonly where: string;
  /** Milliseconds that getting an access token may take. */
  readonly idleTimeout: number;
}

type AuthClient = NonNullable<StorageOptions['authClient']>;

/** The classes for credentials of the library that the SDK has them from. */
interface AuthLibrary {
  readonly JWT: new (options: { email: string; key: string; scopes: string }) => AuthClient;
  readonly PassThroughClient: new () => AuthClient;
}

const scopes = 'https://www.googleapis.com/auth/devstorage.full_control';

/** Null for the SDK's own chain. Its option for credentials writes a warning to the terminal. */
function authClientOf(anonymous: boolean, account: ServiceAccount | null): AuthClient | null {
  if (!anonymous && account === null) return null;
  const sdk = createRequire(import.meta.url).resolve('@google-cloud/storage');
  const { JWT, PassThroughClient }: AuthLibrary = createRequire(sdk)('google-auth-library');
  if (anonymous || account === null) return new PassThroughClient();
  return new JWT({ email: account.client_email, key: account.private_key, scopes });
}

/**
 * Access with the service account, else with the SDK's own chain of credentials. An endpoint that
 * is not Google's gets credentials only where the storage names them, and what
 * STORAGE_EMULATOR_HOST names gets none at all. Nothing is sent before it is used.
 */
export function openAccess(options: AccessOptions): Access {
  const { serviceAccount, where, idleTimeout } = options;
  const emulator =
    options.apiEndpoint === undefined ? process.env.STORAGE_EMULATOR_HOST : undefined;
  const endpoint = endpointOf(options.apiEndpoint ?? emulator ?? google, where);
  const isGoogle = /(?:^|\.)googleapis\.com$/.test(new URL(endpoint).hostname);
  const anonymous = emulator !== undefined || (serviceAccount === null && !isGoogle);
  const ownClient = authClientOf(anonymous, serviceAccount);
  const { authClient } = new Storage({
    apiEndpoint: endpoint,
    ...(ownClient === null ? {} : { authClient: ownClient }),
  });
  return {
    endpoint,
    service: isGoogle ? google : endpoint,
    isGoogle,
    anonymous,
    account: anonymous ? '' : (serviceAccount?.client_email ?? 'default credentials'),
    async projectId() {
      if (options.projectId !== undefined) return options.projectId;
      if (anonymous) return 'emulator';
      if (serviceAccount !== null) return serviceAccount.project_id ?? null;
      return within(authClient.getProjectId(), idleTimeout).catch(() => null);
    },
    async signIn(url) {
      const signed = authClient.getClient().then((client) => client.getRequestHeaders(url.href));
      return within(signed, idleTimeout).catch((error: unknown) => {
        throw tokenError(error, `${where}: ${endpoint}`);
      });
    },
    async send({ method, url, headers, body, signal }) {
      const { transporter } = await authClient.getClient();
      const request = {
        method,
        url,
        headers,
        signal,
        ...(body === null ? {} : { data: body }),
        responseType: 'stream' as const,
        validateStatus: () => true,
        retry: false,
        // A 308 is no redirect here; a compressed blob is wanted as it is stored.
        redirect: 'manual' as const,
        compress: false,
      };
      return transporter.request<Readable | ''>(request);
    },
  };
}

function endpointOf(text: string, where: string): string {
  const url = URL.parse(text.includes('://') ? text : `https://${text}`);
  if (url !== null && /^https?:$/.test(url.protocol)) return url.origin;
  throw new DepotError('config', `${where}: api_endpoint is no URL`, {
    hint: 'Write it as https://HOST or http://HOST:PORT.',
  });
}
