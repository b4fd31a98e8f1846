import { describeWithServer } from '../servers/servers.js';
import { databaseConformance } from './conformance.js';
import { openPostgresDatabase } from './postgres-harness.js';

/** A table whose key has these columns, filled by `values` beside the text. */
const keyed = (columns: string, values: string, key = 'k'): string => `
  CREATE TABLE t (${columns}, v TEXT, PRIMARY KEY (${key}));
  INSERT INTO t SELECT ${values}, x FROM source`;

const keys = [
  { name: 'an integer', sql: keyed('k INTEGER', 'i - 3') },
  { name: 'a smallint', sql: keyed('k SMALLINT', 'i * -1') },
  {
    name: 'huge and negative integers',
    sql: keyed('k BIGINT', '(9223372036854775807 - i) * CASE WHEN i % 2 = 0 THEN 1 ELSE -1 END'),
  },
  { name: 'text', sql: keyed('k VARCHAR(40)', `'key ''' || (9 - i)`) },
  {
    name: 'text sorted as a language does',
    sql: keyed('k TEXT COLLATE "en-x-icu"', `(ARRAY['a','B','ä','Z','z','_','A b','ab'])[i + 1]`),
  },
  {
    name: 'text that ignores case',
    sql: `CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
          ${keyed('k TEXT COLLATE no_case', `substr('aBcDeFgH', i + 1, 1)`)}`,
  },
  {
    name: 'citext',
    sql: `CREATE EXTENSION citext; ${keyed('k CITEXT', `substr('aBcDeFgH', i + 1, 1)`)}`,
  },
  { name: 'text in the C collation', sql: keyed('k TEXT COLLATE "C"', `chr(70 - i) || 'é'`) },
  { name: 'text of fixed length', sql: keyed('k CHAR(8)', `repeat('x', i)`) },
  { name: 'a uuid', sql: keyed('k UUID', `md5(i::text)::uuid`) },
  { name: 'bytes', sql: keyed('k BYTEA', `('\\x00ff0' || i)::bytea`) },
  { name: 'a date', sql: keyed('k DATE', `DATE '2026-02-26' + i`) },
  {
    name: 'a time to the microsecond',
    sql: keyed(
      'k TIMESTAMP',
      `TIMESTAMP '2026-01-01 00:00:00.000001' + i * INTERVAL '1 microsecond'`,
    ),
  },
  {
    name: 'a time with a zone',
    sql: `SET TimeZone = 'Europe/Berlin';
          ${keyed('k TIMESTAMPTZ', `TIMESTAMPTZ '2026-10-25 00:00:00Z' + i * INTERVAL '30 minutes'`)}`,
  },
  { name: 'an interval', sql: keyed('k INTERVAL', `(i - 3) * INTERVAL '1 day 2 minutes'`) },
  { name: 'a fraction', sql: keyed('k DOUBLE PRECISION', `1e300 / (i + 3)`) },
  { name: 'a number of any size', sql: keyed('k NUMERIC', `10::numeric ^ (40 + i) + 0.1`) },
  {
    name: 'a truth value and a number',
    sql: keyed('a BOOLEAN, b SMALLINT', 'i % 2 = 0, i / 2', 'b, a'),
  },
  {
    name: 'an enumeration',
    sql: `CREATE TYPE mood AS ENUM ('h', 'g', 'f', 'e', 'd', 'c', 'b', 'a');
          ${keyed('k mood', `substr('abcdefgh', i + 1, 1)::mood`)}`,
  },
  {
    name: 'a domain in another schema',
    sql: `CREATE SCHEMA s; CREATE DOMAIN s."My Key" AS VARCHAR(20) CHECK (VALUE <> '');
          ${keyed('k s."My Key"', `'é' || i`)}`,
  },
  { name: 'an address', sql: keyed('k INET', `'10.0.0.0'::inet + i`) },
  { name: 'numbers in an array', sql: keyed('k INTEGER[]', `ARRAY[i % 3, i]`) },
  { name: 'texts in an array', sql: keyed('k TEXT[]', `ARRAY['a, "' || i % 3, 'b' || i, NULL]`) },
  { name: 'jsonb', sql: keyed('k JSONB', `jsonb_build_object('a', i % 3, 'b', i)`) },
  {
    name: 'several columns of all kinds',
    sql: keyed(
      'lang TEXT, doc INTEGER, at DATE',
      `substr('dddeeeff', i + 1, 1), i % 3, DATE '2026-02-26' + i`,
      'doc, lang, at',
    ),
  },
  {
    name: 'that of a partitioned table',
    sql: `CREATE TABLE t (k INTEGER, v TEXT, PRIMARY KEY (k)) PARTITION BY RANGE (k);
          CREATE TABLE low PARTITION OF t FOR VALUES FROM (0) TO (4);
          CREATE TABLE high PARTITION OF t DEFAULT;
          INSERT INTO t SELECT i, x FROM source`,
  },
];

describeWithServer('postgres', 'PostgreSQL', (server) => {
  databaseConformance('PostgreSQL', {
    open: (statements) => openPostgresDatabase(server, statements),
    quoted: (name) => `"${name.replaceAll('"', '""')}"`,
    longText: 'TEXT',
    longBytes: 'BYTEA',
    bytes: (digits) => `'\\x${digits}'::bytea`,
    textTypes: ['TEXT', 'VARCHAR(10)', 'TEXT COLLATE "C"', 'TEXT COLLATE "en-x-icu"', 'NAME'],
    keepsNul: false,
    keys,
  });
});
