import type { S3Head } from './s3-object.js';

/** CRC-32 of the bytes that follow those that `before` is of. */
export function crc32(bytes: Uint8Array, before = 0): number {
  // Loaded when first needed: no listing needs it.
  return process.getBuiltinModule('node:zlib').crc32(bytes, before);
}

/** As the service writes it: big-endian, in base64. */
export function encodeCrc32(crc: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc);
  return bytes.toString('base64');
}

/** Takes all bytes of an object in order. */
export interface Check {
  update(bytes: Uint8Array): void;
  /** Whether they are what the service has a checksum of. */
  matches(): boolean;
}

/** The check that an object's headers allow: by its CRC-32, else by its MD5; null for none. */
export function checkOf(head: S3Head): Check | null {
  const crc = wholeCrc32(head);
  if (crc !== null) {
    let sum = 0;
    return {
      update: (bytes) => {
        sum = crc32(bytes, sum);
      },
      matches: () => encodeCrc32(sum) === crc,
    };
  }
  const md5 = md5Of(head);
  if (md5 === null) return null;
  const hash = process.getBuiltinModule('node:crypto').createHash('md5');
  return { update: (bytes) => void hash.update(bytes), matches: () => hash.digest('hex') === md5 };
}

/** Null where the object has none, or one of its parts' checksums. */
export function wholeCrc32({ ChecksumCRC32: crc, ChecksumType: type }: S3Head): string | null {
  return crc === undefined || type === 'COMPOSITE' || crc.includes('-') ? null : crc;
}

/** An entity tag is the MD5 of what was stored in one request, unless a key of its own encrypts it. */
function md5Of({ ETag, ServerSideEncryption, SSECustomerAlgorithm }: S3Head): string | null {
  const keyed = (ServerSideEncryption ?? 'AES256') !== 'AES256' || SSECustomerAlgorithm;
  return keyed ? null : (/^"?([0-9a-f]{32})"?$/.exec(ETag ?? '')?.[1] ?? null);
}

/** What tells that two objects are equal, of any kind that both have; null where they have none. */
export function sharedChecksum(one: S3Head, other: S3Head): [string, string] | null {
  const kinds = [
    { name: 'crc32', of: wholeCrc32 },
    { name: 'md5', of: md5Of },
  ];
  for (const { name, of } of kinds) {
    const [here, there] = [of(one), of(other)];
    if (here !== null && there !== null) return [`${name}:${here}`, `${name}:${there}`];
  }
  return null;
}
