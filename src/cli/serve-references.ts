import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.js';
import type { Manager } from '../manager.js';
import type { ReferenceIndex } from '../transfer/reference-index.js';

/** What is known of the references at this moment. */
type KnownReferences =
  /** No database is configured that holds any. */
  | { readonly state: 'none' }
  | { readonly state: 'reading' }
  | { readonly state: 'failed'; readonly why: string }
  | { readonly state: 'read'; readonly index: ReferenceIndex; readonly asOf: Date };

/** The references, read in the background: when they are first asked for, and again once they are old. */
export interface KeptReferences {
  /** Waits for them, but not long. */
  settle(): Promise<void>;
  /** To be used at once: a later one ends it. */
  known(): KnownReferences;
  close(): void;
}

/** Milliseconds that a page waits for references. */
const patience = 2000;

/** References are read again after so many milliseconds, and after so many times what it took. */
const [oldAfter, oldAfterTimes] = [10_000, 20];

export function keepReferences(
  manager: Manager,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): KeptReferences {
  let known: KnownReferences = { state: 'reading' };
  let reading: Promise<void> | null = null;
  let oldAt = 0;
  const become = (next: KnownReferences): void => {
    if (known.state === 'read') known.index.close();
    known = next;
  };
  const read = async (): Promise<void> => {
    const asOf = new Date();
    try {
      become({ state: 'read', index: await readReferences(manager, signal), asOf });
    } catch (error) {
      if (signal.aborted) return;
      onError(error);
      become({ state: 'failed', why: messageOf(error) });
    } finally {
      const now = Date.now();
      oldAt = now + Math.max(oldAfter, oldAfterTimes * (now - asOf.getTime()));
      reading = null;
    }
  };
  if (manager.configuration.databases.length === 0) known = { state: 'none' };
  return {
    async settle() {
      if (known.state === 'none') return;
      if (reading === null && Date.now() >= oldAt) reading = read();
      if (reading !== null)
        await Promise.race([reading, sleep(patience, undefined, { ref: false })]);
    },
    known: () => known,
    close: () => become({ state: 'none' }),
  };
}

async function readReferences(manager: Manager, signal: AbortSignal): Promise<ReferenceIndex> {
  const { indexReferences } = await import('../transfer/reference-index.js');
  const { aliases } = manager.configuration;
  const realName = (storage: string): string => aliases.get(storage) ?? storage;
  return indexReferences(await manager.referenceDatabases(), realName, signal);
}
