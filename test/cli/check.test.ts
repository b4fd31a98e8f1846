import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { absentId, depot, fixtures, newSite, newStoreWith, objects } from './depot.js';

const site = ['-c', 'production.ini'];

interface Finding {
  readonly kind: string;
  readonly reference: string | null;
  readonly path: string | null;
  readonly message: string;
}

/** What a check finds, its summary and its exit code. */
async function check(
  here: string,
  args: readonly string[],
): Promise<{ code: number | null; findings: Finding[]; summary: Record<string, unknown> }> {
  const { code, out, err } = await depot(here, ['--json', ...args]);
  expect(err).toBe('');
  const all = objects(out);
  const summary = all.at(-1) ?? {};
  expect(summary).toMatchObject({ type: 'summary', command: 'check' });
  const findings = all.slice(0, -1) as unknown as (Finding & { type: string })[];
  for (const { type } of findings) expect(type).toBe('problem');
  return { code, findings, summary };
}

/** Runs SQL on a site's database. */
function change(here: string, sql: string, ...values: string[]): void {
  const database = new Sqlite(path.join(here, 'Kotti.db'));
  database.prepare(sql).run(...values);
  database.close();
}

/** What a clean site, as Kotti made it, is told already. */
async function before(here: string): Promise<Set<string>> {
  const { findings } = await check(here, [...site, 'check']);
  return new Set(findings.map((one) => JSON.stringify(one)));
}

/** What a check finds that was not there before something was done. */
async function foundAfter(
  here: string,
  harm: () => void,
  args: readonly string[] = [],
): Promise<Finding[]> {
  const known = await before(here);
  harm();
  const { code, findings } = await check(here, [...site, 'check', ...args]);
  expect(code).toBe(6);
  return findings.filter((one) => !known.has(JSON.stringify(one)));
}

interface Expected {
  readonly references: readonly {
    readonly table: string;
    readonly column: string;
    readonly primary_key: { readonly id: number };
    readonly files?: readonly { readonly path: string; readonly status: string }[];
  }[];
  readonly blobs: readonly { readonly file_id: string; readonly referenced_by: number }[];
}

const expected = JSON.parse(
  readFileSync(path.join(fixtures, 'kotti-site', 'expected.json'), 'utf8'),
) as Expected;

/** The references with a file or thumbnail of that status. */
function rowsWith(status: string): string[] {
  return expected.references
    .filter(({ files = [] }) => files.some((one) => one.status === status))
    .map(({ table, column, primary_key: { id } }) => `${table}.${column} id=${id}`);
}

