import type { SqlalchemyUrl } from '../config/sqlalchemy-url.js';
import type { NetworkOptions } from '../network.js';
import type { SqlDatabase } from './database.js';
import { openBlobTable } from './mysql-blobs.js';
import { changeTexts, checkTransactional, storedTexts } from './mysql-changes.js';
import { openConnection } from './mysql-connection.js';
import { mysqlLock } from './mysql-lock.js';
import { identityOf } from './mysql-place.js';
import { readTables } from './mysql-tables.js';
import { openTexts, readText } from './mysql-texts.js';

interface MysqlOptions extends NetworkOptions {
  notice(text: string): void;
}

/** Opens a MariaDB or MySQL database; connects when something is asked of it. */
export function openMysql(url: SqlalchemyUrl, options: MysqlOptions): SqlDatabase {
  const connection = openConnection(url, options);
  const { name, read, write } = connection;
  const lock = mysqlLock(connection);
  const texts = openTexts(connection);
  const schema = () => read('read the schema', readTables);
  const told = new Set<string>();
  const notice = (text: string): void => {
    if (!told.has(text)) options.notice(text);
    told.add(text);
  };
  return {
    name,
    place: () =>
      read('identify it', async (session) => ({
        identity: await identityOf(session),
        within: [],
        description: name,
      })),
    async tables() {
      const { tables, unreadable } = await schema();
      if (unreadable.length > 0)
        notice(`${name}: its user may not read ${unreadable.join(', ')}: not looked at`);
      return tables;
    },
    unreadable: async () => (await schema()).unreadable,
    texts: texts.page,
    textAt: (table, column, position) =>
      read('read a row', (session) => readText(session, table, column, position)),
    async change(changes) {
      checkTransactional(name, changes);
      await lock.check();
      if (changes.length === 0) return [];
      return write('change references', async (session, committing) => {
        const flush = session.variables.get('innodb_flush_log_at_trx_commit') ?? '';
        if (['0', '2'].includes(flush)) notice(undoable(name, flush));
        await session.begin();
        const made = await changeTexts(session, changes);
        committing();
        await session.commit();
        return made;
      });
    },
    asStored: (table, column, all) =>
      read('read what it would store', (session) => storedTexts(session, table, column, all)),
    lockMigrations: lock.take,
    blobs: openBlobTable(connection),
    async close() {
      await texts.close();
      await connection.close();
    },
  };
}

/** No session can have its commits durable where the server has set it otherwise for all. */
function undoable(name: string, flush: string): string {
  return `${name}: a power cut may undo the last second there, since innodb_flush_log_at_trx_commit is ${flush}`;
}
