import { literal } from './mysql-columns.js';
import { MysqlFailure } from './mysql-errors.js';
import type { Session } from './mysql-session.js';
import type { Result } from './mysql-statements.js';

/** The rows of that identifier, to the byte whatever the column's collation, by its index. */
export function ofId(fileId: string): string {
  const id = literal(fileId);
  return `file_id = ${id} AND CAST(CONVERT(file_id USING utf8mb4) AS BINARY) = CAST(${id} AS BINARY)`;
}

/** Runs a statement that looks for an identifier, which a column may have no characters for. */
export async function runForId(session: Session, sql: string): Promise<Result> {
  try {
    return await session.run(sql);
  } catch (error) {
    const isIncomparable = error instanceof MysqlFailure && error.code === 1267;
    if (isIncomparable) return { rows: [], count: 0 };
    throw error;
  }
}
