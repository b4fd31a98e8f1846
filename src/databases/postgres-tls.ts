import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import tls, { type ConnectionOptions } from 'node:tls';
import { DepotError } from '../errors.js';
import { fileError } from '../files.js';
import type { TlsSettings } from './postgres-url.js';

/** TLS for one try to connect, or false for none. */
export type TlsAttempt = ConnectionOptions | false;

/**
 * The ways in which libpq tries a host, one after the other. Below `verify-ca` it asks for no
 * certificate that it could check, unless `require` finds authorities to check it by.
 *
 * @param home where `.postgresql` may hold certificates
 */
export async function tlsAttempts(settings: TlsSettings, home: string): Promise<TlsAttempt[]> {
  const { mode } = settings;
  if (mode === 'disable') return [false];
  const encrypted = await connectionOptions(settings, path.join(home, '.postgresql'));
  if (mode === 'allow') return [false, encrypted];
  if (mode === 'prefer') return [encrypted, false];
  return [encrypted];
}

async function connectionOptions(settings: TlsSettings, home: string): Promise<ConnectionOptions> {
  const { mode, minVersion, maxVersion } = settings;
  const authorities = await authoritiesOf(settings, home);
  const verifies = mode === 'verify-ca' || mode === 'verify-full';
  if (verifies && authorities === null) {
    throw new DepotError(
      'config',
      `cannot use sslmode=${mode}: ${path.join(home, 'root.crt')} does not exist`,
      { hint: 'Name the file of the server’s authority as sslrootcert in the URL.' },
    );
  }
  const checked = verifies || (mode === 'require' && authorities !== null);
  return {
    minVersion,
    ...(maxVersion === null ? {} : { maxVersion }),
    rejectUnauthorized: checked,
    ...(checked && authorities !== null ? { ca: [...authorities] } : {}),
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
    ...(await ownCertificate(settings, home)),
    ...(checked ? await revokedCertificates(settings, home) : {}),
  };
}

async function authoritiesOf(
  { rootCertificate }: TlsSettings,
  home: string,
): Promise<readonly string[] | null> {
  if (rootCertificate === 'system') {
    return [...tls.getCACertificates('default'), ...tls.getCACertificates('system')];
  }
  if (rootCertificate !== null) return [await read(rootCertificate, 'sslrootcert')];
  const usual = path.join(home, 'root.crt');
  return (await exists(usual)) ? [await read(usual, 'sslrootcert')] : null;
}

async function ownCertificate(
  { certificate, key, keyPassword }: TlsSettings,
  home: string,
): Promise<ConnectionOptions> {
  const file = certificate ?? path.join(home, 'postgresql.crt');
  if (certificate === null && !(await exists(file))) return {};
  return {
    cert: await read(file, 'sslcert'),
    key: await read(key ?? path.join(home, 'postgresql.key'), 'sslkey'),
    ...(keyPassword === null ? {} : { passphrase: keyPassword }),
  };
}

async function revokedCertificates(
  { revoked }: TlsSettings,
  home: string,
): Promise<ConnectionOptions> {
  const file = revoked ?? path.join(home, 'root.crl');
  if (revoked === null && !(await exists(file))) return {};
  return { crl: await read(file, 'sslcrl') };
}

async function read(file: string, option: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    const { message } = fileError(error, `cannot read ${option} ${file}`);
    throw new DepotError('config', message, { cause: error });
  });
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
