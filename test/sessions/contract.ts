import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { UploadedFile } from '../../src/fields/uploaded-file.js';
import type { Content, Manager, UnitOfWork } from '../../src/index.js';
import { inMemory, pathsIn } from './files.js';

/** The tables of an application; those of a document's covers are deleted by the database. */
export const tables = (key: string): string => `
CREATE TABLE documents (id ${key}, name VARCHAR(50) UNIQUE, file VARCHAR(4000));
CREATE TABLE pages (id ${key}, document_id INTEGER REFERENCES documents, file VARCHAR(4000));
CREATE TABLE covers (id ${key}, document_id INTEGER REFERENCES documents ON DELETE CASCADE,
  file VARCHAR(4000));`;

/** What an application does in a transaction; each call is written to the database at once. */
export interface Session {
  /** Where files are stored. */
  readonly unit: UnitOfWork;
  insert(name: string, file: UploadedFile | null): Promise<void>;
  addPage(name: string, file: UploadedFile): Promise<void>;
  fileOf(name: string): Promise<UploadedFile | null>;
  setFile(name: string, file: UploadedFile | null): Promise<void>;
  rename(name: string, to: string): Promise<void>;
  /** With its pages. */
  remove(name: string): Promise<void>;
  /** In a savepoint. */
  nested(work: (session: Session) => Promise<void>): Promise<void>;
}

/** An application on the tables. */
export interface Application {
  /** Runs in a transaction. */
  transaction(work: (session: Session) => Promise<void>): Promise<void>;
  /** Inserts in a transaction that the library makes by itself. */
  insert(name: string, file: UploadedFile): Promise<void>;
  /** Where files are stored outside of a transaction. */
  readonly unit: UnitOfWork;
  close(): Promise<void>;
}

/** A database with the tables, and SQL on it. */
export interface Tables {
  readonly url: string;
  run(sql: string): Promise<{ file: string | null }[]>;
}

const create = (unit: UnitOfWork | Manager, content: Content): Promise<UploadedFile> =>
  UploadedFile.create(unit, content, { filename: 'ä.txt' });

/** Texts of references that Python wrote, of every kind, each with files of its own. */
function pythonTexts(): string[] {
  const file = new URL('../../fixtures/references.json', import.meta.url);
  const { other_kinds } = JSON.parse(readFileSync(file, 'utf8')) as {
    other_kinds: { raw: string }[];
  };
  return other_kinds.map(({ raw }) => raw);
}

const bytes = Buffer.from('content');

