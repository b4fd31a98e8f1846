import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { DepotError } from '../../src/errors.js';
import type { Manager } from '../../src/manager.js';
import { findColumns, pages, rowName } from '../../src/references/columns.js';
import { blobsOf, parseReferenceText } from '../../src/references/reference.js';
import { type Site, withManager } from './site.js';

/**
 * What every blob of every reference holds at this moment: `files.data id=7 #0.1` (the second blob
 * of the first reference in that row) to its SHA-256, or to the kind of error that reading it gives.
 */
export function resolveReferences(site: Site): Promise<Map<string, string>> {
  return withManager(site, async (manager) => {
    const found = new Map<string, string>();
    for (const column of await findColumns(await manager.referenceDatabases())) {
      for await (const page of pages(column)) {
        for (const row of page) {
          const references = parseReferenceText(row.text)?.references ?? [];
          for (const [index, reference] of references.entries()) {
            for (const [part, { storage, id }] of blobsOf(reference).entries()) {
              const name = `${rowName(column, row)} #${index}.${part}`;
              found.set(name, await contentOf(manager, storage, id));
            }
          }
        }
      }
    }
    return found;
  });
}

async function contentOf(manager: Manager, storage: string, id: string): Promise<string> {
  try {
    return (await (await manager.storage(storage)).hash(id)).sha256;
  } catch (error) {
    if (error instanceof DepotError) return error.kind;
    throw error;
  }
}

/** Every file below a directory: its size, time of change and content. */
export function snapshot(directory: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of readdirSync(directory, { recursive: true }) as string[]) {
    const file = path.join(directory, name);
    const { mtimeMs, size, mode } = lstatSync(file);
    const isFile = lstatSync(file).isFile();
    const content = isFile
      ? createHash('sha256').update(readFileSync(file)).digest('hex')
      : 'directory';
    found.set(name, `${mode} ${size} ${mtimeMs} ${content}`);
  }
  return found;
}

/** How many references name each storage. */
export function storagesNamed(site: Site): Promise<Record<string, number>> {
  return withManager(site, async (manager) => {
    const counts: Record<string, number> = {};
    for (const column of await findColumns(await manager.referenceDatabases())) {
      for await (const page of pages(column)) {
        for (const { text } of page) {
          for (const reference of parseReferenceText(text)?.references ?? []) {
            const name = String(reference.get('depot_name'));
            counts[name] = (counts[name] ?? 0) + 1;
          }
        }
      }
    }
    return counts;
  });
}
