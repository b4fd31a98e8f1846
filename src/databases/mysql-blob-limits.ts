import { DepotError } from '../errors.js';
import { noTransactions } from './mysql-changes.js';
import { MysqlFailure } from './mysql-errors.js';
import type { Session } from './mysql-session.js';

/** Bytes of a statement beside a blob's, at most. */
const overhead = 4096;

/** What the table `blobs` takes. */
export interface BlobLimits {
  /** Characters that a time is cut to, as the column keeps it; a server would round it. */
  readonly timeLength: number;
  /** Throws where a blob of so many bytes would not be stored whole. */
  check(length: number): void;
}

/** Reads what the table takes; fails with `refused` where it is not safe to write to. */
export async function readLimits(session: Session, name: string): Promise<BlobLimits> {
  const { rows } = await session.run(`
    SELECT c.COLUMN_NAME, c.COLUMN_TYPE, c.CHARACTER_MAXIMUM_LENGTH, c.DATETIME_PRECISION,
      t.ENGINE, e.TRANSACTIONS
    FROM information_schema.COLUMNS AS c
    JOIN information_schema.TABLES AS t
      ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
    LEFT JOIN information_schema.ENGINES AS e ON e.ENGINE = t.ENGINE
    WHERE c.TABLE_SCHEMA = DATABASE() AND c.TABLE_NAME = 'blobs'`);
  const find = (column: string) => rows.find(([found]) => String(found).toLowerCase() === column);
  const [data, time] = [find('data'), find('last_modified')];
  if (data === undefined) {
    throw new MysqlFailure(Object.assign(new Error("no table 'blobs'"), { errno: 1146 }));
  }
  const [, type, columnLimit, , engine, transactions] = data;
  if (transactions !== 'YES') throw noTransactions(name, { name: 'blobs', engine: String(engine) });
  const packet = Number(session.variables.get('max_allowed_packet'));
  const digits = Number(time?.[3] ?? 0);
  return {
    timeLength: digits === 0 ? 19 : 20 + digits,
    check(length) {
      if (length > Number(columnLimit)) {
        throw tooLong(name, `its column data is ${type}, which takes ${columnLimit} bytes`, {
          hint: 'ALTER TABLE blobs MODIFY data LONGBLOB, then run it again.',
        });
      }
      if (length > packet - overhead) {
        throw tooLong(name, `the server’s max_allowed_packet is ${packet} bytes`, {
          hint: 'Raise max_allowed_packet in the section [mysqld] of the server: at most 1G.',
        });
      }
    },
  };
}

function tooLong(name: string, why: string, { hint }: { hint: string }): DepotError {
  return new DepotError('failed', `a blob does not fit the database ${name}: ${why}`, { hint });
}
