import type { BlobInfo } from '../backend.js';

/** The namespace of identifiers that depot derives, 6f1d7f0c-…; never to be changed. */
const namespace = Buffer.from('6f1d7f0c6a535f0e9a530d2f3f1f6b1e', 'hex');

/** A new random UUID. */
export function newUuid(): string {
  return globalThis.crypto.randomUUID();
}

/** What tells a UUID that holds an ObjectId from others: the bits in the middle of version 8. */
const objectIdMark = '8d0e-90de';

/** The ObjectId that a UUID was derived from; null for any other UUID. */
export function objectIdIn(uuid: string): string | null {
  const match = new RegExp(`^(.{8})-(.{4})-${objectIdMark}-(.{12})$`).exec(uuid.toLowerCase());
  return match === null ? null : match.slice(1).join('');
}

/** What a blob was called in the storage that it was copied from; null where that is not known. */
export function originalIdOf({ id, originalId }: BlobInfo): string | null {
  return originalId ?? objectIdIn(id);
}

/**
 * The UUID for a blob whose identifier in another storage is none (RFC 9562): for an ObjectId one of
 * version 8 that holds it, so that a restore gives it back, else one of version 5. The same
 * identifier always gives the same UUID, so that a second run finds what the first one wrote.
 */
export function derivedUuid(id: string): string {
  const objectId = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{12})$/.exec(id.toLowerCase());
  if (objectId !== null) return `${objectId[1]}-${objectId[2]}-${objectIdMark}-${objectId[3]}`;
  // Loaded when first needed: importing it takes as long as all that a listing loads.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const bytes = createHash('sha1').update(namespace).update(id).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/**
 * The ObjectId for a blob whose identifier in another storage is none, such as a UUID: the one that
 * it was derived from, if it was, else twelve bytes of the SHA-256 of the namespace and the identifier, in hexadecimal. The same identifier always
 * gives the same ObjectId.
 */
export function derivedObjectId(id: string): string {
  const original = objectIdIn(id);
  if (original !== null) return original;
  const { createHash } = process.getBuiltinModule('node:crypto');
  return createHash('sha256').update(namespace).update(id).digest('hex').slice(0, 24);
}