/** What every library's binding has to do. */
export function rowsContract(
  open: (tables: Tables, manager: Manager) => Promise<Application>,
  newTables: () => Promise<Tables>,
  /** SQL that lets names be found taken by the commit alone, where the database has that. */
  lateUnique: readonly string[] = [],
): void {
  async function start(): Promise<{ manager: Manager; tables: Tables; application: Application }> {
    const manager = inMemory('files');
    const tables = await newTables();
    const application = await open(tables, manager);
    onTestFinished(() => application.close());
    return { manager, tables, application };
  }

  /** A document of that name with a file, whose path it gives. */
  async function given(application: Application, name: string): Promise<string> {
    let path = '';
    await application.transaction(async (session) => {
      const file = await create(session.unit, bytes);
      path = file.path;
      await session.insert(name, file);
    });
    return path;
  }

  const thrown = new Error('on purpose');

  test('commit keeps the file, and the text is what Python writes', async () => {
    const { manager, tables, application } = await start();
    const path = await given(application, 'one');
    expect(await pathsIn(manager)).toEqual([path]);
    const [row] = await tables.run('SELECT file FROM documents');
    const id = path.slice('files/'.length);
    expect(row?.file?.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/, 'TIME')).toBe(
      `{"depot_name": "files", "files": ["${path}"], "file_id": "${id}", "path": "${path}", ` +
        '"filename": "\\u00e4.txt", "content_type": "text/plain", "uploaded_at": "TIME", ' +
        '"_public_url": null}',
    );
    await application.transaction(async (session) => {
      expect(await session.fileOf('one')).toMatchObject({ path, filename: 'ä.txt' });
      await session.rename('one', 'two');
      expect(await session.fileOf('two')).toMatchObject({ path });
    });
    expect(await tables.run('SELECT file FROM documents')).toEqual([row]);
    expect(await pathsIn(manager)).toEqual([path]);
  });

  test('rollback deletes the file, whether its row was written or not', async () => {
    const { manager, tables, application } = await start();
    for (const written of [true, false]) {
      const rolledBack = application.transaction(async (session) => {
        const file = await create(session.unit, bytes);
        if (written) await session.insert('one', file);
        expect(await pathsIn(manager)).toHaveLength(1);
        throw thrown;
      });
      await expect(rolledBack).rejects.toThrow('on purpose');
      expect(await pathsIn(manager)).toEqual([]);
      expect(await tables.run('SELECT file FROM documents')).toEqual([]);
    }
  });

  test('a row that the database refuses takes its file with it, and cannot be written again', async () => {
    const { manager, application } = await start();
    const path = await given(application, 'one');
    const file = await create(application.unit, bytes);
    await expect(application.insert('one', file)).rejects.toThrow(/unique/i);
    expect(await pathsIn(manager)).toEqual([path]);
    await expect(application.insert('two', file)).rejects.toMatchObject({ kind: 'not-found' });
    await application.insert('two', await create(application.unit, bytes));
    expect(await pathsIn(manager)).toHaveLength(2);
  });

  test('a replaced file is deleted after the commit', async () => {
    const { manager, application } = await start();
    const old = await given(application, 'one');
    let path = '';
    await application.transaction(async (session) => {
      const file = await create(session.unit, bytes);
      path = file.path;
      await session.setFile('one', file);
      expect(await pathsIn(manager)).toEqual([old, path].sort());
    });
    expect(await pathsIn(manager)).toEqual([path]);
    await application.transaction((session) => session.setFile('one', null));
    expect(await pathsIn(manager)).toEqual([]);
  });

  test('a replaced file is there after a rollback, and the new one is not', async () => {
    const { manager, application } = await start();
    const old = await given(application, 'one');
    const rolledBack = application.transaction(async (session) => {
      await session.setFile('one', await create(session.unit, bytes));
      throw thrown;
    });
    await expect(rolledBack).rejects.toThrow('on purpose');
    expect(await pathsIn(manager)).toEqual([old]);
  });

  test('the file of a deleted row is deleted after the commit', async () => {
    const { manager, application } = await start();
    const old = await given(application, 'one');
    const rolledBack = application.transaction(async (session) => {
      await session.remove('one');
      throw thrown;
    });
    await expect(rolledBack).rejects.toThrow('on purpose');
    expect(await pathsIn(manager)).toEqual([old]);
    await application.transaction(async (session) => {
      await session.remove('one');
      expect(await pathsIn(manager)).toEqual([old]);
    });
    expect(await pathsIn(manager)).toEqual([]);
  });

  test('rows that the library deletes with another take their files along', async () => {
    const { manager, application } = await start();
    await given(application, 'one');
    const other = await given(application, 'two');
    await application.transaction(async (session) => {
      await session.addPage('one', await create(session.unit, bytes));
      await session.addPage('one', await create(session.unit, bytes));
    });
    expect(await pathsIn(manager)).toHaveLength(4);
    await application.transaction((session) => session.remove('one'));
    expect(await pathsIn(manager)).toEqual([other]);
  });

  test('rows that the database deletes by itself leave their files to gc', async () => {
    const { manager, tables, application } = await start();
    await given(application, 'one');
    const cover = await create(manager, bytes);
    await tables.run(
      `INSERT INTO covers (document_id, file) SELECT id, '${cover.encode()}' FROM documents`,
    );
    await application.transaction((session) => session.remove('one'));
    expect(await tables.run('SELECT file FROM covers')).toEqual([]);
    expect(await pathsIn(manager)).toEqual([cover.path]);
  });

  test('a savepoint that is rolled back takes its own files alone', async () => {
    const { manager, application } = await start();
    const old = await given(application, 'one');
    let kept = '';
    await application.transaction(async (session) => {
      const file = await create(session.unit, bytes);
      kept = file.path;
      await session.insert('two', file);
      const inner = session.nested(async (savepoint) => {
        await savepoint.insert('three', await create(savepoint.unit, bytes));
        await savepoint.remove('one');
        throw thrown;
      });
      await expect(inner).rejects.toThrow('on purpose');
      expect(await pathsIn(manager)).toEqual([old, kept].sort());
    });
    expect(await pathsIn(manager)).toEqual([old, kept].sort());
  });

  test('a savepoint that is kept ends as its transaction does', async () => {
    const { manager, application } = await start();
    const old = await given(application, 'one');
    const inSavepoint = async (session: Session): Promise<void> => {
      await session.nested(async (savepoint) => {
        await savepoint.setFile('one', await create(savepoint.unit, bytes));
      });
      expect(await pathsIn(manager)).toHaveLength(2);
    };
    const rolledBack = application.transaction(async (session) => {
      await inSavepoint(session);
      throw thrown;
    });
    await expect(rolledBack).rejects.toThrow('on purpose');
    expect(await pathsIn(manager)).toEqual([old]);
    await application.transaction(inSavepoint);
    const left = await pathsIn(manager);
    expect([left.length, left.includes(old)]).toEqual([1, false]);
  });

  test('a file that moves to another row is kept', async () => {
    const { manager, application } = await start();
    const path = await given(application, 'one');
    await application.transaction(async (session) => {
      await session.insert('two', await session.fileOf('one'));
      await session.remove('one');
    });
    expect(await pathsIn(manager)).toEqual([path]);
  });

  if (lateUnique.length > 0) {
    test('a commit that fails deletes nothing', async () => {
      const { manager, tables, application } = await start();
      for (const sql of lateUnique) await tables.run(sql);
      const old = await given(application, 'one');
      const failing = application.transaction(async (session) => {
        await session.setFile('one', await create(session.unit, bytes));
        await session.insert('one', await create(session.unit, bytes));
      });
      await expect(failing).rejects.toThrow(/unique/i);
      const left = await pathsIn(manager);
      expect([left.length, left.includes(old)]).toEqual([3, true]);
      // The connection is as good as new.
      await application.transaction((session) => session.remove('one'));
      expect(await pathsIn(manager)).not.toContain(old);
    });
  }

  test('the attachments that Python wrote are read, kept as they are, and deleted', async () => {
    const names = ['mem', 'cdn', 'bucket', 'cloud'];
    const manager = inMemory(...names);
    manager.alias('an/alias', 'mem');
    const tables = await newTables();
    const application = await open(tables, manager);
    onTestFinished(() => application.close());
    const texts = pythonTexts();
    expect(texts.length).toBeGreaterThan(5);
    for (const [index, text] of texts.entries()) {
      for (const path of UploadedFile.decode(text).files) {
        const { storage, id } = await manager.locate(path);
        await manager.store(bytes, { storage: storage.name, id });
      }
      const quoted = text.replaceAll("'", "''");
      await tables.run(`INSERT INTO documents (name, file) VALUES ('row ${index}', '${quoted}')`);
    }
    await tables.run("INSERT INTO documents (name, file) VALUES ('empty', '')");
    for (const [index, text] of texts.entries()) {
      await application.transaction(async (session) => {
        const { filename } = JSON.parse(text) as { filename: string };
        expect(await session.fileOf(`row ${index}`)).toMatchObject({ filename });
        await session.rename(`row ${index}`, `renamed ${index}`);
      });
    }
    await application.transaction(async (session) => {
      expect(await session.fileOf('empty')).toBeNull();
      await session.rename('empty', 'still empty');
    });
    const kept = await tables.run('SELECT file FROM documents ORDER BY id');
    expect(kept.map(({ file }) => file)).toEqual([...texts, '']);
    for (const [index] of texts.entries())
      await application.transaction((session) => session.remove(`renamed ${index}`));
    for (const name of names) expect(await pathsIn(manager, name)).toEqual([]);
  });

  test('what is no reference is refused before it is written', async () => {
    const { tables, application } = await start();
    const text = 'files/a' as unknown as UploadedFile;
    await expect(application.insert('one', text)).rejects.toMatchObject({ kind: 'usage' });
    expect(await tables.run('SELECT file FROM documents')).toEqual([]);
  });
}
