import { describe } from 'vitest';
import { concurrency } from './conformance/concurrency.js';
import { failingSources } from './conformance/failures.js';
import type { Harness } from './conformance/harness.js';
import { identifiers } from './conformance/identifiers.js';
import { listing } from './conformance/listing.js';
import { metadata } from './conformance/metadata.js';
import { reading } from './conformance/reading.js';
import { several } from './conformance/several.js';
import { writing } from './conformance/writing.js';

export type { Harness, Opened } from './conformance/harness.js';
export { openStorageModule } from './conformance/storage-module.js';

/** The contract of a storage backend, as a suite that every backend passes. */
export function conformance(name: string, harness: Harness): void {
  // Ten thousand blobs take their time, whatever the runner allows a test.
  describe(`${name} keeps the contract of a backend`, { timeout: 120_000 }, () => {
    writing(harness);
    reading(harness);
    metadata(harness);
    listing(harness);
    identifiers(harness);
    failingSources(harness);
    concurrency(harness);
    several(harness);
  });
}
