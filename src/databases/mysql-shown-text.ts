import { lockName } from './mysql-blob-write.js';
import type { Session } from './mysql-session.js';

/** Bytes of such a text, at most. */
const longestText = 128;

/**
 * Shows a text to other sessions, as long as this one lives: a lock of the server for each of its
 * bits that is set. They need no right to read it, which they would for anything else: attributes
 * of connections MariaDB does not keep, and of statements only those that are running are told.
 */
export async function showText(session: Session, text: string): Promise<void> {
  const bits = [...bitsOf(Buffer.from(text).subarray(0, longestText))];
  await session.run(`DO ${bits.map((bit) => `GET_LOCK(${bitLock(session.id, bit)}, 0)`).join()}`);
}

/** The text that the session of that number shows; empty where it shows none. */
export async function shownText(session: Session, id: number): Promise<string> {
  const bits = Array.from({ length: 8 * longestText }, (_, bit) => bit);
  const used = bits.map((bit) => `IS_FREE_LOCK(${bitLock(id, bit)}) = 0`);
  const { rows } = await session.run(`SELECT CONCAT(${used.join()})`);
  const [[digits]] = rows as [[unknown]];
  const bytes = String(digits).match(/.{8}/g) ?? [];
  return Buffer.from(bytes.map((byte) => Number.parseInt(byte, 2)))
    .toString()
    .replaceAll('\0', '');
}

function* bitsOf(bytes: Uint8Array): Generator<number> {
  for (const [at, byte] of bytes.entries()) {
    for (let bit = 0; bit < 8; bit += 1) if ((byte >> (7 - bit)) & 1) yield 8 * at + bit;
  }
}

function bitLock(id: number, bit: number): string {
  return `'${lockName(`connection ${id} bit ${bit}`)}'`;
}
