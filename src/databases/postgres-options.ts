import path from 'node:path';
import type { SqlalchemyUrl } from '../config/sqlalchemy-url.js';
import { DepotError } from '../errors.js';

/** The options of libpq that we follow, and the environment variables that they default to. */
const variables = {
  host: 'PGHOST',
  hostaddr: 'PGHOSTADDR',
  port: 'PGPORT',
  dbname: 'PGDATABASE',
  user: 'PGUSER',
  password: 'PGPASSWORD',
  passfile: 'PGPASSFILE',
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  sslpassword: null,
  sslcrl: 'PGSSLCRL',
  ssl_min_protocol_version: 'PGSSLMINPROTOCOLVERSION',
  ssl_max_protocol_version: 'PGSSLMAXPROTOCOLVERSION',
  sslnegotiation: 'PGSSLNEGOTIATION',
  connect_timeout: 'PGCONNECT_TIMEOUT',
  options: 'PGOPTIONS',
  application_name: 'PGAPPNAME',
  target_session_attrs: 'PGTARGETSESSIONATTRS',
  service: 'PGSERVICE',
  gssencmode: 'PGGSSENCMODE',
  channel_binding: 'PGCHANNELBINDING',
} as const;

export type OptionName = keyof typeof variables;

/** Other names that drivers have for them. */
const synonyms: Readonly<Record<string, OptionName>> = { database: 'dbname', ssl: 'sslmode' };

/** Options that tune a driver of Python's, and change nothing of what is read or written. */
const unneeded = new Set([
  ...['client_encoding', 'fallback_application_name', 'load_balance_hosts', 'sslcompression'],
  ...['keepalives', 'keepalives_idle', 'keepalives_interval', 'keepalives_count'],
  ...['tcp_user_timeout', 'tcp_keepalive', 'timeout', 'command_timeout', 'sslsni'],
  ...['prepared_statement_cache_size', 'prepare_threshold'],
]);

/** What is given for each option. */
export type Values = Readonly<Partial<Record<OptionName, string>>>;

/**
 * The options of a database URL: those in its query win over its other parts, and what is given in
 * neither comes from the environment.
 */
export function optionsOf(url: SqlalchemyUrl, env: NodeJS.ProcessEnv): Values {
  const values = withDefaults(valuesOf(url), env);
  refuse(values);
  return values;
}

function valuesOf({ username, password, host, port, database, query }: SqlalchemyUrl): Values {
  const values: Partial<Record<OptionName, string>> = {};
  const set = (name: OptionName, value: string | number | null): void => {
    if (value !== null && value !== '') values[name] = String(value);
  };
  set('user', username);
  set('password', password);
  set('host', host);
  set('port', port);
  set('dbname', database);
  for (const [given, value] of Object.entries(query)) {
    if (given === 'host' && Array.isArray(value)) {
      // SQLAlchemy's way to name several: host=A:5432&host=B:5433
      const pairs = value.map((one) => /^(.*?)(?::(\d*))?$/s.exec(one) as RegExpExecArray);
      set('host', pairs.map(([, name]) => name).join(','));
      set('port', pairs.map(([, , number = '']) => number).join(','));
      continue;
    }
    if (unneeded.has(given)) continue;
    if (Array.isArray(value)) throw wrong(`the option ${given} is there more than once`);
    if (given === 'unix_sock') {
      set('host', path.dirname(value));
      set('port', /\.(\d+)$/.exec(value)?.[1] ?? null);
      continue;
    }
    const name = synonyms[given] ?? given;
    if (!Object.hasOwn(variables, name)) {
      const known = Object.keys(variables).join(', ');
      throw wrong(`unknown option ${given}`, `Known are: ${known}.`);
    }
    set(name as OptionName, value);
  }
  return values;
}

function withDefaults(values: Values, env: NodeJS.ProcessEnv): Values {
  const all: Partial<Record<OptionName, string>> = { ...values };
  for (const [name, variable] of Object.entries(variables)) {
    const value = variable === null ? undefined : env[variable];
    if (value) all[name as OptionName] ??= value;
  }
  return all;
}

/** What would connect to another server, or less safely, than it says. */
function refuse(values: Values): void {
  if (values.service !== undefined) {
    const hint = 'Write host, port and database into the URL instead.';
    throw wrong('connection service files (service, PGSERVICE) are not supported', hint);
  }
  for (const name of ['gssencmode', 'channel_binding'] as const) {
    if (values[name] !== 'require') continue;
    throw wrong(`${name}=require is not supported`, 'Use TLS: sslmode=verify-full');
  }
}

/** An error that shows no value of a secret. */
export function wrong(why: string, hint?: string): DepotError {
  return new DepotError('config', `database URL: ${why}`, hint === undefined ? {} : { hint });
}
