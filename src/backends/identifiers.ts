/** The namespace of identifiers that depot derives, 6f1d7f0c-…; never to be changed. */
const namespace = Buffer.from('6f1d7f0c6a535f0e9a530d2f3f1f6b1e', 'hex');

/** A new random UUID. */
export function newUuid(): string {
  return globalThis.crypto.randomUUID();
}

/**
 * The UUID (version 5, RFC 9562) for a blob whose identifier in another storage is none, such as an
 * ObjectId. The same identifier always gives the same UUID, so that a second run finds what the
 * first one wrote.
 */
export function derivedUuid(id: string): string {
  // Loaded when first needed: importing it takes as long as all that a listing loads.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const bytes = createHash('sha1').update(namespace).update(id).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/**
 * The ObjectId for a blob whose identifier in another storage is none, such as a UUID: twelve bytes
 * of the SHA-256 of the namespace and the identifier, in hexadecimal. The same identifier always
 * gives the same ObjectId.
 */
export function derivedObjectId(id: string): string {
  const { createHash } = process.getBuiltinModule('node:crypto');
  return createHash('sha256').update(namespace).update(id).digest('hex').slice(0, 24);
}
