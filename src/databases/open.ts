import { describeOrigin, type Setting } from '../config/settings.js';
import {
  parseSqlalchemyUrl,
  redactSqlalchemyUrl,
  type SqlalchemyUrl,
} from '../config/sqlalchemy-url.js';
import { DepotError } from '../errors.js';
import type { NetworkOptions } from '../network.js';
import { resolvePath } from '../settings.js';
import type { Database, SqlDatabase } from './database.js';

export interface DatabaseOptions extends NetworkOptions {
  /** Takes what is worth telling the user. */
  notice(text: string): void;
}

/** Whether a URL names a database in MongoDB, and not one that SQLAlchemy knows. */
function isMongoUrl(url: string): boolean {
  return /^mongodb(?:\+srv)?:\/\//i.test(url);
}

/**
 * Opens the database of a connection string of MongoDB's, or of an SQLAlchemy URL, as
 * `openSqlDatabase` does.
 */
export async function openDatabase(
  setting: Setting,
  directory: string,
  options: DatabaseOptions,
): Promise<Database> {
  if (!isMongoUrl(setting.value)) return openSqlDatabase(setting, directory, options);
  const { openMongo } = await import('./mongo.js');
  return openMongo(setting.value, options, `${describeOrigin(setting.origin)}: the MongoDB URI`);
}

/** Opens the database of an SQLAlchemy URL; relative file names are relative to `directory`. */
export async function openSqlDatabase(
  setting: Setting,
  directory: string,
  options: DatabaseOptions,
): Promise<SqlDatabase> {
  const { notice } = options;
  const url = located(setting, () => parseSqlalchemyUrl(setting.value));
  if (url.backend === 'sqlite') {
    const { openSqlite } = await import('./sqlite.js');
    return openSqlite(
      resolvePath({ ...setting, value: sqliteFile(url, setting) }, directory, notice),
    );
  }
  checkAtSigns(url, setting);
  // SQLAlchemy has forgotten the second of the two names.
  if (url.backend === 'postgresql' || url.backend === 'postgres') {
    const { openPostgres } = await import('./postgres.js');
    return located(setting, () => openPostgres(url, options));
  }
  if (url.backend === 'mysql' || url.backend === 'mariadb') {
    const { openMysql } = await import('./mysql.js');
    return located(setting, () => openMysql(url, options));
  }
  throw new DepotError(
    'config',
    `${describeOrigin(setting.origin)}: this version of depot cannot open ${url.backend} databases`,
    { hint: 'It opens sqlite, postgresql, mysql and mariadb.' },
  );
}

/**
 * SQLAlchemy ends a password at the first `@`: the rest of it would be taken for the host's name,
 * looked up, and shown.
 */
function checkAtSigns({ password, host, database }: SqlalchemyUrl, setting: Setting): void {
  if (password === null || !`${host}/${database}`.includes('@')) return;
  const [where, shown] = [describeOrigin(setting.origin), redactSqlalchemyUrl(setting.value)];
  throw new DepotError('config', `${where}: the password in ${shown} has an @`, {
    hint: 'Write it as %40 there: Python too takes what follows it for the host.',
  });
}

/** Says where the URL stands that something is wrong with. */
function located<T>(setting: Setting, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof DepotError)) throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    throw new DepotError('config', `${describeOrigin(setting.origin)}: ${error.message}`, hint);
  }
}

function sqliteFile({ database, host, query }: SqlalchemyUrl, setting: Setting): string {
  const where = describeOrigin(setting.origin);
  if (host !== null) {
    throw new DepotError('config', `${where}: ${redactSqlalchemyUrl(setting.value)} names a host`, {
      hint: 'A file needs three slashes, an absolute one four: sqlite:////var/lib/site/Kotti.db',
    });
  }
  const file = query.uri === 'true' ? (database ?? '').replace(/^file:/, '') : (database ?? '');
  if (file === '' || file === ':memory:') {
    throw new DepotError('config', `${where}: a database in memory holds nothing to administer`);
  }
  return file;
}
