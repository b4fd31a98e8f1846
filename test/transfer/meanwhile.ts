import type { TextChange } from '../../src/databases/database.js';
import type { Manager } from '../../src/manager.js';
import { addBlob, addRow, makeSite, referenceText, type Site } from './site.js';

/** What the application does just before or after the references change, the first time or always. */
export interface Application {
  readonly before?: (changes: readonly TextChange[]) => Promise<void> | void;
  readonly after?: () => Promise<void> | void;
}

export function aroundChange(application: Application): {
  prepare(manager: Manager): Promise<void>;
} {
  return {
    async prepare(manager) {
      for (const database of await manager.referenceDatabases()) {
        const change = database.change.bind(database);
        database.change = async (changes) => {
          await application.before?.(changes);
          const made = await change(changes);
          await application.after?.();
          return made;
        };
      }
    },
  };
}

/** What happens just after a storage has created a blob, alone or together with others. */
export function afterCreate(
  storage: string,
  happen: (id: string) => Promise<void> | void,
): { prepare(manager: Manager): Promise<void> } {
  return {
    async prepare(manager) {
      const { backend } = await manager.storage(storage);
      const create = backend.create.bind(backend);
      const createMany = backend.createMany?.bind(backend);
      backend.create = async (id, ...all) => {
        const stored = await create(id, ...all);
        await happen(id);
        return stored;
      };
      backend.createMany = async (blobs) => {
        const stored = (await createMany?.(blobs)) ?? [];
        for (const { id } of blobs) await happen(id);
        return stored;
      };
    },
  };
}

export function once(action: () => Promise<void> | void): () => Promise<void> | void {
  let done = false;
  return () => {
    if (done) return undefined;
    done = true;
    return action();
  };
}

/** A site with one blob in the source and one reference to it. */
export async function siteWithOne(): Promise<{ site: Site; id: string; row: number }> {
  const site = makeSite();
  const id = await addBlob(site, 'dbfiles', 'first!');
  return { site, id, row: addRow(site, referenceText('dbfiles', id)) };
}

/** Ends a run as a kill would: nothing of it happens after this. */
export function kill(): never {
  throw new Error('killed');
}
