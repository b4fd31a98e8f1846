import { crc32c, encodeCrc32c } from './crc32c.js';
import { newCrc64nvme } from './s3-crc64nvme.js';
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
  /** What the service calls the checksum. */
  readonly name: string;
  update(bytes: Uint8Array): void;
  /** Whether they are what the service has a checksum of. */
  matches(): boolean;
}

/** A kind of checksum, taken over the bytes as they come. */
interface Kind {
  readonly name: string;
  /** Null where the service does not tell it. */
  of(head: S3Head): string | null;
  begin(): { update(bytes: Uint8Array): void; digest(): string };
}

/** Null where the object has none, or one of its parts' checksums. */
export const wholeCrc32 = whole('ChecksumCRC32');

/** The fast ones first: each alone tells. */
const kinds: readonly Kind[] = [
  { name: 'CRC-32', of: wholeCrc32, begin: () => running(crc32, encodeCrc32) },
  { name: 'SHA-256', of: whole('ChecksumSHA256'), begin: () => hashing('sha256', 'base64') },
  { name: 'SHA-1', of: whole('ChecksumSHA1'), begin: () => hashing('sha1', 'base64') },
  { name: 'MD5', of: md5Of, begin: () => hashing('md5', 'hex') },
  { name: 'CRC-32C', of: whole('ChecksumCRC32C'), begin: () => running(crc32c, encodeCrc32c) },
  { name: 'CRC-64/NVME', of: whole('ChecksumCRC64NVME'), begin: newCrc64nvme },
];

/** The check that an object's headers allow; null for none. */
export function checkOf(head: S3Head): Check | null {
  for (const { name, of, begin } of kinds) {
    const expected = of(head);
    if (expected === null) continue;
    const { update, digest } = begin();
    return { name, update, matches: () => digest() === expected };
  }
  return null;
}

function running(
  crc: (bytes: Uint8Array, before: number) => number,
  encode: (crc: number) => string,
): ReturnType<Kind['begin']> {
  let sum = 0;
  return {
    update: (bytes) => {
      sum = crc(bytes, sum);
    },
    digest: () => encode(sum),
  };
}

function hashing(algorithm: string, encoding: 'base64' | 'hex'): ReturnType<Kind['begin']> {
  const hash = process.getBuiltinModule('node:crypto').createHash(algorithm);
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest(encoding) };
}

type ChecksumHeader = Extract<keyof S3Head, `Checksum${string}`>;

/** As `wholeCrc32`, of any kind. */
function whole(header: Exclude<ChecksumHeader, 'ChecksumType'>): (head: S3Head) => string | null {
  return (head) => {
    const { [header]: checksum, ChecksumType: type } = head;
    if (checksum === undefined || type === 'COMPOSITE' || checksum.includes('-')) return null;
    return checksum;
  };
}

/** An entity tag is the MD5 of what was stored in one request, unless a key of its own encrypts it. */
function md5Of({ ETag, ServerSideEncryption, SSECustomerAlgorithm }: S3Head): string | null {
  const keyed = (ServerSideEncryption ?? 'AES256') !== 'AES256' || SSECustomerAlgorithm;
  return keyed ? null : (/^"?([0-9a-f]{32})"?$/.exec(ETag ?? '')?.[1] ?? null);
}

/** What tells that two objects are equal, of the kinds that a copy keeps; null where they have none. */
export function sharedChecksum(one: S3Head, other: S3Head): [string, string] | null {
  const shared = [
    { name: 'crc32', of: wholeCrc32 },
    { name: 'md5', of: md5Of },
  ];
  for (const { name, of } of shared) {
    const [here, there] = [of(one), of(other)];
    if (here !== null && there !== null) return [`${name}:${here}`, `${name}:${there}`];
  }
  return null;
}
