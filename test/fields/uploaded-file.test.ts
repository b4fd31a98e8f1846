import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { configurationOf } from '../../src/config/from-object.js';
import { UploadedFile, type UploadFilter } from '../../src/fields/uploaded-file.js';
import { FileIntent } from '../../src/library/file-intent.js';
import { Manager } from '../../src/manager.js';
import { UnitOfWork } from '../../src/sessions/unit-of-work.js';
import { formatUtc } from '../../src/time.js';

interface Written {
  readonly raw: string | null;
}

const golden = JSON.parse(
  readFileSync(path.resolve(import.meta.dirname, '../../fixtures/references.json'), 'utf8'),
) as { readonly kotti_site: readonly Written[]; readonly other_kinds: readonly Written[] };

function newManager(): Manager {
  const storages = { files: { backend: 'memory' }, archive: { backend: 'memory' } };
  const manager = new Manager(configurationOf({ storages, mountpoint: '/media' }));
  onTestFinished(() => manager.close());
  return manager;
}

async function idsIn(manager: Manager, storage = 'files'): Promise<string[]> {
  const ids: string[] = [];
  for await (const id of (await manager.storage(storage)).list()) ids.push(id);
  return ids;
}

describe('a reference that Python wrote', () => {
  const texts = [...golden.kotti_site, ...golden.other_kinds].map(({ raw }) => raw ?? '');
  const whole = texts.filter((text) => /^\{"depot_name"/.test(text) && text.endsWith('}'));

  test('is there', () => expect(whole.length).toBeGreaterThan(20));

  test.each(whole)('is the same to the byte when it is decoded and encoded: %s', (text) => {
    const file = UploadedFile.decode(text);
    const plain = JSON.parse(text) as Record<string, unknown>;
    expect(file.encode()).toBe(text);
    expect(file.toJSON()).toEqual(plain);
    expect(file).toMatchObject({ storage: plain.depot_name, id: plain.file_id, path: plain.path });
    expect(file.files).toEqual(plain.files);
    expect(file.publicUrl).toBe(plain._public_url ?? null);
  });
});

test.each(['', 'x', '{"depot_name": "files"', '[]', '{"filename": "a"}'])(
  'a text that is no reference is an error: %s',
  (text) => {
    expect(() => UploadedFile.decode(text)).toThrow('no reference to a file');
  },
);

test('a new one has the keys of Python in their order', async () => {
  const manager = newManager();
  const file = await UploadedFile.create(
    manager,
    new FileIntent(Buffer.from('hello'), 'grüße.txt', 'text/plain'),
  );
  const stored = await file.file(manager);
  expect(Buffer.from(await stored.bytes()).toString()).toBe('hello');
  expect(file.encode()).toBe(
    `{"depot_name": "files", "files": ["files/${file.id}"], "file_id": "${file.id}", ` +
      `"path": "files/${file.id}", "filename": "gr\\u00fc\\u00dfe.txt", ` +
      `"content_type": "text/plain", "uploaded_at": "${formatUtc(stored.lastModified as Date)}", ` +
      '"_public_url": null}',
  );
  expect(file.url(manager)).toBe(`/media/files/${file.id}`);
  expect(Object.isFrozen(file)).toBe(true);
});

test('a storage is chosen by name or alias, and the reference names the storage itself', async () => {
  const manager = newManager();
  manager.alias('old', 'archive');
  const file = await UploadedFile.create(manager, Buffer.from('x'), { storage: 'old' });
  expect(file.storage).toBe('archive');
  expect(await idsIn(manager, 'archive')).toEqual([file.id]);
});

/** Stores the size of a file beside it. */
const counting: UploadFilter = {
  async onSave(draft) {
    const { contentLength } = draft.original;
    const note = await draft.storeContent(Buffer.from(String(contentLength)));
    draft.value.set('note_path', note.path);
  },
};

const failing: UploadFilter = {
  async onSave() {
    throw new Error('no');
  },
};

test('filters add files and keys, one after the other', async () => {
  const manager = newManager();
  const filters = [counting, counting];
  const file = await UploadedFile.create(manager, Buffer.from('hello'), { filters });
  expect(file.files).toHaveLength(3);
  expect(file.get('note_path')).toBe(file.files[2]);
  const note = await manager.getFile(String(file.get('note_path')));
  expect(Buffer.from(await note.bytes()).toString()).toBe('5');
});

test.each([false, true])(
  'where a filter fails nothing stays, in a unit of work: %s',
  async (unit) => {
    const manager = newManager();
    const store = unit ? new UnitOfWork(manager) : manager;
    const filters = [counting, failing];
    await expect(UploadedFile.create(store, Buffer.from('hello'), { filters })).rejects.toThrow(
      'no',
    );
    expect(await idsIn(manager)).toEqual([]);
  },
);

test('a type of the application’s own changes the content, and comes back as such', async () => {
  class Shouted extends UploadedFile {
    static override async processContent(
      ...[draft, content, attributes]: Parameters<typeof UploadedFile.processContent>
    ): Promise<void> {
      const text = Buffer.from(content as Uint8Array)
        .toString()
        .toUpperCase();
      await super.processContent(draft, Buffer.from(text), attributes);
    }

    get shout(): string {
      return `${this.filename}!`;
    }
  }
  const manager = newManager();
  const file = await Shouted.create(manager, Buffer.from('hello'), { filename: 'a.txt' });
  expect(Shouted.decode(file.encode()).shout).toBe('a.txt!');
  const stored = await file.file(manager);
  expect(Buffer.from(await stored.bytes()).toString()).toBe('HELLO');
});
