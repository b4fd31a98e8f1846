import { describeWithServer } from '../servers/servers.js';
import { databaseConformance } from './conformance.js';
import { openMariadbDatabase } from './mariadb-harness.js';

/** A table whose key has these columns, filled by `values` beside the text. */
const keyed = (columns: string, values: string, key = 'k'): string => `
  CREATE TABLE t (${columns}, v TEXT, PRIMARY KEY (${key}));
  INSERT INTO t SELECT ${values}, x FROM source`;

/** A letter for each row, by its place in the text. */
const letter = (letters: string): string => `SUBSTR('${letters}', i + 1, 1)`;

const keys = [
  { name: 'an integer', sql: keyed('k INTEGER', 'i - 3') },
  { name: 'a tinyint', sql: keyed('k TINYINT', 'i * -1') },
  { name: 'an integer filled with zeros', sql: keyed('k INTEGER(8) ZEROFILL', 'i * 1000') },
  {
    name: 'huge and negative integers',
    sql: keyed('k BIGINT', '(9223372036854775807 - i) * CASE WHEN i % 2 = 0 THEN 1 ELSE -1 END'),
  },
  {
    name: 'integers beyond those with a sign',
    sql: keyed('k BIGINT UNSIGNED', '18446744073709551615 - i'),
  },
  { name: 'text', sql: keyed('k VARCHAR(40)', `CONCAT('key ''', 9 - i)`) },
  {
    name: 'text that ignores case and accents',
    sql: keyed('k VARCHAR(40) COLLATE utf8mb4_unicode_ci', letter('aBcDeFgH')),
  },
  {
    name: 'text sorted as a language does',
    sql: keyed(
      'k VARCHAR(40) COLLATE utf8mb4_german2_ci',
      `ELT(i + 1, 'a', 'B', 'ä', 'Z', 'o', '_', 'A b', 'ab')`,
    ),
  },
  {
    name: 'text by its bytes',
    sql: keyed('k VARCHAR(9) COLLATE utf8mb4_bin', letter('bBaAé_🚢x')),
  },
  {
    name: 'text of another character set',
    sql: keyed('k VARCHAR(9) CHARACTER SET latin1', `CONCAT(${letter('äÖß€zZaA')}, 'é', i)`),
  },
  { name: 'text of fixed length', sql: keyed('k CHAR(9)', `REPEAT('x', i)`) },
  {
    name: 'long text, unique by its beginning',
    sql: keyed('k TEXT', `CONCAT(${letter('hgfedcba')}, REPEAT('x', 300), i)`, 'k(20)'),
  },
  { name: 'bytes of fixed length', sql: keyed('k BINARY(16)', 'UNHEX(MD5(i))') },
  {
    name: 'bytes',
    sql: keyed('k VARBINARY(20)', `CONCAT(x'00ff', CHAR(i), REPEAT(x'00', i))`),
  },
  {
    name: 'a uuid',
    sql: keyed('k UUID', `CONCAT('ffe57f7', i, '-e6ef-1', 9 - i, 'f1-9471-02fc0000000', i)`),
  },
  { name: 'an address', sql: keyed('k INET6', `CONCAT('::', HEX(10 - i))`) },
  { name: 'a date', sql: keyed('k DATE', `DATE '2026-02-26' + INTERVAL i DAY`) },
  {
    name: 'a time to the second',
    sql: keyed('k DATETIME', `TIMESTAMP '2026-10-25 01:59:57' + INTERVAL i SECOND`),
  },
  {
    name: 'a time to the microsecond',
    sql: keyed('k DATETIME(6)', `TIMESTAMP '2026-01-01 00:00:00' + INTERVAL i MICROSECOND`),
  },
  {
    name: 'an instant in the hour that comes twice',
    sql: keyed('k TIMESTAMP', 'FROM_UNIXTIME(1792890000 + 900 * i)'),
  },
  { name: 'a time of day', sql: keyed('k TIME(3)', `SEC_TO_TIME(i * 1000.125 - 3000)`) },
  { name: 'a year', sql: keyed('k YEAR', '2026 - i') },
  { name: 'a decimal number', sql: keyed('k DECIMAL(30, 4)', '100000000000000000000 + i / 8 - 2') },
  { name: 'a fraction', sql: keyed('k DOUBLE', '1e300 / (i - 2.5)') },
  { name: 'a short fraction', sql: keyed('k FLOAT', '1 / (i - 2.5)') },
  { name: 'bits', sql: keyed('k BIT(40)', '1099511627775 - i') },
  {
    name: 'an enumeration',
    sql: keyed(`k ENUM ('h', 'g', 'f', 'e', 'd', 'c', 'b', 'a')`, letter('abcdefgh')),
  },
  { name: 'a set', sql: keyed(`k SET ('c', 'b', 'a')`, 'i') },
  {
    name: 'a truth value and a number',
    sql: keyed('a BOOLEAN, b SMALLINT', 'i % 2, i DIV 2', 'b, a'),
  },
  {
    name: 'several columns of all kinds',
    sql: keyed(
      'lang VARCHAR(9) COLLATE utf8mb4_general_ci, doc INTEGER, at DATE, bin VARBINARY(9)',
      `${letter('dddeeeff')}, i % 3, DATE '2026-02-26' + INTERVAL i DAY, x'ff00'`,
      'doc, lang, bin, at',
    ),
  },
  {
    name: 'none, but unique numbers',
    sql: `CREATE TABLE t (n INTEGER UNIQUE, k INTEGER NOT NULL UNIQUE, v TEXT);
          INSERT INTO t SELECT NULL, 8 - i, x FROM source`,
  },
  {
    name: 'that of a partitioned table',
    sql: `CREATE TABLE t (k INTEGER, v TEXT, PRIMARY KEY (k)) PARTITION BY HASH (k) PARTITIONS 3;
          INSERT INTO t SELECT i, x FROM source`,
  },
  {
    name: 'that of a table with its history',
    sql: `CREATE TABLE t (k INTEGER, v TEXT, PRIMARY KEY (k)) WITH SYSTEM VERSIONING;
          INSERT INTO t SELECT i, x FROM source; UPDATE t SET v = v WHERE k < 4`,
  },
];

describeWithServer('mariadb', 'MariaDB', (server) => {
  databaseConformance('MariaDB', {
    open: (statements) => openMariadbDatabase(server, statements),
    quoted: (name) => `\`${name.replaceAll('`', '``')}\``,
    longText: 'LONGTEXT',
    longBytes: 'LONGBLOB',
    bytes: (digits) => `x'${digits}'`,
    textTypes: [
      ...['TEXT', 'LONGTEXT', 'VARCHAR(10)', 'VARCHAR(10) COLLATE utf8mb4_bin'],
      ...['VARCHAR(10) COLLATE utf8mb4_unicode_ci', 'TEXT CHARACTER SET latin1'],
      ...['VARCHAR(10) CHARACTER SET utf8mb3', 'VARCHAR(10) CHARACTER SET utf16'],
      ...['VARCHAR(10) COLLATE utf8mb4_nopad_bin', 'VARBINARY(10)', 'BLOB'],
    ],
    keepsNul: true,
    keys,
  });
});
