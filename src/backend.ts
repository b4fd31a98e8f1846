import type { DepotError } from './errors.js';

/**
 * Where a storage or a database keeps its data, however it was named: two configured names of one
 * place have equal identities (a directory's device and inode, not its spelling).
 */
export interface Place {
  /** Equal exactly for equal places. */
  readonly identity: string;
  /** Identities of the places that enclose this one, such as the directories above it. */
  readonly within: readonly string[];
  /** For people; holds no secret. */
  readonly description: string;
}

/** What a storage knows of a blob. */
export interface BlobInfo {
  readonly id: string;
  readonly filename: string;
  readonly contentType: string;
  /** Bytes. */
  readonly contentLength: number;
  /**
   * Bytes that are there, where the store knows that apart from what it says of them; null where it
   * has none, which is not the same as an empty content.
   */
  readonly storedLength?: number | null;
  readonly lastModified: Date | null;
  /** What it was called where it was copied from, in storages that keep that. */
  readonly originalId?: string;
  /**
   * True while a replace has made this the content for us and not yet for other programs: where it
   * was killed, the next one brings that to its end.
   */
  readonly halfReplaced?: boolean;
  /**
   * Opaque; changes whenever the blob is replaced, as far as the store can tell without reading
   * the bytes.
   */
  readonly version: string;
}

/** What is stored beside the bytes. */
export interface BlobMetadata {
  readonly filename: string;
  readonly contentType: string;
  readonly lastModified: Date | null;
  /** What it is called where it is copied from, if that is another identifier. */
  readonly originalId?: string;
}

/** Bytes on their way into a storage. Iterating may throw: then nothing must become visible. */
export interface BlobSource {
  /** A chunk is valid until the next one is asked for. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Bytes, or null where not known. What the chunks add up to has been checked when they end. */
  readonly length: number | null;
}

/** Bytes `start` to `end`, both inclusive, as in HTTP; `end` is within the blob. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A blob as it was at one moment: the info belongs to exactly these bytes. */
export interface BlobContent {
  readonly info: BlobInfo;
  /** Each chunk belongs to the reader, who may even detach its memory. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Gives back the open file, connection or memory; needed unless the chunks came to an end. */
  close(): Promise<void>;
}

/** A blob whose bytes are all in memory, as it was at one moment. */
export interface WholeBlob {
  readonly info: BlobInfo;
  /** They belong to the reader, who may even detach their memory. */
  readonly bytes: Uint8Array;
}

/** A small blob to be stored under a new identifier. */
export interface NewBlob {
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly metadata: BlobMetadata;
}

/** A copy that a service has made by itself, and by which it is known to equal its source. */
export interface ServiceCopy {
  /** Bytes. */
  readonly length: number;
  /** The service's own checksum of the copy, which has been compared with its source's: `crc32c:…`. */
  readonly checksum: string;
}

/** What a service is to say of a blob that visitors fetch from it; none can break out of its header. */
export interface GivenHeaders {
  readonly contentType: string;
  readonly contentDisposition: string;
}

/** A part of a storage's list. */
export interface ListPage {
  /** Identifiers exactly as stored. */
  readonly ids: readonly string[];
  /** Where the list goes on; opaque, and null at its end. */
  readonly next: string | null;
}

/** What a store has several times under one identifier. */
export interface Duplicates {
  /** For people, oldest first: `id=7`. */
  readonly entries: readonly string[];
  /** Why they are not made one; null where they are. */
  readonly obstacle: string | null;
}

/** Something unfinished or half deleted that no list shows. */
export interface Leftover {
  /** For people: what and where. */
  readonly description: string;
  /** When it was last written to. */
  readonly since: Date;
  /** The identifier of the blob that it may be a part of; null where nobody can name it. */
  readonly id: string | null;
  remove(): Promise<void>;
}

/**
 * A kind of storage: few methods, no policy. Identifiers are checked with `acceptsId` before any
 * other method sees them. A missing blob is a `not-found` DepotError from `info`, `read`,
 * `replace` and `delete`. A write is durable when its promise resolves, and a blob becomes
 * visible whole or not at all, whatever stops it: error, abort, kill, power cut.
 */
