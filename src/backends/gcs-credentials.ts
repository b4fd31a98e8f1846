import { readFile } from 'node:fs/promises';
import { DepotError } from '../errors.js';
import { fileError } from '../files.js';
import type { NetworkStorage } from '../network.js';

/** What is needed of a service-account file. */
export interface ServiceAccount {
  readonly type: 'service_account';
  readonly client_email: string;
  readonly private_key: string;
  readonly project_id?: string;
}

/**
 * Reads a service-account file. `where` is the storage's file, line and section.
 *
 * @throws DepotError `config`, which never shows what stands in the file
 */
export async function readServiceAccount(file: string, where: string): Promise<ServiceAccount> {
  const what = `${where}: credentials: ${file}`;
  const wrong = (why: string): DepotError =>
    new DepotError('config', `${what}: ${why}`, {
      hint: 'Download the JSON key of a service account, and name its file.',
    });
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    const { message, hint } = fileError(error, what);
    throw new DepotError('config', message, hint === undefined ? {} : { hint });
  });
  let account: Partial<Record<keyof ServiceAccount, unknown>> | null;
  try {
    account = JSON.parse(text);
  } catch {
    // Without the parser's words, which quote the file.
    throw wrong('it is no JSON');
  }
  if (typeof account !== 'object' || account === null) throw wrong('it is no JSON object');
  for (const key of ['client_email', 'private_key'] as const) {
    const value = account[key];
    if (typeof value !== 'string' || value === '') throw wrong(`it has no ${key}`);
  }
  return { ...(account as ServiceAccount), type: 'service_account' };
}

/** The service account of the environment, of which a key is wanted. */
export async function environmentAccount({ name, where }: NetworkStorage): Promise<ServiceAccount> {
  const file = process.env.GOOGLE_APPLICATION_CREDENTIALS;
  if (file !== undefined && file !== '') return readServiceAccount(file, where);
  throw new DepotError('config', `${where}: storage ${name} has no key to sign URLs with`, {
    hint: 'Name the file of a service account with credentials, or leave out signed_url_seconds.',
  });
}
