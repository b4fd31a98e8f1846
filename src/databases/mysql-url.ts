import type { SqlalchemyUrl } from '../config/sqlalchemy-url.js';
import { DepotError } from '../errors.js';

/** How much TLS is asked for, in the words of MySQL's clients. */
const sslModes = ['DISABLED', 'PREFERRED', 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'] as const;
type SslMode = (typeof sslModes)[number];

/** How TLS is to be used; files are paths, null where not given. */
export interface TlsSettings {
  readonly mode: SslMode;
  readonly authorities: string | null;
  /** A directory of such files. */
  readonly authoritiesDirectory: string | null;
  readonly certificate: string | null;
  readonly key: string | null;
  readonly ciphers: string | null;
}

export interface MysqlSettings {
  /** A name or an address, where it is no socket. */
  readonly host: string;
  readonly port: number;
  /** Path of a socket of this machine. */
  readonly socket: string | null;
  /** Whether such a socket is what `localhost` means, if there is one in one of the usual places. */
  readonly prefersSocket: boolean;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly tls: TlsSettings;
  /** Seconds, or null for no limit. */
  readonly connectTimeout: number | null;
}

/** Options that we follow, by the names that clients in Python and in C have for them. */
const names = {
  host: 'host',
  port: 'port',
  user: 'user',
  username: 'user',
  password: 'password',
  passwd: 'password',
  database: 'database',
  db: 'database',
  unix_socket: 'socket',
  socket: 'socket',
  connect_timeout: 'connectTimeout',
  connection_timeout: 'connectTimeout',
  ssl: 'ssl',
  ssl_mode: 'mode',
  ssl_disabled: 'disabled',
  ssl_ca: 'authorities',
  ssl_capath: 'authoritiesDirectory',
  ssl_cert: 'certificate',
  ssl_key: 'key',
  ssl_cipher: 'ciphers',
  ssl_check_hostname: 'checksHost',
  ssl_verify_identity: 'checksHost',
  ssl_verify_cert: 'verifies',
  ssl_verify_server_cert: 'verifies',
} as const;

type OptionName = (typeof names)[keyof typeof names];
export type Options = Readonly<Partial<Record<OptionName, string>>>;

/** Options that shape what a driver of Python's gives its application, and change nothing here. */
const unneeded = new Set([
  ...['charset', 'collation', 'use_unicode', 'binary_prefix', 'conv', 'converter_class'],
  ...['sql_mode', 'init_command', 'autocommit', 'local_infile', 'allow_local_infile'],
  ...['read_timeout', 'write_timeout', 'compress', 'client_flag', 'program_name', 'use_pure'],
  ...['max_allowed_packet', 'cursorclass', 'buffered', 'raw', 'raise_on_warnings', 'get_warnings'],
  ...['auth_plugin', 'auth_plugin_map', 'pool_name', 'pool_size', 'pool_reset_session', 'echo'],
  ...['time_zone', 'tls_versions', 'named_pipe', 'defer_connect', 'bind_address', 'reconnect'],
]);

/** Drivers that are written in Python, for which `localhost` is a host like others. */
const withoutSocket = new Set([
  ...['pymysql', 'mysqlconnector', 'cymysql', 'aiomysql', 'asyncmy', 'oursql', 'gaerdbms'],
]);

/** Where the option file is, and which of its sections beside the usual ones. */
export interface OptionFile {
  readonly file: string;
  readonly group: string | null;
}

/**
 * The options in a database URL's query, and the option file that it names.
 *
 * @throws DepotError `config` that names the option
 */
export function queryOptions({ query }: SqlalchemyUrl): {
  options: Options;
  file: OptionFile | null;
} {
  const options: Partial<Record<OptionName, string>> = {};
  let file: string | null = null;
  let group: string | null = null;
  for (const [given, value] of Object.entries(query)) {
    if (unneeded.has(given)) continue;
    if (Array.isArray(value)) throw wrong(`the option ${given} is there more than once`);
    if (given === 'read_default_file' || given === 'option_files') file = value;
    else if (given === 'read_default_group') group = value;
    else options[optionOf(given)] = value;
  }
  return { options, file: file === null ? null : { file, group } };
}

function optionOf(given: string): OptionName {
  if (Object.hasOwn(names, given)) return names[given as keyof typeof names];
  const known = [...Object.keys(names), 'read_default_file'].join(', ');
  throw wrong(`unknown option ${given}`, `Known are: ${known}.`);
}

/**
 * The settings of a database URL as mysqlclient and PyMySQL take them: options in its query win
 * over its other parts, and what is given in neither comes from the option file.
 *
 * @throws DepotError `config` that names the option, and shows no value of a secret
 */
export function mysqlSettings(
  url: SqlalchemyUrl,
  { query, file, userName }: { query: Options; file: Options; userName: string },
): MysqlSettings {
  const { username, password, host, port, database, driver } = url;
  const own: Options = Object.fromEntries(
    Object.entries({ user: username, password, host, port, database })
      .filter(([, value]) => value !== null && value !== '')
      .map(([name, value]) => [name, String(value)]),
  );
  const values: Options = { ...file, ...own, ...query };
  const isLocal = values.host === undefined || values.host === 'localhost';
  return {
    host: values.host ?? 'localhost',
    port: portOf(values.port),
    socket: values.socket ?? null,
    prefersSocket: isLocal && !withoutSocket.has(driver ?? ''),
    user: values.user ?? userName,
    password: values.password ?? '',
    database: databaseOf(values.database),
    tls: tlsOf(values),
    connectTimeout: secondsOf(values.connectTimeout),
  };
}

/** `mysql://host:port/database`, which tells databases apart and holds no secret. */
export function describeDatabase({ host, port, socket, database }: MysqlSettings): string {
  if (socket !== null) return `mysql:///${database}?unix_socket=${socket}`;
  return `mysql://${host.includes(':') ? `[${host}]` : host}:${port}/${database}`;
}

function databaseOf(name: string | undefined): string {
  if (name !== undefined) return name;
  throw wrong('it names no database', 'Write it like mysql://user:password@host/database.');
}

function portOf(text: string | undefined): number {
  if (text === undefined) return 3306;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw wrong(`${JSON.stringify(text)} is no port`);
}

function tlsOf(values: Options): TlsSettings {
  const { authorities = null, authoritiesDirectory = null, certificate = null } = values;
  const trusts = authorities !== null || authoritiesDirectory !== null;
  return {
    mode: modeOf(values, trusts),
    authorities,
    authoritiesDirectory,
    certificate,
    key: values.key ?? null,
    ciphers: values.ciphers ?? null,
  };
}

/** Whoever names an authority wants the server checked by it, and its name, as in PyMySQL. */
function modeOf(values: Options, trusts: boolean): SslMode {
  const given = values.mode?.toUpperCase();
  if (given !== undefined) {
    const mode = sslModes.find((one) => one === given);
    if (mode !== undefined) return mode;
    throw wrong(`ssl_mode is ${JSON.stringify(values.mode)}`, `It may be: ${sslModes.join(', ')}.`);
  }
  if (isTrue(values, 'disabled') === true) return 'DISABLED';
  const verifies = isTrue(values, 'verifies');
  const checksHost = isTrue(values, 'checksHost');
  if (verifies === true || checksHost === true || (trusts && verifies !== false)) {
    return checksHost === false ? 'VERIFY_CA' : 'VERIFY_IDENTITY';
  }
  const asked = trusts || values.certificate !== undefined || isTrue(values, 'ssl') === true;
  return asked ? 'REQUIRED' : 'PREFERRED';
}

function isTrue(values: Options, name: OptionName): boolean | null {
  const value = values[name]?.toLowerCase();
  if (value === undefined) return null;
  if (['1', 'true', 'yes', 'on'].includes(value)) return true;
  if (['0', 'false', 'no', 'off'].includes(value)) return false;
  const given = Object.entries(names).filter(([, one]) => one === name);
  throw wrong(`${given.map(([one]) => one).join(' or ')} must be true or false`);
}

function secondsOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds >= 0) return seconds === 0 ? null : seconds;
  throw wrong('connect_timeout is no number of seconds');
}

function wrong(why: string, hint?: string): DepotError {
  return new DepotError('config', `database URL: ${why}`, hint === undefined ? {} : { hint });
}
