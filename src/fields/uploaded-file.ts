import { DepotError } from '../errors.js';
import type { Content, FileAttributes } from '../library/file-intent.js';
import type { StoredFile } from '../library/stored-file.js';
import type { Manager } from '../manager.js';
import { dumpJson, type JsonObject, type JsonValue, parseJson } from '../python/json.js';
import { isReference } from '../python/uploaded-file.js';
import { type FileStore, UploadDraft } from './upload-draft.js';

/** Does something with an upload once it is stored, such as making a thumbnail. */
export interface UploadFilter {
  onSave(draft: UploadDraft): Promise<void>;
}

export interface UploadOptions extends FileAttributes {
  /** Name or alias of the storage; else the default one. */
  readonly storage?: string | undefined;
  /** Run one after the other, when the upload has been stored. */
  readonly filters?: readonly UploadFilter[] | undefined;
}

/**
 * A file that a row of a database names: the value of a column, which never changes. It is encoded
 * as `depot.fields.upload.UploadedFile` does it, so that Python and Node share rows.
 */
export class UploadedFile {
  readonly #value: JsonObject;
  /** As `encode` gives it: what compares values by their properties is to see that two differ. */
  readonly text: string;

  constructor(value: JsonObject) {
    this.#value = value;
    this.text = dumpJson(value);
    Object.freeze(this);
  }

  /**
   * Stores a content and all that filters make of it. Where anything fails, nothing of it stays.
   *
   * @throws DepotError as `Manager.store` does
   */
  static async create<Type extends typeof UploadedFile>(
    this: Type,
    store: FileStore,
    content: Content,
    { storage, filters = [], ...attributes }: UploadOptions = {},
  ): Promise<InstanceType<Type>> {
    const draft = new UploadDraft(store, storage);
    try {
      await this.processContent(draft, content, attributes);
      for (const filter of filters) await filter.onSave(draft);
    } catch (error) {
      await draft.discard();
      throw error;
    }
    return new this(draft.value) as InstanceType<Type>;
  }

  /** Stores the content; types of the application's own may change it before. */
  static async processContent(
    draft: UploadDraft,
    content: Content,
    attributes: FileAttributes,
  ): Promise<void> {
    await draft.storeOriginal(content, attributes);
  }

  /**
   * The value of a column's text.
   *
   * @throws DepotError `damaged` for what is no reference
   */
  static decode<Type extends typeof UploadedFile>(this: Type, text: string): InstanceType<Type> {
    const value = parsed(text);
    if (value instanceof Map && isReference(value)) return new this(value) as InstanceType<Type>;
    throw new DepotError('damaged', 'the text of the column is no reference to a file');
  }

  /** The text of a column, to the byte as Python writes it. */
  encode(): string {
    return this.text;
  }

  /** What the reference says under a key, such as one that a filter has added. */
  get(key: string): JsonValue | undefined {
    return structuredClone(this.#value.get(key));
  }

  /** The storage's own name. */
  get storage(): string {
    return this.#text('depot_name');
  }

  get id(): string {
    return this.#text('file_id');
  }

  /** `storage/id`. */
  get path(): string {
    const path = this.#value.get('path');
    return typeof path === 'string' ? path : `${this.storage}/${this.id}`;
  }

  get filename(): string {
    return this.#text('filename');
  }

  get contentType(): string {
    return this.#text('content_type');
  }

  /** `YYYY-MM-DD HH:MM:SS`: UTC, of an SQL storage the server's local time. */
  get uploadedAt(): string {
    return this.#text('uploaded_at');
  }

  /** Paths of all files that belong to it, thumbnails included. */
  get files(): readonly string[] {
    const files = this.#value.get('files');
    return Array.isArray(files) ? files.filter((one) => typeof one === 'string') : [this.path];
  }

  /** Where visitors fetch it without the application, or null. */
  get publicUrl(): string | null {
    const url = this.#value.get('_public_url');
    return typeof url === 'string' && url !== '' ? url : null;
  }

  /** Where visitors fetch it: its public URL, or where the application serves it. */
  url(manager: Pick<Manager, 'urlFor'>): string {
    return this.publicUrl ?? manager.urlFor(this.path);
  }

  /** The stored file. */
  file(manager: Pick<Manager, 'getFile'>): Promise<StoredFile> {
    return manager.getFile(this.path);
  }

  /** As `JSON.stringify` and a document of MongoDB's take it. */
  toJSON(): Record<string, unknown> {
    return JSON.parse(this.encode()) as Record<string, unknown>;
  }

  /** What a document of MongoDB's is written with. */
  toBSON(): Record<string, unknown> {
    return this.toJSON();
  }

  #text(key: string): string {
    const value = this.#value.get(key);
    return typeof value === 'string' ? value : '';
  }
}

function parsed(text: string): JsonValue {
  try {
    return parseJson(text);
  } catch {
    return null;
  }
}
