import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { installPackages } from './packages.js';
import { programsOf } from './programs.js';
import { freePort, startServer } from './server-process.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A copy of an example with what it imports. */
function newExample(name: string, ...packages: readonly string[]): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'depot-example-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  cpSync(path.join(root, 'examples', name), directory, { recursive: true });
  installPackages(directory, ...packages);
  return directory;
}

const body = 'PDF';
const headers = { 'Content-Type': 'application/pdf' };

test('Express with MikroORM: documents and their files come and go together', async () => {
  const directory = newExample(
    'express-mikro-orm',
    '@mikro-orm/core',
    '@mikro-orm/sqlite',
    'express',
  );
  const ask = await startServer(directory, 'server.js', await freePort());
  const made = await ask('/documents?filename=a.pdf', { method: 'POST', headers, body });
  expect(made.status).toBe(201);
  const { id, url } = (await made.json()) as { id: number; url: string };
  const file = await ask(url);
  expect(file.headers.get('content-type')).toBe('application/pdf');
  expect(await file.text()).toBe(body);

  const changed = await ask(`/documents/${id}?filename=b.pdf`, { method: 'PUT', headers, body });
  const next = (await changed.json()) as { filename: string; url: string };
  expect(next.filename).toBe('b.pdf');
  expect((await ask(url)).status).toBe(404);
  expect((await ask(next.url)).status).toBe(200);

  const absent = await ask('/documents/99?filename=c.pdf', { method: 'PUT', headers, body });
  expect(absent.status).toBe(500);
  expect((await ask(`/documents/${id}`, { method: 'DELETE' })).status).toBe(204);
  expect((await ask(next.url)).status).toBe(404);
  const left = readdirSync(path.join(directory, 'files')).filter((name) => !name.startsWith('.'));
  expect(left).toEqual([]);
});

test('plain node:http: what is sent is stored and served', async () => {
  const ask = await startServer(newExample('node-http'), 'server.js', await freePort());
  const made = await ask('/upload?filename=a.pdf', { method: 'PUT', headers, body });
  expect(made.status).toBe(201);
  const served = await ask(made.headers.get('location') ?? '');
  expect(served.headers.get('content-disposition')).toContain('a.pdf');
  expect(await served.text()).toBe(body);
  expect((await ask('/other')).status).toBe(404);
});

test('a migration in ten lines moves a site, and is the one in docs/library.md', () => {
  const directory = newExample('migration');
  const code = readFileSync(path.join(directory, 'migrate.js'), 'utf8').replace(/^\/\/.*\n/, '');
  expect(programsOf('docs/library.md')).toContain(code);
  cpSync(path.join(root, 'fixtures/kotti-site'), directory, { recursive: true });
  const options = { cwd: directory, encoding: 'utf8' } as const;
  const { stdout, status } = spawnSync(process.execPath, ['migrate.js'], options);
  expect({ stdout, status }).toEqual({ stdout: '35 references, 45 blobs\n', status: 0 });
});
