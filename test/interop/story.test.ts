import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { siteAround, siteDump } from '../databases/kotti-site.js';
import { connectClient, createDatabase } from '../databases/postgres-harness.js';
import { type ConfiguredKind, configuredKinds } from '../servers/configured.js';
import { describeWithServer } from '../servers/servers.js';
import { describeWithPython, readSite, type SiteReference, withServedSite } from './python.js';
import { depot, start } from './run.js';
import { fetchPages } from './site.js';

const fixtures = fileURLToPath(new URL('../../fixtures', import.meta.url));
const writer = fileURLToPath(new URL('write_site.py', import.meta.url));
const zone = 'Europe/Berlin';

/** What a site's files are: by row, role and SHA-256, or why they cannot be read. */
function contentsOf(references: readonly SiteReference[]): Map<string, string> {
  return new Map(
    references.flatMap(({ table, column, primary_key: key, files }) =>
      files.map((file) => [
        `${table}.${column} ${JSON.stringify(key)} ${file.role}`,
        file.sha256 ?? file.error ?? 'unreadable',
      ]),
    ),
  );
}

/** How many references name which storage. */
function storagesOf(references: readonly SiteReference[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { depot_name: name } of references) {
    if (name !== null) counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

interface Summary {
  readonly references: {
    readonly migrated: number;
    readonly failed: number;
    readonly changed: number;
  };
  readonly blobs: { readonly deleted: number };
}

/** The site, and what is done with it. */
interface Story {
  readonly ini: string;
  read(): Promise<SiteReference[]>;
  /** The answers for all files that references name, as visitors get them. */
  visit(references: readonly SiteReference[]): Promise<Map<string, string>>;
  migrate(...args: string[]): Promise<Summary>;
}

function storyOf(python: string, ini: string): Story {
  const run = async (...args: string[]): Promise<Summary> => {
    const { stdout, stderr } = await depot(['-c', ini, '--json', 'migrate-storage', ...args]);
    const last = stdout.toString().trim().split('\n').at(-1) ?? '';
    expect(last, stderr).toContain('"summary"');
    return JSON.parse(last) as Summary;
  };
  return {
    ini,
    read: () => readSite(python, ini),
    async visit(references) {
      const files = references
        .flatMap((one) => one.files)
        .filter((file) => file.sha256 !== undefined);
      const paths = [...new Set(files.map((file) => `/depot/${file.path}`))];
      const pages = await withServedSite(python, ini, (address) =>
        fetchPages(address, paths, 'follow'),
      );
      return new Map(paths.map((one, index) => [one, pages[index]?.sha256 ?? '']));
    },
    migrate: run,
  };
}

/** A new Kotti site in PostgreSQL with one more storage, `cloud`, in public. */
async function newSite(python: string, server: string, s3: string): Promise<Story> {
  const { url, remove } = await createDatabase(server);
  onTestFinished(remove);
  const client = await connectClient(url);
  await client.query(siteDump('pg').replaceAll(/^\\.*$/gm, ''));
  await client.end();
  const { directory, ini } = siteAround('pg', url);
  copyFileSync(
    path.join(fixtures, 'kotti-site.pg.expected.json'),
    path.join(directory, 'expected.json'),
  );
  const kind = configuredKinds.find((one) => one.kind === 's3') as ConfiguredKind;
  const cloud = await kind.configure(s3);
  onTestFinished(() => cloud.remove());
  const options = { name: 'cloud', ...cloud.options, policy: 'public-read' };
  const lines = Object.entries(options).map(([key, value]) => `kotti.depot.2.${key} = ${value}`);
  const text = readFileSync(ini, 'utf8');
  writeFileSync(
    ini,
    text.replace(/^kotti\.depot\.1\.name.*$/m, (one) => `${one}\n${lines.join('\n')}`),
  );
  const { code, stderr } = await depot(['-c', ini, 'storages', 'create', 'cloud']);
  expect(code, stderr).toBe(0);
  await letAnybodyRead(cloud.options as unknown as Cloud);
  return storyOf(python, ini);
}

interface Cloud {
  readonly bucket: string;
  readonly endpoint_url: string;
  readonly access_key_id: string;
  readonly secret_access_key: string;
}

/** MinIO knows no public objects, only buckets that are. */
async function letAnybodyRead(cloud: Cloud): Promise<void> {
  const { S3Client, PutBucketPolicyCommand } = await import('@aws-sdk/client-s3');
  const client = new S3Client({
    ...{ endpoint: cloud.endpoint_url, forcePathStyle: true, region: 'us-east-1' },
    credentials: { accessKeyId: cloud.access_key_id, secretAccessKey: cloud.secret_access_key },
  });
  const Resource = `arn:aws:s3:::${cloud.bucket}/*`;
  const read = { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource };
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [read] });
  await client.send(new PutBucketPolicyCommand({ Bucket: cloud.bucket, Policy }));
  client.destroy();
}

