import type { Row } from './mysql-driver.js';
import { lockSeconds } from './mysql-errors.js';

/** The server's variables that we ask for, by name; those that it does not have are missing. */
export type Variables = ReadonlyMap<string, string>;

/**
 * What our sessions must not inherit from user or server: nothing is cut or rewritten to fit, words
 * and texts mean what they say, a scan may take long and an upload pause. A server has some of these
 * or others.
 */
const settings: Readonly<Record<string, string>> = {
  character_set_client: 'utf8mb4',
  character_set_results: 'utf8mb4',
  collation_connection: 'utf8mb4_general_ci',
  sql_mode: 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO',
  // Times that are shown in a zone's own time would be the same twice a year.
  time_zone: '+00:00',
  autocommit: '1',
  completion_type: 'NO_CHAIN',
  sql_auto_is_null: '0',
  sql_safe_updates: '0',
  sql_big_selects: '1',
  sql_select_limit: '18446744073709551615',
  innodb_lock_wait_timeout: String(lockSeconds),
  lock_wait_timeout: String(lockSeconds),
  max_statement_time: '0',
  max_execution_time: '0',
  idle_transaction_timeout: '0',
  idle_write_transaction_timeout: '0',
  idle_readonly_transaction_timeout: '0',
  wait_timeout: '28800',
  net_read_timeout: '86400',
  net_write_timeout: '86400',
  transaction_isolation: 'READ-COMMITTED',
  tx_isolation: 'READ-COMMITTED',
};

/** What else we want to know of the server. */
const wanted = [
  ...['max_allowed_packet', 'log_bin', 'binlog_format', 'innodb_flush_log_at_trx_commit'],
  ...['hostname', 'port', 'datadir', 'server_uuid', 'lower_case_table_names'],
];

/** Reads the variables of a new session, and sets it up. */
export async function setUp(run: (sql: string) => Promise<readonly Row[]>): Promise<Variables> {
  const names = [...Object.keys(settings), ...wanted].map((name) => `'${name}'`);
  const rows = await run(`SHOW VARIABLES WHERE Variable_name IN (${names.join(', ')})`);
  const variables = new Map(
    rows.map(([name, value]) => [String(name).toLowerCase(), String(value)]),
  );
  const assignments = Object.entries(settings)
    .filter(([name]) => variables.has(name))
    .filter(([name]) => !name.endsWith('_isolation') || takesReadCommitted(variables))
    .map(([name, value]) => `${name} = ${/^\d+$/.test(value) ? value : `'${value}'`}`);
  await run(`SET ${assignments.join(', ')}`);
  return variables;
}

/** Where statements are logged, InnoDB takes changes at that level from nobody. */
function takesReadCommitted(variables: Variables): boolean {
  return variables.get('log_bin') !== 'ON' || variables.get('binlog_format') !== 'STATEMENT';
}
