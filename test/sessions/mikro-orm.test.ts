import { MikroORM as Postgres } from '@mikro-orm/postgresql';
import { MikroORM as Sqlite } from '@mikro-orm/sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Manager, UploadedFile } from '../../src/index.js';
import { FileSubscriber } from '../../src/sessions/mikro-orm.js';
import { describeWithServer } from '../servers/servers.js';
import { rowsContract } from './contract.js';
import { inMemory, pathsIn } from './files.js';
import { Document, open, Page } from './mikro-orm-application.js';
import { lateUnique, postgresTables, sqliteTables } from './tables.js';

describe('MikroORM on SQLite', () => {
  rowsContract(
    (tables, manager) => open(tables, manager, (options) => Sqlite.init(options)),
    sqliteTables,
  );
});

describeWithServer('postgres', 'MikroORM on PostgreSQL', (url) => {
  rowsContract(
    (tables, manager) => open(tables, manager, (options) => Postgres.init(options)),
    () => postgresTables(url),
    lateUnique,
  );
});

describe('MikroORM', () => {
  /** A document with a file, in a database of its own. */
  async function withDocument(): Promise<{
    manager: Manager;
    files: FileSubscriber;
    orm: Sqlite;
    path: string;
    id: number;
  }> {
    const manager = inMemory('files');
    const files = new FileSubscriber(manager);
    const { url } = await sqliteTables();
    const options = { dbName: url, entities: [Document, Page], subscribers: [files] };
    const orm = await Sqlite.init(options);
    onTestFinished(() => orm.close());
    const em = orm.em.fork();
    const file = await UploadedFile.create(files.unit(em), Buffer.from('a'));
    const document = em.create(Document, { name: 'one', file });
    await em.flush();
    return { manager, files, orm, path: file.path, id: document.id };
  }

  test('a row that was never loaded takes its file along', async () => {
    const { manager, orm, id } = await withDocument();
    const em = orm.em.fork();
    em.remove(em.getReference(Document, id));
    await em.flush();
    expect(await pathsIn(manager)).toEqual([]);
  });

  test('a file that was not loaded with its row is replaced', async () => {
    const { manager, files, orm, id } = await withDocument();
    const em = orm.em.fork();
    const document = await em.findOneOrFail(Document, id, { fields: ['name'] });
    const file = await UploadedFile.create(files.unit(em), Buffer.from('b'));
    Object.assign(document, { file });
    await em.flush();
    expect(await pathsIn(manager)).toEqual([file.path]);
  });

  test('a transaction that is begun and ended by hand', async () => {
    const { manager, files, orm, path, id } = await withDocument();
    for (const end of ['rollback', 'commit'] as const) {
      const em = orm.em.fork();
      await em.begin();
      const document = await em.findOneOrFail(Document, id);
      document.file = await UploadedFile.create(files.unit(em), Buffer.from('b'));
      await em.flush();
      expect(await pathsIn(manager)).toHaveLength(2);
      await em[end]();
      const left = await pathsIn(manager);
      expect([left.length, left.includes(path)]).toEqual([1, end === 'rollback']);
    }
  });

  test('rows are found by what their references say', async () => {
    const { orm, id } = await withDocument();
    const like = await orm.em.fork().find(Document, { file: { $like: '%"unnamed"%' } as never });
    expect(like.map((one) => one.id)).toEqual([id]);
  });
});
