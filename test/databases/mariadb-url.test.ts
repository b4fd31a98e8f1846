import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseSqlalchemyUrl } from '../../src/config/sqlalchemy-url.js';
import { readOptionFile } from '../../src/databases/mysql-option-file.js';
import {
  describeDatabase,
  type MysqlSettings,
  mysqlSettings,
  queryOptions,
} from '../../src/databases/mysql-url.js';

function settingsOf(text: string, home = '/home/site'): MysqlSettings {
  const url = parseSqlalchemyUrl(text);
  const { options: query, file } = queryOptions(url);
  const read = file === null ? {} : readOptionFile(file, home);
  return mysqlSettings(url, { query, file: read, userName: 'site' });
}

/** An option file of this text, gone when the test ends. */
function optionFile(text: string): { directory: string; file: string } {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-option-file-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, '.my.cnf');
  writeFileSync(file, text);
  return { directory, file };
}

describe('a MariaDB URL', () => {
  test.each([
    ['mysql://u:p@db/site', { host: 'db', port: 3306, user: 'u', password: 'p', database: 'site' }],
    ['mariadb+mariadbconnector://u:p%40%3A@db:3307/site', { port: 3307, password: 'p@:' }],
    ['mysql+pymysql://u:p@[::1]:3307/site', { host: '::1', port: 3307 }],
    ['mysql:///site', { host: 'localhost', user: 'site', password: '', prefersSocket: true }],
    ['mysql+mysqldb://u@localhost/site', { prefersSocket: true, socket: null }],
    ['mysql+pymysql://u@localhost/site', { prefersSocket: false, socket: null }],
    ['mysql+mysqlconnector://u@localhost/site', { prefersSocket: false }],
    ['mysql://u@127.0.0.1/site', { prefersSocket: false }],
    ['mysql://u@/site?unix_socket=/run/x.sock', { socket: '/run/x.sock' }],
    [
      'mysql://u:p@db/site?user=v&passwd=q&db=other&port=1',
      { user: 'v', password: 'q', database: 'other', port: 1 },
    ],
    ['mysql://u@db/site?connect_timeout=5', { connectTimeout: 5 }],
    ['mysql://u@db/site?connect_timeout=0', { connectTimeout: null }],
    [
      'mysql://u@db/site?charset=utf8mb4&use_unicode=1&local_infile=1&init_command=x',
      { connectTimeout: null },
    ],
  ])('%s means what mysqlclient and PyMySQL take it for', (text, expected) => {
    expect(settingsOf(text)).toMatchObject(expected);
  });

  test.each([
    ['', 'PREFERRED'],
    ['ssl_disabled=true', 'DISABLED'],
    ['ssl_mode=disabled', 'DISABLED'],
    ['ssl=true', 'REQUIRED'],
    ['ssl_mode=REQUIRED&ssl_ca=/ca.pem', 'REQUIRED'],
    ['ssl_cert=/c.pem&ssl_key=/k.pem', 'REQUIRED'],
    ['ssl_ca=/ca.pem', 'VERIFY_IDENTITY'],
    ['ssl_capath=/certificates', 'VERIFY_IDENTITY'],
    ['ssl_ca=/ca.pem&ssl_check_hostname=false', 'VERIFY_CA'],
    ['ssl_ca=/ca.pem&ssl_verify_cert=false', 'REQUIRED'],
    ['ssl_ca=/ca.pem&ssl_verify_cert=true&ssl_verify_identity=0', 'VERIFY_CA'],
    ['ssl_verify_cert=1', 'VERIFY_IDENTITY'],
    ['ssl_mode=VERIFY_CA&ssl_ca=/ca.pem', 'VERIFY_CA'],
    ['ssl_mode=VERIFY_IDENTITY', 'VERIFY_IDENTITY'],
  ])('with %j asks for TLS so: %s', (query, mode) => {
    expect(settingsOf(`mysql://u@db/site?${query}`).tls.mode).toBe(mode);
  });

  test.each([
    ['mysql://u:secret@db/site?sslca=/x', /unknown option sslca/],
    ['mysql://u:secret@db/site?password=a&password=b', /password is there more than once/],
    ['mysql://u:secret@db', /it names no database/],
    ['mysql://u:secret@db:99999/site', /"99999" is no port/],
    ['mysql://u:secret@db/site?ssl_mode=sometimes', /ssl_mode is "sometimes"/],
    ['mysql://u:secret@db/site?ssl_check_hostname=perhaps', /must be true or false/],
    ['mysql://u:secret@db/site?connect_timeout=soon', /connect_timeout is no number/],
    [
      'mysql://u:secret@db/site?read_default_file=/nowhere',
      /read_default_file \/nowhere: it does not exist/,
    ],
  ])('%s is refused, saying why', (text, message) => {
    expect(() => settingsOf(text)).toThrow(expect.objectContaining({ kind: 'config' }) as never);
    expect(() => settingsOf(text)).toThrow(message);
    expect(() => settingsOf(text)).toThrow(expect.not.stringContaining('secret') as never);
  });

  test.each([
    ['mysql://u:secret@db/site', 'mysql://db:3306/site'],
    ['mariadb+pymysql://u:secret@[::1]:3307/site', 'mysql://[::1]:3307/site'],
    ['mysql://u:secret@/site?unix_socket=/run/x.sock', 'mysql:///site?unix_socket=/run/x.sock'],
  ])('%s is called %s', (text, name) => {
    expect(describeDatabase(settingsOf(text))).toBe(name);
  });
});

describe('an option file', () => {
  test('gives what the URL does not', () => {
    const { directory } = optionFile(`
      # comment
      [mysqld]
      port = 1
      [client]
      user = "site user"
      password='it''s # "\\\\here"'
      host=db  # the server
      socket
      [client-server]
      port=3310
      [mysql]
      database = wrong
      [site]
      ssl_ca = /ca.pem
    `);
    const url = 'mysql:///site?read_default_file=~/.my.cnf';
    expect(settingsOf(url, directory)).toMatchObject({
      ...{ user: 'site user', password: `it''s # "\\here"`, host: 'db', port: 3310 },
      ...{ database: 'site', tls: { authorities: null } },
    });
    const other = 'mysql://me@elsewhere/site?read_default_file=~/.my.cnf&read_default_group=site';
    expect(settingsOf(other, directory)).toMatchObject({
      ...{ user: 'me', host: 'elsewhere', tls: { authorities: '/ca.pem' } },
    });
  });

  test('that includes others is refused', () => {
    const { file } = optionFile('[client]\n!includedir /etc/mysql/conf.d\n');
    expect(() => settingsOf(`mysql:///site?read_default_file=${file}`)).toThrow(
      /it includes other files/,
    );
  });
});
