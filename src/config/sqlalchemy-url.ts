import { DepotError } from '../errors.js';
import { parseInteger, unquote } from './python-text.js';

/** A database URL as SQLAlchemy 1.4 reads it; null where the URL doesn't have the part. */
export interface SqlalchemyUrl {
  /** `postgresql+psycopg2`, as written. */
  drivername: string;
  /** What stands before the plus sign. */
  backend: string;
  /** What stands behind it. */
  driver?: string;
  username: string | null;
  password: string | null;
  host: string | null;
  port: number | null;
  /** For SQLite the path; not percent-decoded. */
  database: string | null;
  /** Values of a name that is there more than once are a list. */
  query: Record<string, string | string[]>;
}

/** Consumes a text from its start, a part at a time. */
interface Scanner {
  rest: string;
}

/**
 * Reads a database URL with the rules of SQLAlchemy 1.4's `make_url`, which are not those of the URL
 * standard: a password may hold `/`, `?`, `#` and `:`, host and database are not percent-decoded, and what
 * follows a part where no other can begin is ignored.
 *
 * @throws DepotError `config` for what isn't such a URL, or has a port that is no number; it shows no password
 */
export function parseSqlalchemyUrl(text: string): SqlalchemyUrl {
  const scheme = /^([\p{L}\p{N}_+]+):\/\//u.exec(text);
  if (scheme === null) throw invalid(text, 'it does not begin with DIALECT://');
  const [start, drivername = ''] = scheme;
  const scanner: Scanner = { rest: text.slice(start.length) };
  const { username, password } = scanCredentials(scanner);
  const host = scanHost(scanner);
  const port = scan(scanner, /^:([^/?]*)/);
  const number = port === null ? null : parseInteger(port);
  if (number === undefined) throw invalid(text, 'its port is not a number');
  const database = scan(scanner, /^\/([^?]*)/);
  const query = scan(scanner, /^\?([^\n]*)/);
  const plus = drivername.indexOf('+');
  return {
    drivername,
    backend: plus < 0 ? drivername : drivername.slice(0, plus),
    ...(plus < 0 ? {} : { driver: drivername.slice(plus + 1) }),
    username,
    password,
    host,
    port: number === null ? null : Number(number),
    database,
    query: parseQuery(query ?? ''),
  };
}

/**
 * The URL with `***` for its password and for whatever could be one: everything between the user's name
 * and the last `@`, and values in the query whose names tell of a secret. Of a text that
 * `parseSqlalchemyUrl` refuses at most the dialect is shown.
 */
export function redactSqlalchemyUrl(text: string): string {
  try {
    parseSqlalchemyUrl(text);
  } catch {
    return dialectOnly(text);
  }
  const spans: [start: number, end: number][] = [];
  const colon = text.indexOf(':', text.indexOf('://') + '://'.length);
  if (colon >= 0) spans.push([colon + 1, text.lastIndexOf('@')]);
  for (const { index, 0: pair, 1: key = '' } of text.matchAll(/[?&]([^=&]*)=[^&]*/g)) {
    if (/pass|pwd|secret|token|key|properties/i.test(unquote(key))) {
      spans.push([index + key.length + '?='.length, index + pair.length]);
    }
  }
  const hidden = (index: number) => spans.some(([start, end]) => index >= start && index < end);
  const shown = Array.from({ length: text.length }, (_, index) =>
    hidden(index) ? '\0' : text.charAt(index),
  );
  return shown.join('').replaceAll(/\0+/g, '***');
}

/** `USER[:PASSWORD]@`: the user's name ends at the first `:` or `/`, or else at the last `@` before it. */
function scanCredentials(scanner: Scanner): Pick<SqlalchemyUrl, 'username' | 'password'> {
  const both = scanAll(scanner, /^([^:/]*):([^@]*)@/) ?? scanAll(scanner, /^([^:/]*)@/);
  const [username = null, password = null] = both ?? [];
  return {
    username: username === null ? null : unquote(username),
    password: password === null ? null : unquote(password),
  };
}

/** A name or address, or an IPv6 address in brackets. */
function scanHost(scanner: Scanner): string | null {
  return scan(scanner, /^\[([^/?]+)\]/) ?? scan(scanner, /^([^/:?]+)/);
}

function scan(scanner: Scanner, pattern: RegExp): string | null {
  return scanAll(scanner, pattern)?.[0] ?? null;
}

function scanAll(scanner: Scanner, pattern: RegExp): string[] | undefined {
  const match = pattern.exec(scanner.rest);
  if (match === null) return undefined;
  scanner.rest = scanner.rest.slice(match[0].length);
  return match.slice(1);
}

/** As Python's `parse_qsl`: pairs without a value are left out. */
function parseQuery(text: string): SqlalchemyUrl['query'] {
  const query = new Map<string, string | string[]>();
  for (const pair of text.split('&')) {
    const equals = pair.indexOf('=');
    if (equals < 0 || equals === pair.length - 1) continue;
    const [key, value] = [pair.slice(0, equals), pair.slice(equals + 1)].map((part) =>
      unquote(part.replaceAll('+', ' ')),
    ) as [string, string];
    const earlier = query.get(key);
    query.set(key, earlier === undefined ? value : [earlier, value].flat());
  }
  return Object.fromEntries(query);
}

function invalid(text: string, why: string): DepotError {
  return new DepotError('config', `database URL ${dialectOnly(text)}: ${why}`, {
    hint: 'Write it like postgresql://user:password@host:5432/database; percent-encode a password.',
  });
}

function dialectOnly(text: string): string {
  return `${/^[\w+]+:\/\//.exec(text)?.[0] ?? ''}***`;
}
