import { describe } from 'vitest';
import { type ConfiguredKind, configuredKinds } from '../servers/configured.js';
import { describeWithServer, type ServerName } from '../servers/servers.js';
import { answers } from './answers.js';
import { asking } from './asking.js';
import { corruption } from './corruption.js';
import { type FaultHarness, faultyStorage } from './harness.js';
import { reading } from './reading.js';
import { silence } from './silence.js';
import { unannounced } from './writes.js';
import { small, writing } from './writing.js';

/** What a storage over a network must stand, as a suite that every kind of `configuredKinds` passes. */
export function faults(name: string, harness: FaultHarness): void {
  const { manyParts, busy } = harness;
  const kind = configuredKinds.find((one) => one.kind === name) as ConfiguredKind;
  describeWithServer(kind.server as ServerName, `${name} when the network fails`, (url) => {
    const storage = faultyStorage(kind, harness, url);
    const lengths = [small, unannounced, manyParts];
    describe('writing', () => writing(lengths, storage));
    describe('reading', () => reading(lengths.slice(1), storage));
    describe('asking', () => asking(storage));
    describe('without an answer', () => silence(storage));
    if (busy === undefined) return;
    describe('too busy', () => answers(busy, manyParts, storage));
    describe('with other bytes', () => corruption(lengths.slice(1), storage));
  });
}