/** The real Kotti and filedepot at work on the site, until `stop`, which tells what was committed. */
async function startWriter(
  python: string,
  ini: string,
): Promise<{ stop(): Promise<Record<string, string | null>> }> {
  const child = start(python, [writer, ini, '42'], zone);
  const closed = once(child, 'close');
  const errors: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(Buffer.concat(errors).toString());
    return value;
  };
  expect(await next()).toBe('begun');
  return {
    async stop() {
      child.stdin.end();
      const committed = JSON.parse(await next()) as Record<string, string | null>;
      await closed;
      return committed;
    },
  };
}

/** Starts a migration and kills it as soon as a reference has moved. */
async function migrateAndKill({ ini, read }: Story, to: string): Promise<void> {
  const program = fileURLToPath(new URL('../../bin/depot.js', import.meta.url));
  const args = ['migrate-storage', '--from', 'dbfiles', '--to', to, '--limit', '20'];
  const slowly = ['--tpslimit', '20'];
  const child = start(process.execPath, [program, '-c', ini, ...args, ...slowly], 'UTC');
  const closed = once(child, 'close');
  while (child.exitCode === null && (storagesOf(await read())[to] ?? 0) === 0);
  child.kill('SIGKILL');
  await closed;
}

/** The files that a check finds missing or damaged. */
async function brokenFiles(ini: string): Promise<string[]> {
  const { stdout } = await depot(['-c', ini, '--json', 'check']);
  const items = stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(items.at(-1)).toMatchObject({ type: 'summary', command: 'check' });
  const broken = ['missing-blob', 'damaged-blob', 'wrong-length', 'broken-reference'];
  return items
    .filter(({ kind }) => broken.includes(kind))
    .map(({ path: file }) => file)
    .sort();
}

describeWithPython('a Kotti site in PostgreSQL', (python) => {
  describeWithServer('postgres', 'its files moved to S3', (postgres) => {
    describeWithServer('s3', 'while people work on it', (s3) => {
      test('and back, with every file served each time', async () => {
        const story = await newSite(python, postgres, s3);
        const original = await story.read();
        const contents = contentsOf(original);
        const broken = await brokenFiles(story.ini);
        const toCloud = ['--from', 'dbfiles', '--to', 'cloud'];

        // Rehearsed, nothing has changed.
        const rehearsed = await story.migrate(...toCloud, '--dry-run');
        expect(rehearsed.references.migrated).toBeGreaterThan(20);
        expect(await story.read()).toEqual(original);

        // Killed in the middle, and run again, while an application works.
        const application = await startWriter(python, story.ini);
        await migrateAndKill(story, 'cloud');
        expect(storagesOf(await story.read())).toMatchObject({ dbfiles: expect.any(Number) });
        await story.migrate(...toCloud);
        const committed = await application.stop();
        // What came in between.
        await story.migrate(...toCloud);

        const ours = (references: readonly SiteReference[]): SiteReference[] =>
          references.filter(
            ({ table, primary_key: { id } }) =>
              !(table === 'attachments' && String(id) in committed),
          );
        const written = (references: readonly SiteReference[]): Map<string, string> =>
          contentsOf(references.filter((one) => !ours(references).includes(one)));
        const expectedWritten = new Map(
          Object.entries(committed)
            .filter(([, sha256]) => sha256 !== null)
            .map(([id, sha256]) => [`attachments.document {"id":${id}} file`, sha256]),
        );
        const expectAll = async (storage: string): Promise<SiteReference[]> => {
          const now = await story.read();
          expect(contentsOf(ours(now))).toEqual(contents);
          expect(written(now)).toEqual(expectedWritten);
          const { [storage]: moved = 0, cloud = 0 } = storagesOf(now);
          expect(moved).toBeGreaterThan(20);
          if (storage !== 'cloud') expect(cloud).toBe(0);
          const hashes = new Map(
            now.flatMap((one) => one.files).map((file) => [`/depot/${file.path}`, file.sha256]),
          );
          const visited = await story.visit(now);
          expect(visited.size).toBeGreaterThan(40);
          for (const [page, sha256] of visited)
            expect([page, sha256]).toEqual([page, hashes.get(page)]);
          expect(await brokenFiles(story.ini)).toHaveLength(broken.length);
          return now;
        };

        await expectAll('cloud');

        const emptied = await story.migrate(...toCloud, '--delete-source');
        expect(emptied.blobs.deleted).toBeGreaterThan(20);
        await expectAll('cloud');

        // Back where they came from, out of the state; and on to local files.
        const state = path.join(path.dirname(story.ini), 'depot-state', 'dbfiles-to-cloud.sqlite');
        const undone = await story.migrate('--undo', state);
        expect(undone.references).toMatchObject({ failed: 0, changed: 0 });
        await expectAll('dbfiles');
        await story.migrate('--from', 'dbfiles', '--to', 'localfs');
        await expectAll('localfs');
      });
    });
  });
});
