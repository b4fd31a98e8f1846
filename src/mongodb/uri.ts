import { MongoClient, type MongoClientOptions } from 'mongodb';
import { DepotError, messageOf } from '../errors.js';

/** A connection string, checked, and what it says of where the database is. */
export interface MongoTarget {
  readonly client: MongoClient;
  readonly database: string;
  /** `host:port`, sorted and the same for each spelling of a host. */
  readonly hosts: readonly string[];
  readonly replicaSet: string | null;
  /** Whether it holds credentials. */
  readonly signsIn: boolean;
}

/** Options that pymongo takes and that mean nothing here; and a limit that we set ourselves. */
const ignored = new Set([
  ...['uuidrepresentation', 'tz_aware', 'unicode_decode_error_handler', 'datetime_conversion'],
  ...['connect', 'fsync', 'tlsdisableocspendpointcheck', 'timeoutms'],
]);

/**
 * Reads a connection string and makes a client, which connects when it is first used.
 *
 * @param where file, line, section and setting, for messages
 * @throws DepotError `config`, which shows nothing of the URI but the names of its options
 */
export function openTarget(uri: string, options: MongoClientOptions, where: string): MongoTarget {
  const database = databaseOf(uri, where);
  let client: MongoClient;
  try {
    client = new MongoClient(withoutIgnored(uri), options);
  } catch (error) {
    throw invalid(where, reasonOf(messageOf(error)));
  }
  const { hosts, srvHost, replicaSet, credentials } = client.options;
  const all = srvHost === undefined ? hosts.map((host) => spelled(String(host))) : [srvHost];
  return {
    client,
    database,
    hosts: all.map((host) => host.toLowerCase()).sort(),
    replicaSet: replicaSet ?? null,
    signsIn: credentials !== undefined,
  };
}

/** The path up to a dot: pymongo takes what follows for a collection. */
function databaseOf(uri: string, where: string): string {
  const path = /^mongodb(?:\+srv)?:\/\/[^/?]*\/([^?]*)/.exec(uri)?.[1] ?? '';
  let name: string;
  try {
    name = decodeURIComponent(path).split('.')[0] ?? '';
  } catch {
    throw invalid(where, 'its database is not percent-encoded');
  }
  if (name === '' && /^mongodb(?:\+srv)?:\/\/./.test(uri)) {
    throw new DepotError('config', `${where} names no database`, {
      hint: 'Add it as the path, as in mongodb://host:27017/DATABASE.',
    });
  }
  if (/["$*<>:|?\\/ \0]/.test(name)) throw invalid(where, 'its path is no name of a database');
  return name;
}

function withoutIgnored(uri: string): string {
  const start = uri.indexOf('?');
  if (start < 0) return uri;
  const isKept = (pair: string): boolean => !ignored.has((pair.split('=')[0] ?? '').toLowerCase());
  const kept = uri
    .slice(start + 1)
    .split('&')
    .filter(isKept);
  return [uri.slice(0, start), kept.join('&')].filter((part) => part !== '').join('?');
}

/** The driver's messages may quote a value, which may be a secret. */
function reasonOf(message: string): string {
  const harmless = [
    /^options? [\w, ]+ (?:is|are) not supported/,
    /^mongodb\+srv URI cannot have port number/,
    /^\w+ option requires exactly one host/,
    /^Invalid scheme/,
  ];
  const found = harmless.map((pattern) => pattern.exec(message)?.[0]).find(Boolean);
  return found ?? 'it cannot be read';
}

function invalid(where: string, why: string): DepotError {
  const option = why.startsWith('option');
  return new DepotError('config', `${where} is not valid: ${why}`, {
    hint: option
      ? 'Take it out of the URI.'
      : 'Write it like mongodb://user:password@host:27017/database; percent-encode the password.',
  });
}

function spelled(host: string): string {
  return host.replace(/^(?:localhost|\[::1\])(?=:\d+$)/i, '127.0.0.1');
}
