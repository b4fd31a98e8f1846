import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSqlalchemyUrl, redactSqlalchemyUrl } from '../../src/config/sqlalchemy-url.js';

interface Row {
  url: string;
  parsed:
    | { error: string }
    | { drivername: string; backend: string; password: string | null; rendered: string };
}

const { urls } = JSON.parse(readFileSync('fixtures/sql-urls.json', 'utf8')) as { urls: Row[] };

describe('parseSqlalchemyUrl', () => {
  test.each(urls)('reads $url as SQLAlchemy does', ({ url, parsed }) => {
    if ('error' in parsed) {
      expect(() => parseSqlalchemyUrl(url)).toThrow(/^database URL .*\*\*\*: /);
      return;
    }
    const { rendered: _, ...expected } = parsed;
    const { driver, ...answer } = parseSqlalchemyUrl(url);
    expect(answer).toEqual(expected);
    expect(driver ?? null).toBe(expected.drivername.split('+')[1] ?? null);
  });

  // Recorded from SQLAlchemy 1.4.54.
  test.each([
    ['pg://[::1]x/dock', { host: '::1', port: null, database: null }],
    ['pg://[a]b]:1/dock', { host: 'a]b', port: 1, database: 'dock' }],
    ['pg://u@h: 1_0 /dock', { username: 'u', host: 'h', port: 10 }],
    ['pg://a@b@c/dock', { username: 'a@b', host: 'c' }],
    ['pg://h:5432/dock?mail=a@b', { username: 'h', password: '5432/dock?mail=a', host: 'b' }],
    ['pg://u:%ff%zz@h', { password: '\ufffd%zz' }],
    [
      'pg:///d?a=+%2B&__proto__=x',
      {
        query: Object.fromEntries([
          ['a', ' +'],
          ['__proto__', 'x'],
        ]),
      },
    ],
    ['pg:///d?a=1&a=2&a=3', { query: { a: ['1', '2', '3'] } }],
    ['pg+a+b://h', { drivername: 'pg+a+b', backend: 'pg', driver: 'a+b' }],
  ])('%s', (url, parts) => {
    expect(parseSqlalchemyUrl(url)).toMatchObject(parts);
  });

  test('an error shows neither user nor password', () => {
    expect(() => parseSqlalchemyUrl('postgresql://quay:crane/dock')).toThrow(
      /^database URL postgresql:\/\/\*\*\*: its port is not a number$/,
    );
    expect(() => parseSqlalchemyUrl('postgresql://quay@[::1/dock')).toThrow(
      /^database URL postgresql:\/\/\*\*\*: its port is not a number$/,
    );
    expect(() => parseSqlalchemyUrl('quay:crane@dock')).toThrow(
      /^database URL \*\*\*: it does not begin with DIALECT:\/\/$/,
    );
  });

  test('any password that is percent-encoded is read back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (password) => {
        const url = `postgresql://quay:${encodeURIComponent(password)}@db.example/dock`;
        expect(parseSqlalchemyUrl(url)).toMatchObject({ password, host: 'db.example' });
      }),
    );
  });
});

describe('redactSqlalchemyUrl', () => {
  test.each([
    ['sqlite:////var/lib/quay.db', 'sqlite:////var/lib/quay.db'],
    ['postgresql://quay@db/dock', 'postgresql://quay@db/dock'],
    ['postgresql://db:5432/dock?sslmode=require', 'postgresql://db:5432/dock?sslmode=require'],
    ['postgresql://quay:crane@db:5432/dock', 'postgresql://quay:***@db:5432/dock'],
    ['postgresql://quay@corp:crane@db/dock', 'postgresql://quay@corp:***@db/dock'],
    ['postgresql://quay:h@rbour@db/dock', 'postgresql://quay:***@db/dock'],
    ['postgresql://quay:a/b?c@db/dock', 'postgresql://quay:***@db/dock'],
    [
      'postgresql:///dock?user=quay&password=a@b&x=1',
      'postgresql:///dock?user=quay&password=***&x=1',
    ],
    ['postgresql://db:5432/dock?p%61ssword=a@b&x=1', 'postgresql://db:***&x=1'],
    ['postgresql://quay:crane/dock', 'postgresql://***'],
    ['quay:crane@dock', '***'],
  ])('%s', (url, expected) => {
    expect(redactSqlalchemyUrl(url)).toBe(expected);
  });

  test('shows nothing of a password, whatever separates it where somebody takes it apart', () => {
    const raw = fc.string({ minLength: 1, unit: fc.constantFrom(...'Q@:/?#%[]&=') });
    const dialect = fc.constantFrom('postgresql', 'mysql+pymysql', 'mongodb', 'mongodb+srv');
    fc.assert(
      fc.property(dialect, raw, (name, password) => {
        expect(redactSqlalchemyUrl(`${name}://quay:${password}@db.example/dock`)).toMatch(
          /^[a-z+]+:\/\/(?:\*\*\*|quay:\*\*\*@db\.example\/dock)$/,
        );
      }),
    );
  });

  test('no password makes a difference', () => {
    const written = fc.oneof(
      fc.string({ minLength: 1, unit: 'grapheme' }).map(encodeURIComponent),
      fc.string({ minLength: 1, unit: 'grapheme' }).map((text) => text.replaceAll('@', '')),
    );
    fc.assert(
      fc.property(written, (password) => {
        fc.pre(password !== '');
        expect(redactSqlalchemyUrl(`mysql://quay:${password}@db.example/dock`)).toBe(
          'mysql://quay:***@db.example/dock',
        );
      }),
    );
  });
});
