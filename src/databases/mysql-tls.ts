import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { SslOptions } from 'mysql2';
import { DepotError, messageOf } from '../errors.js';
import { errorCode, fileError } from '../files.js';
import type { TlsSettings } from './mysql-url.js';

/** What OpenSSL says of a certificate, and Node's codes for it. */
const codes: readonly (readonly [RegExp, string])[] = [
  [/^certificate has expired/, 'CERT_HAS_EXPIRED'],
  [/^certificate is not yet valid/, 'CERT_NOT_YET_VALID'],
  [/does not match certificate's altnames/, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  [/self-signed|unable to (?:get|verify)/, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
];

/** The error with its own code, over which the driver writes the same one whatever is wrong. */
export function tlsError(error: unknown): unknown {
  if (errorCode(error) !== 'HANDSHAKE_SSL_ERROR') return error;
  const message = messageOf(error);
  const code = codes.find(([pattern]) => pattern.test(message))?.[1] ?? 'EPROTO';
  return Object.assign(new Error(message, { cause: error }), { code });
}

/** What the driver is to do about TLS, where the settings want it. */
export async function sslOptions(settings: TlsSettings): Promise<SslOptions> {
  const { mode, certificate, key, ciphers } = settings;
  const authorities = await authoritiesOf(settings);
  return {
    rejectUnauthorized: mode === 'VERIFY_CA' || mode === 'VERIFY_IDENTITY',
    verifyIdentity: mode === 'VERIFY_IDENTITY',
    ...(authorities === null ? {} : { ca: authorities }),
    ...(certificate === null ? {} : { cert: await read(certificate, 'ssl_cert') }),
    ...(key === null ? {} : { key: await read(key, 'ssl_key') }),
    ...(ciphers === null ? {} : { ciphers }),
  };
}

async function authoritiesOf({
  authorities,
  authoritiesDirectory: directory,
}: TlsSettings): Promise<string[] | null> {
  if (authorities === null && directory === null) return null;
  const all = authorities === null ? [] : [await read(authorities, 'ssl_ca')];
  if (directory === null) return all;
  const names = await attempt(readdir(directory), `cannot read ssl_capath ${directory}`);
  // As OpenSSL names them, or as people do.
  const files = names.filter((name) => /\.(?:\d+|pem|crt)$/.test(name));
  return [
    ...all,
    ...(await Promise.all(files.map((name) => read(path.join(directory, name), 'ssl_capath')))),
  ];
}

function read(file: string, option: string): Promise<string> {
  return attempt(readFile(file, 'utf8'), `cannot read ${option} ${file}`);
}

function attempt<T>(reading: Promise<T>, what: string): Promise<T> {
  return reading.catch((error: unknown) => {
    throw new DepotError('config', fileError(error, what).message, { cause: error });
  });
}
