import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { absentId, newDirectory, objects, outcome, start } from './depot.js';

const secret = 'hunter2';

const settings = {
  'sqlalchemy.url': `postgresql://kotti:${secret}@db.example/kotti?password=${secret}`,
  'kotti.depot.0.name': 'dbfiles',
  'kotti.depot.0.backend': 'kotti.filedepot.DBFileStorage',
  'kotti.depot.1.name': 'archive',
  'kotti.depot.1.backend': 'depot.io.awss3.S3Storage',
  'kotti.depot.1.access_key_id': `AKIA${secret}`,
  'kotti.depot.1.secret_access_key': secret,
  'kotti.depot.1.bucket': 'bucket',
  'kotti.depot.2.name': 'grid',
  'kotti.depot.2.backend': 'depot.io.gridfs.GridFSStorage',
  'kotti.depot.2.mongouri': `mongodb://user:${secret}@mongo.example/site`,
};

/** A directory with these settings, some of them changed. */
function newConfigured(changed: Record<string, string> = {}): string {
  const here = newDirectory();
  const lines = Object.entries({ ...settings, ...changed }).map((each) => each.join(' = '));
  const own = ['[depot]', `databases = mongodb://user:${secret}@mongo.example/site`];
  writeFileSync(
    path.join(here, 'depot.ini'),
    `${['[app:main]', 'use = egg:kotti', ...lines, ...own].join('\n')}\n`,
  );
  return here;
}

/** Everything that depot prints, also with its stack traces. */
async function printed(
  here: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ out: string; all: string }> {
  const child = start(here, args, { env });
  child.stdin?.end();
  const { out, err } = await outcome(child);
  return { out, all: out + err };
}

const commands = [
  ['storages'],
  ['storages', '--ping'],
  ['storages', 'create', 'archive'],
  ['list'],
  ['list', 'archive'],
  ['list', 'nowhere'],
  ['info', `grid/${absentId}`],
  ['put', '-s', 'archive', 'depot.ini'],
  ['references'],
  ['migrate-storage', '--from', 'dbfiles', '--to', 'archive'],
];

describe.concurrent('a secret of the configuration', () => {
  test.each(commands.map((args) => ({ args })))('is not printed by $args', async ({ args }) => {
    const here = newConfigured();
    for (const more of [[], ['-v'], ['--json']]) {
      for (const env of [{}, { DEPOT_DEBUG: '1' }]) {
        const { all } = await printed(here, [...more, ...args], env);
        expect(all).not.toBe('');
        expect(all).not.toContain(secret);
      }
    }
  });

  test('is masked where its option is misspelt, and in credentials written into the file', async () => {
    const here = newConfigured({
      'kotti.depot.1.pasword': secret,
      'kotti.depot.3.name': 'cloud',
      'kotti.depot.3.backend': 'depot.io.gcs.GCSStorage',
      'kotti.depot.3.credentials': `{"private_key": "${secret}"}`,
    });
    for (const args of [['storages'], ['storages', '--json'], ['storages', '--ping']]) {
      expect((await printed(here, args)).all).not.toContain(secret);
    }
  });

  test('is masked in the options, and what is no secret is shown', async () => {
    const { out } = await printed(newConfigured(), ['--json', 'storages']);
    const options = objects(out).map((storage) => storage.options);
    expect(options[1]).toEqual({
      access_key_id: expect.any(String),
      secret_access_key: '***',
      bucket: 'bucket',
    });
    expect(options[2]).toEqual({ mongouri: 'mongodb://user:***@mongo.example/site' });
  });

  test('is masked where it comes from the environment', async () => {
    const env = {
      DEPOT_ARCHIVE_SECRET_ACCESS_KEY: `other-${secret}`,
      DEPOT_GRID_MONGOURI: `mongodb://user:${secret}@h`,
    };
    const { all } = await printed(newConfigured(), ['storages'], env);
    expect(all).toContain('secret_access_key=***');
    expect(all).toContain('mongouri=mongodb://user:***@h');
    expect(all).not.toContain(secret);
  });

  test.each([
    { 'kotti.depot.1.secret_access_kee': secret },
    { 'kotti.depot.2.mongouri': `mongodb://user:${secret}%s@mongo.example/site` },
    { 'kotti.depot.2.mongouri': `mongodb://user:${secret}%(nowhere)s@mongo.example/site` },
    { 'kotti.depot.2.backend': 'ftp' },
    { 'sqlalchemy.url': `postgresql//kotti:${secret}@db.example` },
    { 'sqlalchemy.url': `postgresql://kotti:${secret}@db.example:port/x` },
    { 'sqlalchemy.url': `sqlite://kotti:${secret}@db.example/x` },
    { 'sqlalchemy.url': `frob://kotti:${secret}/with@at@db.example/x` },
    { 'sqlalchemy.url': `postgresql://kotti:a@${secret}@127.0.0.1:1/x` },
    { 'sqlalchemy.url': `mysql://kotti:a@${secret}/b@127.0.0.1:1/x` },
    { 'kotti.depot.2.mongouri': `mongodb://user:${secret}/x@y:${secret}@mongo.example/` },
  ])('is in no error of the configuration %j', async (changed) => {
    const here = newConfigured(changed);
    for (const args of [['list'], ['list', 'archive'], ['storages', '--ping'], ['references']]) {
      const { all } = await printed(here, args, { DEPOT_DEBUG: '1' });
      expect(all).not.toBe('');
      expect(all).not.toContain(secret);
    }
  });
});
