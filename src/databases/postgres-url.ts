import path from 'node:path';
import type { SqlalchemyUrl } from '../config/sqlalchemy-url.js';
import { type OptionName, optionsOf, type Values, wrong } from './postgres-options.js';

const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
const sessionAttributes = [
  'any',
  'read-write',
  'read-only',
  'primary',
  'standby',
  'prefer-standby',
] as const;
const tlsVersions = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;

type SslMode = (typeof sslModes)[number];
export type SessionAttributes = (typeof sessionAttributes)[number];
type TlsVersion = (typeof tlsVersions)[number];

export interface PostgresHost {
  /** A name or an address, or the directory of a socket. */
  readonly host: string;
  /** Where it is, if not to be looked up by its name. */
  readonly address: string | null;
  readonly port: number;
}

/** How TLS is to be used, as libpq means it; files are paths, null where not given. */
export interface TlsSettings {
  readonly mode: SslMode;
  /** `system`: the authorities that this machine trusts. */
  readonly rootCertificate: string | null;
  readonly certificate: string | null;
  readonly key: string | null;
  readonly keyPassword: string | null;
  readonly revoked: string | null;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion | null;
  /** TLS from the first byte on, as servers since version 17 take it. */
  readonly direct: boolean;
}

export interface PostgresSettings {
  /** Tried in this order. */
  readonly hosts: readonly PostgresHost[];
  readonly user: string;
  readonly password: string | null;
  /** Where passwords are looked up else. */
  readonly passwordFile: string;
  readonly database: string;
  readonly tls: TlsSettings;
  /** Seconds for each host, or null for no limit. */
  readonly connectTimeout: number | null;
  /** Command-line options for the server's process. */
  readonly options: string | null;
  readonly applicationName: string;
  readonly sessionAttributes: SessionAttributes;
}

/** Who runs this, and where: what libpq's defaults depend on. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly userName: string;
  readonly home: string;
}

/**
 * The settings of a database URL as psycopg2 and libpq take it.
 *
 * @throws DepotError `config` that names the option, and shows no value of a secret
 */
export function postgresSettings(url: SqlalchemyUrl, surroundings: Surroundings): PostgresSettings {
  const { env, userName, home } = surroundings;
  const values = optionsOf(url, env);
  const user = values.user ?? userName;
  return {
    hosts: hostsOf(values),
    user,
    password: values.password ?? null,
    passwordFile: values.passfile ?? path.join(home, '.pgpass'),
    database: values.dbname ?? user,
    tls: tlsOf(values),
    connectTimeout: secondsOf(values),
    options: values.options ?? null,
    applicationName: values.application_name ?? 'depot',
    sessionAttributes: chosen(values, 'target_session_attrs', sessionAttributes, 'any'),
  };
}

/** `postgresql://host:port/database`, which tells databases apart and holds no secret. */
export function describeDatabase({ hosts, database }: PostgresSettings): string {
  const sockets = hosts.filter(({ host }) => isSocket(host));
  const place = ({ host, port }: PostgresHost): string =>
    `${host.includes(':') ? `[${host}]` : host}:${port}`;
  if (sockets.length === 0) return `postgresql://${hosts.map(place).join(',')}/${database}`;
  return `postgresql:///${database}?host=${hosts.map(place).join(',')}`;
}

export function isSocket(host: string): boolean {
  return host.startsWith('/');
}

function hostsOf(values: Values): PostgresHost[] {
  const addresses = values.hostaddr?.split(',') ?? [];
  // Where libpq of the usual packages looks for a socket.
  const fallback = process.platform === 'win32' ? 'localhost' : '/var/run/postgresql';
  const names = values.host?.split(',') ?? addresses;
  const hosts = names.length === 0 ? [fallback] : names.map((name) => name || fallback);
  const ports = values.port?.split(',') ?? [];
  if (ports.length > 1 && ports.length !== hosts.length) {
    throw wrong(`there are ${hosts.length} hosts and ${ports.length} ports`);
  }
  if (addresses.length > 0 && addresses.length !== hosts.length) {
    throw wrong(`there are ${hosts.length} hosts and ${addresses.length} values in hostaddr`);
  }
  return hosts.map((host, index) => ({
    host,
    address: addresses[index] || null,
    port: portOf(ports[index] ?? ports[0]),
  }));
}

function portOf(text: string | undefined): number {
  if (text === undefined || text === '') return 5432;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw wrong(`${JSON.stringify(text)} is no port`);
}

function tlsOf(values: Values): TlsSettings {
  const system = values.sslrootcert === 'system';
  const given = values.sslmode === 'true' ? 'require' : values.sslmode;
  const mode = chosen(
    { ...values, ...(given === undefined ? {} : { sslmode: given }) },
    'sslmode',
    sslModes,
    system ? 'verify-full' : 'prefer',
  );
  if (system && mode !== 'verify-full') {
    throw wrong(`sslrootcert=system needs sslmode=verify-full, not ${mode}`);
  }
  const direct = values.sslnegotiation === 'direct';
  if (direct && !['require', 'verify-ca', 'verify-full'].includes(mode)) {
    throw wrong(`sslnegotiation=direct needs sslmode=require at least, not ${mode}`);
  }
  return {
    mode,
    rootCertificate: values.sslrootcert ?? null,
    certificate: values.sslcert ?? null,
    key: values.sslkey ?? null,
    keyPassword: values.sslpassword ?? null,
    revoked: values.sslcrl ?? null,
    minVersion: chosen(values, 'ssl_min_protocol_version', tlsVersions, 'TLSv1.2'),
    maxVersion:
      values.ssl_max_protocol_version === undefined
        ? null
        : chosen(values, 'ssl_max_protocol_version', tlsVersions, 'TLSv1.3'),
    direct,
  };
}

function secondsOf({ connect_timeout: text }: Values): number | null {
  if (text === undefined) return null;
  const seconds = Number(text);
  if (!Number.isInteger(seconds)) throw wrong('connect_timeout is no number of seconds');
  // libpq waits for two at least, and takes nothing or less as no limit.
  return seconds <= 0 ? null : Math.max(seconds, 2);
}

function chosen<T extends string>(
  values: Values,
  name: OptionName,
  choices: readonly T[],
  otherwise: T,
): T {
  const value = values[name] ?? otherwise;
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw wrong(`${name} is ${JSON.stringify(value)}`, `It may be: ${choices.join(', ')}.`);
}
