import { describe } from 'vitest';
import { describeWithServer } from '../servers/servers.js';
import { rowsContract } from './contract.js';
import { lateUnique, postgresTables, sqliteTables } from './tables.js';
import { open } from './typeorm-application.js';

describe('TypeORM on SQLite', () => {
  rowsContract(
    ({ url }, manager) => open({ type: 'better-sqlite3', database: url }, manager),
    sqliteTables,
  );
});

describeWithServer('postgres', 'TypeORM on PostgreSQL', (server) => {
  rowsContract(
    ({ url }, manager) => open({ type: 'postgres', url }, manager),
    () => postgresTables(server),
    lateUnique,
  );
});
