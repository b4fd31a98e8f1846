import { describe } from 'vitest';
import { changes } from './conformance/changes.js';
import { duplicates } from './conformance/duplicates.js';
import type { DatabaseHarness } from './conformance/harness.js';
import { keys } from './conformance/keys.js';
import { locks } from './conformance/locks.js';
import { pages } from './conformance/pages.js';

export type { DatabaseHarness, OpenedDatabase } from './conformance/harness.js';

/** What the engine relies on in an application's database, as a suite that every kind passes. */
export function databaseConformance(name: string, harness: DatabaseHarness): void {
  describe(`${name} keeps the contract of a database`, () => {
    keys(harness);
    pages(harness);
    changes(harness);
    duplicates(harness);
    locks(harness);
  });
}