describe.concurrent('check', () => {
  test('finds of a Kotti site what is known to be wrong with it, and nothing else', async () => {
    const { code, findings, summary } = await check(newSite(), [...site, 'check']);
    expect(code).toBe(6);
    const of = (wanted: string): Finding[] => findings.filter(({ kind }) => kind === wanted);
    expect(
      of('missing-blob')
        .map(({ reference }) => reference)
        .sort(),
    ).toEqual(rowsWith('missing').sort());
    expect(of('unknown-storage').map(({ reference }) => reference)).toEqual(
      rowsWith('unknown-depot'),
    );
    const unreferenced = expected.blobs.filter((one) => one.referenced_by === 0);
    expect(
      of('unreferenced-blob')
        .map((one) => one.path)
        .sort(),
    ).toEqual(unreferenced.map((one) => `dbfiles/${one.file_id}`).sort());
    const damaged = 'dbfiles/00000000-0000-1000-8000-00aa74f6fd03';
    expect(of('damaged-blob')).toMatchObject([
      { path: damaged, message: `damaged blob ${damaged}: its data is null` },
    ]);
    expect(findings).toHaveLength(7);
    expect(summary).toEqual({
      type: 'summary',
      command: 'check',
      storages: ['dbfiles', 'localfs'],
      deep: false,
      references: { scanned: 42 },
      blobs: { checked: 56 },
      bytes: expect.any(Number),
      problems: {
        ...{ 'missing-blob': 2, 'unknown-storage': 1 },
        ...{ 'damaged-blob': 1, 'unreferenced-blob': 3 },
      },
      seconds: expect.any(Number),
    });
  });

  test('prints a line for each problem and a summary, and exits 6', async () => {
    const { code, out, err } = await depot(newSite(), [...site, 'check']);
    expect({ code, err }).toEqual({ code: 6, err: '' });
    const lines = out.trimEnd().split('\n');
    expect(lines).toHaveLength(8);
    expect(lines).toContainEqual(
      expect.stringMatching(
        /^missing-blob: files\.data id=25: dbfiles\/[0-9a-f-]{36} does not exist$/,
      ),
    );
    expect(lines.at(-1)).toMatch(
      /^Checked 56 blobs \(\d+ kB\) in dbfiles, localfs and 42 references in [\d.]+ s: 1 unknown-storage, 2 missing-blob, 1 damaged-blob, 3 unreferenced-blob\.$/,
    );
  });

  test('exits 0 where all is well, and says that there was nothing to compare with', async () => {
    const { here } = await newStoreWith('a.txt', 'b.txt');
    const { code, out, err } = await depot(here, ['check', '--deep']);
    expect(code).toBe(0);
    expect(out).toMatch(
      /^Checked 2 blobs \(14 bytes\) in files and 0 references in .*: no problems\.\n$/,
    );
    expect(err).toBe('No database is configured: nothing was compared with references.\n');
    expect(await depot(here, ['-q', 'check'])).toMatchObject({ code: 0, out: '', err: '' });
  });

  test('names files that are damaged, each as what it is', async () => {
    const { here, paths } = await newStoreWith('1', '2', '3', '4');
    const [cut, headless, bodiless, changed] = paths as [string, string, string, string];
    writeFileSync(path.join(here, cut, 'file'), 'cont');
    writeFileSync(path.join(here, headless, 'metadata.json'), '{"filename": ');
    rmSync(path.join(here, bodiless, 'file'));
    writeFileSync(path.join(here, changed, 'file'), 'content, and more');
    const { code, findings } = await check(here, ['check']);
    expect(code).toBe(6);
    expect(new Map(findings.map((one) => [one.path, one.kind]))).toEqual(
      new Map([
        [cut, 'wrong-length'],
        [headless, 'damaged-blob'],
        [bodiless, 'damaged-blob'],
        [changed, 'wrong-length'],
      ]),
    );
    const deep = await check(here, ['check', '--deep']);
    expect(deep.findings.map((one) => one.path).sort()).toEqual([...paths].sort());
    expect(new Set(deep.findings.map((one) => one.kind))).toEqual(new Set(['damaged-blob']));
  });

  test('--deep finds data that is not there', async () => {
    const { findings } = await check(newSite(), [...site, 'check', '--deep', 'dbfiles']);
    const damaged = findings.filter(({ kind }) => kind === 'damaged-blob');
    expect(damaged.map(({ message }) => message)).toEqual([
      expect.stringContaining('its data is null'),
    ]);
  });

  test('looks through the storages that it is asked for alone', async () => {
    const { findings, summary } = await check(newSite(), [...site, 'check', 'localfs']);
    expect(summary).toMatchObject({ storages: ['localfs'], blobs: { checked: 6 } });
    expect(findings.map(({ kind }) => kind)).toEqual(['unknown-storage']);
  });

  test('finds a row that is there twice', async () => {
    const here = newSite();
    const found = await foundAfter(here, () => {
      change(
        here,
        `INSERT INTO blobs (file_id, filename, data, content_length)
        SELECT file_id, filename, data, content_length FROM blobs WHERE id = 1`,
      );
    });
    const [{ file_id: id = '' } = {}] = expected.blobs;
    expect(found).toEqual([
      {
        type: 'problem',
        kind: 'duplicate-blob',
        reference: null,
        path: `dbfiles/${id}`,
        message: 'it is there more than once',
      },
    ]);
  });

  test('finds references that are cut off, and that contradict themselves', async () => {
    const here = newSite();
    const found = await foundAfter(here, () => {
      change(here, `UPDATE files SET data = substr(data, 1, 60) WHERE id = 5`);
      change(here, `UPDATE files SET data = replace(data, '"path": "', '"path": "x') WHERE id = 6`);
    });
    const seen = found.map(({ kind, reference }) => [kind, reference]);
    expect(seen).toContainEqual(['broken-reference', 'files.data id=5']);
    expect(seen).toContainEqual(['inconsistent-reference', 'files.data id=6']);
  });

  test('takes what rich text mentions, and another spelling, for named', async () => {
    const here = newSite();
    const [loose] = expected.blobs.filter((one) => one.referenced_by === 0);
    const id = loose?.file_id ?? '';
    change(
      here,
      `UPDATE documents SET body = ? WHERE id = (SELECT min(id) FROM documents)`,
      `<a href="/depot/dbfiles/${id.toUpperCase()}">it</a>`,
    );
    const { findings } = await check(here, [...site, 'check']);
    expect(findings.map((one) => one.path)).not.toContain(`dbfiles/${id}`);
  });

  test('takes an alias for the storage that it stands for', async () => {
    const here = newSite();
    appendFileSync(path.join(here, 'production.ini'), '\n[depot:aliases]\noldfs = localfs\n');
    const { findings } = await check(here, [...site, 'check']);
    const of = findings.filter(({ reference }) => reference === rowsWith('unknown-depot')[0]);
    expect(of.map(({ kind, path }) => [kind, path?.split('/')[0]])).toEqual([
      ['missing-blob', 'localfs'],
    ]);
  });

  test('no longer tells of a blob that has come back', async () => {
    const here = newSite();
    change(
      here,
      `UPDATE files SET data = replace(data, substr(data, instr(data, 'file_id') + 11, 36), ?) WHERE id = 5`,
      absentId,
    );
    const { findings } = await check(here, [...site, 'check']);
    expect(findings.map((one) => one.path)).toContain(`dbfiles/${absentId}`);
    change(
      here,
      `INSERT INTO blobs (file_id, filename, data, content_length) VALUES (?, 'x', 'x', 1)`,
      absentId,
    );
    const { findings: later } = await check(here, [...site, 'check']);
    expect(later.map((one) => one.path)).not.toContain(`dbfiles/${absentId}`);
  });

  test('exits 3 for a storage that is not there, 5 for one that cannot be reached', async () => {
    const here = newSite();
    expect(await depot(here, [...site, 'check', 'none'])).toMatchObject({ code: 3, out: '' });
    rmSync(path.join(here, 'blobs'), { recursive: true });
    expect(await depot(here, [...site, 'check'])).toMatchObject({ code: 5, out: '' });
  });
});
