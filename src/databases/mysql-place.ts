import type { Session } from './mysql-session.js';

/**
 * What tells the database from all others, whatever host, port or user it is reached by: the
 * server's own number, or where MariaDB has none its machine, port and directory.
 */
export async function identityOf({ run, variables }: Session): Promise<string> {
  const folded = Number(variables.get('lower_case_table_names') ?? 0) > 0;
  const { rows } = await run(`SELECT ${folded ? 'LOWER(DATABASE())' : 'DATABASE()'}`);
  const names = variables.has('server_uuid') ? ['server_uuid'] : ['hostname', 'port', 'datadir'];
  const server = names.map((name) => variables.get(name)).join(':');
  return `mysql:${server}/${String(rows[0]?.[0])}`;
}
