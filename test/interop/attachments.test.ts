import path from 'node:path';
import { MikroORM } from '@mikro-orm/sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { configurationOf, Manager, UploadedFile } from '../../src/index.js';
import type { Application, Tables } from '../sessions/contract.js';
import { pathsIn } from '../sessions/files.js';
import { open as openMikroOrm } from '../sessions/mikro-orm-application.js';
import { sqliteTables } from '../sessions/tables.js';
import { open as openTypeorm } from '../sessions/typeorm-application.js';
import { describeWithPython } from './python.js';
import { run } from './run.js';

const libraries: readonly {
  name: string;
  open(tables: Tables, manager: Manager): Promise<Application>;
}[] = [
  {
    name: 'MikroORM',
    open: (tables, manager) => openMikroOrm(tables, manager, (options) => MikroORM.init(options)),
  },
  {
    name: 'TypeORM',
    open: ({ url }, manager) => openTypeorm({ type: 'better-sqlite3', database: url }, manager),
  },
];

const script = path.join(import.meta.dirname, 'attachments.py');

describeWithPython('attachments of rows', (python) => {
  test.each(libraries)(
    '$name and Python read and delete what the other has written',
    async (one) => {
      const tables = await sqliteTables();
      const storage_path = path.join(path.dirname(tables.url), 'files');
      const files = { backend: 'local', storage_path };
      const manager = new Manager(configurationOf({ storages: { files } }));
      onTestFinished(() => manager.close());
      await (await manager.storage()).backend.provision();
      const application = await one.open(tables, manager);
      onTestFinished(() => application.close());

      const bytes = Buffer.from('written by Node');
      await application.transaction(async ({ unit, insert }) =>
        insert('node', await UploadedFile.create(unit, bytes, { filename: 'größe.txt' })),
      );
      const { stdout, stderr, code } = await run(python, [script, tables.url, storage_path], 'UTC');
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const keys = ['depot_name', 'files', 'file_id', 'path', 'filename', 'content_type'];
      expect(JSON.parse(String(stdout))).toEqual([
        {
          ...{ name: 'node', filename: 'größe.txt', content_type: 'text/plain' },
          ...{ content: bytes.toString('base64'), keys: [...keys, 'uploaded_at', '_public_url'] },
        },
      ]);

      const [before] = await tables.run("SELECT file FROM documents WHERE name = 'python'");
      await application.transaction(async ({ fileOf, rename }) => {
        const file = await fileOf('python');
        expect(Buffer.from((await (await file?.file(manager))?.bytes()) ?? [])).toEqual(
          Buffer.from('written by Python'),
        );
        await rename('python', 'renamed');
      });
      expect(await tables.run("SELECT file FROM documents WHERE name = 'renamed'")).toEqual([
        before,
      ]);
      expect(await pathsIn(manager)).toHaveLength(2);
      await application.transaction(({ remove }) => remove('renamed'));
      await application.transaction(({ remove }) => remove('node'));
      expect(await pathsIn(manager)).toEqual([]);
    },
  );
});
