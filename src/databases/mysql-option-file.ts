import { readFileSync } from 'node:fs';
import path from 'node:path';
import { DepotError } from '../errors.js';
import { fileError } from '../files.js';
import type { OptionFile, Options } from './mysql-url.js';

/** The sections that clients read, and the options of theirs that we follow. */
const sections = ['client', 'client-server', 'client-mariadb'];
const names: Readonly<Record<string, keyof Options>> = {
  host: 'host',
  port: 'port',
  user: 'user',
  password: 'password',
  database: 'database',
  socket: 'socket',
  'ssl-ca': 'authorities',
  'ssl-capath': 'authoritiesDirectory',
  'ssl-cert': 'certificate',
  'ssl-key': 'key',
  'ssl-cipher': 'ciphers',
  'ssl-mode': 'mode',
  'ssl-verify-server-cert': 'verifies',
  'connect-timeout': 'connectTimeout',
};

/**
 * What clients take from an option file such as `~/.my.cnf`. Later lines win.
 *
 * @throws DepotError `config` where the file cannot be read, or includes others
 */
export function readOptionFile({ file, group }: OptionFile, home: string): Options {
  const place = file.startsWith('~/') ? path.join(home, file.slice(2)) : file;
  return parseOptions(textOf(place), [...sections, ...(group === null ? [] : [group])], place);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { message } = fileError(error, `cannot read read_default_file ${file}`);
    throw new DepotError('config', message, { cause: error });
  }
}

function parseOptions(text: string, wanted: readonly string[], file: string): Options {
  const options: Partial<Record<keyof Options, string>> = {};
  let isWanted = false;
  for (const line of text.split(/\r?\n/).map((one) => one.trim())) {
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    if (line.startsWith('!')) {
      throw new DepotError('config', `cannot read ${file}: it includes other files`, {
        hint: 'Write user, password and host into sqlalchemy.url, or into a file of their own.',
      });
    }
    const section = /^\[(.*)\]/.exec(line)?.[1];
    if (section !== undefined) {
      isWanted = wanted.includes(section.trim());
      continue;
    }
    const [, key = '', value] = /^([^=\s]+)\s*(?:=\s*(.*))?$/s.exec(line) ?? [];
    const name = names[key.replaceAll('_', '-').replace(/^loose-/, '')];
    if (isWanted && name !== undefined) options[name] = unquoted(value ?? '1');
  }
  return options;
}

/** A value without its quotes or the comment behind it, and with what its escapes stand for. */
function unquoted(value: string): string {
  const quoted = /^(['"])(.*)\1\s*(?:#.*)?$/s.exec(value);
  const plain = quoted?.[2] ?? value.replace(/\s+#.*$/, '');
  const escapes: Record<string, string> = { n: '\n', t: '\t', r: '\r', b: '\b', s: ' ' };
  return plain.replaceAll(/\\([ntrbs\\'"])/g, (_, letter: string) => escapes[letter] ?? letter);
}
