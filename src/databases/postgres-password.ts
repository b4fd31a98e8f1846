import { readFile, stat } from 'node:fs/promises';
import type { PostgresHost, PostgresSettings } from './postgres-url.js';

/** The socket's directory that libpq's password file calls `localhost`. */
const usualSocket = '/var/run/postgresql';

/** The password for a host: the URL's or the environment's, else that of the password file. */
export async function passwordFor(
  { password, passwordFile, database, user }: PostgresSettings,
  { host, port }: PostgresHost,
): Promise<string | null> {
  if (password !== null) return password;
  // One that others may read is not used, as libpq does not.
  const file = await stat(passwordFile).catch(() => null);
  if (file === null || !file.isFile()) return null;
  if (process.platform !== 'win32' && (file.mode & 0o077) !== 0) return null;
  const wanted = [host === usualSocket ? 'localhost' : host, String(port), database, user];
  return findPassword(await readFile(passwordFile, 'utf8'), wanted);
}

/** `host:port:database:user:password`; a backslash takes the meaning of what follows it. */
const entry = /^((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):(.+)$/;

/** The password of the first line of a password file that fits host, port, database and user. */
export function findPassword(text: string, wanted: readonly string[]): string | null {
  const plain = (field: string): string => field.replaceAll(/\\(.)/g, '$1');
  for (const line of text.split(/\r?\n/)) {
    const [, ...fields] = line.startsWith('#') ? [] : (entry.exec(line) ?? []);
    const password = fields.pop();
    const fits = fields.every((field, index) => field === '*' || plain(field) === wanted[index]);
    if (fits && password !== undefined) return plain(password);
  }
  return null;
}