export interface Backend {
  /** True where a blob is held in memory whole while it is read or written. */
  readonly holdsWholeBlobs: boolean;
  /** True where the blobs are gone when the process ends. */
  readonly ephemeral: boolean;
  /** Why nothing may be written to it, as it is configured; absent where it may. Deleting may. */
  readonly readOnly?: DepotError;
  /** True where Python's readers send visitors to the blob's own URL, which denies them. */
  readonly deniesVisitors?: boolean;
  /** What to run where deleting alone gives no space back: SQL. */
  readonly reclaim?: string;

  place(): Promise<Place>;
  /** Fails, saying why, unless the storage can be reached. */
  ping(): Promise<void>;
  /** Makes the directory, bucket or table; returns where. An existing one is left as it is. */
  provision(): Promise<string>;

  /** Whether the store could ever hold this identifier. */
  acceptsId(id: string): boolean;
  newId(): string;
  /** The identifier for a blob that another storage calls `id`; always the same one. */
  idFor(id: string): string;
  /** Where visitors fetch the blob without the application, or null. */
  publicUrl(id: string): string | null;

  /** What `lastModified` is when it comes back, to the second; absent where it is the same. */
  keptTime?(time: Date): Date;
  /**
   * Where whoever has the URL fetches the blob with these headers, for a while; asks nothing of the
   * service. Absent where visitors are not to be sent there.
   */
  signedUrl?(id: string, headers: GivenHeaders): Promise<string>;

  /** `YYYY-MM-DD HH:MM:SS` in the zone of the store's own times; absent where that is UTC. */
  localTime?(time: Date): string;
  info(id: string): Promise<BlobInfo>;
  /**
   * As `info`, and fails for a blob of which bytes are missing, as far as that is told without
   * reading them; absent where `info` has looked already.
   */
  inspect?(id: string): Promise<BlobInfo>;
  read(id: string, range?: ByteRange): Promise<BlobContent>;
  /**
   * Fails with `refused` where the identifier is taken. Returns the bytes that the store itself
   * counts.
   */
  create(id: string, source: BlobSource, metadata: BlobMetadata): Promise<number>;
  /** The old content stays readable until the new one is complete. Returns as `create`. */
  replace(id: string, source: BlobSource, metadata: BlobMetadata): Promise<number>;
  /**
   * Copies a blob of `source`, with its metadata, under a new identifier without its bytes passing
   * through here; null, having done nothing, where the service cannot do that between these two.
   * Fails and is durable as `create`.
   */
  copyFrom?(source: Backend, sourceId: string, id: string): Promise<ServiceCopy | null>;

  /*
   * Several small blobs at once, where that costs less than one after the other. About what is not
   * plain of a blob (missing, damaged, taken) these say nothing: the methods above tell why.
   */
  /** As `info` gives them, in any order, without those of which `info` has to tell. */
  infos?(ids: readonly string[]): Promise<BlobInfo[]>;
  /** As `read` gives them, in any order, without those of which `read` has to tell. */
  readMany?(ids: readonly string[]): Promise<WholeBlob[]>;
  /**
   * As `create`, of blobs with different identifiers: for each, in order, the bytes that the store
   * itself counts, or null where it was not created.
   */
  createMany?(blobs: readonly NewBlob[]): Promise<(number | null)[]>;
  delete(id: string): Promise<void>;
  /** Identifiers exactly as stored, as they come, never all in memory. */
  list(): AsyncIterable<string>;
  /**
   * A part of the list, in an order that stays: the first one, or what follows the part whose `next`
   * was `after`. At most `count` identifiers, and where `next` is not null maybe none. Fails with
   * `usage` for an `after` that no part can have given. Absent where the whole list has to be read.
   */
  page?(after: string | null, count: number): Promise<ListPage>;
  /**
   * Makes one of what it has under this identifier, where all of it is the same to the byte; a dry
   * run tells alone. Absent where an identifier cannot be there twice.
   */
  mergeDuplicates?(id: string, options: { dryRun: boolean }): Promise<Duplicates>;
  /**
   * What writers left that were killed, up to where `signal` is aborted; absent where nothing can be
   * left, or nobody can list it.
   */
  leftovers?(signal: AbortSignal): AsyncIterable<Leftover>;
  close(): Promise<void>;
}
